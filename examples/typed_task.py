"""Name a task by its class: an editor completes the result, and mypy knows it."""

import skimage.data

import duomo
from duomo.errors import BadOption
from duomo.tasks import FaceDetection
from duomo.tasks.vision.detection import Box, Detections

found: Detections = duomo.run(FaceDetection, skimage.data.astronaut(), threshold=0.2)
print(f"{len(found.boxes)} face(s) in {found.width} x {found.height} pixels")


def area(box: Box) -> float:
    """Square pixels."""
    return (box.xmax - box.xmin) * (box.ymax - box.ymin)


for box in found.boxes:
    print(f"{box.label} {box.score:.2f} {area(box):,.0f} pixels")

try:
    duomo.run(FaceDetection, skimage.data.astronaut(), treshold=0.2)
except BadOption as error:
    print(error)
