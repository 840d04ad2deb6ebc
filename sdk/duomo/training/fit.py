"""What a training gives back: scores, rows and curves, beside the folder that it wrote."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duomo.brief import Short
from duomo.data.examples import Finding
from duomo.errors import StoreProblem
from duomo.training.intervals import Interval as Interval
from duomo.training.journal import json_safe

if TYPE_CHECKING:
    from duomo.runner import Runner

FILE = "fit.json"
SCHEMA = "duomo.fit/1"


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A row that was not trained on, and why."""

    id: str
    code: str
    what: str
    why: str = ""
    fix: str = ""


@dataclasses.dataclass(frozen=True)
class RowReport:
    """What became of the rows."""

    trained: int
    validated: int
    left_out: tuple[LeftOut, ...]
    truncated: int
    """Rows longer than the model reads, of which it read the beginning."""
    highest_losses: tuple[tuple[str, float], ...]
    """Ids and losses of the rows of the training part that the trained network finds hardest, often mislabelled: a
    twentieth of all, from 20 to 1,000. It is asked about twice as many: those whose losses were the furthest above
    their batch's when they were read last."""


@dataclasses.dataclass(frozen=True, repr=False)
class Fit(Short):
    """A training that ended well."""

    task: str
    folder: Path
    """A model folder: ``dir:FOLDER``."""
    labels: tuple[str, ...]
    metrics: dict[str, Interval]
    """Scores of the best checkpoint on the held-out rows, each with its interval of 95 %."""
    rows: RowReport
    findings: tuple[Finding, ...]
    curves: tuple[dict[str, Any], ...]
    """The lines of ``log.jsonl``."""
    record: dict[str, Any]
    """How it came about: recipe, digests, versions, times."""

    def load(self, **settings: Any) -> Runner[Any]:
        """Load the trained model; `settings` are those of `duomo.load`."""
        from duomo.runner import load

        return load(self.task, f"dir:{self.folder}", **settings)

    def to_dict(self) -> dict[str, Any]:
        """All but the curves, JSON-safe: a score that is not a number is None."""
        found = dataclasses.asdict(dataclasses.replace(self, curves=()))
        found["metrics"] = {name: each._asdict() for name, each in self.metrics.items()}
        found["findings"] = [each._asdict() for each in self.findings]
        del found["curves"]
        return {"schema": SCHEMA, **json_safe(found), "folder": str(self.folder)}

    @classmethod
    def read(cls, folder: Path) -> Fit:
        """The fit whose folder this is. Raises `StoreProblem` when it has none, or a damaged one."""
        try:
            found = json.loads((folder / FILE).read_text("utf-8"))
            log = (folder / "log.jsonl").read_bytes().splitlines()  # a text would end at U+2028, too
            rows = found["rows"]
            return cls(
                found["task"],
                folder,
                tuple(found["labels"]),
                {name: _interval(each) for name, each in found["metrics"].items()},
                RowReport(
                    rows["trained"],
                    rows["validated"],
                    tuple(LeftOut(**each) for each in rows["left_out"]),
                    rows["truncated"],
                    tuple((id, loss) for id, loss in rows["highest_losses"]),
                ),
                tuple(Finding(**{**each, "rows": tuple(each["rows"])}) for each in found["findings"]),
                tuple(json.loads(line) for line in log),
                found["record"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreProblem(f"'{folder}' holds no finished training", why=str(error), fix="train into it") from error


def _interval(kept: dict[str, Any]) -> Interval:
    known: dict[str, Any] = {name: math.nan if value is None else value for name, value in kept.items()}
    return Interval(**known)
