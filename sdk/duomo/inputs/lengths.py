"""Whether a sound file is as long as it says: a decoder reads what it finds, and says nothing of the rest."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

OPEN_ENDED = 0x7FFF_0000
"""From this size on a header of 32 bits means that nobody knew, as programs write it into a pipe."""
SLACK = 4096
"""Bytes by which programs are wrong that count their own header."""
_CUT = "is cut short"
_CHAINED = "holds several recordings, one behind the other"
_ONLY_THE_FIRST = "what decodes it would read the first and leave out the others"
_FRAMES = 3000
"""Bytes of two frames of an MP3 file at most, by which tools are wrong that count the first or not."""
_TAG = 128
"""Bytes of an ID3 tag of version 1, behind the sound."""
_OGG = struct.Struct("<4sxBxxxxxxxxIxxxxxxxxB")


def doubt(file: BinaryIO) -> tuple[str, str] | None:
    """Say what is wrong with the length of a sound file, and why; None where nothing is. The file stays where it was.

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
        promised, lost = _missing(file, head, start, end)
        if lost <= 0:
            return None
        return _CUT, f"its header promises {promised:,} bytes of sound, and {lost:,} of them are missing"
    except (OSError, ValueError, struct.error):  # a decoder is to say what it is
        return None
    finally:
        file.seek(start)


def _missing(file: BinaryIO, head: bytes, start: int, end: int) -> tuple[int, int]:
    """Count the bytes of sound that are promised, and those of them that are missing."""
    if head[:4] == b".snd":
        offset, size = struct.unpack(">4xII", head)
        return _lost(size, end - start - offset)
    is_wave = head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE"
    if not is_wave and not (head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC")):
        return 0, 0
    long = 0
    for name, size, at in _chunks(file, start + 12, end, "<4sI" if is_wave else ">4sI"):
        if name == b"ds64":
            file.seek(at + 8)
            [long] = struct.unpack("<Q", file.read(8))
        if name in (b"data", b"SSND"):
            return (long, max(0, long - (end - at))) if long else _lost(size, end - at)
    return 0, 0


def _lost(size: int, there: int) -> tuple[int, int]:
    lost = size - there
    return size, lost if lost > SLACK and size < OPEN_ENDED else 0


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
            return _CUT, "its last page ends within its header"
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
            return _CUT, "its last page is not whole"
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
        return _CUT, f"its header promises {size:,} bytes of sound, and {lost:,} of them are missing"
    file.seek(start + size)
    rest = file.read(_TAG + 3)
    rest = rest[_TAG:] if rest[:3] == b"TAG" else rest
    is_more = -lost > _FRAMES and (rest[:1] == b"\xff" or rest[:3] == b"ID3")
    return (_CHAINED, _ONLY_THE_FIRST) if is_more else None
