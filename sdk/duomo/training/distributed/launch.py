"""The driver of a training on several devices: starts the ranks, watches them, starts them again from the ledger.

Training ranks share collectives, so they are one fault domain: when one dies, all are ended and started again from the
last checkpoint, and since a resumed training is exact nothing of it is seen in the weights.
"""

from __future__ import annotations

import dataclasses
import logging
import multiprocessing
import time
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from duomo.errors import WorkerLost
from duomo.execution.pools.process import Child, end
from duomo.execution.sharding.group import new_rendezvous, remove_rendezvous
from duomo.outcome import ItemError
from duomo.parallel import ParallelDims
from duomo.specs import TaskSpec
from duomo.training.distributed.pulse import Watch
from duomo.training.distributed.rank import main
from duomo.training.fit import Fit
from duomo.training.request import Request
from duomo.training.starts import Start

MAX_RESTARTS = 3
DEADLINE_S = 600.0
"""A rank that says nothing for so long hangs; it is longer than a step, an evaluation or the trunk may take."""
SETTLE_S = 0.3
"""After a first report the others' are waited for: who lost a peer says so sooner than the dead rank is noticed."""
PRELOAD = ("torch", "torch._dynamo", "duomo.training.distributed.rank")


LOG = logging.getLogger("duomo.training")


class Lost(NamedTuple):
    """Why a group ended."""

    rank: int
    reason: str
    step: int
    error: ItemError | None = None
    """What a rank raised, when that is the cause."""


class _Member(NamedTuple):
    child: Child
    pipe: Connection


def train_on(
    devices: Sequence[str],
    request: Request,
    start: Start,
    spec: TaskSpec,
    on_step: Callable[[tuple[Any, ...]], None] | None = None,
    on_restart: Callable[[Lost], None] | None = None,
    dims: ParallelDims | None = None,
) -> Fit:
    """Train on several devices: as `dims` says, or with a copy of the model on each.

    Raises:
        DuomoError: what a rank raised.
        WorkerLost: ranks died more often than `MAX_RESTARTS`.
    """
    usual_s = [0.0]
    dims = dims or ParallelDims(dp=len(devices))
    for restart in range(MAX_RESTARTS + 1):
        again = dataclasses.replace(request, resume=request.resume or restart > 0)
        found = _run(devices, dims, again, start, spec, on_step, usual_s)
        if isinstance(found, Fit):
            return found
        if found.error is not None:
            raise found.error.to_exception()
        if on_restart is not None:
            on_restart(found)
        words = f"rank {found.rank} on {devices[found.rank]} was lost after step {found.step}: {found.reason}"
        if restart < MAX_RESTARTS:
            warnings.warn(f"{words}; the training goes on from its last checkpoint", stacklevel=3)
    raise WorkerLost(
        words, why=f"it is the loss number {MAX_RESTARTS + 1}", fix="mend the cause, then resume=True (--resume)"
    )


def _run(
    devices: Sequence[str],
    dims: ParallelDims,
    request: Request,
    start: Start,
    spec: TaskSpec,
    on_step: Callable[[tuple[Any, ...]], None] | None,
    usual_s: list[float],
) -> Fit | Lost:
    """One start of the group, to its end; the longest wait that ended well is left in `usual_s`."""
    rendezvous = new_rendezvous()
    members: list[_Member] = []
    try:
        for rank, device in enumerate(devices):
            here, there = multiprocessing.Pipe(duplex=False)
            own = dataclasses.replace(request, device=device)
            args = (rank, dims, rendezvous, DEADLINE_S, own, start, spec, there)
            members.append(_Member(Child(main, args, preload=PRELOAD), here))
            there.close()
        watch = Watch([each.child.pid for each in members], usual_s[0])
        try:
            return _watch(members, watch, devices, on_step)
        finally:
            usual_s[0] = watch.usual_s
    finally:
        end([each.child for each in members], grace_s=0.5)
        for each in members:
            each.pipe.close()
        remove_rendezvous(rendezvous)


def _watch(
    members: list[_Member], watch: Watch, devices: Sequence[str], on_step: Callable[[tuple[Any, ...]], None] | None
) -> Fit | Lost:
    fit: Fit | None = None
    heard = [time.monotonic()] * len(members)
    done, lost, steps = set[int](), list[Lost](), [0] * len(members)
    settle: float | None = None
    while len(done) < len(members):
        gone = {each.rank for each in lost} | done
        waiting = {members[rank].pipe: rank for rank in range(len(members)) if rank not in gone}
        ready = [waiting[pipe] for pipe in wait(list(waiting), timeout=0.1)]  # type: ignore[index]
        for rank in ready:
            try:
                kind, *said = members[rank].pipe.recv()
            except (EOFError, OSError):
                lost.append(Lost(rank, members[rank].child.ending, steps[rank]))
                settle = settle or time.monotonic() + SETTLE_S
                continue
            if kind == "beat":
                watch.heard(rank, said[0], time.monotonic())
                continue
            heard[rank] = time.monotonic()
            if kind == "step":
                steps[rank] = said[0][0]
                if rank == 0 and on_step is not None:
                    on_step(said[0])
            elif kind == "done":
                done.add(rank)
                watch.forget(rank)
                fit = said[0] or fit
            else:
                error, name = said
                lost.append(Lost(rank, error.what, steps[rank], None if name == "PeerLost" else error))
                settle = settle or time.monotonic() + SETTLE_S
        now = time.monotonic()
        if settle is not None:
            if now >= settle:
                return min(lost, key=_priority)
            continue
        # Whoever has more to say is not silent: the driver has been away.
        quiet = [rank for rank in waiting.values() if rank not in ready and rank not in done]
        late = watch.late(quiet, now)
        if late is not None and late.is_lost:
            return Lost(late.rank, late.reason, steps[late.rank])
        if late is not None:
            LOG.warning("rank %d on %s is late: %s", late.rank, devices[late.rank], late.reason)
        silent = [rank for rank in quiet if now - heard[rank] > DEADLINE_S]
        if silent:
            rank = min(silent, key=heard.__getitem__)
            return Lost(rank, f"it took no step for {DEADLINE_S:.0f} s", steps[rank])
    assert fit is not None
    return fit


def _priority(lost: Lost) -> tuple[bool, bool]:
    """What a rank raised is the cause before a death, and a death before the loss of a peer."""
    return lost.error is None, "has lost another rank" in lost.reason
