"""Depth by the estimators of transformers: DPT, Depth Anything, Depth Pro, GLPN, ZoeDepth."""

from __future__ import annotations

from typing import Any

from transformers import AutoModelForDepthEstimation

from duomo.tasks.vision import DepthEstimationOptions
from duomo.tasks.vision.depth import DepthMap
from duomo_vision.dense import Dense


class DepthEstimator(Dense[DepthMap]):
    """A depth for each pixel, brought to the size of the image by the processor's own post-processing."""

    auto = AutoModelForDepthEstimation
    channels_last = True
    at_once_on_cpu = 1

    def results(self, output: Any, sizes: list[tuple[int, int]], options: DepthEstimationOptions) -> list[DepthMap]:
        found = self.processor.post_process_depth_estimation(output, sizes)
        # The processor drops an axis of one pixel.
        return [
            DepthMap.of(each["predicted_depth"].float().reshape(size).cpu().numpy())
            for each, size in zip(found, sizes, strict=True)
        ]
