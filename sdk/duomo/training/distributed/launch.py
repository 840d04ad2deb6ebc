"""The driver of a training on several devices: starts the ranks, watches them, starts them again from the ledger.

Training ranks share collectives, so they are one fault domain: when one dies, all are ended and started again from the
last checkpoint, and since a resumed training is exact nothing of it is seen in the weights. When memory runs out in the
middle of a pass that several processes share, they are started again with micro-batches half as large.
"""

from __future__ import annotations

import dataclasses
import logging
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from duomo.errors import WorkerLost
from duomo.outcome import ItemError
from duomo.parallel import ParallelDims
from duomo.resolving import resolve
from duomo.specs import TaskSpec
from duomo.training.distributed.members import Members, Orders
from duomo.training.distributed.pulse import Watch
from duomo.training.fit import Fit
from duomo.training.request import Request
from duomo.training.starts import Start

MAX_RESTARTS = 3
SETTLE_S = 0.3
"""After a first report the others' are waited for: who lost a peer says so sooner than the dead rank is noticed."""
GROUPS = {
    "local": "duomo.training.distributed.members:LocalMembers",
    "ray": "duomo.training.distributed.ray:RayMembers",
}
"""What starts ranks, by the name of the executor."""

LOG = logging.getLogger("duomo.training")
Tell = Callable[..., object]


class Lost(NamedTuple):
    """Why a group ended."""

    rank: int
    reason: str
    step: int
    error: ItemError | None = None
    """What a rank raised, when that is the cause."""
    micro: int = 0
    """Rows of a micro-batch for which memory did not suffice; 0 for any other cause."""


def train_on(
    devices: Sequence[str],
    request: Request,
    start: Start,
    spec: TaskSpec,
    on_step: Callable[[tuple[Any, ...]], object] | None = None,
    on_restart: Callable[[Lost], None] | None = None,
    dims: ParallelDims | None = None,
    tell: Tell | None = None,
) -> Fit:
    """Train on several devices: as `dims` says, or with a copy of the model on each.

    Raises:
        DuomoError: what a rank raised.
        WorkerLost: ranks died more often than `MAX_RESTARTS`.
    """
    usual_s = [0.0]
    said: dict[str, Tell] = {"event": tell or (lambda *_: None), "step": on_step or (lambda _: None)}
    dims = dims or ParallelDims(dp=len(devices))
    lost = 0
    while True:
        again = dataclasses.replace(request, resume=request.resume or lost > 0)
        found = _run(Orders(tuple(devices), dims, again, start, spec), said, usual_s)
        if isinstance(found, Fit):
            return found
        if found.micro > 1:
            LOG.warning("memory ran out on rank %d: micro-batches of %d rows now", found.rank, found.micro // 2)
            request = dataclasses.replace(request, micro=found.micro // 2, resume=request.resume or found.step > 0)
            continue
        if found.error is not None:
            raise found.error.to_exception()
        if on_restart is not None:
            on_restart(found)
        words = f"rank {found.rank} on {devices[found.rank]} was lost after step {found.step}: {found.reason}"
        lost += 1
        if lost > MAX_RESTARTS:
            raise WorkerLost(
                words, why=f"it is the loss number {lost}", fix="fix the cause, then resume=True (--resume)"
            )
        warnings.warn(f"{words}; the training goes on from its last checkpoint", stacklevel=3)


def _run(orders: Orders, said: dict[str, Tell], usual_s: list[float]) -> Fit | Lost:
    """One start of the group, to its end; the longest wait that ended well is left in `usual_s`."""
    kind: type[Members] = resolve(GROUPS[orders.request.executor], owner=f"executor '{orders.request.executor}'")
    members = kind(orders)  # type: ignore[call-arg]
    watch = Watch(members.pids, usual_s[0], orders.request.recipe.hang_s)
    try:
        return _watch(members, watch, orders, said)
    finally:
        usual_s[0] = watch.usual_s
        members.close()


def _watch(members: Members, watch: Watch, orders: Orders, said: dict[str, Tell]) -> Fit | Lost:
    fit: Fit | None = None
    num = len(orders.devices)
    heard = [time.monotonic()] * num
    done, lost, steps = set[int](), list[Lost](), [0] * num
    settle: float | None = None
    while len(done) < num:
        gone = {each.rank for each in lost} | done
        left = [rank for rank in range(num) if rank not in gone]
        messages = members.hear(left, 0.1)
        for rank, (kind, *more) in messages:
            if kind == "beat":
                watch.heard(rank, more[0], time.monotonic())
                continue
            heard[rank] = time.monotonic()
            if kind in said:
                steps[rank] = more[0][0] if kind == "step" else steps[rank]
                if rank == 0:
                    said[kind](*more)
            elif kind == "done":
                done.add(rank)
                watch.forget(rank)
                fit = more[0] or fit
            else:
                lost.append(_lost(rank, steps[rank], kind, more))
                settle = settle or time.monotonic() + SETTLE_S
        now = time.monotonic()
        if settle is not None:
            if now >= settle or len(lost) + len(done) == num:
                return min(lost, key=_priority)
            continue
        # Whoever has more to say is not silent: the driver has been away.
        spoke = {rank for rank, _ in messages}
        quiet = [rank for rank in left if rank not in spoke and rank not in done]
        overdue = _overdue(quiet, watch, heard, now, orders)
        if overdue is not None:
            return overdue._replace(step=steps[overdue.rank])
    assert fit is not None
    return fit


def _overdue(quiet: Sequence[int], watch: Watch, heard: Sequence[float], now: float, orders: Orders) -> Lost | None:
    """The rank among those that are silent that is given up; one that is only late is told of."""
    late = watch.late(quiet, now)
    if late is not None and late.is_lost:
        return Lost(late.rank, late.reason, 0)
    if late is not None:
        LOG.warning("rank %d on %s is late: %s", late.rank, orders.devices[late.rank], late.reason)
    silent = [rank for rank in quiet if now - heard[rank] > orders.deadline_s]
    if silent:
        return Lost(min(silent, key=heard.__getitem__), f"it took no step for {orders.deadline_s:.0f} s", 0)
    return None


def _lost(rank: int, step: int, kind: str, more: Sequence[Any]) -> Lost:
    if kind == "gone":
        return Lost(rank, more[0], step)
    error, name, micro = more
    reason = f"{error.what} ({error.why})" if error.why else error.what
    return Lost(rank, reason, step, None if name == "PeerLost" else error, micro)


def _priority(lost: Lost) -> tuple[bool, bool]:
    """What a rank raised is the cause before a death, and a death before the loss of a peer."""
    return lost.error is None, "has lost another rank" in lost.reason
