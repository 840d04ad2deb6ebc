"""What a network says of held-out rows: each counted once, on any number of devices."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import torch

from duomo.training.intervals import Interval
from duomo.training.metrics import (
    Answers,
    Classes,
    Loss,
    Metric,
    Numbers,
    Several,
    Tokens,
    WordErrors,
)
from duomo.training.order import share
from duomo.training.peers import Peers
from duomo.training.rows import Rows
from duomo.training.trainable import Trainable

AT_ONCE = 32
"""Rows of one forward pass."""
LOWER_IS_BETTER = ("loss", "perplexity", "mean_absolute_error", "word_error_rate", "character_error_rate")


@dataclasses.dataclass
class Evaluation:
    """What the rows of one part came to."""

    loss: Loss
    metric: Metric | None
    row_losses: list[float]
    """Mean loss of each row's terms, in order."""
    is_language_model: bool = False

    @functools.cached_property
    def scores(self) -> dict[str, Interval]:
        """All scores by name."""
        more = {"perplexity": self.loss.perplexity()} if self.is_language_model else {}
        return {"loss": self.loss.score(), **more, **(self.metric.scores() if self.metric else {})}

    def score(self, name: str | None = None) -> float:
        """What the best checkpoint is chosen by, the metric's own when not named: higher is better, NaN the worst."""
        name = name or ("loss" if self.metric is None else self.metric.better)
        value = self.scores[name].value
        return -math.inf if math.isnan(value) else -value if name in LOWER_IS_BETTER else value

    def not_finite(self) -> list[int]:
        """Places of the rows whose loss is not finite: they are in no mean."""
        return [at for at, loss in enumerate(self.row_losses) if not math.isfinite(loss)]


def metric_for(model: Trainable[Any]) -> Metric | None:
    """The metric of a kind of label; None where the loss says it all."""
    if model.kind == "classes":
        return Classes(model.labels)
    if model.kind == "names":
        return Several(model.labels)
    if model.kind == "spans":
        return Tokens()
    others: dict[str, type[Numbers | Answers | WordErrors]] = {
        "number": Numbers, "answer": Answers, "text": WordErrors,
    }  # fmt: skip
    return others[model.kind]() if model.kind in others else None


@torch.no_grad()
def evaluate(
    model: Trainable[Any],
    rows: Rows,
    labels: Sequence[Any],
    peers: Peers | None = None,
    places: Sequence[int] | None = None,
) -> Evaluation:
    """Run rows, each on one of the copies, and compare; the same comes out on all of them.

    The network is in evaluation mode meanwhile, and labels are not smoothed; what was is put back.

    Args:
        model: what is judged.
        rows: what it reads.
        labels: of all rows.
        peers: the other copies.
        places: of the rows that are run; all when left out.
    """
    peers = peers or Peers()
    training = [module for module in model.network.modules() if module.training]
    smoothing, model.smoothing = model.smoothing, 0.0
    model.network.eval()
    metric, loss, row_losses = metric_for(model), Loss(), list[float]()

    def look(part: Sequence[int]) -> None:
        batch = rows.batch(part or [0])
        output = batch.output()
        if not part:  # a pass that others need
            return
        sums, counts = (each.tolist() for each in model.losses(output, batch.targets))
        loss.add(sums, counts)
        row_losses.extend(total / max(1.0, n) for total, n in zip(sums, counts, strict=True))
        if metric is not None:
            wanted = model.wanted(batch.targets, [labels[row] for row in part])
            metric.add(model.predictions(output, batch.targets), wanted)

    try:
        own = share(range(len(labels)) if places is None else places, peers.rank, peers.size)
        parts = peers.even([own[start : start + AT_ONCE] for start in range(0, len(own), AT_ONCE)])
        peers.forward([functools.partial(look, part) for part in parts])
    finally:
        model.smoothing = smoothing
        for module in training:
            module.training = True
    found = Evaluation(loss, metric, row_losses, model.kind == "none")
    return peers.agree(found if peers.size == 1 else _join(peers.gather(found)))


def _join(parts: list[Evaluation]) -> Evaluation:
    """The evaluation of all rows from those of the copies."""
    first, *others = parts
    for each in others:
        first.loss.rows += each.loss.rows
        first.row_losses += each.row_losses
        if first.metric is not None and each.metric is not None:
            first.metric.merge(each.metric)
    return first
