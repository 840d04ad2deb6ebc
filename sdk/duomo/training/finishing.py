"""The folder of a finished training: the model, and beside it what is worth knowing of it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from duomo.counting import counted
from duomo.data.examples import Finding
from duomo.errors import CannotWrite
from duomo.training import freezing, lora
from duomo.training.card import card
from duomo.training.evaluating import Evaluation
from duomo.training.fit import FILE, Fit, RowReport
from duomo.training.metrics import Classes
from duomo.training.pictures import draw
from duomo.version import __version__

if TYPE_CHECKING:
    from duomo.training.training import Training

HARDEST = 20, 1000
"""Rows with the highest loss that are named: a twentieth of all, within these bounds."""
READ_AGAIN = 2
"""Rows that are read once more for each that is named: those whose losses stood out when they were read last."""


def follow(training: Training, on_step: Callable[..., object] | None) -> Fit:
    """Walk through a training from its rows to its folder; `on_step` is given the fields of `Progress`."""
    training.prepare()
    done = training.finished()
    if done is not None:
        return done
    training.begin()
    rows = 0
    with contextlib.closing(training.journal):
        for step in training.run():
            rows += step.num_rows
            if on_step is not None:
                scores = {name: each[0] for name, each in training.scores.items()}
                total, epochs = training.loop.total, training.recipe.epochs
                on_step(step.number + 1, total, step.epoch + 1, epochs, step.loss, scores, rows)
        return finish(training)


def finish(training: Training) -> Fit:
    """Write the model folder and its report. Raises `CannotWrite`."""
    training.best_weights()
    training.journal.flush()
    out = training.request.out
    held = training.evaluate(training.held_source, training.held_labels) if training.held_labels else None
    hardest = _hardest(training)
    training.peers.join(training.model.network)
    ids = [each.id for each in training.train_rows.examples]
    infinite = [training.held_rows.examples[at].id for at in held.not_finite()] if held else []
    if infinite:
        what = f"{counted(len(infinite), 'held-out row has a loss', 'held-out rows have losses')} that is not finite"
        why = "the mean loss is without it; other scores count it"
        training.findings.append(Finding("warning", what, why, "", tuple(infinite[:5]), len(infinite)))
    fit = Fit(
        training.request.task,
        out,
        tuple(training.labels),
        held.scores if held else {},
        RowReport(
            len(ids),
            len(training.held_labels),
            tuple(training.left_out),
            training.truncated,
            tuple((ids[row], loss) for row, loss in hardest),
        ),
        tuple(training.findings),
        tuple(training.journal.lines()) if training.peers.writes else (),
        _record(training),
    )
    if training.peers.writes:
        _write(training, fit, held)
        training.journal.close()
        training.ledger.remove()
    return fit


def _hardest(training: Training) -> list[tuple[int, float]]:
    """Rows of the training part with the highest losses of the trained network, and these.

    Not all are run again: only those whose losses were the furthest above their batch's when they were read last.
    """
    rows = sorted(set(range(len(training.train_labels))) - training.loop.left_out)
    least, most = HARDEST
    count = min(most, max(least, len(rows) // 20))
    rows.sort(key=lambda row: training.excess.get(row, 0.0), reverse=True)
    rows = rows[: READ_AGAIN * count]
    losses = training.evaluate(training.train_source, training.train_labels, rows).row_losses
    finite = [pair for pair in zip(rows, losses, strict=True) if math.isfinite(pair[1])]
    return sorted(finite, key=lambda pair: pair[1], reverse=True)[:count]


def _write(training: Training, fit: Fit, held: Evaluation | None) -> None:
    out = fit.folder
    try:
        _write_model(training, out)
        confusion = None
        if held and isinstance(held.metric, Classes):
            confusion = {"labels": held.metric.labels, "rows_are": "labels", "counts": held.metric.confusion}
            (out / "confusion.json").write_text(json.dumps(confusion) + "\n", "utf-8")
        draw(out, fit.curves, confusion)
        (out / "card.md").write_text(card(fit), "utf-8")
        (out / FILE).write_text(json.dumps(fit.to_dict(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise CannotWrite(
            f"the trained model cannot be written to '{out}'",
            why=str(error),
            fix="make room; resume=True  (--resume) writes it again from the last checkpoint",
        ) from error


def _write_model(training: Training, out: Path) -> None:
    """Write beside, then rename file by file: what reads the folder never sees half a file."""
    writing = out / ".writing-model"
    shutil.rmtree(writing, ignore_errors=True)
    writing.mkdir()
    training.model.network.eval()
    network, is_lora = training.model.network, training.request.train == "lora"
    additions = lora.merge(network) if is_lora else None
    training.model.save(writing)
    if additions is not None:  # with the head as `save` wrote it
        head, rank = freezing.lora_head(training.model), training.recipe.lora_rank
        lora.save(additions, network, head, rank, training.start.reference, writing / "adapter")
    for file in writing.rglob("*"):  # safetensors lets nobody else read what it writes, such as a server's user
        if file.is_file():
            file.chmod(writing.stat().st_mode & 0o666)
    for file in sorted(writing.iterdir()):
        target = out / file.name
        if file.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        os.replace(file, target)
    writing.rmdir()


def _record(training: Training) -> dict[str, Any]:
    request, start = training.request, training.start
    sizes = {name: each.numel() for name, each in training.model.network.named_parameters()}
    trained, total = sum(sizes[name] for name in training.names_trained), sum(sizes.values())
    return {
        "base": start.reference,
        "base_license": start.license,
        "train": request.train,
        "trained_parameters": trained,
        "parameters": total,
        "recipe": {**request.recipe.record(), "lr": request.peak},
        "fingerprint": training.fingerprint,
        "best_step": training.best_step,
        "steps": training.step,
        "trunk_computed_once": training.train_source is not training.train_rows,
        "seconds": round(time.perf_counter() - training.began, 1),
        "versions": {"duomo": __version__, "torch": torch.__version__},
    }
