"""How well texts and images fit: whole images, and each pixel."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duomo.inputs import Image, ImageCandidates
from duomo.tasks.base import Options, Task
from duomo.tasks.options import CUT, Names
from duomo.tasks.results import SearchResult
from duomo.tasks.vision.segmentation import Segmentation


class ImageTextRetrievalOptions(Options):
    """Options of image-text retrieval."""

    top_k: int | None = Field(None, ge=1, description="how many texts to give, best first; all when left out")
    long: Literal["error", "truncate"] = Field("error", description=CUT)


class ImageTextRetrieval(Task[ImageCandidates, ImageTextRetrievalOptions, SearchResult]):
    """Texts in the order in which they say what an image shows; the score of each is its own, in [0, 1]."""

    name = "image-text-retrieval"


class TextImageSegmentationOptions(Options):
    """Options of text-image segmentation."""

    labels: Names = Field(description="the things to outline, as a list or separated by commas")
    threshold: float = Field(0.5, ge=0, le=1, description="a pixel belongs to a thing from this probability on")


class TextImageSegmentation(Task[Image, TextImageSegmentationOptions, Segmentation]):
    """A mask for each thing that is named on the spot, in the order of the names; empty where it is not to be seen."""

    name = "text-image-segmentation"
