"""What is installed on the path, read from the metadata folders: no more than listing plugins takes.

`importlib.metadata` knows more, and its import alone (email, zipfile, socket …) costs as much as
two starts of Python; ``duomo --help`` should not. Distributions inside zip files are not seen here.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

_METADATA_FOLDER = re.compile(r"(.+?)(?:-\d.*)?\.(?:dist|egg)-info$")


class Distribution(NamedTuple):
    """One metadata folder."""

    key: str
    """The name that the folder bears, as package indexes compare it."""
    folder: str

    def read(self, file: str) -> str:
        """A file of its metadata; empty when it has none such, or one that is not UTF-8."""
        try:
            with open(os.path.join(self.folder, file), encoding="utf-8") as opened:
                return opened.read()
        except (OSError, UnicodeDecodeError):
            return ""

    def header(self, field: str) -> list[str]:
        """The values of a field of its metadata, such as ``Name`` or ``Requires-Dist``."""
        text = self.read("METADATA") or self.read("PKG-INFO")
        lines = text.partition("\n\n")[0].splitlines()
        return [line.partition(":")[2].strip() for line in lines if line.startswith(f"{field}:")]

    @property
    def name(self) -> str:
        """As its author writes it."""
        return next(iter(self.header("Name")), self.key)

    @property
    def version(self) -> str:
        """Its version; empty when its metadata is damaged."""
        return next(iter(self.header("Version")), "")


def distributions() -> Iterator[Distribution]:
    """Every distribution, in the order of the path; the first of a name is the one that imports find."""
    for entry in sys.path:
        folder = entry or "."
        try:
            modified = os.stat(folder).st_mtime_ns
        except OSError:
            continue
        yield from _in_folder(folder, modified)


def find_distribution(name: str) -> Distribution | None:
    """The distribution of that name, or None."""
    wanted = canonical(name)
    return next((each for each in distributions() if each.key == wanted), None)


def canonical(name: str) -> str:
    """A name as package indexes compare it: ``Duomo_Birds`` is ``duomo-birds``."""
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.lru_cache(maxsize=64)
def _in_folder(folder: str, _modified: int) -> list[Distribution]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # a zip file, or not ours to read
        return []
    matches = (_METADATA_FOLDER.match(name) for name in names)
    return [Distribution(canonical(match[1]), os.path.join(folder, match[0])) for match in matches if match]
