"""Images in results, and what lies on an image: boxes, outlines, points and masks, as one drawing that scales."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pydantic

from duomo.errors import DuomoError
from duomo.inputs import Image
from duomo.tasks.showing.parts import Source, escape
from duomo.tasks.showing.style import COLORS, colors_of

if TYPE_CHECKING:
    import PIL.Image

_SIDE = 960
"""Pixels of the longer side that is embedded."""
_MOST = 300
"""Marks that are drawn."""
_PNG = b"\x89PNG"
_OWN = (_PNG, b"PIEH")
"""How a field begins that is the image which a result is: a PNG, or a flow, which the result draws itself."""


def picture(result: pydantic.BaseModel, source: Source) -> tuple[str, set[str]]:
    """The image that a result is, a drawing of what it found on one, or the one that it is of."""
    fields = {name: getattr(result, name) for name in type(result).model_fields}
    own = next((name for name, value in fields.items() if isinstance(value, bytes) and value[:4] in _OWN), "")
    if own:
        return f'<img alt="{escape(own)}" src="{_embedded(_opened(result, fields[own]))}">', {own, "width", "height"}
    if "width_0" in fields:
        return _matches(result, source), {"width_0", "height_0", "width_1", "height_1"}
    width, height = fields.get("width"), fields.get("height")
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        # An array of two axes may be sound of two channels.
        image = image_of(source.value) if getattr(source.value, "ndim", 3) == 3 else None
        return (f'<img alt="" width="{min(image.width, 360)}" src="{_embedded(image)}">' if image else ""), set()
    marks = [each for value in fields.values() if isinstance(value, list) for each in value][:_MOST]
    colors = colors_of(marks)
    taken: list[tuple[float, float, float]] = []
    drawn = "".join(
        _mark(each, color, width, height, taken) for each, color in zip(marks[::-1], colors[::-1], strict=True)
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{min(width, 720)}" role="img">'
        f"{_ground(source.value, width, height)}{drawn}</svg>",
        {"width", "height"},
    )


def _matches(result: pydantic.BaseModel, source: Source) -> str:
    """Two images side by side, with a line from a place on one to the same place on the other."""
    found: Any = result
    width, height, right, lower = found.width_0, found.height_0, found.width_1, found.height_1
    both = source.value if isinstance(source.value, tuple) and len(source.value) == 2 else (source.value, None)
    grounds = _ground(both[0], width, height), _ground(both[1], right, lower)
    stroke = max(width + right, height, lower) / 500
    lines = []
    for at, each in reversed(list(enumerate(found.matches[:_MOST]))):
        here, there = each.keypoint_image_0, each.keypoint_image_1
        (x, y), (to_x, to_y) = (here.x, here.y), (width + there.x, there.y)
        color = COLORS[at % len(COLORS)]
        lines.append(f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" stroke="{color}" stroke-width="{stroke:.1f}"/>')
        for a, b in ((x, y), (to_x, to_y)):
            lines.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{2 * stroke:.1f}" fill="{color}"/>')
    return (
        f'<svg viewBox="0 0 {width + right} {max(height, lower)}" width="{min(width + right, 720)}" role="img">'
        f'{grounds[0]}<g transform="translate({width} 0)">{grounds[1]}</g>{"".join(lines)}</svg>'
    )


def _ground(value: object, width: int, height: int) -> str:
    """The image that the result is of, where it is at hand and of this size; a grey field otherwise."""
    image = image_of(value)
    if image is None or image.size != (width, height):
        return f'<rect width="{width}" height="{height}" fill="#8888" />'
    return f'<image width="{width}" height="{height}" href="{_embedded(image)}"/>'


def image_of(value: object) -> PIL.Image.Image | None:
    """Open what was given to a task, if it is an image or a path of one."""
    try:
        return Image.accept(value).pil() if value is not None else None
    except (DuomoError, OSError, ValueError):
        return None


def _mark(found: object, color: str, width: int, height: int, taken: list[tuple[float, float, float]]) -> str:
    """Draw one record by what it has: a mask, a box, corners, points; `taken` is where words stand already."""
    stroke = max(width, height) / 250
    style = f'fill="none" stroke="{color}" stroke-width="{stroke:.1f}"'
    parts = []
    mask = getattr(found, "mask", None)
    if isinstance(mask, bytes) and mask[:4] == _PNG:
        parts.append(f'<image width="{width}" height="{height}" opacity=".5" href="{_tinted(mask, color)}"/>')
    if hasattr(found, "xmin"):
        x, y, right, bottom = (float(getattr(found, name)) for name in ("xmin", "ymin", "xmax", "ymax"))
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{right - x:.1f}" height="{bottom - y:.1f}" {style}/>')
        said = f"{getattr(found, 'label', '')} {getattr(found, 'score', 0):.2f}".strip()
        parts.append(_caption(said, x, y, color, width, height, taken))
    for corners in _outlines(found):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        parts.append(f'<polygon points="{points}" {style}/>')
    dots = list(_points(found))
    radius = _radius(dots, 1.5 * stroke)
    look = f'r="{radius:.1f}" fill="{color}" stroke="#fff" stroke-width="{radius / 4:.1f}"'
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" {look}/>' for x, y in dots]
    return "".join(parts)


def _radius(points: Sequence[tuple[float, float]], largest: float) -> float:
    """The radius of dots at points that belong together: small, so that many dots do not hide the picture."""
    if len(points) < 2:
        return largest
    columns = [x for x, _ in points], [y for _, y in points]
    extent = max(max(each) - min(each) for each in columns)
    return min(largest, max(largest / 4, extent / (4 * math.sqrt(len(points)))))


def _caption(
    said: str, x: float, y: float, color: str, width: int, height: int, taken: list[tuple[float, float, float]]
) -> str:
    """The words of a box with its corner at (x, y): above it, or in it where there is no room, and on the image.

    Below words that stand there already, which are (left, right, base line), as long as the image has room.
    """
    size, line = max(width, height) / 32, max(width, height) / 250
    above = y - 2 * line
    base = above if above >= size else y + line + size
    left = max(0.0, min(x + line, width - 0.6 * size * len(said)))
    right = left + 0.6 * size * len(said)
    while base + size < height and any(
        left < end and start < right and abs(base - other) < size for start, end, other in taken
    ):
        base += size
    taken.append((left, right, base))
    place = f'x="{left:.1f}" y="{base:.1f}" font-size="{size:.1f}" font-family="sans-serif"'
    look = f'fill="{color}" stroke="#fff" stroke-width="{size / 6:.1f}" paint-order="stroke"'
    return f"<text {place} {look}>{escape(said)}</text>"


def _outlines(found: object) -> Iterator[list[tuple[float, float]]]:
    corners = getattr(found, "corners", None)
    if isinstance(corners, list) and corners:
        yield from [corners] if isinstance(corners[0], tuple) else corners


def _points(found: object) -> Iterator[tuple[float, float]]:
    places = [found] if hasattr(found, "x") else getattr(found, "keypoints", [])
    for place in places:
        if hasattr(place, "x") and hasattr(place, "y"):
            yield float(place.x), float(place.y)
    for x, y, _ in getattr(found, "mesh", []):
        yield x, y


def _opened(result: pydantic.BaseModel, content: bytes) -> PIL.Image.Image:
    """The image itself, as the result shows it where it has a way of its own: depths have more than 8 bits."""
    import PIL.Image

    own = getattr(result, "image", None)
    return own if isinstance(own, PIL.Image.Image) else PIL.Image.open(io.BytesIO(content))


def _embedded(image: PIL.Image.Image) -> str:
    """An address that holds the image, made smaller."""
    small = image.copy()
    small.thumbnail((_SIDE, _SIDE))
    written = io.BytesIO()
    clear = small.mode in ("RGBA", "LA", "P")
    small.convert("RGBA" if clear else "RGB").save(written, "PNG" if clear else "JPEG", quality=85)
    kind = "png" if clear else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(written.getvalue()).decode()}"


def _tinted(mask: bytes, color: str) -> str:
    import PIL.Image

    where = PIL.Image.open(io.BytesIO(mask)).convert("L")
    where.thumbnail((_SIDE, _SIDE))
    tint = PIL.Image.new("RGBA", where.size, color)
    tint.putalpha(where)
    return _embedded(tint)
