"""Points on faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from duomo.inputs import Image
from duomo.tasks.base import ListOf, Options, Result, Task
from duomo.tasks.vision.keypoints import Joint

if TYPE_CHECKING:
    import PIL.Image


class LandmarkedFace(Result):
    """One face and its points, in pixels of the upright image."""

    score: float
    xmin: float
    ymin: float
    xmax: float
    ymax: float
    keypoints: list[Joint]
    """Points with names, such as ``left_eye``: the person's own left."""
    mesh: list[tuple[float, float, float]]
    """All points as (x, y, z), in the order of the model; z is the depth in pixels, smaller nearer to the camera."""


class LandmarkedFaces(ListOf[LandmarkedFace]):
    """Faces, the surest first, and the size of the image."""

    faces: list[LandmarkedFace]
    width: int
    height: int

    def draw(self, image: object) -> PIL.Image.Image:
        """Draw the points on `image`, which may be whatever the task takes; an image of its own comes back."""
        from duomo.tasks.vision.drawing import draw_points

        mesh = [("", x, y) for face in self.faces for x, y, _ in face.mesh]
        named = [(point.label, point.x, point.y) for face in self.faces for point in face.keypoints]
        small = draw_points(image, mesh, (self.width, self.height), dot=0.3)
        return draw_points(small, named, (self.width, self.height))


class FaceLandmarksOptions(Options):
    """Options of face landmarks."""

    threshold: float = Field(0.5, ge=0, le=1, description="leave out faces less sure than this")


class FaceLandmarks(Task[Image, FaceLandmarksOptions, LandmarkedFaces]):
    """Where the eyes, the nose, the mouth and the outline of each face are. It does not tell whose face it is."""

    name = "face-landmarks"
