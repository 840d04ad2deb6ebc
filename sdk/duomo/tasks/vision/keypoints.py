"""Points on bodies and on things: poses, points worth finding again, and the same points on two images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from pydantic import Field

from duomo.inputs import Image, ImagePair, MarkedImage
from duomo.tasks.base import ListOf, Options, Result, Task

if TYPE_CHECKING:
    import PIL.Image


class Joint(Result):
    """One named point of a body, in pixels of the upright image."""

    label: str
    score: float
    x: float
    y: float


class Pose(Result):
    """The points of one body that were found, in the order in which the model knows them."""

    score: float
    """Mean of the scores of its points; 0 without any."""
    xmin: float
    ymin: float
    xmax: float
    ymax: float
    """The box that was looked at."""
    keypoints: list[Joint]


class Poses(ListOf[Pose]):
    """One pose for each box that was given, in their order, and the size of the image.

    Of a whole image there is one, or none where no point is as sure as the threshold.
    """

    poses: list[Pose]
    width: int
    height: int

    @classmethod
    def found(cls, poses: list[Pose], boxes: Sequence[object], size: tuple[int, int]) -> Self:
        """Make the result of an image of `size` (width, height); without `boxes` of the caller, poses need points."""
        kept = poses if boxes else [each for each in poses if each.keypoints]
        return cls.model_construct(poses=kept, width=size[0], height=size[1])

    def draw(self, image: object) -> PIL.Image.Image:
        """Draw the points on `image`, which may be whatever the task takes; an image of its own comes back."""
        from duomo.tasks.vision.drawing import draw_points

        points = [(joint.label, joint.x, joint.y) for pose in self.poses for joint in pose.keypoints]
        return draw_points(image, points, (self.width, self.height))


class PoseEstimationOptions(Options):
    """Options of pose estimation."""

    threshold: float = Field(0.3, ge=0, le=1, description="leave out points less sure than this")


class PoseEstimation(Task[MarkedImage, PoseEstimationOptions, Poses]):
    """How bodies are placed: the points of each; without boxes the whole image is taken for one body."""

    name = "pose-estimation"


class Point(Result):
    """A place, in pixels of the upright image."""

    x: float
    y: float


class Keypoint(Result):
    """A place that can be found again on other images, and how much it stands out."""

    x: float
    y: float
    score: float


class Keypoints(ListOf[Keypoint]):
    """Places, those that stand out most first, and the size of the image."""

    keypoints: list[Keypoint]
    width: int
    height: int

    def draw(self, image: object) -> PIL.Image.Image:
        """Draw the places on `image`, which may be whatever the task takes; an image of its own comes back."""
        from duomo.tasks.vision.drawing import draw_points

        return draw_points(image, [("", each.x, each.y) for each in self.keypoints], (self.width, self.height))


class KeypointDetectionOptions(Options):
    """Options of keypoint detection."""

    threshold: float = Field(0.0, ge=0, description="leave out points with a lower score than this")
    top_k: int | None = Field(None, ge=1, description="how many points to give at most; all when left out")


class KeypointDetection(Task[Image, KeypointDetectionOptions, Keypoints]):
    """Places that can be found again on other images."""

    name = "keypoint-detection"


class Match(Result):
    """One place on two images."""

    keypoint_image_0: Point
    keypoint_image_1: Point
    score: float


class Matches(ListOf[Match]):
    """The same places on two images, the surest first, and the sizes of both."""

    matches: list[Match]
    width_0: int
    height_0: int
    width_1: int
    height_1: int

    def draw(self, first: object, second: object) -> PIL.Image.Image:
        """Draw both images side by side, with a line between the two places of each match."""
        from duomo.tasks.vision.drawing import draw_pairs

        pairs = [
            (each.keypoint_image_0.x, each.keypoint_image_0.y, each.keypoint_image_1.x, each.keypoint_image_1.y)
            for each in self.matches
        ]
        return draw_pairs(first, second, pairs, ((self.width_0, self.height_0), (self.width_1, self.height_1)))


class KeypointMatchingOptions(Options):
    """Options of keypoint matching."""

    threshold: float = Field(0.0, ge=0, le=1, description="leave out matches less sure than this")


class KeypointMatching(Task[ImagePair, KeypointMatchingOptions, Matches]):
    """The same places on two images."""

    name = "keypoint-matching"
