"""Files of a folder that no row comes from: a class whose files are of another format would be gone without a word."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from duomo.counting import counted
from duomo.data.examples import Finding
from duomo.data.sources import METADATA, files_below
from duomo.inputs.source import is_hidden


def unread(data: object, suffixes: tuple[str, ...], *, is_labelled: bool = True) -> Iterator[Finding]:
    """What is in a folder of rows and is not read; nothing of data that is not a folder, or has a table of its files.

    Args:
        data: where rows come from.
        suffixes: endings of the files that are read.
        is_labelled: whether a file's folder is its label.
    """
    if not isinstance(data, str | os.PathLike) or not (folder := Path(data).expanduser()).is_dir():
        return
    if any((folder / name).is_file() for name in METADATA):
        return
    found = sorted(files_below(folder))
    others = [path for path in found if path.suffix.lower() not in suffixes]
    read = {path.parent for path in found if path.suffix.lower() in suffixes}
    fix = f"convert them: {', '.join(suffixes)} are read"
    classes = [each for each in sorted(folder.iterdir()) if each.is_dir() and not is_hidden(each.name)]
    empty = [repr(each.name) for each in classes if is_labelled and each not in read]
    if empty:
        what = counted(
            len(empty),
            "folder has no file that is read, and is not a class",
            "folders have no file that is read, and are no classes",
        )
        yield Finding("warning", f"{what}: {', '.join(empty[:5])}", "", fix, num_rows=len(empty))
    if others:
        kinds = Counter(path.suffix.lower() or path.name for path in others).most_common(5)
        what = counted(len(others), "file was", "files were") + " passed over"
        yield Finding("note", f"{what}: {', '.join(f'{kind} ({count})' for kind, count in kinds)}", "", fix)
