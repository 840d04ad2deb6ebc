"""TIFFs that store each colour as a plane of its own, where Pillow would read other samples than those in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from duomo.errors import BadInput

if TYPE_CHECKING:
    import PIL.Image

_BITS_PER_SAMPLE, _COMPRESSION, _PLANAR = 258, 259, 284
"""Tags of TIFF."""


def check_planes(image: PIL.Image.Image) -> None:
    """Have uncompressed planes of 16 bits read as such, which Pillow takes for bytes. To be called before it is loaded.

    Raises `BadInput` where that cannot be mended: planes of CMYK, of a grey with transparency, and what is loaded.
    """
    tags: Any = getattr(image, "tag_v2", None)
    if tags is None or tags.get(_PLANAR) != 2:
        return
    is_deep = 16 in tags.get(_BITS_PER_SAMPLE, ()) and tags.get(_COMPRESSION, 1) == 1
    if not is_deep and image.mode != "LA":
        return
    tiles: list[Any] = getattr(image, "tile", [])
    if image.mode not in ("RGB", "RGBA") or not tiles:
        raise BadInput(
            f"a TIFF of separate planes of {'16 bits' if is_deep else 'grey and transparency'} is read wrongly",
            why="Pillow takes other bytes than those of the samples",
            fix="save it with its colours side by side: tiffcp -p contig in.tif out.tif; or as PNG",
        )
    layout = ";16B" if tags.prefix == b"MM" else ";16L"
    image.tile = [each._replace(args=(each.args[0].split(";")[0] + layout, *each.args[1:])) for each in tiles]  # type: ignore[attr-defined]
