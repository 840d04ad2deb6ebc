"""What became of each item of a run, in one SQLite file, so that a run that was killed can go on.

A row is keyed by the item's id and the digest of what it held, under the fingerprint of the run. Rows are
committed in groups, after 32 or after half a second: whatever ends the process loses the last group at most.
The write-ahead log keeps the file whole at any moment, and SQLite's own exclusive lock, which the operating
system takes back from a process that died, keeps a second run out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import sqlite3
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from duomo.errors import CannotWrite, DuomoError, StoreLocked, StoreMismatch, StoreProblem
from duomo.outcome import ItemError, Meta, Outcome, exact_json, result_json
from duomo.tasks.base import Result
from duomo.tasks.encoding import pack, unpack
from duomo.version import RESULTS_BEFORE

GROUP_ROWS = 32
GROUP_S = 0.5
RECENT_METAS = 256
_APPLICATION = 0x64756F6D
"""``duom``, in the file's header: we write into no database but our own."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (run INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS metas (meta INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rows (
    run INTEGER NOT NULL, id TEXT NOT NULL, digest BLOB NOT NULL,
    status TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 1, result TEXT, error TEXT, meta TEXT NOT NULL,
    PRIMARY KEY (run, id, digest));
"""
_PUT = """
INSERT INTO rows (run, id, digest, status, result, error, meta) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET status = excluded.status, attempts = attempts + 1,
    result = excluded.result, error = excluded.error, meta = excluded.meta
"""
_GET = """
SELECT result, error, coalesce(metas.text, rows.meta)
FROM rows LEFT JOIN metas ON metas.meta = CAST(rows.meta AS INTEGER)
WHERE run = ? AND id = ? AND digest = ?
"""
"""`rows.meta` is a number in `metas`, which batch-mates share; before version 0.2 it was the JSON itself."""
_PAGE_BYTES = 16384
"""Page size of a new file: in SQLite's own 4,096 only two vectors of 384 numbers have room; a quarter stays empty."""


class Row(NamedTuple):
    """What one item came to, as the store has it."""

    result: str | bytes | None
    """JSON, or what `duomo.tasks.encoding.pack` writes; None for an item that failed."""
    error: ItemError | None
    meta: Meta

    def read(self, kind: type[Result]) -> Result | None:
        """Return the result. Raises `ValueError` when it is not one of this kind."""
        if isinstance(self.result, bytes):
            return unpack(kind, self.result)
        return kind.model_validate_json(self.result) if self.result is not None else None


class RunStore:
    """The store of one run; close it, or use it in a ``with``.

    Args:
        path: the file; made when it is not there.
        force: go on although the fingerprint has changed. Rows made under another fingerprint stay in
            the file but are not used; going back to it finds them again.

    Raises:
        StoreLocked: another run is using it.
        StoreProblem: the file is something else, or damaged.
        CannotWrite: the place is read-only or not there, or the disk is full.
    """

    def __init__(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        self.path = Path(path)
        self.force = force
        self._run = 0
        self._any = False
        self._pending: list[tuple[Any, ...]] = []
        self._committed = time.monotonic()
        self._kept_metas: dict[str, int] = {}
        """Texts of the last ones, and their numbers in the file."""
        with self._explained():
            # One driver uses it at a time, but not always in the thread that opened it.
            self._db = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close)  # a connection that is only forgotten keeps its lock for a while
        try:
            with self._explained():
                self._open()
        except DuomoError:
            self._db.close()
            raise

    def __repr__(self) -> str:
        return f"<RunStore {str(self.path)!r}>"

    def begin(self, fingerprint: Mapping[str, str], assumed: Mapping[str, str] | None = None) -> None:
        """Say what the rows are made with. Raises `StoreMismatch` when those in the file were made otherwise.

        Args:
            fingerprint: what decides about results, by name.
            assumed: what is meant where a fingerprint in the file, of an earlier version, does not have a name.
        """
        text = json.dumps(fingerprint, sort_keys=True)
        with self._explained():
            known = dict(self._db.execute("SELECT fingerprint, run FROM runs ORDER BY run"))
            like = _alike(fingerprint, assumed or {})
            # The latest first; the very same before one that means the same.
            runs = [run for written, run in known.items() if _alike(json.loads(written), assumed or {}) == like][::-1]
            found = known.get(text, next(iter(runs), None))
            if known and found is None and not self.force:
                raise self._mismatch(json.loads(list(known)[-1]), fingerprint)
            if found is None:
                self._db.execute("INSERT INTO runs (fingerprint) VALUES (?)", (text,))
                found = self._db.execute("SELECT last_insert_rowid()").fetchone()[0]
            self._run = found
            first = self._db.execute("SELECT 1 FROM rows WHERE run = ? LIMIT 1", (self._run,)).fetchone()
            self._any = first is not None

    def get(self, id: str, digest: bytes) -> Row | None:
        """Return what an item came to in an earlier session of this run."""
        if not self._any:
            return None
        with self._explained():
            found = self._db.execute(_GET, (self._run, _utf8(id), digest)).fetchone()
        if found is None:
            return None
        result, error, meta = found
        return Row(result, ItemError(**json.loads(error)) if error is not None else None, _meta_of(meta))

    def put(self, rows: Iterable[tuple[bytes, Outcome[Any]]]) -> None:
        """Keep outcomes, each with its item's digest; committed now or with those that follow."""
        for digest, outcome in rows:
            status = "ok" if outcome.ok else "failed"
            result, error, meta = _written(outcome.result), _error_json(outcome.error), _to_json(outcome.meta)
            self._pending.append((self._run, _utf8(outcome.id), digest, status, result, error, meta))
        if len(self._pending) >= GROUP_ROWS or time.monotonic() - self._committed >= GROUP_S:
            self.flush()

    def flush(self) -> None:
        """Commit what is pending."""
        rows, self._pending = self._pending, []
        if rows:
            with self._explained():
                self._db.execute("BEGIN")
                try:
                    self._db.executemany(_PUT, [(*row[:-1], self._number_of(row[-1])) for row in rows])
                    self._db.execute("COMMIT")
                except sqlite3.Error:
                    self._kept_metas.clear()
                    with contextlib.suppress(sqlite3.Error):  # SQLite has mostly rolled back by itself
                        self._db.execute("ROLLBACK")
                    raise
        self._committed = time.monotonic()

    def counts(self) -> dict[str, int]:
        """Count how many rows are ``ok`` and how many ``failed``, as far as they are committed."""
        with self._explained():
            query = "SELECT status, COUNT(*) FROM rows WHERE run = ? GROUP BY status"
            return {"ok": 0, "failed": 0, **dict(self._db.execute(query, (self._run,)))}

    def close(self) -> None:
        """Commit, and let others in; safe to call twice."""
        try:
            if self._pending:
                self.flush()
        finally:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        # In exclusive mode the first statement takes the lock, and it is held until the file is closed.
        self._db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        # A commit waits for no disk: a process that dies loses nothing by that, a power cut the last groups.
        self._db.execute("PRAGMA synchronous = NORMAL")
        application = self._db.execute("PRAGMA application_id").fetchone()[0]
        if application != _APPLICATION and self._db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
            raise StoreProblem(
                f"'{self.path}' is a database, but no store of a run",
                why="another program made it",
                fix="name another file",
            )
        self._db.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            self._db.execute(statement)
        self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
        self._db.execute("COMMIT")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Explain what SQLite raises."""
        try:
            yield
        except sqlite3.ProgrammingError as error:
            raise StoreProblem(f"the store '{self.path}' is closed", why=str(error), fix="open it again") from None
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def _explain(self, error: sqlite3.Error) -> DuomoError:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return StoreLocked(
                f"the store '{self.path}' is in use",
                why="another run has it open, in this process or another",
                fix="wait until it has ended, or name another store",
            )
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return StoreProblem(
                f"'{self.path}' is not a store of a run, or is damaged",
                why=str(error),
                fix="name another file, or remove this one and start again",
            )
        why = str(error) if self.path.parent.is_dir() else f"there is no folder '{self.path.parent}'"
        return CannotWrite(
            f"the store '{self.path}' cannot be written",
            why=why,
            fix="make room or choose another place, and run again: what is in the store is not lost",
        )

    def _mismatch(self, old: Mapping[str, str], new: Mapping[str, str]) -> StoreMismatch:
        before, now = _alike(old, {}), _alike(new, {})
        changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        words = [f"{name} was {before.get(name, 'not set')}, now {now.get(name, 'not set')}" for name in changed]
        return StoreMismatch(
            f"the run in '{self.path}' was made with something else",
            why="; ".join(words),
            fix="go back to that, name another store, or start over with force (--force)",
        )

    def _number_of(self, meta: str) -> int:
        """Keep it in the file, unless it is one of the last ones, and return its number there."""
        if meta not in self._kept_metas:
            if len(self._kept_metas) >= RECENT_METAS:
                self._kept_metas.clear()
            self._kept_metas[meta] = self._db.execute("INSERT INTO metas (text) VALUES (?)", (meta,)).lastrowid or 0
        return self._kept_metas[meta]


@functools.lru_cache(RECENT_METAS)
def _to_json(meta: Meta) -> str:
    return json.dumps(dataclasses.asdict(meta))


@functools.lru_cache(RECENT_METAS)
def _meta_of(text: str) -> Meta:
    return Meta(**json.loads(text))


def _alike(fingerprint: Mapping[str, str], assumed: Mapping[str, str]) -> dict[str, str]:
    """What a fingerprint means, whichever version wrote it: versions as numbers of results, and no defaults."""
    parts = dict(fingerprint)
    version = parts.pop("duomo", None)
    if version is not None:
        parts["results"] = str(RESULTS_BEFORE.get(version, version))
    distribution, _, release = parts.get("plugin", "").rpartition(" ")
    if distribution:  # what its models give changes with a new major version, or with the number of results
        parts["plugin"] = f"{distribution} {release.split('.')[0]}"
    return {name: value for name, value in parts.items() if assumed.get(name) != value}


def _written(result: Result | None) -> str | bytes | None:
    if result is None:
        return None
    packed = pack(result)
    if packed is not None:
        return packed
    text = result_json(result)
    # Where a result holds NaN or an infinity, pydantic writes null, which could not be read back as a number.
    return exact_json(result) if "null" in text else text


def _error_json(error: ItemError | None) -> str | None:
    if error is None:
        return None
    names = ("code", "what", "why", "fix", "type", "traceback")
    return json.dumps({name: getattr(error, name) for name in names})


def _utf8(text: str) -> str:
    """Make a file's name valid text, which SQLite wants it to be."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
