"""Squares cut out of images for networks of one size, and what every finder of boxes does afterwards."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor

from duomo.errors import BadInput
from duomo.inputs import MarkedImage


class Square(NamedTuple):
    """A part of an image as (side, side, 3) uint8; black where it reaches over the edge."""

    pixels: NDArray[np.uint8]
    left: float
    top: float
    scale: float
    """Pixels of the image in one of its own."""

    @classmethod
    def around(cls, picture: PIL.Image.Image, x: float, y: float, length: float, side: int) -> Square:
        """Cut out the square of `length` pixels with (x, y) in its middle, and make it `side` pixels long.

        Only what lies on the image is resized: the square around a slender image may be far too large to hold.
        """
        left, top, scale = x - length / 2, y - length / 2, length / side
        box = (max(left, 0.0), max(top, 0.0), min(left + length, picture.width), min(top + length, picture.height))
        pixels = np.zeros((side, side, 3), np.uint8)
        width, height = round((box[2] - box[0]) / scale), round((box[3] - box[1]) / scale)
        if box[2] > box[0] and box[3] > box[1]:
            width, height = max(width, 1), max(height, 1)
            column = min(round((box[0] - left) / scale), side - width)
            row = min(round((box[1] - top) / scale), side - height)
            part = picture.resize((width, height), PIL.Image.Resampling.BILINEAR, box=box)
            pixels[row : row + height, column : column + width] = np.asarray(part)
        return cls(pixels, left, top, scale)

    @classmethod
    def whole(cls, picture: PIL.Image.Image, side: int) -> Square:
        """All of an image, in the middle."""
        return cls.around(picture, picture.width / 2, picture.height / 2, max(picture.size), side)

    def tensor(self) -> Tensor:
        """The pixels as float32, (1, side, side, 3) in [0, 255]."""
        return torch.from_numpy(self.pixels)[None].float()

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a place of the square is on the image."""
        return self.left + x * self.scale, self.top + y * self.scale


def picture_of_bodies(item: MarkedImage) -> PIL.Image.Image:
    """Decode an image with boxes around bodies. Raises `BadInput` for one with points, or with a box beyond it."""
    if item.points:
        raise BadInput(
            "pose-estimation takes boxes around bodies, not points",
            why="each box is cut out and looked at",
            fix='leave the points out: {"image": …, "boxes": [[xmin, ymin, xmax, ymax]]}',
        )
    picture = item.image.pil()
    item.check_inside(*picture.size)
    return picture


def surest(boxes: Tensor, scores: Tensor, overlap: float) -> list[int]:
    """Which boxes (n, 4) stay, the surest first: each but those that a surer one covers by more than `overlap`."""
    areas = (boxes[:, 2] - boxes[:, 0]).clamp(min=0) * (boxes[:, 3] - boxes[:, 1]).clamp(min=0)
    waiting, kept = scores.argsort(descending=True, stable=True), []
    while len(waiting):
        first, waiting = waiting[0], waiting[1:]
        kept.append(int(first))
        low = torch.maximum(boxes[first, :2], boxes[waiting, :2])
        high = torch.minimum(boxes[first, 2:], boxes[waiting, 2:])
        shared = (high - low).clamp(min=0).prod(-1)
        waiting = waiting[shared <= overlap * (areas[first] + areas[waiting] - shared)]
    return kept
