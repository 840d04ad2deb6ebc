"""Masks by OneFormer: one network for all three kinds of segmentation, which is told the kind in words.

Jain et al. 2022, https://arxiv.org/abs/2211.06220. Its image processor would fetch a list of labels from another
repository; the network's own labels are the same, and the list is left alone.
"""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from transformers import AutoImageProcessor, AutoTokenizer, OneFormerForUniversalSegmentation

from duomo import Image, WeightsRef
from duomo.model import Features
from duomo.pretrained import load_network, load_processor
from duomo.tasks.vision import InstanceSegmentationOptions, PersonSegmentationOptions, SemanticSegmentationOptions
from duomo_vision.segmenting import InstanceSegmenter, PanopticSegmenter, PersonSegmenter, Segmenter, SemanticSegmenter

Kinds = InstanceSegmentationOptions | PersonSegmentationOptions | SemanticSegmentationOptions
NOT_FETCHED = {"class_info_file": ""}


class OneFormer(Segmenter):
    """The kind of segmentation goes with each image, as tokens."""

    kind: ClassVar[str]
    task: torch.Tensor
    """Tokens of the kind, (1, tokens); what fills them up is 0."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network, image processor and tokenizer, whole."""
        network = load_network(OneFormerForUniversalSegmentation, weights, dtype=dtype).to(device)
        processor = load_processor(AutoImageProcessor, weights, "image processor", settings=NOT_FETCHED)
        tokenizer = load_processor(AutoTokenizer, weights, "tokenizer")
        made = cls(network, processor, weights)
        length = network.config.task_seq_len
        tokens = tokenizer(
            f"the task is {cls.kind}", padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        made.task = tokens["input_ids"] * tokens["attention_mask"]
        return made

    def prepare(self, item: Image, options: Kinds) -> Features:
        features = super().prepare(item, options)
        return {**features, "inputs": features["inputs"] | {"task_inputs": self.task}}


class OneFormerSemantic(OneFormer, SemanticSegmenter):
    """One mask for each label that some pixel has."""

    kind = "semantic"


class OneFormerPeople(OneFormer, PersonSegmenter):
    """One mask of the pixels that have the label ``person``."""

    kind = "semantic"


class OneFormerInstances(OneFormer, InstanceSegmenter):
    """One mask for each thing, the surest first."""

    kind = "instance"


class OneFormerPanoptic(OneFormer, PanopticSegmenter):
    """One mask for each thing and each kind of stuff."""

    kind = "panoptic"
