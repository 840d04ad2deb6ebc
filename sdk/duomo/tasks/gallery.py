"""An option that holds images: those to search, or to compare with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from duomo.errors import BadInput
from duomo.inputs import Image, is_hidden
from duomo.inputs.seal import check_unsealed
from duomo.tasks.table import IMAGES


def _pictures(value: Any, info: ValidationInfo) -> Any:
    """A folder, a comma-separated str or a list of anything an image can be, as a tuple of `Image`."""
    if isinstance(value, str | Path):
        check_unsealed("the images of this option")
        folder = Path(value)
        if folder.is_dir():
            value = sorted(
                path for path in folder.iterdir() if path.suffix.lower() in IMAGES and not is_hidden(path.name)
            )
        else:
            value = [part.strip() for part in str(value).split(",")]
    # The rows of an image can be gone through, too.
    elif not isinstance(value, Iterable) or isinstance(value, bytes | Mapping) or getattr(value, "ndim", 4) != 4:
        raise ValueError(f"a folder or a list of images is expected, not {type(value).__name__}")
    try:
        return tuple(Image.accept(each) for each in value)
    except BadInput as error:  # without the name it would seem to be the input's
        raise type(error)(f"option '{info.field_name}': {error.what}", why=error.why, fix=error.fix) from None


Pictures = Annotated[
    tuple[Image, ...],
    BeforeValidator(_pictures),
    WithJsonSchema({"type": "array", "items": {"type": "string", "contentMediaType": "image/*"}, "minItems": 1}),
]
"""Images; in JSON each is its path."""
