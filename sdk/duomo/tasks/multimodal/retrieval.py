"""Search across text, images and speech."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic
from pydantic import BeforeValidator, Field, WithJsonSchema

from duomo.inputs import Audio, Image, TextOrImage
from duomo.inputs.seal import check_unsealed
from duomo.tasks.base import Options, Task
from duomo.tasks.results import Embedding, SearchResult


class MultimodalEmbeddingOptions(Options):
    """Multimodal embedding has no options."""


class MultimodalEmbedding(Task[TextOrImage, MultimodalEmbeddingOptions, Embedding]):
    """Texts and pictures as vectors of one space."""

    name = "multimodal-embedding"
    Input = TextOrImage
    Options = MultimodalEmbeddingOptions
    Result = Embedding


def _pictures(value: Any) -> Any:
    """A folder, a comma-separated str or a list of anything an image can be, as a tuple of `Image`."""
    from pathlib import Path

    from duomo.tasks import IMAGES

    if isinstance(value, str | Path):
        check_unsealed("the images to search")
        folder = Path(value)
        if folder.is_dir():
            value = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGES)
        else:
            value = [part.strip() for part in str(value).split(",")]
    return tuple(Image.accept(each) for each in value)


_PATHS = WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 1})
"""In JSON a picture is its path."""


class ImageSearchOptions(Options):
    """Options of image search."""

    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    images: Annotated[tuple[Image, ...], BeforeValidator(_pictures), _PATHS] = Field(
        min_length=1, description="the pictures to search: a folder, or a list of paths, bytes, PIL images or arrays"
    )
    top_k: int = Field(5, ge=1, description="how many hits to give, best first")


class ImageSearch(Task[TextOrImage, ImageSearchOptions, SearchResult]):
    """Find pictures by a text or a picture."""

    name = "image-search"
    Input = TextOrImage
    Options = ImageSearchOptions
    Result = SearchResult


class SpokenImageSearch(Task[Audio, ImageSearchOptions, SearchResult]):
    """Find pictures by asking aloud; ``query`` of the result is what was heard."""

    name = "spoken-image-search"
    Input = Audio
    Options = ImageSearchOptions
    Result = SearchResult
