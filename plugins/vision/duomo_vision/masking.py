"""Masks by SAM and its kin: of what lies in boxes and at points, or of everything, by a grid as the pipeline does it.

Kirillov et al. 2023, https://arxiv.org/abs/2304.02643; SAM-HQ, https://arxiv.org/abs/2306.01567; SAM 2,
https://arxiv.org/abs/2408.00714; EdgeTAM, https://arxiv.org/abs/2501.07256; and the part of SAM 3 that takes boxes and
points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor
from transformers import (
    AutoImageProcessor,
    AutoModelForMaskGeneration,
    Sam2Processor,
    Sam3TrackerProcessor,
    SamHQProcessor,
    SamProcessor,
)

from duomo import Model, WeightsRef
from duomo.inputs import MarkedImage
from duomo.model import Features
from duomo.pretrained import load_network, load_processor, narrow_images
from duomo.tasks.vision.segmentation import Mask, MaskGenerationOptions, Segmentation

if TYPE_CHECKING:
    from collections.abc import Mapping

    import PIL.Image

    from duomo.pretrained import Network, Processor

POINTS_AT_ONCE = 64
PROMPTS: dict[str, Any] = {
    "SamModel": SamProcessor,
    "SamHQModel": SamHQProcessor,
    "Sam2Model": Sam2Processor,
    "EdgeTamModel": Sam2Processor,
    "Sam3TrackerModel": Sam3TrackerProcessor,
}
"""What brings boxes and points to the places of the network's image, by the network."""
LABEL = "object"
"""SAM knows no names."""


class MaskGenerator(Model[MarkedImage, Segmentation]):
    """One mask for each box, then one for each point; without any, all that are good and stable, the best first.

    Of the three masks that the network offers for a box or a point, the one that it finds best counts. An image goes
    through alone: its grid of points is a batch of its own.
    """

    def __init__(self, network: Network, processor: Processor) -> None:
        self.network = network
        self.processor = processor
        self.prompts: Processor = PROMPTS[type(network).__name__](processor)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and image processor, whole; raises `WeightsProblem` for what cannot be used."""
        network = load_network(AutoModelForMaskGeneration, weights, dtype=dtype).to(device)
        return cls(network, load_processor(AutoImageProcessor, weights, "image processor"))

    def preprocess(self, items: Sequence[MarkedImage], options: MaskGenerationOptions) -> list[Features]:
        return [self._fitting(item, options) for item in items]

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[list[tuple[Tensor, Tensor]]]:
        """For each image, pairs of small masks (objects, 3, h, w) and what the network thinks of them (objects, 3)."""
        return [self._masks(each) for each in batch]

    def postprocess(
        self, output: list[list[tuple[Tensor, Tensor]]], features: list[Features], options: MaskGenerationOptions
    ) -> list[Segmentation]:
        results = []
        for pairs, each in zip(output, features, strict=True):
            found = self._of_grid(pairs, each, options) if each["is_grid"] else self._of_prompts(pairs, each)
            segments = [Mask.of(LABEL, mask, score=min(1.0, score)) for mask, score in found]
            height, width = each["size"]
            results.append(Segmentation.model_construct(segments=segments, width=width, height=height))
        return results

    def _fitting(self, item: MarkedImage, options: MaskGenerationOptions) -> Features:
        picture = item.image.pil()
        item.check_inside(*picture.size)
        with narrow_images(*picture.size):
            return self._features(item, picture, options)

    def _features(self, item: MarkedImage, picture: PIL.Image.Image, options: MaskGenerationOptions) -> Features:
        size = (picture.height, picture.width)
        if not item.boxes and not item.points:
            side = self.processor.size.get("longest_edge", self.processor.size.get("height"))
            crops, points, pictures, labels = self.processor.generate_crop_boxes(
                picture, side, 0, points_per_crop=options.points_per_side
            )
            prepared = self.processor(images=pictures, return_tensors="pt")
            steps = range(0, points.shape[1], POINTS_AT_ONCE)
            calls = [
                {"input_points": points[:, at : at + POINTS_AT_ONCE, 0:1, :].float(),
                 "input_labels": labels[:, at : at + POINTS_AT_ONCE, 0:1]} for at in steps
            ]  # fmt: skip
            return _known(prepared) | {"calls": calls, "crop": crops[0], "is_grid": True, "size": size}
        asked: dict[str, Any] = {}
        if item.boxes:
            asked["input_boxes"] = [[list(box) for box in item.boxes]]
        if item.points:
            asked["input_points"] = [[[list(point)] for point in item.points]]
            asked["input_labels"] = [[[1] for _ in item.points]]
        prepared = self.prompts(images=[picture], return_tensors="pt", **asked)
        calls = [{name: prepared[name].float()} for name in ("input_boxes",) if name in prepared]
        if item.points:
            calls.append({"input_points": prepared["input_points"].float(), "input_labels": prepared["input_labels"]})
        return _known(prepared) | {"calls": calls, "is_grid": False, "size": size}

    def _masks(self, features: Features) -> list[tuple[Tensor, Tensor]]:
        place = {"device": self.network.device}
        pixels = features["pixels"].to(**place, dtype=self.network.dtype)
        embedding = self.network.get_image_embeddings(pixels)
        seen: dict[str, Any] = {"image_embeddings": embedding}
        if isinstance(embedding, tuple):  # SAM-HQ's
            seen = {"image_embeddings": embedding[0], "intermediate_embeddings": embedding[1]}
        pairs = []
        for call in features["calls"]:
            output = self.network(**seen, **{name: each.to(**place) for name, each in call.items()})
            pairs.append((output.pred_masks[0].float(), output.iou_scores[0].float()))
        return pairs

    def _large(self, masks: Tensor, features: Features, *, binarize: bool) -> Tensor:
        [large] = self.processor.post_process_masks(
            [masks], [features["size"]], reshaped_input_sizes=features["reshaped"], binarize=binarize
        )
        return torch.as_tensor(large)

    def _of_prompts(self, pairs: list[tuple[Tensor, Tensor]], features: Features) -> Iterator[tuple[Any, float]]:
        for masks, scores in pairs:
            best = scores.argmax(-1)
            rows = torch.arange(len(best), device=best.device)
            large = self._large(masks[rows, best][:, None], features, binarize=True)[:, 0]
            yield from zip(large.cpu().numpy(), scores[rows, best].tolist(), strict=True)

    def _of_grid(
        self, pairs: list[tuple[Tensor, Tensor]], features: Features, options: MaskGenerationOptions
    ) -> Iterator[tuple[Any, float]]:
        kept: list[Any] = []
        scores, boxes = [], []
        for small, sure in pairs:
            large = self._large(small, features, binarize=False)
            found = self.processor.filter_masks(
                large, sure, features["size"], features["crop"], options.threshold, options.stability
            )
            kept.extend(found[0])
            scores.append(found[1])
            boxes.append(found[2])
        if not kept:
            return
        masks, best, *_ = self.processor.post_process_for_mask_generation(
            kept, torch.cat(scores), torch.cat(boxes), 0.7
        )
        order = torch.as_tensor(best).argsort(descending=True, stable=True).tolist()
        yield from ((np.asarray(masks[at]), float(best[at])) for at in order)


def _known(prepared: Mapping[str, Any]) -> Features:
    reshaped = prepared["reshaped_input_sizes"].tolist() if "reshaped_input_sizes" in prepared else None
    return {"pixels": prepared["pixel_values"], "reshaped": reshaped}
