"""Frames of a video, decoded by PyAV (extra ``video``), for whatever reads videos: files, and live sources.

`VideoReader` opens a file, bytes or the address of a stream, and says size, rate and length. Its `frames` come in
order with their time; a frame is converted to RGB, upright, only when `Frame.rgb` is called. Files are opened with the
containers in `CONTAINERS` only: playlists, which name other files and addresses, are refused.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Self, TypeVar

from duomo.errors import InputTooLarge, InputUnreadable, RequirementMissing
from duomo.inputs.containers import missing, states_length
from duomo.inputs.limits import limits
from duomo.inputs.signatures import by_command
from duomo.inputs.source import check_file

if TYPE_CHECKING:
    import av
    import numpy as np
    from numpy.typing import NDArray

_Said = TypeVar("_Said")
CONTAINERS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf,gif,mpjpeg,ivf,h264,hevc,m4v"
"""Names that FFmpeg gives to the kinds of files that are read."""
STREAMS = f"rtsp,sdp,rtp,mjpeg,{CONTAINERS}"
"""The same for addresses."""

LENGTHS = frozenset({"mov", "matroska", "avi", "flv", "ivf"})
"""Kinds of files that say in front how long they are; of others a length is estimated from what is there."""


class Frame(NamedTuple):
    """One decoded frame."""

    number: int
    """Its place in the video, from 0."""
    time_s: float
    """Seconds from the start of the video, by its own time stamp."""
    picture: av.VideoFrame
    """As the decoder gave it."""

    def rgb(self) -> NDArray[np.uint8]:
        """Convert to uint8 (H, W, 3), turned and mirrored where the video says how it was held."""
        import numpy as np

        pixels = self.picture.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
        return np.ascontiguousarray(_upright(pixels, self.picture))


def _upright(pixels: NDArray[np.uint8], picture: av.VideoFrame) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) as the display matrix says: x' = a x + c y, y' = b x + d y, by quarter turns."""
    import numpy as np
    from av.sidedata.sidedata import Type

    beside: Any = picture.side_data  # its types say that its keys are names
    found = beside.get(Type.DISPLAYMATRIX)
    if found is None:
        return pixels
    a, b, _, c, d = np.frombuffer(bytes(found), np.int32)[:5].tolist()
    if abs(b) > abs(a):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


class VideoReader:
    """An open video.

    Args:
        source: a path, bytes, or the address of a stream, which is used as it is.
        timeout_s: seconds to wait for a stream to open, and for each part of it.
        name: what errors call it; the source's own name when left out.

    Raises:
        RequirementMissing: PyAV is not installed.
        InputMissing: no such file.
        InputUnreadable: it is not a video, has no images, or cannot be reached.
        InputTooLarge: a frame has more pixels than ``limits.image_pixels``.
    """

    def __init__(self, source: str | os.PathLike[str] | bytes, *, timeout_s: float = 10.0, name: str = "") -> None:
        av = _av()
        self.name = name or (os.fspath(source) if isinstance(source, str | os.PathLike) else "this video")
        is_address = isinstance(source, str) and "://" in source
        file: str | BinaryIO
        if isinstance(source, bytes):
            file = io.BytesIO(source)
        else:
            file = str(source) if is_address else str(check_file(Path(source), "video"))
        options = {"format_whitelist": STREAMS if is_address else CONTAINERS}
        if is_address:
            options["rtsp_transport"] = "tcp"
        else:
            options["protocol_whitelist"] = "file,pipe"
        self._file = None if is_address else file
        with self._explained("open"):
            self._container = av.open(file, options=options, timeout=timeout_s if is_address else None)
        # A cover is a stream of one picture, beside sound as beside a video.
        found = self._container.streams.video
        streams = [each for each in found if not each.disposition & av.stream.Disposition.attached_pic]
        if not streams:
            self.close()
            why = "its only picture is a cover" if found else "no video stream is in it"
            raise InputUnreadable(f"'{self.name}' has no images", why=why, fix="check the file")
        self._stream = streams[0]
        # A stream whose coding nobody knows has neither a decoder nor a size.
        if getattr(self._stream, "codec_context", None) is None or not hasattr(self._stream, "width"):
            self.close()
            raise InputUnreadable(
                f"the images of '{self.name}' cannot be decoded",
                why="the file names a coding that is not known, or none: it may be damaged",
                fix=f"check what it holds: {by_command('ffprobe', self._file)}",
            )
        self._stream.thread_type = "AUTO"
        self.width, self.height = self._stream.width, self._stream.height
        self.seconds = self._length()
        """Length, as the file says; None where it does not, as streams do."""
        try:
            self._check_size(self.width, self.height)
        except InputTooLarge:
            self.close()
            raise

    @property
    def rate(self) -> float | None:
        """Frames a second on average, as the file says; None where it does not."""
        rate = self._stream.average_rate
        return float(rate) if rate else None

    def _length(self) -> float | None:
        if not self._asked(states_length, True):
            return None
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        whole = self._container.duration
        return whole / 1_000_000 if whole else None

    @property
    def num_frames(self) -> int | None:
        """Number of frames, as the file says; None where it does not."""
        return None if LENGTHS.isdisjoint(self._kinds) else self._stream.frames or None

    @property
    def _kinds(self) -> list[str]:
        kinds: list[str] = self._container.format.name.split(",")
        return kinds

    def frames(self) -> Iterator[Frame]:
        """Decode frames in order, to the end.

        Raises:
            InputUnreadable: the stream is damaged or breaks off, or ends long before the file says.
            InputTooLarge: a frame has more pixels than the file said, and than ``limits.image_pixels``.
        """
        first: float | None = None
        index, end = 0, 0.0
        decoded = self._container.decode(self._stream)
        while True:
            with self._explained("decode"):
                picture = next(decoded, None)
            if picture is None:
                self._check_end(end)
                return
            self._check_size(picture.width, picture.height)  # a coding may change its size on the way
            time_s = picture.time if picture.time is not None else index / (self.rate or 25.0)
            first = time_s if first is None else first
            end = max(end, time_s + float((picture.duration or 0) * (picture.time_base or 0)))
            yield Frame(index, time_s - first, picture)
            index += 1

    def _check_end(self, end: float) -> None:
        """Refuse a file that was cut short: many decoders end there as if the video did.

        Only files whose header says a length are compared, and of those with one length for all streams only the ones
        without sound, which may go on behind the images. Three frames, or a twentieth, are left for rounding.
        Of all files the last part must be whole, where their container says how large it is.
        """
        kinds, rate = self._kinds, self.rate or 25.0
        is_own = self._stream.duration is not None or len(self._container.streams) == 1
        # FFmpeg makes the length of an AVI from the bytes that are there; the number of frames is the header's.
        seconds = (self.num_frames or 0) / rate if "avi" in kinds else self.seconds or 0.0
        why = ""
        if is_own and not LENGTHS.isdisjoint(kinds) and seconds - end > max(3 / rate, seconds / 20):
            why = f"it says {seconds:,.1f} seconds, and its images end after {end:,.1f}"
        if why := why or self._asked(missing, ""):
            raise InputUnreadable(
                f"'{self.name}' is cut short",
                why=why,
                fix="copy it again; to use what is there: ffmpeg -i IN -c copy OUT",
            )

    def _asked(self, ask: Callable[[BinaryIO], _Said], otherwise: _Said) -> _Said:
        """What the bytes of a file say; `otherwise` of a stream, which has no end."""
        if isinstance(self._file, str):
            with open(self._file, "rb") as file:
                return ask(file)
        return otherwise if self._file is None else ask(self._file)

    def _check_size(self, width: int, height: int) -> None:
        if width * height > limits().image_pixels:
            raise InputTooLarge(
                f"'{self.name}' has frames of {width} x {height} pixels",
                why=f"the limit is {limits().image_pixels:,} pixels",
                fix=f"duomo config set limits.image_pixels {width * height}",
            )

    def close(self) -> None:
        """Close the file or the connection."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _explained(self, step: str) -> Iterator[None]:
        """Raise what FFmpeg says in our words."""
        av = _av()
        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            why = getattr(error, "strerror", "") or str(error) or type(error).__name__
            raise InputUnreadable(
                f"cannot {step} '{self.name}' as a video",
                why=why,
                fix=f"check what it holds: {by_command('ffprobe', self._file)}"
                if "://" not in self.name
                else "check the address and the network",
            ) from None


def lossless(frames: Sequence[NDArray[np.uint8]]) -> bytes:
    """Write RGB frames of one size as a video (FFV1 in Matroska) that gives the same frames, one a second."""
    buffer = io.BytesIO()
    av = _av()
    with av.open(buffer, "w", format="matroska", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("ffv1", rate=1)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def _av() -> ModuleType:
    """PyAV, imported late. Raises `RequirementMissing`."""
    try:
        import av
    except ImportError as error:
        raise RequirementMissing("reading video needs PyAV", why=str(error), fix="pip install 'duomo[video]'") from None
    # What goes wrong is raised. With a level, messages of FFmpeg's threads go through Python, which waits for them.
    av.logging.set_level(None)
    return av
