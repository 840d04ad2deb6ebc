"""A recording as libsndfile reads it, whatever its header says."""

from __future__ import annotations

import os
from typing import BinaryIO


class ForgivingFile:
    """A file for libsndfile, which looks where damaged headers point; an exception there would go to stderr."""

    def __init__(self, file: BinaryIO, otherwise: tuple[int, bytes] | None) -> None:
        self._file = file
        self._otherwise = otherwise
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        """Read on; a size that its writer never filled in is there."""
        start = self._file.tell()
        found = self._file.read(size)
        if self._otherwise is None or not start <= self._otherwise[0] < start + len(found):
            return found
        at, new = self._otherwise[0] - start, self._otherwise[1]
        return (found[:at] + new + found[at + len(new) :])[: len(found)]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Stay where it is when asked for a place before the start."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return self._file.tell()
