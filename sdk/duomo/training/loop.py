"""One step after another: rows → gradients → an update. It knows neither files nor processes.

A step adds up the gradients of sums, over micro-batches and over copies of the model, and divides once by the number
of terms, so that the update does not depend on how the batch was cut. What is not finite never reaches the optimiser:
the rows are named, left out, and the step is done again without them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from duomo.counting import counted
from duomo.errors import SystemicError
from duomo.execution.devices import free_memory, is_out_of_memory
from duomo.training import optimizers
from duomo.training.batches import cut
from duomo.training.order import Order, share
from duomo.training.peers import Peers
from duomo.training.recipe import Recipe
from duomo.training.rows import Rows
from duomo.training.trainable import Trainable

FILL = 2
"""Micro-batches for each stage at least, where rows suffice: of (p - 1) / (m + p - 1) idle time a fifth for two."""


class Step(NamedTuple):
    """What one update came to."""

    number: int
    """From 0."""
    epoch: int
    loss: float
    """Mean over the batch's terms."""
    norm: float
    """Norm of the gradient, before clipping."""
    lr: float
    num_rows: int
    losses: Mapping[int, float]
    """Row → mean loss of its terms, before the update."""
    left_out: tuple[int, ...] = ()
    """Rows whose loss was not finite."""


class Loop:
    """The updates of one training.

    Args:
        model: in training mode where it is trained.
        rows: where batches come from.
        order: which rows each step reads.
        recipe: settings.
        peak: the highest learning rate.
        parameters: what is trained, by name.
        row_weights: a factor for the loss and the count of each row; none for all alike.
        peers: the other copies of the model.
    """

    def __init__(
        self,
        model: Trainable[Any],
        rows: Rows,
        order: Order,
        recipe: Recipe,
        peak: float,
        parameters: Mapping[str, nn.Parameter],
        *,
        row_weights: Sequence[float] | None = None,
        peers: Peers | None = None,
    ) -> None:
        self.model, self.rows, self.order, self.recipe, self.peak = model, rows, order, recipe, peak
        self.parameters = dict(parameters)
        self.optimizer: Optimizer = optimizers.make(recipe, parameters)
        self.peers = peers or Peers()
        self.left_out: set[int] = set()
        self.micro = recipe.micro or recipe.batch
        """Rows of a micro-batch at most; halved when memory runs out."""
        self.used = 0
        """Rows of the largest micro-batch of the last step."""
        self.total = order.steps_per_epoch * recipe.epochs
        if recipe.max_steps is not None:
            self.total = min(self.total, recipe.max_steps)
        self._weights = row_weights
        _spare_single_values(model.network)
        self._device = next(iter(self.parameters.values())).device
        self._backend = None if self._device.type == "cpu" else torch.get_device_module(self._device)

    def steps(self, start: int = 0) -> Iterator[Step]:
        """Yield after each update; stop when there are no more, or when the caller does."""
        for number in range(start, self.total):
            yield self._step(number)

    def _step(self, number: int) -> Step:
        lost: list[int] = []
        while True:
            rows = [row for row in self.order.rows(number) if row not in self.left_out]
            error: Exception | None = None
            try:
                found, losses = self._gradients(number, share(rows, self.peers.rank, self.peers.size))
            except Exception as raised:
                # The driver starts a group with smaller micro-batches whose passes need each other.
                if not is_out_of_memory(raised) or self.peers.is_joint:
                    raise
                error, found, losses = raised, self._nothing(), [0.0] * len(rows)
            found, losses, is_short = self._exchange(found, losses, is_short=error is not None)
            if is_short:
                # All copies cut alike, so that all of them do the step again.
                if not self._halve(-(-len(rows) // self.peers.size)) and error is not None:
                    raise error
                continue
            bad = [row for row, loss in zip(rows, losses, strict=True) if not math.isfinite(loss)]
            if not bad:
                break
            lost += bad
            self._leave_out(bad, number)
        loss, count = found.tolist()
        lr = optimizers.rate(self.recipe, self.peak, number, self.total)
        norm = self._update(number, lr, count) if count else 0.0
        mean, by_row = loss / count if count else 0.0, dict(zip(rows, losses, strict=True))
        return Step(number, self.order.epoch(number), mean, norm, lr, len(rows), by_row, tuple(lost))

    def _nothing(self) -> Tensor:
        return torch.zeros(2, dtype=torch.float64, device=self._device)

    def _gradients(self, number: int, rows: Sequence[int]) -> tuple[Tensor, list[float]]:
        """Add up the gradients of `rows`; sums of losses and counts, and the loss of each row, 0 of those of others."""
        self.optimizer.zero_grad()
        good = [row for row in self.order.rows(number) if row not in self.left_out]
        found, losses = self._nothing(), dict.fromkeys(good, 0.0)

        def loss_of(at: int, part: Sequence[int]) -> Tensor:
            sums, counts = self._losses(number, at, part or good[:1] or self.order.rows(number)[:1])
            total = sums.sum()
            if not part:  # a pass that others need and this process has no rows for
                return total * 0
            found.add_(torch.stack((total.detach(), counts.sum())))
            losses.update(zip(part, (sums.detach() / counts.where(counts != 0, 1)).tolist(), strict=True))
            return total

        parts = self.peers.even(self._cut(rows))
        self.peers.backward([functools.partial(loss_of, at, part) for at, part in enumerate(parts)])
        return found, list(losses.values())

    def _losses(self, number: int, at: int, part: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Sums and counts of the rows of micro-batch `at`, (B,) each."""
        batch = self.rows.batch(part, [self.order.row_seed(number, row) for row in part])
        self._seed(self.order.step_seed(number, at, self.peers.rank + self.peers.size * self.peers.stage))
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
            sums, counts = self.model.losses(batch.output(), batch.targets)
        if self._weights is not None:
            factors = sums.new_tensor([self._weights[row] for row in part])
            sums, counts = sums * factors, counts * factors
        return sums, counts

    def _exchange(self, found: Tensor, losses: list[float], *, is_short: bool) -> tuple[Tensor, list[float], bool]:
        """Make sums and losses those of all processes; gradients too, unless the step has to be done again.

        Args:
            found: sums of losses and counts.
            losses: of each row of the batch, 0 of those that others read.
            is_short: whether this copy ran out of memory.
        """
        if self.peers.size * self.peers.pp == 1:
            return found, losses, is_short
        all_of = self.peers.sum(torch.cat((found, found.new_tensor([*losses, float(is_short)]))))
        found, [*losses, short] = all_of[:2], all_of[2:].tolist()
        if all(map(math.isfinite, losses)) and not short:
            self.peers.sum_gradients([self._gradient(each) for each in self.parameters.values()])
        return found, losses, bool(short)

    def _update(self, number: int, lr: float, count: float) -> float:
        named = {name: self._gradient(each) for name, each in self.parameters.items()}
        norm = float(self.peers.norm(named)) / count
        if not norm < float("inf"):
            raise SystemicError(
                f"the gradient of step {number + 1} is not finite",
                why="every loss of its rows is, so no row can be left out for it",
                fix="a lower lr, or precision='float32'; the last checkpoint is from before this step",
            )
        clip = self.recipe.clip
        factor = (1.0 if clip is None else min(1.0, clip / (norm + 1e-6))) / count
        torch._foreach_mul_(list(named.values()), factor)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        return norm

    @staticmethod
    def _gradient(parameter: nn.Parameter) -> Tensor:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        return parameter.grad

    def _cut(self, rows: Sequence[int]) -> list[list[int]]:
        """The micro-batches: rows in order, as many as the budget and `micro` allow; some for each stage."""
        model, most = self.model, self.micro
        if self.peers.pp > 1:
            most = max(1, min(most, len(rows) // (FILL * self.peers.pp)))
        parts = cut(rows, self.rows.costs(rows), most=most, budget=model.batch_budget, packed=model.packed)
        self.used = max(map(len, parts), default=0)
        return parts

    def _leave_out(self, rows: Sequence[int], number: int) -> None:
        self.left_out.update(rows)
        if len(self.left_out) > self.recipe.max_failed:
            raise SystemicError(
                f"{counted(len(self.left_out), 'row has', 'rows have')} no finite loss by step {number + 1}",
                why=f"max_failed is {self.recipe.max_failed}; the last are named in log.jsonl",
                fix="look at these rows; or a lower lr. The last checkpoint is from before this step",
            )

    def _halve(self, num_rows: int) -> bool:
        """Make micro-batches half as large; False when one row alone is too much.

        Args:
            num_rows: of the largest share of a copy.
        """
        used = min(self.micro, num_rows)
        self.optimizer.zero_grad()
        free_memory()
        self.micro = max(1, used // 2)
        return used > 1

    def _seed(self, seed: int) -> None:
        # torch.manual_seed would seed every backend, which takes as long as a small step.
        torch.default_generator.manual_seed(seed)
        if self._backend is not None:
            self._backend.manual_seed(seed)


def _spare_single_values(network: nn.Module) -> None:
    """Let batch norms use their running statistics where a channel has one value: it has no variance."""

    def before(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0]
        if module.training and values.numel() == values.shape[1]:
            module.training = False
            single.add(module)

    def after(module: nn.Module, _inputs: object, _output: object) -> None:
        if module in single:
            single.remove(module)
            module.training = True

    single = set[nn.Module]()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) and module.training:
            module.register_forward_pre_hook(before)
            module.register_forward_hook(after)
