"""What runs inside an actor of Ray: the same worker as in a process of `duomo.execution.pools.local`."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple

import ray

from duomo.execution.base import Job, ModelFacts
from duomo.execution.devices import describe_and_release
from duomo.execution.pools import child
from duomo.execution.pools.crew import Event
from duomo.outcome import ItemError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Loaded(NamedTuple):
    """What an actor tells once its model is loaded."""

    facts: ModelFacts
    node: str


class RayWorker:
    """One actor: the worker of one rank. `prepare` runs beside `compute`, each in the order of the calls."""

    def __init__(self) -> None:
        self._prepared: dict[int, Future[Any]] = {}
        self._guard = threading.Lock()
        self._cancelled: set[int] = set()

    def where(self) -> str:
        """Return the address of its node; answered as soon as it has a place."""
        return str(ray.util.get_node_ip_address())

    def rendezvous(self) -> str:
        """Choose where the ranks of its group meet: the first rank does, since it knows its node."""
        from duomo.execution.sharding.group import new_rendezvous

        return new_rendezvous()

    def load(self, job: Job, post: child.RankInfo, rendezvous: str) -> Loaded | ItemError:
        """Load the model, or tell what prevented it."""
        self._post = post._replace(rendezvous=rendezvous)
        try:
            child.check_plugin(job)
            self._worker = child.load_worker(job, self._post)
        except Exception as error:
            return child.describe(error)
        return Loaded(ModelFacts.of(self._worker), self.where())

    def prepare(self, ticket: int, items: Sequence[object], options: object) -> None:
        """Do the part of a batch that needs no device."""
        slot = self._slot(ticket)
        try:
            slot.set_result(self._worker.prepare(items, options))
        except BaseException as error:  # `compute` waits for it, whatever it is
            slot.set_exception(error)

    def compute(self, ticket: int, options: object) -> Event:
        """Do the rest of a batch."""
        try:
            prepared = self._slot(ticket).result()
            start = time.perf_counter()
            item_results = self._worker.compute(prepared, options)
            seconds = time.perf_counter() - start
        except Exception as error:
            words, out_of_memory = describe_and_release(error)
            return Event("raised", self._post.replica, ticket, error=words, out_of_memory=out_of_memory)
        finally:
            del self._prepared[ticket]
        answer = [] if self._post.rank else item_results
        return Event("done", self._post.replica, ticket, answer, prepare_s=prepared.seconds, compute_s=seconds)

    def stream(self, ticket: int, item: object, options: object) -> Iterator[Event]:
        """Events of one item that comes in parts; the last is ``done`` or ``raised``."""
        replica = self._post.replica
        try:
            for part in self._worker.stream(item, options):
                if ticket in self._cancelled and self._post.world == 1:
                    break  # the ranks of a group all go on to the end, or they would part ways
                yield Event("part", replica, ticket, part=part)
            yield Event("done", replica, ticket)
        except Exception as error:
            words, out_of_memory = describe_and_release(error)
            yield Event("raised", replica, ticket, error=words, out_of_memory=out_of_memory)
        self._cancelled.discard(ticket)

    def cancel(self, ticket: int) -> None:
        """Nobody wants the rest of a stream."""
        self._cancelled.add(ticket)

    def _slot(self, ticket: int) -> Future[Any]:
        with self._guard:
            return self._prepared.setdefault(ticket, Future())


THREADS = {
    "prepare": "prepare",
    "compute": "compute",
    "stream": "compute",
    "cancel": "control",
    "where": "control",  # while the model is still being loaded
}
"""Which thread of an actor runs a method; calls for one thread stay in order."""


def with_threads() -> type[RayWorker]:
    """Return the actor's class with each method on its thread; marked late, since the mark is Ray's."""

    class Placed(RayWorker):
        pass

    for name, thread in THREADS.items():
        setattr(Placed, name, ray.method(concurrency_group=thread)(getattr(RayWorker, name)))
    return Placed
