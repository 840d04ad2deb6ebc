"""An image with places on it: boxes and points."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from duomo.brief import Short
from duomo.errors import BadInput
from duomo.inputs.image import Image


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class MarkedImage(Short):
    """An image, and the boxes and points on it that a model is to look at; without any, the whole image is meant."""

    WIRE: ClassVar[Mapping[str, Any]] = {"image": Image, "boxes": list[list[float]], "points": list[list[float]]}
    """Keys of the mapping that stands for it, and what each holds."""
    OPTIONAL: ClassVar[frozenset[str]] = frozenset({"boxes", "points"})
    """Keys that may be left out."""
    image: Image
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    """Each (xmin, ymin, xmax, ymax), in pixels of the upright image."""
    points: tuple[tuple[float, float], ...] = ()
    """Each (x, y)."""
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> MarkedImage:
        """Take whatever an `Image` takes, or ``{"image", "boxes", "points"}`` with one of the lists or both."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping) or not value.keys() & cls.OPTIONAL:
            image = Image.accept(value)
            return cls(image, name=image.name)
        if "image" not in value:
            raise BadInput(
                "boxes and points need the image that they are on",
                why="there is no key 'image'",
                fix='{"image": "cat.jpg", "boxes": [[0, 0, 9, 9]]}',
            )
        image = Image.accept(value["image"])
        boxes: Any = tuple(_numbers(each, 4, "a box") for each in _listed(value.get("boxes")))
        points: Any = tuple(_numbers(each, 2, "a point") for each in _listed(value.get("points")))
        for box in boxes:
            if box[0] >= box[2] or box[1] >= box[3]:
                raise BadInput(
                    f"the box {list(box)} has no area",
                    why="a box is [xmin, ymin, xmax, ymax], in pixels",
                    fix="give the left top corner first, then the right bottom one",
                )
        return cls(image, boxes, points, image.name)

    def check_inside(self, width: int, height: int) -> None:
        """Raise `BadInput` for a box or a point that lies outside an image of this size."""
        for box in self.boxes:
            if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height:
                raise _outside(f"the box {list(box)}", width, height)
        for point in self.points:
            if not (0 <= point[0] <= width and 0 <= point[1] <= height):
                raise _outside(f"the point {list(point)}", width, height)


def _listed(value: object) -> Iterable[Any]:
    if value is None:
        return ()
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, list | tuple):
        raise BadInput(
            "boxes and points are lists",
            why=f"what was given is {value!r:.60}",
            fix='"boxes": [[xmin, ymin, xmax, ymax]], "points": [[x, y]]',
        )
    return value


def _numbers(value: object, count: int, what: str) -> tuple[float, ...]:
    value = value.tolist() if hasattr(value, "tolist") else value
    parts = list(value) if isinstance(value, list | tuple) else []
    numbers = [float(each) for each in parts if isinstance(each, int | float) and math.isfinite(each)]
    if len(parts) != count or len(numbers) != count:
        raise BadInput(
            f"{what} cannot be {value!r:.60}",
            why=f"it is {count} numbers, in pixels",
            fix="[xmin, ymin, xmax, ymax]" if count == 4 else "[x, y]",
        )
    return tuple(numbers)


def _outside(what: str, width: int, height: int) -> BadInput:
    return BadInput(
        f"{what} is not on the image",
        why=f"the upright image is {width} x {height} pixels",
        fix="give places in pixels of the image itself, after it is turned upright",
    )
