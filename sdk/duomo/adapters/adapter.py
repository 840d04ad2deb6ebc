"""What callers of an adapter use; its author's half is `duomo.adapters.contract`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from duomo.adapters.artifacts import load_folder, save_folder
from duomo.adapters.contract import AdapterContract, P, accept
from duomo.adapters.findings import Override
from duomo.adapters.records import Record
from duomo.adapters.results import D, DomainResult
from duomo.adapters.splits import SplitPolicy
from duomo.adapters.walk import Walk
from duomo.errors import UsageProblem

if TYPE_CHECKING:
    from duomo.adapters.audit import AuditLog
    from duomo.adapters.evaluation import Report
    from duomo.outcome import Outcome
    from duomo.runner import Runner


class Adapter(AdapterContract[P, D]):
    """One industry adapter: records in, verdicts out, and everything in between that a bare model leaves out.

    Args:
        runner: the loaded model of `task`; `duomo.adapt` loads it.
        artifacts: what was fitted, by name; ``calibrator``, ``sets`` and ``policy`` are used by default.
        secret: of pseudonyms; ``DUOMO_PSEUDONYM_KEY`` or this process's own when left out.
    """

    def __call__(self, item: object) -> DomainResult[D]:
        """One record to its result; raises the record's error."""
        [outcome] = self.map([item])
        return outcome.unwrap()

    def map(
        self,
        items: Iterable[Any],
        *,
        audit: AuditLog | None = None,
        overrides: Sequence[Override] = (),
        batch_size: int | None = None,
        max_failed: int | None = None,
    ) -> Iterator[Outcome[DomainResult[D]]]:
        """Many records, read lazily; one `Outcome` each, in the order of the input.

        A record that cannot be used becomes an outcome with an error; one that a finding stops becomes a result
        without payload that says which. Neither costs another record its result.

        Args:
            items: rows, records, or the errors of what is lost already.
            audit: a log that gets one line a record.
            overrides: findings to go on despite; each has a reason, and they need an audit log.
            batch_size: prepared records in one call of `score`, or items in one forward pass.
            max_failed: more failed records than this end the run.

        Raises:
            UsageProblem: the adapter's task has no model loaded, or the call is off.
            AuditProblem: overrides without a log to write them into.
            SystemicError: more than `max_failed` records failed.
        """
        if isinstance(items, str | bytes | os.PathLike | Mapping):
            raise UsageProblem(
                f"map() takes many records, and a single {type(items).__name__} was given",
                fix="adapter(record), or adapter.map(adapter.read(path))",
            )
        if self.task and self.runner is None:
            raise UsageProblem(
                f"'{self.spec.name}' has no model for {self.task}",
                why="it was made without one",
                fix=f"duomo.adapt('{self.spec.name}', model=…)",
            )
        return Walk(self, audit, overrides, batch_size, max_failed).outcomes(items)

    def evaluate(self, records: Iterable[Any], split: SplitPolicy | None = None) -> Report:
        """Fit on one side of the split, judge on the other, fold by fold. Raises `GuardRefused` for a leaking split."""
        from duomo.adapters.evaluation import evaluate  # most runs only use an adapter

        return evaluate(self, records, split)

    def records(self, items: Iterable[Any]) -> list[Record[P]]:
        """All records of labelled data; raises the error of the first that cannot be used."""
        return [accept(self, item, position) for position, item in enumerate(items)]

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the artefacts into a folder, as JSON with fingerprints. Raises `CannotWrite`."""
        return save_folder(folder, self.spec.name, self.spec.version, self.artifacts)

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str], *, runner: Runner[Any] | None = None, secret: bytes | str | None = None
    ) -> Self:
        """The adapter with the artefacts of a folder. Raises `ArtifactProblem` for one that was changed."""
        return cls(runner=runner, artifacts=load_folder(folder, cls.spec.name), secret=secret)

    def close(self) -> None:
        """Give the model's memory back."""
        if self.runner is not None:
            self.runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
