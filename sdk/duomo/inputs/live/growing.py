"""A WAV file that is still being written, heard as it grows."""

from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Iterator
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from duomo.errors import InputMissing, InputUnreadable
from duomo.inputs.audio import Audio
from duomo.inputs.live.reader import Arrival, Reader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE = 16_000
LOOK_S = 0.1
"""Between two looks at the file."""
MOST_HEADER = 1 << 16
"""Bytes before the samples."""
KINDS = {(1, 16): "<i2", (3, 32): "<f4"}
"""Integers and floats, by format and bits."""
CONTEXT_S = 0.02
"""Sound on either side of a piece that is resampled with it, so that the joins do not show."""


class Form(NamedTuple):
    """What the header says."""

    kind: str
    """Type of a sample, as NumPy names it."""
    channels: int
    rate: int
    begin: int
    """The byte of the first sample."""
    size: int
    """Bytes of samples by the header, which may be wrong while the file is written."""


class Growing(Reader):
    """Items are ``(samples, 16000)`` of `seconds` each, from the file's beginning.

    The length in the header is believed while it fits the file, so that a list of titles behind the samples is not
    heard; who is still writing does not know it.

    Args:
        path: the file, which must be there; it may be empty.
        seconds: length of an item.
        idle_s: the source ends when the file has not grown for so long; never when 0.
    """

    reconnects = False

    def __init__(self, path: str | os.PathLike[str], *, seconds: float = 0.5, idle_s: float = 0.0) -> None:
        self.path = Path(path)
        self.name = str(path)
        self.seconds = seconds
        self.idle_s = idle_s
        self._file: BinaryIO | None = None

    def open(self) -> None:
        try:
            self._file = self.path.open("rb")
        except FileNotFoundError:
            raise InputMissing(
                f"no audio file at '{self.path}'",
                why=f"looked in {self.path.absolute().parent}",
                fix="start the recording first, or check the path",
            ) from None
        except OSError as error:
            raise InputUnreadable(
                f"cannot read '{self.path}'", why=error.strerror or str(error), fix="name a file"
            ) from None
        try:
            form_of(self._file.read(MOST_HEADER), self.name)
        except InputUnreadable:
            self.close()
            raise

    def read(self, stop: threading.Event) -> Iterator[Arrival]:
        assert self._file is not None
        found = None
        for _ in self._grown(stop):
            self._file.seek(0)
            found = form_of(self._file.read(MOST_HEADER), self.name)
            if found is not None:
                break
        if found is None:
            return
        unit = found.rate // gcd(found.rate, RATE)  # of as many samples, a whole number remains
        size = max(1, round(self.seconds * found.rate / unit)) * unit
        context = -(-int(CONTEXT_S * found.rate) // unit) * unit if found.rate != RATE else 0
        held, before, at, place = b"", 0, 0, found.begin
        width = int(found.kind[-1]) * found.channels
        for _ in self._grown(stop):
            end = self._end()
            self._file.seek(place)
            while part := self._file.read(min(1 << 20, max(0, end - place))):
                held += part
                place += len(part)
                while len(held) >= (before + size + context) * width:
                    yield self._item(held[: (before + size + context) * width], found, before, size, at)
                    kept = min(context, before + size)
                    held = held[(before + size - kept) * width :]
                    before, at = kept, at + size
        rest = len(held) // width - before
        if rest > 0:
            yield self._item(held[: (before + rest) * width], found, before, rest, at)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _end(self) -> int:
        """The byte behind the samples that there are."""
        assert self._file is not None
        self._file.seek(0)
        header = self._file.read(MOST_HEADER)
        there, form = os.fstat(self._file.fileno()).st_size, form_of(header, self.name)
        is_whole = int.from_bytes(header[4:8], "little") + 8 == there
        return min(there, form.begin + form.size) if is_whole and form else there

    def _grown(self, stop: threading.Event) -> Iterator[None]:
        """Give whenever the file is longer than before; end with `stop`, or when it has not grown for `idle_s`."""
        size, since = -1, time.monotonic()
        while True:
            now = self.path.stat().st_size if self.path.exists() else size
            if now > size:
                size, since = now, time.monotonic()
                yield
            elif (self.idle_s and time.monotonic() - since > self.idle_s) or stop.wait(LOOK_S):
                return

    def _item(self, data: bytes, form: Form, before: int, size: int, at: int) -> Arrival:
        import numpy as np

        frames = np.frombuffer(data, form.kind).reshape(-1, form.channels)
        scale = np.float32(32768 if form.kind == "<i2" else 1)
        mono: NDArray[np.float32] = (frames.astype(np.float32) / scale).mean(axis=1, dtype=np.float32)
        name = f"{self.name}@{at / form.rate:g}s"
        if form.rate == RATE:
            return Arrival((mono, RATE), time.time(), name)
        whole = Audio.accept((mono, form.rate)).samples(RATE)
        start, stop = (place * RATE // form.rate for place in (before, before + size))
        return Arrival((whole[start:stop], RATE), time.time(), name)


def form_of(header: bytes, name: str) -> Form | None:
    """Read the header; None for one that is not whole yet. Raises `InputUnreadable` for another kind of file."""
    if not (b"RIFF".startswith(header[:4]) and (len(header) < 12 or header[8:12] == b"WAVE")):
        raise _not_wav(name, "it does not begin as a WAV file")
    at, about = 12, None
    while len(header) >= at + 8:
        chunk, size = header[at : at + 4], struct.unpack_from("<I", header, at + 4)[0]
        if chunk == b"fmt " and len(header) >= at + 24:
            tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", header, at + 8)
            kind = KINDS.get((3 if tag == 0xFFFE and bits == 32 else 1 if tag == 0xFFFE else tag, bits))
            if kind is None or not channels or not rate:
                raise _not_wav(name, f"its samples are of format {tag} with {bits} bits")
            about = kind, channels, rate
        if chunk == b"data":
            if about is None:
                raise _not_wav(name, "its samples come before their description")
            return Form(*about, at + 8, size)
        at += 8 + size + size % 2
    if len(header) >= MOST_HEADER:
        raise _not_wav(name, f"there are no samples in its first {MOST_HEADER:,} bytes")
    return None


def _not_wav(name: str, why: str) -> InputUnreadable:
    return InputUnreadable(
        f"'{name}' cannot be heard as it grows", why=why, fix="record WAV of 16 bits: arecord -f S16_LE call.wav"
    )
