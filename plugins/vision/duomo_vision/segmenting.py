"""Masks by the segmenters of transformers: of pixels, such as SegFormer, and of things, such as Mask2Former."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F
from transformers import (
    AutoModelForInstanceSegmentation,
    AutoModelForSemanticSegmentation,
    AutoModelForUniversalSegmentation,
)

from duomo import WeightsRef
from duomo.errors import BadOption, WrongTask
from duomo.tasks.vision import InstanceSegmentationOptions, PersonSegmentationOptions, SemanticSegmentationOptions
from duomo.tasks.vision.segmentation import Mask, Segmentation
from duomo_vision.dense import Dense, Output

PERSON = "person"
THRESHOLDS = {
    "threshold": "threshold",
    "mask_threshold": "mask_threshold",
    "overlap_threshold": "overlap_mask_area_threshold",
}
"""Options, and how the processors call them; EoMT's knows the first alone for instances."""


class Segmenter(Dense[Segmentation]):
    """A network whose processor turns its output into masks."""

    method: str
    """The processor's own post-processing."""

    @classmethod
    def auto_for(cls, weights: WeightsRef) -> Any:
        [name, *_] = weights.config().get("architectures") or [""]
        if name.endswith("ForSemanticSegmentation"):
            return AutoModelForSemanticSegmentation
        if name.endswith("ForInstanceSegmentation"):
            return AutoModelForInstanceSegmentation
        return AutoModelForUniversalSegmentation

    def configure(self, weights: WeightsRef) -> None:
        if not hasattr(self.processor, self.method):
            raise WrongTask(
                f"'{weights.folder}' does not do {self.method.removeprefix('post_process_').replace('_', '-')}",
                why=f"its {type(self.processor).__name__} has no {self.method}",
                fix="use a checkpoint whose image processor has it",
            )


class LabelSegmenter(Segmenter):
    """A network that gives each pixel a label."""

    method = "post_process_semantic_segmentation"

    def configure(self, weights: WeightsRef) -> None:
        super().configure(weights)
        if getattr(self.processor, "do_center_crop", False):
            # The masks of the middle would be stretched over the whole image: it is squeezed instead of cut.
            self.processor.do_center_crop, self.processor.size = False, self.processor.crop_size

    def labelled(self, output: Output, sizes: list[tuple[int, int]]) -> list[Segmentation]:
        """One mask for each label that some pixel has."""
        maps = (
            [_likeliest(row, size) for row, size in zip(output["logits"].split(1), sizes, strict=True)]
            if "logits" in output and output["logits"].dim() == 4
            else self.processor.post_process_semantic_segmentation(output, target_sizes=sizes)
        )
        results = []
        for each, size in zip(maps, sizes, strict=True):
            pixels = _narrow(each)
            masks = [
                Mask.of(self.labels[label], pixels, value=label)
                for label in np.flatnonzero(np.bincount(pixels.ravel())).tolist()
                if label in self.labels
            ]
            results.append(Segmentation.model_construct(segments=masks, width=size[1], height=size[0]))
        return results


class SemanticSegmenter(LabelSegmenter):
    """One mask for each label that some pixel has."""

    def results(
        self, output: Output, sizes: list[tuple[int, int]], options: SemanticSegmentationOptions
    ) -> list[Segmentation]:
        return self.labelled(output, sizes)


class PersonSegmenter(LabelSegmenter):
    """One mask of the pixels that have the label ``person``; such pixels have no probability of their own."""

    def configure(self, weights: WeightsRef) -> None:
        super().configure(weights)
        if PERSON not in self.labels.values():
            raise WrongTask(
                f"'{weights.folder}' does not know people",
                why=f"none of its {len(self.labels)} labels is '{PERSON}'",
                fix="use a checkpoint that has it, such as one trained on ADE20K or COCO",
            )

    def results(
        self, output: Output, sizes: list[tuple[int, int]], options: PersonSegmentationOptions
    ) -> list[Segmentation]:
        default = PersonSegmentationOptions.model_fields["threshold"].default
        if options.threshold != default:
            raise BadOption(
                "option 'threshold' has no effect on this checkpoint",
                why="of each pixel it says the most likely label",
                fix="leave it out",
            )
        return [
            Segmentation.model_construct(
                segments=[mask for mask in each.segments if mask.label == PERSON], width=each.width, height=each.height
            )
            for each in self.labelled(output, sizes)
        ]


class InstanceSegmenter(Segmenter):
    """One mask for each thing, the surest first."""

    method = "post_process_instance_segmentation"
    extra: ClassVar[dict[str, Any]] = {}

    def configure(self, weights: WeightsRef) -> None:
        super().configure(weights)
        self.known = dict(inspect.signature(getattr(self.processor, self.method)).parameters)
        self.is_apart = "return_binary_maps" in self.known
        """Whether the processor can give each thing a map of its own: in one map of all, things cover each other."""
        self.is_one_by_one = not self.is_apart and "mask_threshold" not in self.known
        """EoMT's cannot, and is given one thing after another."""
        if self.is_apart and self.known["mask_threshold"].default:
            # MaskFormer's and Mask2Former's take these two and read neither; RF-DETR's is of logits, 0 by default.
            del self.known["mask_threshold"], self.known["overlap_mask_area_threshold"]

    def check_options(self, options: InstanceSegmentationOptions) -> None:
        """Refuse thresholds that the checkpoint's own choice of masks does not know."""
        for name, theirs in THRESHOLDS.items():
            default = InstanceSegmentationOptions.model_fields[name].default
            if theirs not in self.known and getattr(options, name) != default:
                raise BadOption(
                    f"option '{name}' has no effect on this checkpoint",
                    why=f"its {type(self.processor).__name__} does not read {theirs}",
                    fix="leave it out",
                )

    def results(
        self, output: Output, sizes: list[tuple[int, int]], options: InstanceSegmentationOptions
    ) -> list[Segmentation]:
        own = {theirs: getattr(options, name) for name, theirs in THRESHOLDS.items() if theirs in self.known}
        if "mask_threshold" in own and self.known["mask_threshold"].default == 0:  # RF-DETR's is of logits
            own["mask_threshold"] = torch.tensor(own["mask_threshold"], dtype=torch.float64).logit().item()
        own |= {name: value for name, value in self.extra.items() if name in self.known}
        if self.is_apart:
            own["return_binary_maps"] = True
        post_process = functools.partial(getattr(self.processor, self.method), **own)
        if self.is_one_by_one:
            rows = _queries(output, options.threshold)
            found = [
                [each for query in row for each in post_process(query, target_sizes=[size])]
                for row, size in zip(rows, sizes, strict=True)
            ]
        else:
            found = [[each] for each in post_process(output, target_sizes=sizes)]
        return [self._masks(each, size) for each, size in zip(found, sizes, strict=True)]

    def _masks(self, found: list[dict[str, Any]], size: tuple[int, int]) -> Segmentation:
        masks = [mask for each in found for mask in self._of_map(each)]
        masks.sort(key=lambda each: -(each.score or 0.0))
        return Segmentation.model_construct(segments=masks, width=size[1], height=size[0])

    def _of_map(self, found: dict[str, Any]) -> Iterator[Mask]:
        things, maps = found["segments_info"], torch.as_tensor(found["segmentation"])
        if self.is_apart:
            for each, where in zip(things, maps, strict=False):  # without a thing there is one map, of none
                yield Mask.of(self.labels[each["label_id"]], where.bool().cpu().numpy(), score=float(each["score"]))
            return
        pixels = _narrow(maps)
        for each in things:
            yield Mask.of(self.labels[each["label_id"]], pixels, score=float(each["score"]), value=each["id"])


class PanopticSegmenter(InstanceSegmenter):
    """One mask for each thing and each kind of stuff."""

    method = "post_process_panoptic_segmentation"
    extra: ClassVar[dict[str, Any]] = {"label_ids_to_fuse": set()}
    """No checkpoint says which labels are stuff: as in the pipeline, things that touch stay apart."""


def _queries(output: Output, threshold: float) -> Iterator[Iterator[Output]]:
    """For each image the output of each query that may be a thing, as if the network had that query alone."""
    sure = output["class_queries_logits"].softmax(-1)[..., :-1].amax(-1) >= threshold
    for image, row in enumerate(sure):
        yield (_of_query(output, image, int(query)) for query in row.nonzero()[:, 0])


def _of_query(output: Output, image: int, query: int) -> Output:
    one = copy.copy(output)
    for name in ("class_queries_logits", "masks_queries_logits"):
        one[name] = output[name][image : image + 1, query : query + 1]
    return one


def _narrow(labels: torch.Tensor) -> NDArray[np.uint8 | np.int64]:
    """Labels (H, W) in one byte each where they fit, -1 for none as 255: masks keep them."""
    labels = labels.to(torch.int64)
    narrow = labels.to(torch.uint8) if int(labels.max()) < 255 else labels
    result: NDArray[np.uint8 | np.int64] = narrow.cpu().numpy()
    return result


def _likeliest(logits: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """The likeliest label of each pixel, from logits (1, labels, h, w): what the processors of transformers compute.

    With the labels of a pixel side by side in memory, the highest is found five times as fast.
    """
    beside = logits.contiguous(memory_format=torch.channels_last)
    return F.interpolate(beside, size, mode="bilinear", align_corners=False)[0].argmax(0)
