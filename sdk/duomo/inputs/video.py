"""Videos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from duomo.errors import BadInput, InputTooLarge, InputUnreadable
from duomo.inputs.advice import not_one
from duomo.inputs.frames import Frame, VideoReader
from duomo.inputs.image import Image, check_apart
from duomo.inputs.limits import limits
from duomo.inputs.media import Media
from duomo.inputs.rgb import as_uint8
from duomo.inputs.source import is_url, open_source, take_file, unpack_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_FRAMES = 240
"""Frames a second of `Limits.video_seconds` beyond which no more are decoded, whatever times they bear."""


class Clip(NamedTuple):
    """Frames that were picked from a video."""

    frames: list[NDArray[np.uint8]]
    """RGB, each (H, W, 3), upright."""
    times: list[float]
    """Seconds from the start of the video; with a list of images, their numbers."""
    total: int
    """Frames that the video has."""


class Video(Media):
    """A video that is decoded when a model asks for frames of it."""

    __slots__ = ("_source", "name")

    def __init__(self, source: object, name: str = "") -> None:
        self._source = source
        self.name = name

    @classmethod
    def accept(cls, value: object) -> Video:
        """Take a path, URL, bytes, file object, an array of frames (T, H, W, 3), or a list of images.

        An image of the list is an array (H, W, 3), a Pillow image or an `Image`.
        A mapping with ``video``, or with ``bytes`` or ``path`` as rows of Hugging Face datasets have, is unwrapped.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            return cls._of_mapping(value)
        if (taken := take_file(value, "video", "this video")) is not None:
            return cls(*taken)
        if hasattr(value, "__array__") and len(getattr(value, "shape", ())) == 4:
            return cls(value)
        if isinstance(value, Sequence) and value and all(map(_is_frame, value)):
            check_apart(value)
            # A Pillow image becomes an Image, which is what goes to another process whole.
            return cls(tuple(each if hasattr(each, "__array__") else Image.accept(each) for each in value))
        usual = "a path, URL, bytes, file object, an array of frames (T, H, W, 3) or a list of images"
        raise not_one("a video", value, usual)

    @classmethod
    def _of_mapping(cls, value: Mapping[Any, Any]) -> Video:
        inner = value.get("video", value)
        if not isinstance(inner, Mapping):
            return cls.accept(inner)
        file, name = unpack_file(inner, "a video", 'pass {"video": …}')
        video = cls.accept(file)
        video.name = video.name or name
        return video

    def first(self, count: int, step: int = 1) -> Clip:
        """Give frames 0, step, 2 step …, `count` in all; fewer where the video ends before.

        Raises `InputUnreadable` for what is not a video or has no frames, `InputTooLarge` beyond the limits.
        """
        return self._pick(list(range(0, count * step, step)))

    def spread(self, count: int) -> Clip:
        """Give `count` frames at even distances, from the first to the last; a short video gives some twice.

        Raises as `first` does, and `BadInput` for a single frame: a model of videos would see it stand still.
        """
        total = self._total()
        if total == 1 < count:
            raise BadInput(
                f"{self._called} has one frame",
                why=f"{count} are to be looked at, and in copies of one nothing moves",
                fix="use image-classification for a still image",
            )
        clip = self._pick(_even(total, count))
        if len(clip.frames) < count:  # the file has fewer frames than it says
            clip = self._pick(_even(clip.total, count))
        return clip

    @property
    def _called(self) -> str:
        return f"'{self.name}'" if self.name else "this video"

    def _total(self) -> int:
        if isinstance(self._source, tuple) or hasattr(self._source, "__array__"):
            frames: Any = self._source
            return self._some(len(frames))
        with self._opened() as reader:
            return reader.num_frames or self._some(sum(1 for _ in self._decoded(reader)))

    def _pick(self, numbers: list[int]) -> Clip:
        """Frames of these numbers, in their order; those beyond the end are left out."""
        if isinstance(self._source, tuple) or hasattr(self._source, "__array__"):
            frames: Any = self._source
            kept = [at for at in numbers if at < self._some(len(frames))]
            picked = [_rgb(frames[at]) for at in kept]
            return Clip(self._of_one_size(picked, kept), [float(at) for at in kept], len(frames))
        found, times, seen = {}, {}, 0
        wanted = set(numbers)
        with self._opened() as reader:
            for frame in self._decoded(reader):
                seen = frame.number + 1
                if frame.number in wanted:
                    found[frame.number], times[frame.number] = frame.rgb(), frame.time_s
                if frame.number == numbers[-1]:
                    break
            total = max(seen, reader.num_frames or 0) if numbers[-1] in found else self._some(seen)
        kept = [at for at in numbers if at in found]
        return Clip(self._of_one_size([found[at] for at in kept], kept), [times[at] for at in kept], total)

    def _of_one_size(self, frames: list[NDArray[np.uint8]], numbers: list[int]) -> list[NDArray[np.uint8]]:
        for frame, number in zip(frames, numbers, strict=True):
            if frame.shape != frames[0].shape:
                (height, width, _), (other_height, other_width, _) = frames[0].shape, frame.shape
                raise BadInput(
                    f"the frames of {self._called} are not of one size",
                    why=f"frame {numbers[0]} is {width} x {height} pixels and frame {number} is "
                    f"{other_width} x {other_height}",
                    fix="resize or crop them to one size first",
                )
        return frames

    def _opened(self) -> VideoReader:
        source: Any = self._source
        label = self.name or "this video"
        if is_url(source):  # fetched whole, as images are: a player's address would name other files
            with open_source(source, "video") as file:
                source = file.read()
        reader = VideoReader(source, name=label)
        if (reader.seconds or 0) > limits().video_seconds:
            reader.close()
            raise self._too_long(f"lasts {reader.seconds or 0:,.0f} seconds", f"{limits().video_seconds:,}")
        return reader

    def _decoded(self, reader: VideoReader) -> Iterator[Frame]:
        """Yield frames, up to the limit: a file need not say how long it is, and a still one takes bytes a frame."""
        seconds = limits().video_seconds
        for frame in reader.frames():
            if frame.time_s > seconds:
                raise self._too_long(f"lasts more than {seconds:,} seconds", "that")
            if frame.number > seconds * _MOST_FRAMES:
                raise self._too_long(f"has more than {frame.number:,} frames", f"{_MOST_FRAMES} a second")
            yield frame

    def _too_long(self, what: str, limit: str) -> InputTooLarge:
        return InputTooLarge(
            f"{self._called} {what}",
            why=f"the limit is {limit}",
            fix="cut it up, or raise the limit: duomo config set limits.video_seconds N",
        )

    def _some(self, total: int) -> int:
        if total < 1:
            raise InputUnreadable(
                f"{self._called} has no frames",
                why="it ends before the first one",
                fix="check how it was recorded or copied",
            )
        return total


def _is_frame(value: object) -> bool:
    return isinstance(value, Image) or hasattr(value, "__array__") or hasattr(value, "convert")


def _rgb(frame: object) -> NDArray[np.uint8]:
    picture = frame if hasattr(frame, "__array__") else Image.accept(frame).array()
    return as_uint8(picture).copy()


def _even(total: int, count: int) -> list[int]:
    """`count` of the numbers 0 to total - 1, at even distances."""
    return [round(at * (total - 1) / max(count - 1, 1)) for at in range(count)]
