"""Looking without training: what is in the data, and how good a trained model is on rows with labels."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

from duomo.catalog import Catalog, default_catalog
from duomo.data.examples import Finding
from duomo.errors import BadInput, WrongTask
from duomo.training.fit import LeftOut
from duomo.training.intervals import Interval
from duomo.training.request import Request
from duomo.training.starts import find_start, start_of


class Checked(NamedTuple):
    """What a training would read."""

    trained: int
    held_out: int
    labels: tuple[str, ...]
    findings: tuple[Finding, ...]
    left_out: tuple[LeftOut, ...]


def check(request: Request, catalog: Catalog | None = None) -> Checked:
    """Read and check all that a training would, and take no step. Raises what the training would raise."""
    catalog = catalog or default_catalog()
    request, start = start_of(request, catalog)
    start.trainer()
    import torch

    from duomo.training.training import Training

    with torch.random.fork_rng():
        training = Training(request, start, catalog.task(request.task))
        training.read()
    return Checked(
        len(training.train_labels),
        len(training.held_labels),
        tuple(training.labels),
        tuple(training.findings),
        tuple(training.left_out),
    )


class Evaluated(NamedTuple):
    """Scores of a model on rows with labels; there is no loss of one that cannot be trained."""

    scores: dict[str, Interval]
    num_rows: int
    left_out: tuple[LeftOut, ...]
    truncated: int = 0
    """Rows longer than the model reads, of which it read the beginning."""
    cut_off: int = 0
    """Those of them whose label lies in what was cut off, and counts as none; of a model that can be trained."""


def evaluate(
    task: str,
    data: object,
    *,
    model: str,
    label: str = "label",
    input: str | None = None,
    device: str = "auto",
    catalog: Catalog | None = None,
) -> Evaluated:
    """Compare what a model says of rows with their labels; each row counts once.

    A model that can be trained is judged as in training; any other is run, with inputs that are too long cut.

    Args:
        task: what the model does.
        data: rows, as `duomo.finetune` takes them.
        model: a name, or ``dir:FOLDER``.
        label: the column of the label.
        input: the column of the input, where it has not a usual name.
        device: ``auto``, ``cpu``, ``cuda:0`` …
        catalog: the plugins to use; all installed ones when left out.

    Raises:
        BadInput: there is no row, or a label that the model does not know.
        WrongTask: no metric is for what the task gives.
    """
    catalog = catalog or default_catalog()
    request = Request(
        task=task, data=data, out=Path(), label=label, input=input, model=model, validation=0, device=device
    )
    try:
        start = find_start(task, model, catalog)
    except WrongTask:
        from duomo.training.judging import judge

        metric, count, lost, truncated = judge(request, catalog)
        return Evaluated(metric.scores(), count, tuple(lost), truncated)
    start.trainer()
    import torch

    from duomo.training.training import Training

    unlimited = dataclasses.replace(request.recipe, max_failed=2**62)
    with torch.random.fork_rng():
        training = Training(dataclasses.replace(request, recipe=unlimited), start, catalog.task(task))
        training.read(learns=False)
        if training.model.has_new_head:
            others = [name for name in training.labels if name not in training.known]
            said = f"it says {', '.join(sorted(training.known)[:8])}, and " if training.known else ""
            what = f"{said}the rows have {', '.join(others[:8])}"
            raise BadInput(
                f"'{model}' does not know the labels of these rows",
                why=what if others else "it says one label of each row, and the rows have lists of them",
                fix="evaluate it on rows with its own labels, or train it on these: duomo train",
            )
        found = training.evaluate(training.train_rows, training.train_labels)
    left_out = tuple(training.left_out)
    return Evaluated(found.scores, len(training.train_labels), left_out, training.truncated, training.cut_off)
