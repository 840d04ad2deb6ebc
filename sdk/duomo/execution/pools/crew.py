"""What a pool drives, wherever it runs: the replicas of a model, and what they have to say."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from duomo.errors import BadInput, DuomoError, ModelFailed, Unavailable
from duomo.execution.base import ItemResult, Job, ModelFacts
from duomo.outcome import ItemError

AFTERMATH = "PeerLost"
"""The error of a rank that could not go on because of another, which has the cause to tell."""
START_LIMIT_S = 600.0
"""By then a worker has loaded its model, even if its weights come over a network."""


class Event(NamedTuple):
    """What one replica has to say."""

    kind: str
    """``ready`` (again), ``done``, ``raised``, ``part`` (of a stream), or ``lost`` (it died)."""
    replica: int
    ticket: int = -1
    item_results: Sequence[ItemResult] = ()
    """Of ``done``."""
    part: Any = None
    error: ItemError | None = None
    """Of ``raised``; of ``lost`` how it ended."""
    out_of_memory: bool = False
    blame: bool = True
    """Of ``lost``: whether its oldest batch is under suspicion, or it was ended for another reason."""
    prepare_s: float = 0.0
    compute_s: float = 0.0


class Crew(ABC):
    """The replicas that a pool drives. Only one thread at a time calls `wait`, `restart` and `kill`."""

    size: int
    """Number of replicas; known once started."""

    @abstractmethod
    def start(self, job: Job) -> ModelFacts:
        """Start all; returns when each is ready, or raises what the first that failed had to say."""

    @abstractmethod
    def send(self, replica: int, ticket: int, items: Sequence[Any], options: Any) -> None:
        """Hand over a batch; does not wait for it. Raises when the items cannot be sent at all.

        What is sent to a replica that is gone is dropped: its ``lost`` follows, and gives the batch back.
        """

    @abstractmethod
    def stream(self, replica: int, ticket: int, item: Any, options: Any) -> None:
        """Like `send`, for one item whose result comes in parts; ``done`` without item_results ends it."""

    @abstractmethod
    def cancel(self, replica: int, ticket: int) -> None:
        """Nobody wants the rest of a stream."""

    @abstractmethod
    def wait(self, timeout_s: float) -> list[Event]:
        """What happened, as soon as something has. Of one replica in order; tickets in the order they were sent."""

    def wake(self) -> None:  # noqa: B027 - nothing is right for a crew that never waits long
        """Make a `wait` in another thread return soon."""

    @abstractmethod
    def restart(self, replica: int) -> None:
        """Start a dead replica again; ``ready`` or ``lost`` will tell how it went."""

    @abstractmethod
    def kill(self, replica: int, why: str) -> None:
        """End a replica that hangs; ``lost`` follows, with `why` and where it hung."""

    @abstractmethod
    def devices(self, replica: int) -> str:
        """Where it runs, for people."""

    def now(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    def bytes_moved(self) -> int:
        """How much went between driver and workers; 0 where that is not known."""
        return 0

    @abstractmethod
    def shutdown(self) -> None:
        """End all; safe to call twice."""


def cause_of(raised: Sequence[Event], *, all_spoke: bool) -> Event | None:
    """What went wrong in a group, of what its ranks have raised.

    None as long as only those have raised who suffer from another, which has not spoken yet: it may be dead.
    """
    causes = [event for event in raised if event.error is not None and event.error.type != AFTERMATH]
    return next(iter(causes or (raised if all_spoke else ())), None)


def unsendable(error: Exception) -> ItemError:
    """Of an item that did not go through `Crew.send`."""
    told = BadInput(
        "the item cannot be sent to a worker",
        why=f"{type(error).__name__}: {error}",
        fix="pass a path, bytes or an array, or run with executor='inline'",
    )
    return ItemError.of(told)


def not_started(worker: str, error: ItemError, fix: str = "") -> DuomoError:
    """The error of one worker as that of the whole, with its traceback as text; `fix` where it tells none itself."""
    kind = type(error.to_exception())
    kind = Unavailable if kind is ModelFailed else kind
    why = "\n".join(filter(None, (error.why, error.traceback.rstrip())))
    return kind(f"{worker} did not start: {error.what}", why=why, fix=error.fix or fix)


def not_restarted(error: OSError | EOFError) -> ItemError:
    """Of a replica that `Crew.restart` had no means for."""
    return ItemError("E-WORKER-LOST", "a worker could not be started again", str(error), type="WorkerLost")
