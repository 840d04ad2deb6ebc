"""Copies of what a server cannot make again: configuration, stores and audit logs, with a manifest of hashes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from duomo.errors import BackupProblem, CannotWrite
from duomo.replacing import replacing
from duomo.version import __version__

MANIFEST = "manifest.json"
FORMAT = "duomo.backup/1"
_SQLITE = b"SQLite format 3\x00"
_PART = 1 << 20


class Kept(NamedTuple):
    """One file of a backup."""

    name: str
    """Inside the backup."""
    path: str
    """Where it came from, absolute."""
    sha256: str
    size: int


def back_up(folder: Path, paths: Sequence[Path]) -> list[Kept]:
    """Copy files into a new folder, with a manifest.

    Of a folder all files are kept, also those of the folders in it, but for what is gone again when it is its turn. A
    store is copied by SQLite's own backup, so that one that is being written is whole; of an audit log, and of JSON
    lines, the whole lines are kept, since the last may still be on its way. The ``.head`` of a log is copied before it:
    one that knows of later lines would say that they were cut off.

    Raises:
        BackupProblem: the folder holds something already, or there is nothing to keep.
        CannotWrite: a file cannot be read or written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BackupProblem(f"'{folder}' is not empty", why="a backup is a folder of its own", fix="name another")
    files = list(dict.fromkeys(inner for path in paths for inner in _with_companions(path.absolute())))
    if not files:
        raise BackupProblem(
            "there is nothing to keep", why="no file was named that exists", fix="duomo backup DIR FILE…"
        )
    kept = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        named = {path.absolute() for path in paths}
        for number, path in enumerate(files):
            name = f"{number:03}-{path.name}"
            try:
                _copy(path, folder / name)
            except FileNotFoundError:
                if path in named:
                    raise
                continue  # of a folder that is being written: it was there for a moment
            kept.append(Kept(name, str(path), _sha256(folder / name), (folder / name).stat().st_size))
        record = {"format": FORMAT, "version": __version__, "time": time.time(), "files": [k._asdict() for k in kept]}
        _write(folder / MANIFEST, json.dumps(record, indent=1).encode())
    except (OSError, sqlite3.Error) as error:
        raise CannotWrite(
            f"the backup '{folder}' is not complete", why=str(error), fix="free space, and begin again"
        ) from None
    return kept


def check(folder: Path) -> list[Kept]:
    """Read the manifest and compare every file with it.

    Raises:
        BackupProblem: the manifest is missing or not one of ours; a file is missing, or was changed.
    """
    try:
        record = json.loads((folder / MANIFEST).read_text("utf-8"))
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']!r}")
        kept = [Kept(str(e["name"]), str(e["path"]), str(e["sha256"]), int(e["size"])) for e in record["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupProblem(f"'{folder}' is not a backup", why=f"{MANIFEST}: {error}", fix="name the folder") from None
    for each in kept:
        if Path(each.name).name != each.name:
            raise BackupProblem(
                f"the manifest names '{each.name}'", why="a file of a backup lies in its folder", fix="do not trust it"
            )
        path = folder / each.name
        if not path.is_file() or _sha256(path) != each.sha256:
            what = "was changed" if path.is_file() else "is missing"
            raise BackupProblem(
                f"'{each.name}' of the backup {what}",
                why="its hash is not that of the manifest",
                fix="use another backup",
            )
    return kept


def restore(folder: Path, into: Path | None = None, *, overwrite: bool = False) -> list[Path]:
    """Put the files of a backup back where they were, or all into one folder. Nothing is written unless all are sound.

    Raises:
        BackupProblem: as `check`; or a file that differs is there already and `overwrite` is off.
        CannotWrite: a file cannot be written.
    """
    kept = check(folder)
    targets = [Path(each.path) if into is None else into / Path(each.path).name for each in kept]
    if len(set(targets)) < len(targets):
        raise BackupProblem(
            "two files of the backup have one name", fix="restore them where they were: leave into=… out  (--into)"
        )
    for each, target in zip(kept, targets, strict=True):
        if target.exists() and not target.is_file():
            raise BackupProblem(
                f"'{target}' is not an ordinary file",
                why="a device or a pipe cannot be put back",
                fix="into=FOLDER  (--into FOLDER)",
            )
        if not overwrite and target.exists() and _sha256(target) != each.sha256:
            raise BackupProblem(
                f"'{target}' is there and differs", fix="move it away, or overwrite=True  (--overwrite)"
            )
    try:
        for each, target in zip(kept, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            if _is_store(folder / each.name):  # of a run that was killed: SQLite would take them for the new file's
                for companion in ("-wal", "-shm", "-journal"):
                    target.with_name(target.name + companion).unlink(missing_ok=True)
            _write(target, (folder / each.name).read_bytes())
            shutil.copymode(folder / each.name, target)
    except OSError as error:
        raise CannotWrite(
            "not all files were restored", why=str(error), fix="correct that, and restore again"
        ) from None
    return targets


def _with_companions(path: Path) -> list[Path]:
    if path.is_dir():
        every = [Path(place, name) for place, _, names in os.walk(path) for name in names]
        return [inner for each in sorted(every) for inner in _with_companions(each)]
    if path.name.endswith((".head", "-wal", "-shm")) or not path.is_file():
        return []  # they come with their files, or are part of the copy; a device or a pipe has nothing to keep
    head = path.with_name(path.name + ".head")
    return [head, path] if head.exists() else [path]


def _copy(source: Path, target: Path) -> None:
    is_log = source.with_name(source.name + ".head").exists()
    if _is_store(source):
        with sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True) as one, sqlite3.connect(target) as other:
            one.backup(other)
        one.close()
        other.close()
    elif is_log or source.suffix == ".jsonl":
        content = source.read_bytes()
        end = content.rfind(b"\n") + 1
        target.write_bytes(content if not is_log and _is_whole(content[end:]) else content[:end])
    else:
        shutil.copyfile(source, target)
    shutil.copymode(source, target)


def _is_store(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _write(path: Path, content: bytes) -> None:
    """Write a file so that readers meanwhile find the old one or the new."""
    with replacing(path) as fresh, open(fresh, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(_PART):
            digest.update(part)
    return digest.hexdigest()
