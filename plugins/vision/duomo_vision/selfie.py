"""Where people are, by the selfie segmentation of MediaPipe, from Google's npm package @mediapipe/selfie_segmentation.

https://ai.google.dev/edge/mediapipe/solutions/vision/image_segmenter
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from duomo import Image, WeightsRef
from duomo.model import Features
from duomo.tasks.vision.segmentation import Mask, PersonSegmentationOptions, Segmentation
from duomo.weights import verify
from duomo_vision import tflite
from duomo_vision.graphs import GraphModel, squeezed

SIDE = 256


class SelfieSegmenter(GraphModel[Image, Segmentation, tflite.Graph]):
    """One mask of the nearest person or persons; none where no pixel is above the threshold.

    Its score is the mean probability within it.
    """

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the graph after comparing its digest; it computes in float32."""
        del dtype
        verify(weights.spec)
        assert weights.path is not None
        return cls(tflite.read(weights.path, device), device)

    def preprocess(self, items: Sequence[Image], options: PersonSegmentationOptions) -> list[Features]:
        return [squeezed(item.pil(), SIDE) for item in items]

    def forward(self, batch: Tensor) -> Tensor:
        """Probabilities (B, 256, 256)."""
        return torch.cat([self.graph(each[None].to(self.device, torch.float32) / 255)[..., 0] for each in batch])

    def postprocess(
        self, output: Tensor, features: list[Features], options: PersonSegmentationOptions
    ) -> list[Segmentation]:
        return [
            person(_as_large(found, *each["size"]), options.threshold)
            for found, each in zip(output, features, strict=True)
        ]


def person(probabilities: np.ndarray[tuple[int, int], np.dtype[np.float32]], threshold: float) -> Segmentation:
    """The result of a probability for each pixel (H, W)."""
    where = probabilities >= threshold if threshold else probabilities > 0
    height, width = where.shape
    segments = []
    if where.any():
        score = float(probabilities[where].mean())
        segments.append(Mask.of("person", where, score=min(1.0, score)))
    return Segmentation.model_construct(segments=segments, width=width, height=height)


def _as_large(found: Tensor, width: int, height: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    large = F.interpolate(found[None, None], (height, width), mode="bilinear", align_corners=False)[0, 0]
    result: np.ndarray[tuple[int, int], np.dtype[np.float32]] = large.cpu().numpy()
    return result
