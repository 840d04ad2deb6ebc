"""What happens in videos."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duomo.inputs import Video
from duomo.tasks.base import Options, Task
from duomo.tasks.results import Classification


class VideoLabels(Classification):
    """Labels, the best first, and which frames were looked at."""

    times: list[float]
    """Seconds from the start of the video, one a frame; of a list of images, their numbers."""


class VideoClassificationOptions(Options):
    """Options of video classification."""

    top_k: int | None = Field(5, ge=1, description="how many labels to give, best first; None for all")
    sampling: Literal["even", "start"] = Field(
        "even",
        description="even looks at frames spread over the whole video; start at the first ones, and meta.truncated says"
        " that more came after",
    )
    step: int = Field(1, ge=1, description="with sampling=start: look at one of this many frames")


class VideoClassification(Task[Video, VideoClassificationOptions, VideoLabels]):
    """What happens in a video."""

    name = "video-classification"
