"""Search across text, images and speech."""

from __future__ import annotations

import pydantic
from pydantic import Field

from duomo.inputs import Audio, TextOrImage
from duomo.tasks.base import Options, Task
from duomo.tasks.gallery import Pictures
from duomo.tasks.results import Embedding, SearchResult


class MultimodalEmbeddingOptions(Options):
    """Multimodal embedding has no options."""


class MultimodalEmbedding(Task[TextOrImage, MultimodalEmbeddingOptions, Embedding]):
    """Texts and images as vectors of one space."""

    name = "multimodal-embedding"


class ImageSearchOptions(Options):
    """Options of image search."""

    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    images: Pictures = Field(
        min_length=1, description="the images to search: a folder, or a list of paths, bytes, PIL images or arrays"
    )
    top_k: int = Field(5, ge=1, description="how many hits to give, best first")


class ImageSearchResult(SearchResult):
    """Images that were found, the best first."""

    left_out: list[str] = Field(default_factory=list)
    """The images that could not be read, each as its position, its name and the reason; they were not searched."""


class ImageSearch(Task[TextOrImage, ImageSearchOptions, ImageSearchResult]):
    """Find images by a text or an image."""

    name = "image-search"


class SpokenImageSearch(Task[Audio, ImageSearchOptions, ImageSearchResult]):
    """Find images by asking aloud; ``query`` of the result is what was heard."""

    name = "spoken-image-search"
