"""Places that can be found again, by SuperPoint, and the same places on two images, by LightGlue and its kin."""

from __future__ import annotations

from typing import Any

from transformers import AutoModelForKeypointDetection, AutoModelForKeypointMatching

from duomo.inputs import ImagePair
from duomo.model import Features
from duomo.tasks.vision.keypoints import (
    Keypoint,
    KeypointDetectionOptions,
    KeypointMatchingOptions,
    Keypoints,
    Match,
    Matches,
    Point,
)
from duomo_vision.dense import Dense, Group, Grouped, Output

FINE = 1024
"""Parts of a pixel: the processors cut places to whole numbers, and are told of images so much larger."""


class KeypointDetector(Dense[Keypoints]):
    """Places that stand out, the surest first."""

    auto = AutoModelForKeypointDetection

    def results(self, output: Output, sizes: list[Any], options: KeypointDetectionOptions) -> list[Keypoints]:
        found = self.processor.post_process_keypoint_detection(output, [_finer(size) for size in sizes])
        results = []
        for each, size in zip(found, sizes, strict=True):
            scored = zip(each["keypoints"].tolist(), each["scores"].tolist(), strict=True)
            points = [
                Keypoint.model_construct(x=x / FINE, y=y / FINE, score=score)
                for (x, y), score in sorted(scored, key=lambda pair: -pair[1])
                if score >= options.threshold
            ]
            results.append(Keypoints.model_construct(keypoints=points[: options.top_k], width=size[1], height=size[0]))
        return results


class KeypointMatcher(Grouped[ImagePair, Matches]):
    """The same places on two images, the surest first.

    A pair goes through alone: a batch is padded to the pair with the most places, and that moves the other scores.
    """

    auto = AutoModelForKeypointMatching

    def prepare(self, item: ImagePair, options: KeypointMatchingOptions) -> Features:
        pictures = [item.first.pil(), item.second.pil()]
        prepared = self.processor(images=pictures, return_tensors="pt")
        return {
            "inputs": {"pixel_values": prepared["pixel_values"]},
            "size": tuple((each.height, each.width) for each in pictures),
        }

    def collate(self, features: list[Features]) -> list[Group]:
        return [Group(each["inputs"], [at]) for at, each in enumerate(features)]

    def results(self, output: Output, sizes: list[Any], options: KeypointMatchingOptions) -> list[Matches]:
        finer = [(_finer(first), _finer(second)) for first, second in sizes]
        found = self.processor.post_process_keypoint_matching(output, finer, threshold=options.threshold)
        return [self._matches(each, *size) for each, size in zip(found, sizes, strict=True)]

    def _matches(self, found: dict[str, Any], first: tuple[int, int], second: tuple[int, int]) -> Matches:
        columns = (found["keypoints0"].tolist(), found["keypoints1"].tolist(), found["matching_scores"].tolist())
        matches = [
            Match.model_construct(
                keypoint_image_0=Point.model_construct(x=one[0] / FINE, y=one[1] / FINE),
                keypoint_image_1=Point.model_construct(x=other[0] / FINE, y=other[1] / FINE),
                score=score,
            )
            for one, other, score in sorted(zip(*columns, strict=True), key=lambda each: -each[2])
        ]
        return Matches.model_construct(
            matches=matches, width_0=first[1], height_0=first[0], width_1=second[1], height_1=second[0]
        )


def _finer(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] * FINE, size[1] * FINE
