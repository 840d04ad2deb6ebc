"""One training in one process: data and model made ready, steps taken and kept, the folder written.

prepare     rows → features, kept; a network with gradients where it is trained
begin       the folder; a checkpoint, when a training is resumed
run         yields after each step; evaluates after each epoch, keeps the last and the best checkpoint
finish      best weights → the model folder, with what is worth knowing beside it
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from duomo.data.examples import Finding, data_digest
from duomo.errors import BadOption, StoreMismatch, did_you_mean
from duomo.execution.sharding import pipeline, tensor
from duomo.specs import TaskSpec
from duomo.training import compiling, freezing, optimizers
from duomo.training.evaluating import Evaluation, evaluate
from duomo.training.fit import FILE, Fit, LeftOut
from duomo.training.journal import Journal
from duomo.training.ledger import Ledger
from duomo.training.loop import Loop, Step
from duomo.training.order import Order, mix
from duomo.training.peers import Peers
from duomo.training.reading import Reading
from duomo.training.recipe import Recipe
from duomo.training.request import Request
from duomo.training.rows import Rows
from duomo.training.starts import Start
from duomo.training.trunk import TrunkRows
from duomo.training.weighing import row_weights

Tell = Callable[[str, int, dict[str, Any]], None]


class Training(Reading):
    """All that belongs to one training.

    Args:
        request: what is asked for.
        start: the weights, and who trains them.
        spec: of the task.
        peers: the other copies of the model.
    """

    def __init__(self, request: Request, start: Start, spec: TaskSpec, peers: Peers | None = None) -> None:
        super().__init__(request, start, spec)
        self.peers = peers or Peers()
        self.began = time.perf_counter()
        self.step = 0
        self.best_step = self.best_epoch = 0
        self.best = -math.inf, -math.inf  # score, and loss with its sign turned: few rows often score alike
        self.scores: dict[str, Any] = {}
        self.excess: dict[int, float] = {}
        """Row → by how much its loss was above that of its batch when it was read last."""
        self.tell: Tell = lambda *_: None
        """Is told of what happens: ``log`` and ``checkpoint``, the step, and what there is to say."""

    def prepare(self) -> None:
        """Read and check everything, before the first step. Raises `BadInput` for data that cannot be learned from."""
        self.read()
        self._cut()
        self._freeze()
        if self.recipe.recompute:
            freezing.recompute(self.model, self.start.reference)
        self._spread()
        self._make_loop()
        if self.recipe.compile:
            compiling.compile_passes(self.model, self.start.reference)
        self._check_best()
        self.fingerprint = self._fingerprint()

    def begin(self) -> None:
        """Open the folder, and go on from its last checkpoint where that is asked for. Raises `StoreMismatch`."""
        self.request.out.mkdir(parents=True, exist_ok=True)
        path = self.request.out / "log.jsonl" if self.peers.writes else Path(os.devnull)
        self.journal = Journal(path, self.loop.total, lambda line: self.tell("log", self.step, line))
        try:
            self.ledger = Ledger(self.request.out / "checkpoints", writes=self.peers.writes)
            kept = self._resume()
            self.peers.meet()  # no rank writes before all have read
        except BaseException:
            self.journal.close()
            raise
        self.journal.keep(kept)
        if self.step:
            self.journal.write({"step": self.step, "resumed": True})

    def finished(self) -> Fit | None:
        """What the folder holds already, when a training that ended is resumed. Raises `StoreMismatch` for another."""
        if not self.request.resume or not (self.request.out / FILE).is_file():
            return None
        fit = Fit.read(self.request.out)
        self.check_same(fit.record["fingerprint"])
        return fit

    def run(self) -> Iterator[Step]:
        """Take the steps that are left, and keep them."""
        kept = time.perf_counter()
        if self.step and self.loop.order.is_last_of_epoch(self.step - 1) and self._is_patient(self.step - 1):
            return  # it was stopped after its last step
        for step in self.loop.steps(self.step):
            self.step = step.number + 1
            self._note(step)
            is_end = self.loop.order.is_last_of_epoch(step.number) or self.step == self.loop.total
            if is_end:
                self._end_epoch(step)
            is_best = is_end and bool(self.held_labels) and self.best_step == self.step
            is_last = self.step == self.loop.total
            is_due = is_best or is_last or time.perf_counter() - kept >= self.recipe.checkpoint_s
            if self.peers.agree(is_due):
                self._keep()
                kept = time.perf_counter()
            yield step
            if is_end and self._is_patient(step.number):
                return

    def _is_patient(self, step: int) -> bool:
        """Say whether the score has been no better for as many epochs as the recipe waits, after `step`."""
        patience = self.recipe.patience
        return patience is not None and self.loop.order.epoch(step) - self.best_epoch >= patience

    def best_weights(self) -> None:
        """Put the weights of the best checkpoint into the network."""
        if self.held_labels and self.best_step != self.step:
            self._restore(self.ledger.load(self.best_step).weights)

    def evaluate(self, rows: Rows, labels: list[Any], places: Sequence[int] | None = None) -> Evaluation:
        """Compare what the network says with labels: of all rows, or of those at `places`."""
        return evaluate(self.model, rows, labels, self.peers, places)

    def _cut(self) -> None:
        """Leave of the network what this process computes, where several share its layers."""
        if self.peers.tp == 1:
            return
        name = self.start.reference
        plan = self.start.loader().tensor_plan(getattr(self.model.network, "config", None))
        self.peers.cut(self.model.network, tensor.check(plan, self.peers.tp, name), name)

    def _freeze(self) -> None:
        request = self.request
        torch.default_generator.manual_seed(mix(self.recipe.seed, "additions"))
        self.trained = freezing.choose(
            self.model,
            request.train,  # type: ignore[arg-type]
            self.start.reference,
            self.recipe.lora_rank,
        )
        if shared := freezing.tied(self.model.network, self.trained.modules):
            what = f"{', '.join(shared)} is trained, too: it is one tensor with a part of the head"
            self.findings.append(Finding("note", what, "tied embeddings", "train='lora' leaves them as they are"))
        self.parameters = freezing.freeze(self.model.network, self.trained.modules)
        self.names_trained = list(self.parameters)
        upper = self.trained.upper
        self.train_source: Rows = self.train_rows
        self.held_source: Rows = self.held_rows
        is_frozen = upper is not None and self.peers.pp == 1 and not self.train_rows.varied
        if upper is not None and is_frozen and self.model.has_trunk(upper):
            sources = [TrunkRows(self.model, rows, upper) for rows in (self.train_rows, self.held_rows)]
            for each in sources:
                each.compute(self.peers)
            self.train_source, self.held_source = sources

    def _spread(self) -> None:
        """Leave of the network the layers of this stage, or this copy's part of each parameter."""
        network, name = self.model.network, self.start.reference
        if self.peers.pp > 1:
            plan = self.start.loader().pipeline_split(getattr(network, "config", None))
            first = self.train_rows.batch([0])
            self.peers.split(network, pipeline.check(plan, self.peers.pp, name), first.output, name)
        if self.peers.shards:
            parts = self.model.parts()
            self.peers.shard(network, parts.stack if parts is not None else "")
        self.parameters = self.peers.parameters(network)

    def _make_loop(self) -> None:
        order = Order(self.recipe.seed, len(self.train_rows), self.recipe.batch)
        by_class = self.recipe.class_weight
        weights = by_class != "none" and row_weights(by_class, self.model.kind, self.train_labels, self.labels)
        self.loop = Loop(
            self.model, self.train_source, order, self.recipe, self.request.peak, self.parameters,
            row_weights=weights or None, peers=self.peers,
        )  # fmt: skip
        self.loop.micro = min(self.loop.micro, self.request.micro or self.loop.micro)

    def _check_best(self) -> None:
        """Raise `BadOption` for a score that this task has not, before the first step."""
        name = self.recipe.best
        known = self.evaluate(self.held_source, self.held_labels, [0]).scores if name else {}
        if name and name not in known:
            raise BadOption(
                f"recipe: best='{name}' is not a score of {self.request.task}", why=f"it has {', '.join(known)}",
                fix=did_you_mean(name, known) or "leave best out",
            )  # fmt: skip

    def _note(self, step: Step) -> None:
        for row in step.left_out:
            id = self.train_rows.examples[row].id
            self.left_out.append(LeftOut(id, "E-NOT-FINITE", "its loss is not finite", f"at step {self.step}"))
            self.journal.write({"step": self.step, "left_out": id})
        self.excess.update((row, round(loss - step.loss, 4)) for row, loss in step.losses.items())
        self.journal.step(step.number, step.loss, lr=step.lr, norm=step.norm)

    def _end_epoch(self, step: Step) -> None:
        # Each copy has seen other rows, and so has other statistics of batch norms.
        self.peers.from_first(list(freezing.trained_buffers(self.model.network, self.trained.modules).values()))
        if not self.held_labels:
            self.best_step = self.step
            return
        found = self.evaluate(self.held_source, self.held_labels)
        self.scores = {name: list(each) for name, each in found.scores.items()}
        self.journal.write(
            {"step": self.step, "epoch": step.epoch + 1, "scores": {n: s[0] for n, s in self.scores.items()}}
        )
        now, is_first = (found.score(self.recipe.best), -found.loss.score().value), not math.isfinite(self.best[0])
        if is_first or now[0] > self.best[0]:
            self.best_epoch = step.epoch
        if is_first or now > self.best:
            self.best, self.best_step = now, self.step

    def _keep(self) -> None:
        if not self.peers.keeps:
            return
        named = {**self.parameters, **freezing.trained_buffers(self.model.network, self.trained.modules)}
        weights = self.peers.whole(named)
        optimizer = self.peers.whole(optimizers.state(self.loop.optimizer, self.parameters))
        if not self.peers.writes:
            return
        state = {
            "fingerprint": self.fingerprint,
            "left_out": sorted(self.loop.left_out),
            "micro": self.loop.micro,
            "best_step": self.best_step,
            "best_epoch": self.best_epoch,
            "best": [each if math.isfinite(each) else None for each in self.best],
            "excess": list(self.excess.items()),
            "log_bytes": self.journal.flush(),
        }
        folder = self.ledger.save(self.step, weights, optimizer, state)
        self.tell("checkpoint", self.step, {"folder": str(folder), "best_step": self.best_step})

    def _resume(self) -> int:
        """Go on from the last checkpoint, if that is asked for and there is one; bytes of the log to keep."""
        last = self.ledger.last() if self.request.resume else None
        if last is None:
            return 0
        kept = self.ledger.load(last)
        self.check_same(kept.state["fingerprint"])
        self._restore(kept.weights)
        optimizers.restore(self.loop.optimizer, self.parameters, self.peers.share(kept.optimizer))
        # By their places: equal rows may come from a file of another name now.
        self.loop.left_out = set(kept.state["left_out"])
        ids = [self.train_rows.examples[row].id for row in kept.state["left_out"]]
        self.left_out += [LeftOut(id, "E-NOT-FINITE", "its loss is not finite") for id in ids]
        self.loop.micro = min(self.loop.micro, kept.state["micro"])
        self.best_step, self.best_epoch = kept.state["best_step"], kept.state["best_epoch"]
        self.excess = dict(kept.state["excess"])
        self.step = last
        score, loss = kept.state.get("best") or (kept.state["best_score"], None)  # of an earlier version
        self.best = (-math.inf if score is None else score), (-math.inf if loss is None else loss)
        return int(kept.state["log_bytes"])

    def _restore(self, weights: dict[str, torch.Tensor]) -> None:
        own: dict[str, torch.Tensor] = dict(self.model.network.named_buffers())
        own.update(self.parameters)
        with torch.no_grad():
            for name, value in self.peers.share(weights).items():
                own[name].copy_(value)

    def _fingerprint(self) -> dict[str, Any]:
        """What a resumed training must share with the one that was stopped."""
        return {
            **{f"recipe.{name}": value for name, value in self.recipe.fingerprint().items()},
            "task": self.request.task,
            "train": self.request.train,
            "base": self.start.digest(),
            "architecture": f"{self.start.architecture} {self.start.size}".strip(),
            "training data": data_digest(self.accepted[0]),
            "validation data": data_digest(self.accepted[1]),
            "torch": torch.__version__,
        }

    def check_same(self, before: dict[str, Any]) -> None:
        """Raise `StoreMismatch` with the difference, unless `before` is the fingerprint of this very training."""
        usual = {f"recipe.{name}": value for name, value in Recipe().fingerprint().items()}  # that had no name before
        changed = [name for name, value in self.fingerprint.items() if before.get(name, usual.get(name)) != value]
        if changed:
            shown = [
                f"{name}: {_short(before.get(name))} then, {_short(self.fingerprint[name])} now" for name in changed
            ]
            raise StoreMismatch(
                f"'{self.request.out}' holds a training with another {', '.join(changed)}",
                why="; ".join(shown),
                fix="resume with what it was begun with, or train into another folder",
            )


def _short(value: object) -> str:
    return f"{value!s:.16}"
