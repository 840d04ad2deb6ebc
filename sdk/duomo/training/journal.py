"""``log.jsonl``: a line for some steps and for each epoch, cut back to the checkpoint when a training is resumed."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from duomo.errors import StoreMismatch
from duomo.locking import try_lock

LINES = 500
"""Steps are logged so that about this many lines come together."""


def json_safe(record: dict[str, Any]) -> dict[str, Any]:
    """A record without NaN and infinities, which JSON does not know: None stands for them."""
    return {name: _json_safe(each) for name, each in record.items()}


def _json_safe(value: object) -> object:
    if isinstance(value, dict):
        return json_safe(value)
    if isinstance(value, list | tuple):
        return [_json_safe(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Journal:
    """The log of one training; while it is open no other training writes into its folder.

    Args:
        path: of the file.
        total: steps in all.
        on_line: is given each new line.

    Raises:
        StoreMismatch: another training has it open.
    """

    def __init__(self, path: Path, total: int, on_line: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        self.path = path
        self._on_line = on_line
        self._every = max(1, total // LINES)
        self._file = path.open("ab")
        self._sum = 0.0
        self._steps = 0
        with contextlib.suppress(OSError):  # of a file system without locks
            if path.is_file() and not try_lock(self._file):
                self._file.close()
                raise StoreMismatch(
                    f"'{path.parent}' is in use",
                    why="another training writes into it",
                    fix="wait for that one, or end it; or choose another folder",
                )

    def keep(self, size: int) -> None:
        """Cut all but the first `size` bytes off: what was logged after the checkpoint is logged again."""
        if self.path.is_file():
            self._file.truncate(size)
            self._file.seek(size)

    def step(self, number: int, loss: float, **more: Any) -> None:
        """Log the mean loss since the last line, when it is time for one."""
        self._sum += loss
        self._steps += 1
        if (number + 1) % self._every == 0:
            self.write({"step": number + 1, "loss": self._sum / self._steps, **more})
            self._sum, self._steps = 0.0, 0

    def write(self, line: dict[str, Any]) -> None:
        """Add one line."""
        line = json_safe(line)
        self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self._on_line(line)

    def flush(self) -> int:
        """Bring all lines to the disk; how many bytes there are."""
        self._file.flush()
        if self.path.is_file():
            os.fsync(self._file.fileno())
        return self._file.tell()

    def lines(self) -> list[dict[str, Any]]:
        """All lines."""
        self._file.flush()
        return [json.loads(line) for line in self.path.read_bytes().splitlines()]

    def close(self) -> None:
        """Close the file."""
        self._file.close()
