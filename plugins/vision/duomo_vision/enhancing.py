"""Larger images by Swin2SR, and mattes by ViTMatte: images out of images, without post-processing in the library."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForImageMatting, AutoModelForImageToImage

from duomo import WeightsRef
from duomo.errors import BadInput
from duomo.inputs import ImageTrimap
from duomo.model import Features
from duomo.tasks.vision.enhancing import ImageMattingOptions, Picture, SuperResolutionOptions
from duomo_vision.dense import Dense, Grouped, Output


class SuperResolver(Dense[Picture]):
    """An image, larger by what the checkpoint was trained for; what was padded is cut off."""

    auto = AutoModelForImageToImage
    batch_size = 4

    def configure(self, weights: WeightsRef) -> None:
        self.scale: int = self.network.config.upscale

    def results(self, output: Output, sizes: list[Any], options: SuperResolutionOptions) -> list[Picture]:
        return [
            Picture.of(_bytes(each[:, : height * self.scale, : width * self.scale]))
            for each, (height, width) in zip(output.reconstruction, sizes, strict=True)
        ]


class Matter(Grouped[ImageTrimap, Picture]):
    """How much of each pixel is foreground, for images whose trimap says where that is open."""

    auto = AutoModelForImageMatting
    batch_size = 4

    def prepare(self, item: ImageTrimap, options: ImageMattingOptions) -> Features:
        picture, trimap = item.image.pil(), item.trimap.pil().convert("L")
        if picture.size != trimap.size:
            raise BadInput(
                f"the trimap is {trimap.width} x {trimap.height} pixels and its image {picture.width} x "
                f"{picture.height}",
                why="each pixel of a trimap speaks of the pixel in its place",
                fix="make the trimap of the upright image, in its size",
            )
        prepared = self.processor(images=[picture], trimaps=[trimap], return_tensors="pt")
        return {"inputs": {"pixel_values": prepared["pixel_values"]}, "size": (picture.height, picture.width)}

    def results(self, output: Output, sizes: list[Any], options: ImageMattingOptions) -> list[Picture]:
        return [
            Picture.of(_bytes(each[:, :height, :width])[..., 0])
            for each, (height, width) in zip(output.alphas, sizes, strict=True)
        ]


def _bytes(values: Tensor) -> NDArray[np.uint8]:
    """From (C, H, W) in [0, 1] to (H, W, C) uint8, rounded."""
    levels: NDArray[Any] = (values.float().clamp(0, 1) * 255).round().permute(1, 2, 0).cpu().numpy()
    return levels.astype(np.uint8)
