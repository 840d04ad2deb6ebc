"""A model or an adapter on what live sources give: outcomes as they come, each with the age of what it is about."""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from duomo.execution.base import FLUSH
from duomo.inputs.live.reader import Arrival
from duomo.outcome import Outcome
from duomo.tasks.base import Result

R_co = TypeVar("R_co", bound=Result, covariant=True)


class Maps(Protocol[R_co]):
    """A `duomo.Runner` or a `duomo.Adapter`."""

    @property
    def map(self) -> Callable[..., Iterator[Outcome[R_co]]]:
        """Compute many items, read lazily, one outcome each in order."""


def follow(runner: Maps[R_co], arrivals: Iterable[Arrival | None], **options: object) -> Iterator[Outcome[R_co]]:
    """Run a model or an adapter on live items until they end; one outcome each, in order.

    `Meta.taken` says when the item arose, `Meta.age_s` how old it was when its outcome was given. What a broker waits
    for is acknowledged after the caller has taken the outcome and asks for the next.

    Args:
        runner: a runner or an adapter.
        arrivals: a `duomo.inputs.live.Feed`; or arrivals, with None where nothing more is there yet.
        options: of `map`: those of the task, `batch_size` and so on.
    """
    waiting: collections.deque[Arrival] = collections.deque()

    def items() -> Iterator[object]:
        for arrival in arrivals:
            if arrival is None:
                yield FLUSH
            else:
                waiting.append(arrival)
                yield arrival.value

    for outcome in runner.map(items(), **options):
        arrival = waiting.popleft()
        meta = dataclasses.replace(
            outcome.meta,
            taken=datetime.fromtimestamp(arrival.time, UTC).isoformat(timespec="milliseconds"),
            age_s=round(time.time() - arrival.time, 3),
            redelivered=arrival.redelivered,
        )
        yield dataclasses.replace(outcome, id=arrival.name or outcome.id, meta=meta)
        if arrival.done is not None:
            arrival.done()
