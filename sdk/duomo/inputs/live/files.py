"""Files as live sources: one that grows, line by line, and a folder that fills."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from duomo.errors import InputMissing, InputUnreadable
from duomo.inputs.live.reader import Arrival, Reader
from duomo.inputs.source import check_file, is_hidden

LOOK_S = 0.1
"""How often a file or folder is looked at."""
LONGEST_LINE = 16 * 1024**2
"""Bytes that may come without a line end."""
SETTLE_S = 2.0
"""How long a file must have stayed the same where the system does not say that its writer has closed it."""
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
    """A folder that fills: each file that appears, once nobody writes it any more, as a path.

    One that is written again later comes again, as ``redelivered``.

    Args:
        path: the folder, which must be there.
        suffixes: endings of the files that count; all when empty.
        from_start: whether files that are there already count.
        settle_s: seconds for which an empty file must have stayed the same, and any other where the system does not
            say whether it is open: it does on Linux, of files of one's own on a local disk.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        suffixes: tuple[str, ...] = (),
        from_start: bool = False,
        settle_s: float = SETTLE_S,
    ) -> None:
        self.path = Path(path)
        self.name = str(path)
        self.suffixes = tuple(each.lower() for each in suffixes)
        self.settle_s = settle_s
        self._from_start = from_start
        self._done: dict[str, tuple[int, bool]] | None = None
        """Files that are there and need not be given, with their times of change, and whether they were given."""

    def open(self) -> None:
        if not self.path.is_dir():
            raise InputMissing(
                f"no folder at '{self.path}'",
                why=f"looked in {self.path.absolute().parent}",
                fix="create it, or check the path",
            )
        if self._done is None:
            self._done = {} if self._from_start else {name: (stamp, False) for name, _, stamp in self._listed()}

    def read(self, stop: threading.Event) -> Iterator[Arrival]:
        assert self._done is not None
        growing: dict[str, tuple[int, int, float]] = {}
        while not stop.is_set():
            listed = sorted(self._listed(), key=lambda each: (each[2], each[0]))
            for known in (self._done, growing):  # what was taken away is forgotten
                for name in known.keys() - {name for name, _, _ in listed}:
                    del known[name]
            for name, size, stamp in listed:
                done, is_again = self._done.get(name, (-1, False))
                if done == stamp:
                    continue
                *seen, since = growing.get(name, (-1, 0, 0.0))
                if seen != [size, stamp]:
                    growing[name] = (size, stamp, time.monotonic())
                    continue
                path, is_written = self.path / name, _is_written(self.path / name)
                wait_s = 0.0 if size and is_written is False else self.settle_s
                if not is_written and time.monotonic() - since >= wait_s:
                    self._done[name] = stamp, True
                    growing.pop(name)
                    yield Arrival(path, stamp / 1e9, str(path), redelivered=is_again)
            stop.wait(LOOK_S)

    def _listed(self) -> list[tuple[str, int, int]]:
        """Name, size and time of change of each file that counts; raises `OSError` when the folder is gone."""
        found = []
        for entry in os.scandir(self.path):
            name = entry.name.lower()
            if is_hidden(name) or name.endswith(PARTIAL) or (self.suffixes and not name.endswith(self.suffixes)):
                continue
            try:
                if entry.is_file():
                    state = entry.stat()
                    found.append((entry.name, state.st_size, state.st_mtime_ns))
            except FileNotFoundError:  # gone again
                continue
        return found


def _is_written(path: Path) -> bool | None:
    """Whether somebody has a file open to write it; None where the system does not say."""
    if sys.platform != "linux":
        return None
    import fcntl

    try:
        with path.open("rb") as file:
            # A lease is refused while there is a writer. The signal to whom holds it would end this process if it came
            # before the lease is given back, so it is one that is ignored.
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:  # another's file, a network drive, or gone again
        return None
    return False
