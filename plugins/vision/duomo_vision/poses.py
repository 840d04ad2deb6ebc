"""Poses by ViTPose: one pass for all the boxes of all the images, since every box is cut out at one size.

Xu et al. 2022, https://arxiv.org/abs/2204.12484; ViTPose++ (Xu et al. 2022, https://arxiv.org/abs/2212.04246) looks
with the experts that it trained on COCO.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForPoseEstimation
from transformers.models.vitpose.modeling_vitpose import VitPoseEstimatorOutput

from duomo import Model, WeightsRef
from duomo.inputs import MarkedImage
from duomo.model import Features
from duomo.pretrained import labels_of, load_network, load_processor
from duomo.tasks.vision.keypoints import Joint, Pose, PoseEstimationOptions, Poses
from duomo_vision.cutting import picture_of_bodies

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

COCO = 0
"""Which experts of ViTPose++ look."""


class PoseEstimator(Model[MarkedImage, Poses]):
    """The points of a body in each box, or in the whole image; a point whose map is nowhere positive is not there."""

    batch_size = 8

    def __init__(self, network: Network, processor: Processor) -> None:
        self.network = network
        self.processor = processor
        self.labels = labels_of(network.config)
        self.has_experts = (network.config.backbone_config.num_experts or 1) > 1

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and image processor, whole; raises `WeightsProblem` for what cannot be used."""
        network = load_network(AutoModelForPoseEstimation, weights, dtype=dtype).to(device)
        return cls(network, load_processor(AutoImageProcessor, weights, "image processor"))

    def preprocess(self, items: Sequence[MarkedImage], options: PoseEstimationOptions) -> list[Features]:
        return [self._features(item) for item in items]

    def collate(self, features: list[Features]) -> Tensor:
        """Bodies of all images, (boxes, 3, H, W)."""
        return torch.cat([each["pixels"] for each in features])

    def forward(self, batch: Tensor) -> Tensor:
        """Heat maps, (boxes, points, H', W')."""
        extra = {"dataset_index": torch.full((len(batch),), COCO, device=batch.device)} if self.has_experts else {}
        heatmaps: Tensor = self.network(pixel_values=batch.to(self.network.dtype), **extra).heatmaps
        return heatmaps.float()

    def postprocess(self, output: Tensor, features: list[Features], options: PoseEstimationOptions) -> list[Poses]:
        results, done = [], 0
        for each in features:
            poses = []
            for box in each["boxes"]:
                maps = VitPoseEstimatorOutput(heatmaps=output[done : done + 1])
                [[found]] = self.processor.post_process_pose_estimation(maps, boxes=[[box]])
                poses.append(self._pose(found, box, options.threshold))
                done += 1
            results.append(Poses.found(poses, each["given"], each["size"]))
        return results

    def _features(self, item: MarkedImage) -> Features:
        picture = picture_of_bodies(item)
        corners = item.boxes or ((0.0, 0.0, float(picture.width), float(picture.height)),)
        boxes = [[left, top, right - left, bottom - top] for left, top, right, bottom in corners]
        prepared = self.processor(images=[picture], boxes=[boxes], return_tensors="pt")
        return {"pixels": prepared["pixel_values"], "boxes": boxes, "given": item.boxes, "size": picture.size}

    def _pose(self, found: dict[str, Tensor], box: list[float], threshold: float) -> Pose:
        columns = (found["labels"].tolist(), found["scores"].tolist(), found["keypoints"].tolist())
        joints = [
            Joint.model_construct(label=self.labels[label], score=score, x=x, y=y)
            for label, score, (x, y) in zip(*columns, strict=True)
            if score > 0 and score >= threshold
        ]
        return Pose.model_construct(
            score=sum(each.score for each in joints) / len(joints) if joints else 0.0,
            xmin=box[0], ymin=box[1], xmax=box[0] + box[2], ymax=box[1] + box[3], keypoints=joints,
        )  # fmt: skip
