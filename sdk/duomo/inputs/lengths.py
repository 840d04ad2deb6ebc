"""Whether a sound file is as long as it says: a decoder reads what it finds, and says nothing of the rest."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

OPEN_ENDED = 0x7FFF_0000
"""From this size on a header of 32 bits means that nobody knew, as programs write it into a pipe."""
SLACK = 4096
"""Bytes by which programs are wrong that count their own header."""
CUT = "is cut short"
_CHAINED = "holds several recordings, one behind the other"
_ONLY_THE_FIRST = "what decodes it would read the first and leave out the others"
_FRAMES = 3000
"""Bytes of two frames of an MP3 file at most, by which tools are wrong that count the first or not."""
_TAG = 128
"""Bytes of an ID3 tag of version 1, behind the sound."""
_OGG = struct.Struct("<4sxBxxxxxxxxIxxxxxxxxB")


def doubt(file: BinaryIO) -> tuple[str, str] | None:
    """Say what is wrong with the length of a sound file or of its samples, and why; None where nothing is.

    The file stays where it was.

    WAV, AIFF and AU files state the bytes of their sound; an Ogg file ends with a whole page, and an MP3 file that a
    tool has measured where it says. Files of other formats are left to their decoders.
    """
    start = file.tell()
    try:
        head = file.read(12)
        end = file.seek(0, os.SEEK_END)
        if head[:4] == b"OggS":
            return _of_pages(file, start, end)
        if head[:3] == b"ID3" or head[:1] == b"\xff":
            return _of_mp3(file, start, end)
        return _of_samples(file, head, start, end) or _of_chunk(file, head, start, end)
    except (OSError, ValueError, struct.error):  # a decoder is to say what it is
        return None
    finally:
        file.seek(start)


def unfilled(file: BinaryIO) -> tuple[int, bytes] | None:
    """Give the place and the bytes of the size of the sound, where a program left it at nought and went on writing.

    A recorder that writes into a pipe, or was ended, never comes back to its header; None for other files.
    """
    start = file.tell()
    try:
        head = file.read(12)
        end = file.seek(0, os.SEEK_END)
        stated = _stated(file, head, start, end)
        if stated is None or stated.size > stated.least or _are_chunks(file, stated.at + stated.size, end):
            return None
        most = 2 ** (8 * struct.calcsize(stated.layout)) - 1
        return stated.field, struct.pack(stated.layout, min(end - stated.at, most))
    except (OSError, ValueError, struct.error):
        return None
    finally:
        file.seek(start)


class _Stated(NamedTuple):
    """What a file says of its sound."""

    size: int
    """Bytes."""
    at: int
    """Where they begin."""
    field: int
    """Where the size is written."""
    layout: str
    least: int = 0
    """The size of no sound at all."""


def _stated(file: BinaryIO, head: bytes, start: int, end: int) -> _Stated | None:
    if head[:4] == b".snd":
        offset, size = struct.unpack(">4xII", head)
        return _Stated(size, start + offset, start + 8, ">I")
    is_wave = head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE"
    if not is_wave and not (head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC")):
        return None
    long, field = 0, 0
    for name, size, at in _chunks(file, start + 12, end, "<4sI" if is_wave else ">4sI"):
        if name == b"ds64":
            field = at + 8
            file.seek(field)
            [long] = struct.unpack("<Q", file.read(8))
        elif name == b"data":
            return _Stated(long, at, field, "<Q") if field and size >= OPEN_ENDED else _Stated(size, at, at - 4, "<I")
        elif name == b"SSND":
            return _Stated(size, at, at - 4, ">I", 8)
    return None


def _of_samples(file: BinaryIO, head: bytes, start: int, end: int) -> tuple[str, str] | None:
    """Doubt WAV files whose header contradicts itself on how many bytes a sample takes."""
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return None
    for name, _, at in _chunks(file, start + 12, end, "<4sI"):
        if name == b"fmt ":
            file.seek(at)
            kind, channels, block, bits = struct.unpack("<HH8xHH", file.read(16))
            if kind == 1 and bits == 24 and block == 4 * channels:
                return (
                    "does not say where its samples begin",
                    "they have 24 bits, and take 32: as whole numbers or as floats; read as 24 they would be noise",
                )
            return None
    return None


def _of_chunk(file: BinaryIO, head: bytes, start: int, end: int) -> tuple[str, str] | None:
    """Compare the size that a WAV, AIFF or AU file states with what is there."""
    stated = _stated(file, head, start, end)
    if stated is None or stated.size <= stated.least:
        return None
    size, there = stated.size, end - stated.at
    known = stated.layout == "<Q" or size < OPEN_ENDED
    if known and size - there > (0 if stated.layout == "<Q" else SLACK):
        return CUT, f"its header promises {size:,} bytes of sound, and {size - there:,} of them are missing"
    if there - size > SLACK and not _are_chunks(file, stated.at + size + size % 2, end):
        return (
            "holds more than its header says",
            f"it promises {size:,} bytes of sound, {there:,} are there, and what decodes it would leave out the others",
        )
    return None


def _are_chunks(file: BinaryIO, at: int, end: int) -> bool:
    """Whether from here on there is no sound: chunks of a file, tags, zeros or nothing."""
    while at + 8 <= end:
        file.seek(at)
        head = file.read(8)
        if head[:3] in (b"ID3", b"TAG", b"APE") or not any(head):
            return True
        if not (head[:4].isascii() and head[:4].decode().isprintable()):
            return False
        size = min(int.from_bytes(head[4:], order) for order in ("little", "big"))
        if at + 8 + size > end + 1:
            return False
        at += 8 + size + size % 2
    return True


def _chunks(file: BinaryIO, at: int, end: int, layout: str) -> Iterator[tuple[bytes, int, int]]:
    """Name and size of each chunk, and where its content begins."""
    while at + 8 <= end:
        file.seek(at)
        name, size = struct.unpack(layout, file.read(8))
        yield name, size, at + 8
        at += 8 + size + size % 2


def _of_pages(file: BinaryIO, at: int, end: int) -> tuple[str, str] | None:
    is_begun = False
    while at < end:
        file.seek(at)
        header = file.read(_OGG.size)
        if len(header) < _OGG.size:
            return CUT, "its last page ends within its header"
        magic, kind, _, segments = _OGG.unpack(header)
        if magic != b"OggS":
            return None  # something else follows, or a damaged page, which the decoder skips
        is_first = bool(kind & 2)
        if is_first and is_begun:
            return _CHAINED, _ONLY_THE_FIRST
        is_begun = is_begun or not is_first
        sizes = file.read(segments)
        at += _OGG.size + segments + sum(sizes)
        if len(sizes) < segments or at > end:
            return CUT, "its last page is not whole"
    return None


def _of_mp3(file: BinaryIO, start: int, end: int) -> tuple[str, str] | None:
    """Compare where the first frame says that the sound ends, if it does, with where the file ends."""
    file.seek(start)
    head = file.read(10)
    if head[:3] == b"ID3":
        start += 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    file.seek(start)
    frame = file.read(200)
    if frame[:4] in (b"RIFF", b"FORM"):
        return "has an ID3 tag in front of its header", "what decodes it would lose as many bytes at its end"
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if frame[:1] != b"\xff" or not 0 < at <= 40:
        return None
    flags, first, second = struct.unpack_from(">III", frame, at + 4)
    if not flags & 2:
        return None
    size = second if flags & 1 else first
    lost = size - (end - start)
    if lost > SLACK:
        return CUT, f"its header promises {size:,} bytes of sound, and {lost:,} of them are missing"
    file.seek(start + size)
    rest = file.read(_TAG + 3)
    rest = rest[_TAG:] if rest[:3] == b"TAG" else rest
    is_more = -lost > _FRAMES and (rest[:1] == b"\xff" or rest[:3] == b"ID3")
    return (_CHAINED, _ONLY_THE_FIRST) if is_more else None
