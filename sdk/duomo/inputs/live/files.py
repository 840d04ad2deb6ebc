"""Files as live sources: one that grows, line by line, and a folder that fills."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from duomo.errors import InputMissing, InputUnreadable
from duomo.inputs.live.reader import Arrival, Reader
from duomo.inputs.source import check_file

LOOK_S = 0.1
"""How often a file or folder is looked at."""
LONGEST_LINE = 16 * 1024**2
"""Bytes that may come without a line end."""
PARTIAL = (".part", ".partial", ".tmp", ".crdownload")
"""Endings of files that someone is still writing."""


class Tail(Reader):
    """A file that grows: each whole line that is added, as bytes; lost and created again, it is read from its start.

    Args:
        path: the file, which must be there.
        from_start: whether lines that are there already count.
    """

    def __init__(self, path: str | os.PathLike[str], *, from_start: bool = False) -> None:
        self.path = Path(path)
        self.name = str(path)
        self._from_start = from_start
        self._file: BinaryIO | None = None

    def open(self) -> None:
        if self._file is not None:
            return
        if not (self.path.is_file() and self.path.stat().st_size == 0):  # an empty one will grow
            check_file(self.path, "text")
        try:
            self._file = self.path.open("rb")
        except OSError as error:
            raise InputUnreadable(
                f"cannot read '{self.path}'", why=error.strerror or str(error), fix="check its permissions"
            ) from None
        if not self._from_start:
            self._file.seek(0, os.SEEK_END)
        self._from_start = True  # what replaces it is new

    def read(self, stop: threading.Event) -> Iterator[Arrival]:
        assert self._file is not None
        begun, number = b"", 0
        while True:
            part = self._file.read(1 << 16)
            if not part:
                is_replaced = self._was_replaced()
                part = self._file.read(1 << 16) if is_replaced else b""  # the last lines before it was
            if not part:
                if is_replaced:
                    self._file.close()
                    self._file = self.path.open("rb")
                    begun = b""
                    continue
                if stop.wait(LOOK_S):
                    return
                continue
            *lines, begun = (begun + part).split(b"\n")
            for line in lines:
                number += 1
                if line.strip():
                    yield Arrival(line.rstrip(b"\r"), time.time(), f"{self.name}:{number}")
            if len(begun) > LONGEST_LINE:
                raise InputUnreadable(
                    f"'{self.path}' has a line of more than {LONGEST_LINE:,} bytes",
                    why="a line is one input",
                    fix="check what writes it: is it text?",
                )

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _was_replaced(self) -> bool:
        """Whether another file has its name now, or it was cut shorter."""
        assert self._file is not None
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return False  # moved away; its successor will come
        own = os.fstat(self._file.fileno())
        return (now.st_dev, now.st_ino) != (own.st_dev, own.st_ino) or now.st_size < self._file.tell()


class Folder(Reader):
    """A folder that fills: each file that appears, once it has stopped growing, as a path.

    Args:
        path: the folder, which must be there.
        suffixes: endings of the files that count; all when empty.
        from_start: whether files that are there already count.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, suffixes: tuple[str, ...] = (), from_start: bool = False
    ) -> None:
        self.path = Path(path)
        self.name = str(path)
        self.suffixes = tuple(each.lower() for each in suffixes)
        self._from_start = from_start
        self._done: dict[str, int] | None = None
        """Files that are there and were given, with their times of change."""

    def open(self) -> None:
        if not self.path.is_dir():
            raise InputMissing(
                f"no folder at '{self.path}'",
                why=f"looked in {self.path.absolute().parent}",
                fix="create it, or check the path",
            )
        if self._done is None:
            self._done = {} if self._from_start else {name: stamp for name, _, stamp in self._listed()}

    def read(self, stop: threading.Event) -> Iterator[Arrival]:
        assert self._done is not None
        growing: dict[str, tuple[int, int]] = {}
        while not stop.is_set():
            listed = sorted(self._listed(), key=lambda each: (each[2], each[0]))
            for known in (self._done, growing):  # what was taken away is forgotten
                for name in known.keys() - {name for name, _, _ in listed}:
                    del known[name]
            for name, size, stamp in listed:
                if self._done.get(name) == stamp:
                    continue
                if growing.get(name) == (size, stamp) and size:
                    self._done[name] = stamp
                    growing.pop(name)
                    path = self.path / name
                    yield Arrival(path, stamp / 1e9, str(path))
                else:
                    growing[name] = (size, stamp)
            stop.wait(LOOK_S)

    def _listed(self) -> list[tuple[str, int, int]]:
        """Name, size and time of change of each file that counts; raises `OSError` when the folder is gone."""
        found = []
        for entry in os.scandir(self.path):
            name = entry.name.lower()
            if name.startswith(".") or name.endswith(PARTIAL) or (self.suffixes and not name.endswith(self.suffixes)):
                continue
            try:
                if entry.is_file():
                    state = entry.stat()
                    found.append((entry.name, state.st_size, state.st_mtime_ns))
            except FileNotFoundError:  # gone again
                continue
        return found
