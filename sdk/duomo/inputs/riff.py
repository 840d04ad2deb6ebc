"""Whether a WAV file is as long as its header says: a decoder reads what is there, and says nothing of the rest."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

OPEN_ENDED = 0x7FFF_0000
"""From this size on a header means that nobody knew, as programs write it into a pipe."""
SLACK = 4096
"""Bytes by which programs are wrong that count their own header."""
_CHUNK = struct.Struct("<4sI")


def missing_bytes(file: BinaryIO) -> tuple[int, int]:
    """Return how many bytes of sound a WAV file promises and how many of them are missing; (0, 0) for other files.

    The file is where it was afterwards.
    """
    start = file.tell()
    try:
        if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
            return 0, 0
        end = file.seek(0, os.SEEK_END)
        at = start + 12
        while at + _CHUNK.size <= end:
            file.seek(at)
            name, size = _CHUNK.unpack(file.read(_CHUNK.size))
            at += _CHUNK.size
            if name == b"data":
                lost = size - (end - at)
                return (size, lost) if lost > SLACK and size < OPEN_ENDED else (size, 0)
            at += size + size % 2
        return 0, 0
    except (OSError, ValueError):
        return 0, 0
    finally:
        file.seek(start)
