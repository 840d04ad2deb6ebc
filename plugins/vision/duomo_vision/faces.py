"""Where faces are: the frontal-face cascade that ships with scikit-image.

Local binary patterns in a cascade of boosted stumps (Liao et al. 2007, https://doi.org/10.1007/978-3-540-74549-5_87),
trained by the OpenCV project. A window either passes all stages or does not, so the cascade itself has no score;
but around a real face many neighbouring windows pass, and around a chance hit few. Their number is our score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from skimage.feature import Cascade

from duomo import Image, Model, WeightsRef
from duomo.tasks.vision.detection import Detections, FaceDetectionOptions
from duomo.weights import verify

if TYPE_CHECKING:
    import torch

LONGEST_SIDE = 512
WINDOW = 24
"""Side of the cascade's own window in pixels: nothing smaller can be found."""
SMALLEST_FACE = 0.1
"""Relative to the shorter side of the image; below it chance hits outnumber faces."""
SCALE_STEP = 1.1
SAME_FACE_IOU = 0.4
HALF_SURE = 6
"""Agreeing windows that score 0.5."""


class FaceCascade(Model[Image, Detections]):
    """Upright faces seen from the front.

    A box's score is n / (n + 6) for n windows that agree on it. It orders boxes by how stable they
    are and is not a probability: 0.5 is six windows, 0.75 eighteen.
    """

    def __init__(self, cascade: Cascade) -> None:
        self.cascade = cascade

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the cascade's XML after comparing its digest."""
        del device, dtype  # it runs on the CPU
        verify(weights.spec)
        return cls(Cascade(str(weights.path)))

    def preprocess(self, items: Sequence[Image], options: FaceDetectionOptions) -> list[dict[str, Any]]:
        """Pixels (H, W, 3) uint8 of at most 512 a side, the image's own size and how much it was scaled."""
        features = []
        for item in items:
            picture = item.pil()
            scale = min(1.0, LONGEST_SIDE / max(picture.size))
            size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            pixels = np.asarray(picture.resize(size, PIL.Image.Resampling.BILINEAR))
            features.append({"pixels": pixels, "size": picture.size, "scale": scale})
        return features

    def collate(self, features: list[dict[str, Any]]) -> list[NDArray[np.uint8]]:
        """Images of any size side by side: the cascade takes one at a time."""
        return [each["pixels"] for each in features]

    def forward(self, batch: list[NDArray[np.uint8]]) -> list[NDArray[np.float64]]:
        """Windows that passed, (windows, 3) for each image: left, top and side in pixels."""
        return [self.windows(pixels) for pixels in batch]

    def windows(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Every window of one image (H, W, 3) that passes, unmerged, (windows, 3): left, top, side."""
        largest = min(pixels.shape[:2])
        if largest < WINDOW:
            return np.empty((0, 3))
        smallest = max(WINDOW, int(SMALLEST_FACE * largest))
        found = self.cascade.detect_multi_scale(
            img=pixels,
            scale_factor=SCALE_STEP,
            step_ratio=1,
            min_size=(smallest, smallest),
            max_size=(largest, largest),
            min_neighbor_number=1,
            intersection_score_threshold=1.01,  # beyond reach: scikit-image merges nothing and we can count
        )
        return np.array([(each["c"], each["r"], each["width"]) for each in found], dtype=float).reshape(-1, 3)

    def postprocess(
        self, output: list[NDArray[np.float64]], features: list[dict[str, Any]], options: FaceDetectionOptions
    ) -> list[Detections]:
        results = []
        for windows, each in zip(output, features, strict=True):
            boxes = (
                ("face", votes / (votes + HALF_SURE), [at / each["scale"] for at in (x, y, x + side, y + side)])
                for votes, (x, y, side) in count_votes(windows)
                if votes / (votes + HALF_SURE) >= options.threshold
            )
            results.append(Detections.found(boxes, each["size"]))
        return results


def count_votes(windows: NDArray[np.float64]) -> list[tuple[int, tuple[float, float, float]]]:
    """Group windows (windows, 3) that overlap: the number in each group and their mean, the largest group first.

    The window with the most neighbours takes them all, then the next of those left, as in non-maximum suppression.
    """
    left, top, side = windows.T
    width = np.minimum.outer(left + side, left + side) - np.maximum.outer(left, left)
    height = np.minimum.outer(top + side, top + side) - np.maximum.outer(top, top)
    shared = width.clip(0) * height.clip(0)
    is_same = shared / (np.add.outer(side**2, side**2) - shared) >= SAME_FACE_IOU
    groups = []
    while is_same.any():
        members = is_same[is_same.sum(axis=1).argmax()].copy()
        x, y, size = windows[members].mean(axis=0).tolist()
        groups.append((int(members.sum()), (x, y, size)))
        is_same[members] = False
        is_same[:, members] = False
    return groups
