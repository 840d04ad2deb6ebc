"""Frames of a camera or a video, by PyAV: at the pace of their time stamps, or as fast as they are taken."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

from duomo.inputs.frames import VideoReader
from duomo.inputs.live.reader import Arrival, Reader


class Camera(Reader):
    """A stream such as ``rtsp://…``, or a video file; items are frames as arrays (H, W, 3).

    Args:
        source: an address, or the path of a file.
        speed: of a file: times faster than it was taken; 0 reads as fast as frames are taken. Streams keep their own.
        timeout_s: seconds to wait for a stream.
    """

    reconnects = True

    def __init__(self, source: str | os.PathLike[str], *, speed: float = 1.0, timeout_s: float = 10.0) -> None:
        self.source = source
        self.name = os.fspath(source)
        self.is_stream = isinstance(source, str) and "://" in source
        self.speed = 0.0 if self.is_stream else speed
        self.timeout_s = timeout_s
        self._video: VideoReader | None = None
        self._number = 0

    def open(self) -> None:
        self._video = VideoReader(self.source, timeout_s=self.timeout_s)

    def read(self, stop: threading.Event) -> Iterator[Arrival]:
        assert self._video is not None
        start = time.monotonic()
        for frame in self._video.frames():
            late = self.speed and frame.time_s / self.speed - (time.monotonic() - start)
            if late > 0 and stop.wait(late):
                return
            yield Arrival(frame.rgb(), time.time(), f"{self.name}#{self._number}")
            self._number += 1
            if stop.is_set():
                return
        if self.is_stream:
            raise ConnectionError("the stream has ended")

    def close(self) -> None:
        if self._video is not None:
            self._video.close()
            self._video = None
