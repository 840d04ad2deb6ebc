"""Faces and 468 points on each, by BlazeFace and Face Mesh of MediaPipe, from the npm package @vladmandic/human.

Bazarevsky et al. 2019, https://arxiv.org/abs/1907.05047, and Kartynnik et al. 2019, https://arxiv.org/abs/1907.06724.
The mesh also says whether what it was given is a face at all; what it denies is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import torch
from torch import Tensor

from duomo import Image, Model, WeightsRef
from duomo.model import Features, R
from duomo.tasks.vision.detection import Detections, FaceDetectionOptions, on_image
from duomo.tasks.vision.faces import FaceLandmarksOptions, LandmarkedFace, LandmarkedFaces
from duomo.tasks.vision.keypoints import Joint
from duomo.weights import verify
from duomo_vision import tfjs
from duomo_vision.cutting import Square, surest

if TYPE_CHECKING:
    import PIL.Image

    from duomo_vision.tfjs import Graph

SIDE, MESH_SIDE = 256, 192
SCORES, BOXES = ("Identity", "Identity_1"), ("Identity_2", "Identity_3")
"""Outputs of BlazeFace, those of its fine grid first."""
IS_FACE, MESH = "Identity_1", "Identity_2"
GRIDS = ((16, 2), (8, 6))
"""Cells along a side, and anchors in each."""
MARGIN = 1.5
"""The mesh is given a square so much longer than the box."""
OVERLAP = 0.3
FACE = 0.5
"""What the mesh must say at least of a face."""
LOWEST = 0.1
"""Candidates below this are not looked at."""
NAMES = ("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear")
"""The six points of BlazeFace; right is the person's own right."""


class Found(NamedTuple):
    """A face, in pixels of the image."""

    score: float
    box: tuple[float, float, float, float]
    points: list[tuple[float, float]]
    mesh: list[tuple[float, float, float]]


class Faces(Model[Image, R]):
    """Both networks; subclasses say what is made of what they find."""

    def __init__(self, detector: Graph, mesh: Graph, device: torch.device) -> None:
        self.detector = detector
        self.mesh = mesh
        self.device = device
        self.anchors = torch.cat([_anchors(*grid) for grid in GRIDS]).to(device)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read both graphs after comparing their digest; they compute in float32."""
        del dtype
        verify(weights.spec)
        detector = tfjs.read(weights.folder / "blazeface.json", (*SCORES, *BOXES), device)
        return cls(detector, tfjs.read(weights.folder / "facemesh.json", (IS_FACE, MESH), device), device)

    def preprocess(
        self, items: Sequence[Image], options: FaceDetectionOptions | FaceLandmarksOptions
    ) -> list[Features]:
        pictures = [item.pil() for item in items]
        return [
            {"picture": each, "square": Square.whole(each, SIDE), "threshold": options.threshold} for each in pictures
        ]

    def collate(self, features: list[Features]) -> list[Features]:
        """Images of any size side by side: what is found in one is cut out of it again."""
        return features

    def forward(self, batch: list[Features]) -> list[list[Found]]:
        """The faces of each image, the surest first."""
        return [self.find(each["picture"], each["square"], each["threshold"]) for each in batch]

    def find(self, picture: PIL.Image.Image, square: Square, threshold: float) -> list[Found]:
        """The faces of one image whose score is at least `threshold`."""
        read = self.detector(square.tensor().to(self.device) / 127.5 - 1)
        scores = torch.cat([read[name][0, :, 0] for name in SCORES]).sigmoid()
        raw = torch.cat([read[name][0] for name in BOXES])
        likely = torch.nonzero(scores >= max(threshold, LOWEST))[:, 0]
        raw, scores, anchors = raw[likely], scores[likely], self.anchors[likely]
        middle, size = raw[:, 0:2] + anchors, raw[:, 2:4]
        boxes = torch.cat([middle - size / 2, middle + size / 2], 1)
        points = raw[:, 4:].reshape(-1, len(NAMES), 2) + anchors[:, None]
        found = []
        for at in surest(boxes, scores, OVERLAP):
            corners = [square.place(*boxes[at, pair].tolist()) for pair in ([0, 1], [2, 3])]
            mesh = self._mesh(picture, (*corners[0], *corners[1]))
            if mesh:
                places = [square.place(*each) for each in points[at].tolist()]
                found.append(Found(float(scores[at]), (*corners[0], *corners[1]), places, mesh))
        return found

    def _mesh(
        self, picture: PIL.Image.Image, box: tuple[float, float, float, float]
    ) -> list[tuple[float, float, float]]:
        """The 468 points of what lies in a box; none where it is not a face."""
        length = MARGIN * max(box[2] - box[0], box[3] - box[1])
        if length < 1:
            return []
        square = Square.around(picture, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, length, MESH_SIDE)
        read = self.mesh(square.tensor().to(self.device) / 255)
        if float(read[IS_FACE]) < FACE:
            return []
        return [(*square.place(x, y), z * square.scale) for x, y, z in read[MESH].reshape(-1, 3).tolist()]


class FaceDetector(Faces[Detections]):
    """Where the faces are."""

    def postprocess(
        self, output: list[list[Found]], features: list[Features], options: FaceDetectionOptions
    ) -> list[Detections]:
        return [
            Detections.found((("face", face.score, face.box) for face in found), each["picture"].size)
            for found, each in zip(output, features, strict=True)
        ]


class FaceLandmarker(Faces[LandmarkedFaces]):
    """The points of each face."""

    def postprocess(
        self, output: list[list[Found]], features: list[Features], options: FaceLandmarksOptions
    ) -> list[LandmarkedFaces]:
        results = []
        for found, each in zip(output, features, strict=True):
            width, height = each["picture"].size
            faces = []
            for face in found:
                xmin, ymin, xmax, ymax = on_image(face.box, (width, height))
                keypoints = [
                    Joint.model_construct(label=name, score=face.score, x=x, y=y)
                    for name, (x, y) in zip(NAMES, face.points, strict=True)
                ]
                faces.append(
                    LandmarkedFace.model_construct(
                        score=face.score,
                        xmin=xmin,
                        ymin=ymin,
                        xmax=xmax,
                        ymax=ymax,
                        keypoints=keypoints,
                        mesh=face.mesh,
                    )
                )
            results.append(LandmarkedFaces.model_construct(faces=faces, width=width, height=height))
        return results


def _anchors(cells: int, in_each: int) -> Tensor:
    """Middles of the cells of a grid, (cells * cells * in_each, 2), in pixels of the square."""
    middles = (torch.arange(cells) + 0.5) * (SIDE / cells)
    y, x = torch.meshgrid(middles, middles, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1).repeat_interleave(in_each, 0)
