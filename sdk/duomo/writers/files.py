"""A file that grows, and that a run which was ended can go on with."""

from __future__ import annotations

import os
from pathlib import Path

from duomo.writers.base import explain_os_errors, open_alone


class GrowingFile:
    """A text file that is written from its beginning, and keeps of an earlier one what agrees with that.

    Whatever is written is compared with what the file has at that place, and passed over when it is the
    same. Where they differ first (a line torn by a kill, an item that was tried again), the file is cut
    there and written on. So it never has a row twice, and never less than the rows both agree on.
    """

    def __init__(self, path: str | os.PathLike[str], *, resume: bool = False) -> None:
        self.path = Path(path)
        self._behind = resume and self.path.exists()
        """Whether more of the earlier file may lie ahead."""
        self._file = open_alone(self.path, self.path, keep=self._behind)

    def __repr__(self) -> str:
        return f"<GrowingFile {str(self.path)!r}>"

    def write(self, text: str | bytes) -> int:
        """Write on, or find it written; what is written is with the operating system at once."""
        # A file's name need not be valid text; what becomes of its bad bytes, \udcff, is how JSON writes them.
        data = text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace")
        with explain_os_errors(self.path):
            if self._behind:
                data = self._differing(data)
            if data:
                self._file.write(data)
                self._file.flush()
        return len(text)

    def flush(self) -> None:
        """Do nothing: `write` holds nothing back."""

    def cut(self) -> None:
        """Say that no more will come: what an earlier run wrote beyond this place is cut off."""
        with explain_os_errors(self.path):
            if self._behind:
                self._file.truncate(self._file.tell())

    def close(self) -> None:
        """Close it; after a run that ended early, rows of an earlier one stay."""
        with explain_os_errors(self.path):
            self._file.close()

    def _differing(self, data: bytes) -> bytes:
        """Give nothing where the file has `data` at this place; else `data`, after cutting the file off here."""
        start = self._file.tell()
        if self._file.read(len(data)) == data:
            return b""
        self._file.seek(start)
        self._file.truncate()
        self._behind = False
        return data
