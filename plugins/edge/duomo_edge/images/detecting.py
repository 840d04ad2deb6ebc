"""Detectors of the DETR kind: a fixed number of boxes, each with scores of its labels.

``softmax`` heads (DETR, YOLOS, Table Transformer) have one more class for "nothing", the last; ``sigmoid`` heads
(RT-DETR, D-FINE, Deformable DETR) score each label of each box alone, and the best of all pairs count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from duomo.errors import WeightsMismatch
from duomo.model import Features
from duomo.tasks.vision.detection import Detections, ObjectDetectionOptions
from duomo_edge.activations import scores
from duomo_edge.artifact import Graph, run_rows
from duomo_edge.images.pixels import ImageReader, ImageSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray


class DetectorSettings(ImageSettings):
    """What a detector needs besides."""

    logits: str = "logits"
    boxes: str = "boxes"
    """Outputs of the graph: (B, Q, labels), and (B, Q, 4) as centre, width and height in shares of the image."""


class Detector(ImageReader[Detections]):
    """Boxes over a threshold, the surest first."""

    kind = DetectorSettings

    def __init__(self, graph: Graph, settings: DetectorSettings) -> None:
        super().__init__(graph, settings)
        self.labels = settings.labels
        lost = [name for name in (settings.logits, settings.boxes) if name not in graph.outputs]
        if lost or not self.labels or settings.activation not in ("softmax", "sigmoid"):
            raise WeightsMismatch(
                "the duomo.json of this detector is not complete",
                why=f"no output {', '.join(lost)}" if lost else "it needs labels, and an activation",
                fix='"labels": […], "activation": "softmax" or "sigmoid", "logits" and "boxes": outputs of the graph',
            )
        self.places = graph.outputs.index(settings.logits), graph.outputs.index(settings.boxes)

    def forward(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Logits and boxes side by side, (B, Q, labels + 4)."""
        found = run_rows(self.graph, {self.settings.image.input: batch})
        return np.concatenate([found[at] for at in self.places], axis=-1)

    def postprocess(
        self, output: NDArray[np.float32], features: list[Features], options: ObjectDetectionOptions
    ) -> list[Detections]:
        return [
            self._detections(rows[:, :-4], rows[:, -4:], each["size"], options.threshold_or())
            for rows, each in zip(output, features, strict=True)
        ]

    def _detections(
        self, logits: NDArray[np.float32], boxes: NDArray[np.float32], size: tuple[int, int], threshold: float
    ) -> Detections:
        found = scores(logits, self.settings.activation)
        if self.settings.activation == "softmax":
            queries, labels = np.arange(len(found)), found[:, :-1].argmax(-1)
        else:
            best = np.argsort(-found.ravel(), kind="stable")[: len(found)]
            queries, labels = best // found.shape[1], best % found.shape[1]
        sure = found[queries, labels]
        corners = _corners(boxes[queries], size)
        return Detections.found(
            (
                (self.labels[int(labels[at])], float(sure[at]), corners[at].tolist())
                for at in np.flatnonzero(sure > threshold)
            ),
            size,
        )


def _corners(boxes: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Centres and sides in shares of the image to corners in pixels."""
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=1) * np.asarray([*size, *size], np.float32)
