"""Whether a video file ends within one of its parts: what decodes it reads what is there, and says nothing."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from duomo.inputs.lengths import CUT, OPEN_ENDED, SLACK, doubt


class _Part(NamedTuple):
    """A part of a file."""

    name: str
    at: int
    end: int
    """Where it ends, by its own size."""


def missing(file: BinaryIO) -> str:
    """Say what is missing at the end of a video file; nothing where its container cannot tell, or says it is whole.

    Known are MP4 and MOV, Matroska and WebM, AVI, MPEG-TS, FLV, Ogg, ASF and GIF. It is looked at from its first byte,
    and stays where it was.
    """
    place = file.tell()
    try:
        end = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(16)
        for kind, parts in _KINDS:
            if kind(head):
                return _beyond(parts(file, 0, end), end)
        if head[:4] == b"OggS":
            file.seek(0)
            found = doubt(file)
            return found[1] if found is not None and found[0] == CUT else ""
        return ""
    except (OSError, ValueError, struct.error, IndexError):  # what it is a decoder is to say
        return ""
    finally:
        file.seek(place)


def states_length(file: BinaryIO) -> bool:
    """Whether a file of Matroska or FLV says how long it is: if not, FFmpeg reckons it from the rate of bits.

    Files of other kinds are taken to say it. The file stays where it was.
    """
    place = file.tell()
    try:
        end = file.seek(0, os.SEEK_END)
        head = _read(file, 0, 4)
        if head[:3] == b"FLV":
            found = _read(file, 0, min(end, _FLV_HEAD)).partition(b"duration\0")[2][:8]
            return any(found)
        if head != b"\x1a\x45\xdf\xa3":
            return True
        parts = _elements(file, 0, end, (_SEGMENT, _CLUSTER))
        info = next((part for part in parts if part.name == "information"), None)
        return info is not None and b"\x44\x89" in _read(file, info.at, info.end - info.at)
    except (OSError, ValueError, struct.error, IndexError):
        return False
    finally:
        file.seek(place)


def _beyond(parts: Iterator[_Part], end: int) -> str:
    for part in parts:
        if part.end > end:
            return f"its {part.name} takes {part.end - part.at:,} bytes, and {part.end - end:,} of them are missing"
    return ""


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    found = file.read(size)
    if len(found) < size:
        raise ValueError("the end")
    return found


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[_Part]:
    """Boxes of MP4 and MOV."""
    while at + 8 <= end:
        size, name = struct.unpack(">I4s", _read(file, at, 8))
        if size == 1:
            [size] = struct.unpack(">Q", _read(file, at + 8, 8))
        if size < 8 or not (name.isascii() and name.decode().isprintable()):
            return  # the last box goes on to the end, or what follows is none
        yield _Part(f"last box, {name.decode()},", at, at + size)
        at += size


_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_NAMES = {_SEGMENT: "segment", b"\x15\x49\xa9\x66": "information"}
_FLV_HEAD = 4096
"""Bytes in which a file of FLV describes itself."""


def _elements(file: BinaryIO, at: int, end: int, opened: tuple[bytes, ...] = ()) -> Iterator[_Part]:
    """Elements of Matroska; what is in them for those in `opened`, and where live ones leave their size open."""
    while at < end:
        begin = at
        length = _vint_length(_read(file, at, 1)[0])
        name = _read(file, at, length)
        at += length
        length = _vint_length(_read(file, at, 1)[0])
        size = int.from_bytes(_read(file, at, length)) & ((1 << 7 * length) - 1)
        at += length
        is_open = size == (1 << 7 * length) - 1
        if is_open and name not in (_SEGMENT, _CLUSTER):
            return
        if is_open or name in opened:
            continue
        at += size
        yield _Part(_NAMES.get(name, "last element"), begin, at)


def _vint_length(first: int) -> int:
    if not first:
        raise ValueError("not an element")
    return 9 - first.bit_length()


def _riffs(file: BinaryIO, at: int, end: int) -> Iterator[_Part]:
    """Chunks of AVI; more than 1 GB has several."""
    while at + 8 <= end:
        name, size = struct.unpack("<4sI", _read(file, at, 8))
        if name not in (b"RIFF", b"JUNK", b"idx1") or not 0 < size < OPEN_ENDED:
            return
        yield _Part("last chunk", at, at + 8 + size - SLACK)
        at += 8 + size + size % 2


def _packets(file: BinaryIO, at: int, end: int) -> Iterator[_Part]:
    """Give the last packet of MPEG-TS, if packets follow one another to the end."""
    for size, before in ((188, 0), (192, 4), (204, 0)):
        last = at + (end - at) // size * size
        if last + before < end and all(_read(file, each + before, 1) == b"\x47" for each in (at, at + size, last)):
            yield _Part("last packet", last, last + size)
            return


def _tags(file: BinaryIO, at: int, end: int) -> Iterator[_Part]:
    """Tags of FLV."""
    [size] = struct.unpack(">I", _read(file, at + 5, 4))
    at += size + 4
    while at + 11 <= end:
        kind, high, low = struct.unpack(">BBH", _read(file, at, 4))
        if kind & 0x1F not in (8, 9, 18):
            return
        yield _Part("last tag", at, at + 11 + (high << 16 | low))
        at += 11 + (high << 16 | low) + 4
    if at < end:
        yield _Part("last tag", at, at + 11)


_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def _whole_asf(file: BinaryIO, at: int, end: int) -> Iterator[_Part]:
    """Give a file of ASF, by the size that its header states; a broadcast states none."""
    [size] = struct.unpack("<Q", _read(file, at + 16, 8))
    head = _read(file, at, min(size, end - at))
    found = head.find(_ASF_PROPERTIES)
    if found >= 0:
        [whole] = struct.unpack_from("<Q", head, found + 40)
        [flags] = struct.unpack_from("<I", head, found + 88)
        if not flags & 1:
            yield _Part("content", at, at + whole)


def _blocks(file: BinaryIO, at: int, end: int) -> Iterator[_Part]:
    """Blocks of GIF."""
    at += 13 + _colours(_read(file, at + 10, 1)[0])
    while at < end:
        kind = _read(file, at, 1)
        begin = at
        if kind == b"!":
            at += 2
        elif kind == b",":
            at += 11 + _colours((_read(file, at, 10) if at + 10 <= end else b"\0" * 10)[9])
        else:
            return  # its trailer, or what is not a block
        while at < end and (size := _read(file, at, 1)[0]):
            at += 1 + size
        at += 1
        yield _Part("last block", begin, at)


def _colours(flags: int) -> int:
    """Bytes of the table of colours that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


_KINDS: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO, int, int], Iterator[_Part]]], ...] = (
    (lambda head: head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof"), _boxes),
    (lambda head: head[:4] == b"\x1a\x45\xdf\xa3", _elements),
    (lambda head: head[:4] == b"RIFF" and head[8:11] == b"AVI", _riffs),
    (lambda head: (head[:1] == b"\x47" and head[:3] != b"GIF") or head[4:5] == b"\x47", _packets),
    (lambda head: head[:3] == b"FLV", _tags),
    (lambda head: head == _ASF, _whole_asf),
    (lambda head: head[:3] == b"GIF", _blocks),
)
