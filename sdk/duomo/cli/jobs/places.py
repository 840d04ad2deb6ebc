"""Which file or folder results go to: what ``-o`` and ``-O`` say, which names files get, and what is refused."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from duomo.catalog import Catalog
from duomo.cli.jobs.options import FORMATS
from duomo.errors import UsageProblem, nearest
from duomo.outcome import Outcome
from duomo.resolving import resolve
from duomo.writers.formats import WRITERS

SUFFIXES = {**{suffix: suffix[1:] for suffix in WRITERS}, ".ndjson": "jsonl", ".txt": "text"}
Renderer = Callable[[list[dict[str, Any]]], str | bytes]
_STEM_BYTES = 200
"""Bytes of a file's name; most file systems take 255, and a number and a suffix follow."""
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, whatever their suffix."""


@dataclasses.dataclass(frozen=True)
class Place:
    """What ``-o`` and ``-O`` say together."""

    format: str
    """A built-in format or a renderer's name; ``auto`` where neither option says it."""
    out: str | None
    """The file or folder; None for standard output."""
    renderer: Renderer | None
    tasks: tuple[str, ...] = ()
    """The tasks that the renderer is for; empty for all."""

    @classmethod
    def of(cls, output: str, out: str | None, catalog: Catalog) -> Place:
        """Read both options. Raises `UsageProblem` for a format that does not exist."""
        known = [*FORMATS, *catalog.renderers]
        if out is None and output not in known and (os.path.splitext(output)[1] or _is_folder(output)):
            output, out = "auto", output
        if output not in known:
            near = nearest(output, known)
            raise UsageProblem(
                f"no output format '{output}'",
                why=f"there are: {', '.join(known)}, or a file such as out.jsonl",
                fix=f"-o {near[0] if near else 'auto'}",
            )
        if out is not None and output == "auto":
            output = SUFFIXES.get(os.path.splitext(out)[1].lower(), "auto")
        spec = catalog.renderers.get(output)
        if spec is None:
            return cls(output, out, None)
        return cls(output, out, resolve(spec.target, owner=f"renderer '{output}'"), spec.tasks)

    def check_shows(self, name: str) -> None:
        """Raise `UsageProblem` where a plugin's format is not for the task or adapter of that name."""
        if self.tasks and name not in self.tasks:
            why = f"it is for {', '.join(self.tasks)}"
            raise UsageProblem(f"-o {self.format} cannot show {name}", why=why, fix="-o auto")

    @property
    def is_folder(self) -> bool:
        """Whether each input gets a file of its own."""
        return self.out is not None and _is_folder(self.out)

    @property
    def is_file(self) -> bool:
        """Whether all results go to one file."""
        return self.out not in (None, "-") and not self.is_folder


class FreeNames:
    """File names after the inputs' own, each once."""

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix
        self._given: set[str] = set()
        self._counts: dict[str, int] = {}

    def next(self, outcome: Outcome[Any]) -> str:
        """Name the file of an outcome."""
        # An id may be anything, in a record of JSON: too long for a name, or with what no name may have.
        stem = Path(outcome.id.replace("\0", "")).stem.strip("-")
        stem = stem.encode("utf-8", "backslashreplace")[:_STEM_BYTES].decode("utf-8", "ignore")
        stem = _on_windows(stem) if sys.platform == "win32" else stem
        stem = stem or str(outcome.index)
        for count in itertools.count(self._counts.get(_folded(stem), 0) + 1):
            name = stem + (f"-{count}" if count > 1 else "") + self._suffix
            if _folded(name) not in self._given:  # by another input's own name: a-2.txt
                break
        self._counts[_folded(stem)] = count
        self._given.add(_folded(name))
        return name


def _folded(name: str) -> str:
    """What names have in common that are one file on macOS and Windows: small and large letters, accents apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _on_windows(stem: str) -> str:
    """Replace what no file of Windows may be called; a colon would write into a hidden stream of another file."""
    stem = re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", stem).rstrip(". ")
    return f"{stem}_" if _DEVICE.fullmatch(stem) else stem


def check_place(out: str) -> None:
    """Raise `UsageProblem` where no file can be written; to be called before a model is loaded."""
    folder = Path(out).absolute().parent
    if out in ("", "-"):
        why = "results alone go to standard output" if out else "it is empty, as an unset variable is"
        raise UsageProblem(f"'{out}' names no file", why=why, fix="name a file")
    if os.path.isdir(out):
        raise UsageProblem(f"cannot write '{out}'", why="it is a folder", fix="name a file")
    if not os.access(out if os.path.exists(out) else folder, os.W_OK):
        why = "it may not be written to" if os.path.exists(out) else f"there is no writable folder {folder}"
        raise UsageProblem(f"cannot write '{out}'", why=why, fix="name a file in a folder of yours")


def check_distinct(files: Mapping[str, str]) -> None:
    """Raise `UsageProblem` where two options name one file: what is written last would replace the other."""
    names: dict[str, str] = {}
    for option, name in files.items():
        other = names.setdefault(os.path.realpath(name), option)
        if other != option:
            what = f"{other} and {option} name the same file, '{name}'"
            raise UsageProblem(what, why="one would be written over the other", fix="name two files")


def check_apart(out: str, inputs: Iterable[str], suffix: str = "") -> None:
    """Raise `UsageProblem` where what is read would be written over.

    Args:
        out: a file, or a folder that files go to.
        inputs: the names of what is read.
        suffix: the ending of the files that go to a folder.
    """
    to_folder = os.path.isdir(out)
    if not (to_folder or os.path.isfile(out)):
        return
    place = os.stat(out)
    for name in inputs if not to_folder else (name for name in inputs if name.endswith(suffix)):
        with suppress(OSError, ValueError):  # what cannot be found is reported when its turn comes
            read: str | int = (os.path.dirname(name) or ".") if to_folder else 0 if name == "-" else name
            if os.path.samestat(place, os.stat(read)):
                why = "it is standard input" if name == "-" else f"the input '{name}' is the same file"
                raise UsageProblem(
                    f"'{out}' would be written over while it is read",
                    why=f"the input '{name}' lies there, and results are {suffix} too" if to_folder else why,
                    fix="name another folder" if to_folder else "name another file",
                )


def _is_folder(out: str) -> bool:
    return out.endswith((os.sep, os.altsep or os.sep)) or os.path.isdir(out)
