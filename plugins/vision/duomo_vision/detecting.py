"""Objects with boxes, by any detector of transformers: DETR and its kin, YOLOS, RT-DETR; OWL-ViT by labels."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import torch
from transformers import (
    AutoImageProcessor,
    AutoModelForObjectDetection,
    AutoModelForZeroShotObjectDetection,
    AutoProcessor,
    AutoTokenizer,
)
from transformers.models.owlvit.modeling_owlvit import OwlViTObjectDetectionOutput

from duomo import Image, WeightsRef
from duomo.errors import ExportRefused
from duomo.model import Features, Portable
from duomo.pretrained import load_network, load_processor
from duomo.tasks.options import check_label_length
from duomo.tasks.vision import ObjectDetectionOptions, ZeroShotObjectDetectionOptions
from duomo.tasks.vision.detection import Detections
from duomo.vocabulary import refuse_rowless
from duomo_vision.dense import Dense, Group, Output, Read
from duomo_vision.portable import image_settings, portable

SOFTMAX = ("conditional_detr", "detr", "table-transformer", "yolos")
SIGMOID = ("d_fine", "rt_detr", "rt_detr_v2")
"""Detectors by the head that they have; the rest pad their images or choose boxes in another way."""

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor


class ObjectDetector(Dense[Detections]):
    """Boxes over a threshold, the surest first."""

    auto = AutoModelForObjectDetection
    fused_for = 640

    def portable(self) -> Portable:
        config = self.network.config
        if config.model_type not in (*SOFTMAX, *SIGMOID):
            raise ExportRefused(
                f"'{config.name_or_path}' cannot be exported",
                why=f"boxes of a {config.model_type} are chosen in a way of its own",
                fix=f"a checkpoint of {', '.join((*SOFTMAX, *SIGMOID))}",
            )
        return portable(
            "edge/detector",
            self.network,
            lambda network, pixels: _logits_and_boxes(network(pixel_values=pixels)),
            image_settings(self.processor, str(config.name_or_path), "RT-DETR and RT-DETRv2"),
            outputs=("logits", "boxes"),
            activation="softmax" if config.model_type in SOFTMAX else "sigmoid",
            labels=list(self.labels.values()),
        )

    def results(
        self, output: Output, sizes: list[tuple[int, int]], options: ObjectDetectionOptions
    ) -> list[Detections]:
        found = self.processor.post_process_object_detection(output, options.threshold_or(), target_sizes=sizes)
        return [
            detections(
                [
                    (self.labels[label], score, box)
                    for label, score, box in zip(
                        each["labels"].tolist(), each["scores"].tolist(), each["boxes"].tolist(), strict=True
                    )
                ],
                size,
            )
            for each, size in zip(found, sizes, strict=True)
        ]


class ZeroShotObjectDetector(Dense[Detections]):
    """Labels are given on the spot; a network that reads them with each image has them again for each."""

    auto = AutoModelForZeroShotObjectDetection

    def __init__(self, network: Network, processor: Processor, weights: WeightsRef, tokenizer: Processor) -> None:
        super().__init__(network, processor, weights)
        self.tokenizer = tokenizer
        refuse_rowless(network, tokenizer)
        self.max_tokens: int = network.config.text_config.max_position_embeddings

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        network = load_network(cls.auto, weights, dtype=dtype).to(device)
        processor = load_processor(AutoImageProcessor, weights, "image processor")
        return cls(network, processor, weights, load_processor(AutoTokenizer, weights, "tokenizer"))

    def check_options(self, options: ZeroShotObjectDetectionOptions) -> None:
        """Refuse labels that are longer than the model reads."""
        self._tokens(options)

    def preprocess(self, items: Sequence[Image], options: ZeroShotObjectDetectionOptions) -> list[Features]:
        tokens = self._tokens(options)
        text = {name: tokens[name] for name in ("input_ids", "attention_mask")}
        return [{**each, "text": text} for each in super().preprocess(items, options)]

    def _tokens(self, options: ZeroShotObjectDetectionOptions) -> dict[str, torch.Tensor]:
        texts = [options.template.replace("{}", label) for label in options.labels]
        tokens = self.tokenizer(texts, padding="max_length", max_length=self.max_tokens, return_tensors="pt")
        check_label_length(tokens["input_ids"].shape[1], self.max_tokens)
        return dict(tokens)

    def collate(self, features: list[Features]) -> list[Group]:
        text = features[0]["text"]
        return [
            # One row of text a label, again for each image.
            Group(group.inputs | {name: each.repeat(len(group.places), 1) for name, each in text.items()}, group.places)
            for group in super().collate(features)
        ]


class SentenceDetector(ZeroShotObjectDetector):
    """Reads the labels in a sentence; one label a box, by the post-processing of the checkpoint's whole processor."""

    def __init__(self, network: Network, processor: Processor, weights: WeightsRef) -> None:
        super().__init__(network, processor.image_processor, weights, processor.tokenizer)
        self.whole = processor

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        network = load_network(cls.auto, weights, dtype=dtype).to(device)
        return cls(network, load_processor(AutoProcessor, weights, "processor"), weights)


class OwlDetector(ZeroShotObjectDetector):
    """OWL-ViT and OWLv2: each label has scores of its own, so one box may have several labels.

    The parts of their ``forward``, but the labels of a batch are read once.
    """

    def collate(self, features: list[Features]) -> list[Group]:
        text = features[0]["text"]
        return [Group(group.inputs | text, group.places) for group in Dense.collate(self, features)]

    def forward(self, batch: list[Group]) -> list[Read]:
        """Scores and boxes of each group, in float32."""
        ids, mask = batch[0].inputs["input_ids"], batch[0].inputs["attention_mask"]
        vectors = self.network.base_model.get_text_features(ids, mask).pooler_output
        vectors = vectors / torch.linalg.norm(vectors, dim=-1, keepdim=True)
        is_label = ids[:, 0] > 0
        return [
            Read(self._seen(self.inputs(group)["pixel_values"], vectors, is_label), group.places) for group in batch
        ]

    def _seen(self, pixels: torch.Tensor, vectors: torch.Tensor, is_label: torch.Tensor) -> Output:
        places, _ = self.network.image_embedder(pixels)
        flat, count = places.flatten(1, 2), len(pixels)
        logits, _ = self.network.class_predictor(flat, vectors.expand(count, -1, -1), is_label.expand(count, -1))
        boxes = self.network.box_predictor(flat, places)
        return OwlViTObjectDetectionOutput(logits=logits.float(), pred_boxes=boxes.float())

    def results(
        self, output: Output, sizes: list[tuple[int, int]], options: ZeroShotObjectDetectionOptions
    ) -> list[Detections]:
        found: list[list[tuple[str, float, list[float]]]] = [[] for _ in sizes]
        for at, label in enumerate(options.labels):
            one = copy.copy(output)
            one["logits"] = output["logits"][..., at : at + 1]
            read = self.processor.post_process_object_detection(one, options.threshold, torch.tensor(sizes))
            for picture, each in zip(found, read, strict=True):
                scored = zip(each["scores"].tolist(), each["boxes"].tolist(), strict=True)
                picture += [(label, score, box) for score, box in scored]
        return [detections(each, size) for each, size in zip(found, sizes, strict=True)]


def _logits_and_boxes(output: Output) -> tuple[torch.Tensor, torch.Tensor]:
    return output.logits, output.pred_boxes


def detections(found: list[tuple[str, float, list[float]]], size: tuple[int, int]) -> Detections:
    """The result of (label, score, corners) on an image of `size` (height, width)."""
    return Detections.found(found, (size[1], size[0]))
