"""What a pool drives, wherever it runs: the replicas of a model, and what happens at them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from duomo.brief import Named
from duomo.errors import BadInput, DuomoError, ModelFailed, Unavailable
from duomo.execution.base import ItemResult, Job, ModelFacts
from duomo.outcome import ItemError

AFTERMATH = "PeerLost"
"""The error of a rank that could not go on because of another, which has the cause."""
START_LIMIT_S = 600.0
"""Seconds in which a worker has loaded its model, even if its weights come over a network."""


class Event(NamedTuple):
    """What happened at one replica."""

    kind: str
    """``ready`` (again), ``done``, ``raised``, ``part`` (of a stream), or ``lost`` (it died)."""
    replica: int
    ticket: int = -1
    item_results: Sequence[ItemResult] = ()
    """What a batch came to, with ``done``."""
    part: Any = None
    error: ItemError | None = None
    """What a batch raised, with ``raised``; how the replica ended, with ``lost``."""
    out_of_memory: bool = False
    blame: bool = True
    """With ``lost``: whether its oldest batch is under suspicion, or it was ended for another reason."""
    prepare_s: float = 0.0
    compute_s: float = 0.0


class Crew(Named, ABC):
    """The replicas that a pool drives. One thread at a time calls `wait` and `kill`; others call the rest meanwhile."""

    size: int
    """Number of replicas; known once started."""

    @abstractmethod
    def start(self, job: Job) -> ModelFacts:
        """Start all; returns when each is ready, or raises what kept the first that failed from it."""

    @abstractmethod
    def send(self, replica: int, ticket: int, items: Sequence[object], options: object) -> None:
        """Hand over a batch; does not wait for it. Raises when the items cannot be sent at all.

        What is sent to a replica that is gone is dropped: its ``lost`` follows, and gives the batch back.
        """

    @abstractmethod
    def stream(self, replica: int, ticket: int, item: object, options: object) -> None:
        """Like `send`, for one item whose result comes in parts; ``done`` without item_results ends it."""

    @abstractmethod
    def cancel(self, replica: int, ticket: int) -> None:
        """Give up the rest of a stream."""

    @abstractmethod
    def wait(self, timeout_s: float) -> list[Event]:
        """Give what happened, as soon as something has: for each replica in order, tickets as they were sent.

        Ctrl-C is held back meanwhile: a crew that waits long does so in `interrupts.let_through`.
        """

    def wake(self) -> None:
        """Make a `wait` in another thread return soon."""

    @abstractmethod
    def restart(self, replica: int) -> None:
        """Start a dead replica again; ``ready`` or ``lost`` follows."""

    @abstractmethod
    def kill(self, replica: int, why: str) -> None:
        """End a replica that hangs; ``lost`` follows, with `why` and where it hung."""

    @abstractmethod
    def devices(self, replica: int) -> str:
        """Say where a replica runs, for people."""

    def now(self) -> float:
        """Read a clock that only grows, in seconds."""
        return time.monotonic()

    def bytes_moved(self) -> int:
        """Count the bytes that went between driver and workers; 0 where that is not known."""
        return 0

    @abstractmethod
    def shutdown(self) -> None:
        """End all; safe to call twice."""


def cause_of(raised: Sequence[Event], *, all_spoke: bool) -> Event | None:
    """Find what went wrong in a group, from what its ranks have raised.

    None as long as only those have raised who suffer from another, which has not spoken yet: it may be dead.
    """
    causes = [event for event in raised if event.error is not None and event.error.type != AFTERMATH]
    return next(iter(causes or (raised if all_spoke else ())), None)


def unsendable(error: Exception) -> ItemError:
    """Make the error of an item that did not go through `Crew.send`; what is said in our words stays so."""
    if isinstance(error, DuomoError):
        return ItemError.of(error)
    refused = BadInput(
        "the item cannot be sent to a worker",
        why=f"{type(error).__name__}: {error}",
        fix="pass a path, bytes or an array, or run with executor='inline'",
    )
    return ItemError.of(refused)


def not_started(worker: str, error: ItemError, fix: str = "") -> DuomoError:
    """Make the error of one worker that of the whole, with its traceback as text; `fix` where it has none itself."""
    kind = type(error.to_exception())
    kind = Unavailable if kind is ModelFailed else kind
    why = "\n".join(filter(None, (error.why, error.traceback.rstrip())))
    return kind(f"{worker} did not start: {error.what}", why=why, fix=error.fix or fix)


def not_restarted(error: OSError | EOFError) -> ItemError:
    """Make the error of a replica that `Crew.restart` had no means for."""
    return ItemError("E-WORKER-LOST", "a worker could not be started again", str(error), type="WorkerLost")
