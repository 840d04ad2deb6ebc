"""What every writer of outcomes does."""

from __future__ import annotations

import contextlib
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from duomo.errors import CannotWrite
from duomo.locking import try_lock
from duomo.outcome import Outcome


class Writer(ABC):
    """Writes outcomes; use it in a ``with``. Raises `CannotWrite` when the disk is full or the place read-only."""

    files: list[str]
    """Names of the files written; empty for a stream."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self.files) or 'a stream'}>"

    @abstractmethod
    def write(self, outcome: Outcome[Any]) -> None:
        """Add the next outcome."""

    @abstractmethod
    def close(self, *, complete: bool = True) -> None:
        """End the file; `complete` says whether all outcomes of the run are in it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            with contextlib.suppress(CannotWrite):  # what ended the run is what the user should hear of
                self.close(complete=False)


class WholeFileWriter(Writer):
    """Writes a file that is of use only when it is complete.

    Until then it is ``NAME.partial`` beside its place; that is what a run that did not come to its end leaves, and a
    finished file of an earlier run stays as it was.
    """

    path: Path

    def begin(self, path: str | os.PathLike[str]) -> None:
        """Open the file beside its place."""
        self.path = Path(path)
        in_place = self.path.exists() and not self.path.is_file()  # a device, such as /dev/null, is not replaced
        self.partial = self.path if in_place else self.path.with_name(self.path.name + ".partial")
        """The file until it is complete."""
        self.files = [str(self.partial)]
        self._sink = open_alone(self.partial, self.path)

    @abstractmethod
    def finish(self) -> None:
        """Write what is left; the file is closed then."""

    def close(self, *, complete: bool = True) -> None:
        with explain_os_errors(self.path):
            with self._sink:
                self.finish()
            if complete:
                if self.partial != self.path:
                    os.replace(self.partial, self.path)
                self.files = [str(self.path)]


@contextlib.contextmanager
def explain_os_errors(path: Path) -> Iterator[None]:
    """Raise `CannotWrite` with a remedy for an `OSError` inside the block."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(
            f"'{path}' cannot be written",
            why=error.strerror or str(error),
            fix="make room or choose another place; with a store, the same call goes on where this one ended",
        ) from error


def open_alone(place: Path, path: Path, *, keep: bool = False) -> IO[bytes]:
    """Open a file to write that no other writer has open; one of two would write into the rows of the other.

    Args:
        place: the file to open.
        path: what it is to be in the end, for errors.
        keep: leave what is in it, to be read and written over.

    Raises:
        CannotWrite: another writer has it, or the place is read-only or not there.
    """
    with explain_os_errors(path):
        flags = os.O_CREAT | getattr(os, "O_BINARY", 0) | (os.O_RDWR if keep else os.O_WRONLY)
        file: IO[bytes] = os.fdopen(os.open(place, flags, 0o666), "r+b" if keep else "wb")
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # two may share /dev/null or a pipe
            alone = True
            with contextlib.suppress(OSError):  # a file system without locks
                alone = try_lock(file)
            if not alone:
                file.close()
                raise CannotWrite(
                    f"'{path}' is being written already",
                    why="another run, in this process or another, has it open",
                    fix="wait until it has ended, or name another file",
                )
            if not keep:
                file.truncate()
    return file
