"""Results drawn on the images they are of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from duomo.errors import BadInput
from duomo.inputs import Image

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image

COLORS = ((230, 57, 70), (29, 122, 210), (42, 157, 90), (233, 150, 30), (142, 68, 173), (0, 150, 160), (214, 51, 132))
"""One a label, in the order in which labels appear; far apart for most eyes."""
OPACITY = 0.5


class Frame(NamedTuple):
    """A box, in pixels."""

    label: str
    score: float
    xmin: float
    ymin: float
    xmax: float
    ymax: float


def draw_boxes(image: object, frames: Sequence[Frame], size: tuple[int, int]) -> PIL.Image.Image:
    """A copy of `image`, of `size` (width, height), with a frame and a label for each box, the first on top."""
    import PIL.ImageDraw
    import PIL.ImageFont

    picture = _opened(image, *size)
    pen = PIL.ImageDraw.Draw(picture)
    colors = _colors(frame.label for frame in frames)
    width = max(1, round(max(picture.size) / 300))
    letters = max(10, max(picture.size) / 50)
    font = PIL.ImageFont.load_default(letters)
    for box in reversed(frames):
        left, right = sorted((box.xmin, box.xmax))
        top, bottom = sorted((box.ymin, box.ymax))
        pen.rectangle((left, top, right, bottom), outline=colors[box.label], width=width)
        said = f"{box.label} {box.score:.2f}"
        place = (max(left, 0), max(top - 1.2 * letters, 0))
        pen.rectangle(pen.textbbox(place, said, font=font), fill=colors[box.label])
        pen.text(place, said, fill="white", font=font)
    return picture


def draw_outlines(
    image: object, outlines: Sequence[Sequence[tuple[float, float]]], size: tuple[int, int]
) -> PIL.Image.Image:
    """A copy of `image`, of `size` (width, height), with a line around each place."""
    import PIL.ImageDraw

    picture = _opened(image, *size)
    pen = PIL.ImageDraw.Draw(picture)
    width = max(1, round(max(picture.size) / 300))
    for corners in outlines:
        pen.line([*corners, *corners[:2]], fill=COLORS[0], width=width, joint="curve")
    return picture


def draw_points(
    image: object, points: Sequence[tuple[str, float, float]], size: tuple[int, int], *, dot: float = 1.0
) -> PIL.Image.Image:
    """A copy of `image`, of `size` (width, height), with a dot at each (label, x, y) in the color of its label.

    With a `dot` below 1, dots are so much smaller and have no rim.
    """
    import PIL.ImageDraw

    picture = _opened(image, *size)
    pen = PIL.ImageDraw.Draw(picture)
    colors = _colors(label for label, _, _ in points)
    radius = max(1 if dot < 1 else 2, round(dot * max(picture.size) / 150))
    rim = "white" if dot >= 1 else None
    for label, x, y in points:
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colors[label], outline=rim)
    return picture


def draw_lines(
    image: object, lines: Sequence[tuple[float, float, float, float]], size: tuple[int, int]
) -> PIL.Image.Image:
    """A copy of `image`, of `size` (width, height), with a line from (x, y), which has a dot, to (x, y) for each."""
    import PIL.ImageDraw

    picture = _opened(image, *size)
    pen = PIL.ImageDraw.Draw(picture)
    width = max(1, round(max(picture.size) / 400))
    for x, y, to_x, to_y in lines:
        pen.line((x, y, to_x, to_y), fill=COLORS[0], width=width)
        pen.ellipse((x - width, y - width, x + width, y + width), fill=COLORS[0])
    return picture


def draw_pairs(
    first: object,
    second: object,
    pairs: Sequence[tuple[float, float, float, float]],
    sizes: tuple[tuple[int, int], tuple[int, int]],
) -> PIL.Image.Image:
    """Two images side by side, of these sizes (width, height), with a line from (x, y) of one to (x, y) of the other.

    The first pair lies on top; neighbours in the list have other colors.
    """
    import PIL.Image
    import PIL.ImageDraw

    left, right = _opened(first, *sizes[0]), _opened(second, *sizes[1])
    picture = PIL.Image.new("RGB", (left.width + right.width, max(left.height, right.height)))
    picture.paste(left, (0, 0))
    picture.paste(right, (left.width, 0))
    pen = PIL.ImageDraw.Draw(picture)
    width = max(1, round(max(picture.size) / 600))
    radius = 2 * width
    for at, (x, y, to_x, to_y) in reversed(list(enumerate(pairs))):
        color = COLORS[at % len(COLORS)]
        pen.line((x, y, left.width + to_x, to_y), fill=color, width=width)
        for a, b in ((x, y), (left.width + to_x, to_y)):
            pen.ellipse((a - radius, b - radius, a + radius, b + radius), fill=color)
    return picture


def draw_masks(
    image: object, masks: Sequence[tuple[str, np.ndarray[Any, Any]]], size: tuple[int, int]
) -> PIL.Image.Image:
    """A copy of `image`, of `size` (width, height), with each mask (H, W) of bools in a color of its label."""
    import numpy as np
    import PIL.Image

    picture = _opened(image, *size)
    pixels = np.asarray(picture).astype(np.float32)
    colors = _colors(label for label, _ in masks)
    for label, mask in masks:
        pixels[mask] = (1 - OPACITY) * pixels[mask] + OPACITY * np.asarray(colors[label], np.float32)
    return PIL.Image.fromarray(pixels.round().astype(np.uint8), "RGB")


def _opened(image: object, width: int, height: int) -> PIL.Image.Image:
    picture = Image.accept(image).pil().copy()
    if picture.size != (width, height):
        raise BadInput(
            f"this image is {picture.width}x{picture.height}, and the result is of one of {width}x{height}",
            why="places are in pixels of the image that the model saw",
            fix="draw on the image that was given to the model",
        )
    return picture


def _colors(labels: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    return {label: COLORS[at % len(COLORS)] for at, label in enumerate(dict.fromkeys(labels))}
