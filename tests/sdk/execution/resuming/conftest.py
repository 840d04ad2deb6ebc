"""A store to look at from outside: as SQLite sees it, and as a kill leaves it."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Asked = Callable[[Path, str], list[tuple[Any, ...]]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.store"


@pytest.fixture(scope="session")
def asked() -> Asked:
    """What the file says when SQLite itself is asked."""

    def ask(path: Path, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            return db.execute(query).fetchall()

    return ask


@pytest.fixture(scope="session")
def rows(asked: Asked) -> Callable[[Path], list[tuple[Any, ...]]]:
    """Id, status and attempts of each row, of a file that is whole."""

    def read(path: Path) -> list[tuple[Any, ...]]:
        assert asked(path, "PRAGMA integrity_check") == [("ok",)]
        return asked(path, "SELECT id, status, attempts FROM rows ORDER BY rowid")

    return read


@pytest.fixture(scope="session")
def as_a_kill_leaves_it() -> Callable[[Path, Path], Path]:
    """Copies the files as they lie on the disk now, although the store is open."""

    def copy(path: Path, to: Path) -> Path:
        to.mkdir()
        for each in path.parent.glob(path.name + "*"):
            shutil.copy(each, to)
        return to / path.name

    return copy
