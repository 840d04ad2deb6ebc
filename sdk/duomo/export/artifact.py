"""What an export has written: a folder, and the record in its ``duomo.json``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from duomo.weights import file_digest, record_digest

SCHEMA = "duomo.artifact/1"
RECORD = "duomo.json"


@dataclasses.dataclass(frozen=True)
class Artifact:
    """An exported model; load it with ``dir:FOLDER``."""

    folder: Path
    record: Mapping[str, object]
    """The content of ``duomo.json``."""
    difference: float
    """How far results moved on the inputs of the comparison, relative to the largest value of each field."""
    ms: tuple[float, float]
    """Milliseconds an input, one after another: the original's, the artefact's; on the machine of the export."""
    truncated: int = 0
    """Inputs of the comparison that are longer than the model reads: of those it was made on a part."""

    @property
    def reference(self) -> str:
        """The model reference of the folder."""
        return f"dir:{self.folder}"

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(each.stat().st_size for each in self.folder.iterdir() if each.is_file())


def seal(folder: Path, record: Mapping[str, object]) -> dict[str, object]:
    """Write `record` with the digest of every file in `folder`, and one of itself; returns what was written."""
    files = {each.name: file_digest(each) for each in sorted(folder.iterdir()) if each.name != RECORD}
    whole: dict[str, object] = {**record, "files": files}
    whole["digest"] = record_digest(json.loads(json.dumps(whole)))
    (folder / RECORD).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return whole
