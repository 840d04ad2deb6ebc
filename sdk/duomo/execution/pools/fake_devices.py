"""Devices that are not there, on a clock that is not real."""

from __future__ import annotations

import dataclasses
import heapq
import random
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from duomo.execution.base import ItemResult, Job, ModelFacts
from duomo.execution.pools.crew import Crew, Event
from duomo.outcome import ItemError, Meta


class FakeDevice(NamedTuple):
    """One replica of a simulation."""

    speed: float = 1.0
    """Beside the others: 0.5 takes twice as long."""
    oom_above: int = 0
    """A batch of more padded cost than this does not fit; 0 for no limit."""
    fail_at: frozenset[int] = frozenset()
    """Its batches, counted from 0, in the middle of which it dies."""
    hang_at: frozenset[int] = frozenset()
    """Its batches that it never answers for."""


class Constants(NamedTuple):
    """What the virtual clock is driven by."""

    batch_s: float = 0.002
    """Seconds of each batch on a device, whatever is in it."""
    units_per_s: float = 400_000.0
    """Padded cost that a device of speed 1 works off in a second."""
    driver_s: float = 0.0
    """That the driver spends on a batch, one after another; devices may wait for it."""
    driver_item_s: float = 0.0
    """The same for each item."""
    restart_s: float = 0.05
    """Until a replica that died is ready again."""
    packed: bool = False
    """Whether a batch costs the sum of its items, without padding."""


def fake_devices(
    num: int, *, slow: float = 0.0, slow_speed: float = 0.5, faults: float = 0.0, seed: int = 0
) -> list[FakeDevice]:
    """Make a number of devices, a share of them slow, and a share of batches in which a device dies.

    Args:
        num: how many.
        slow: share of them that is slow.
        slow_speed: of these.
        faults: chance of each of a device's first thousand batches to be its last.
        seed: which ones.
    """
    dice = random.Random(seed)
    behind = set(dice.sample(range(num), round(slow * num)))
    return [
        FakeDevice(
            slow_speed if each in behind else 1.0,
            fail_at=frozenset(at for at in range(1000) if dice.random() < faults) if faults else frozenset(),
        )
        for each in range(num)
    ]


class FakeCrew(Crew):
    """Devices whose batches end when the virtual clock says so."""

    def __init__(self, devices: Sequence[FakeDevice], constants: Constants, budget: int, max_items: int) -> None:
        self.size = len(devices)
        self._devices = list(devices)
        self._constants = constants
        self._bounds = budget, max_items
        self._now = 0.0
        self._free = [0.0] * self.size
        """When a device is done with all it was given."""
        self._sent = [0] * self.size
        """Batches that a device was given so far."""
        self._lives = [0] * self.size
        """Raised when a device dies: what its former self would have answered is void."""
        self._heap: list[tuple[float, int, int, Event]] = []
        """(when, order, life, event)."""
        self._order = 0
        self.first_s = -1.0
        self.last_s = 0.0
        self.deaths = self.hangs = 0
        self.send_s = self.wait_s = 0.0
        """CPU seconds of the simulation itself."""

    def start(self, job: Job) -> ModelFacts:
        """Do nothing."""
        budget, max_items = self._bounds
        meta = Meta(job.task, job.reference, job.plugin, job.revision, "fake", "float32", "simulation")
        return ModelFacts(meta, max_items, budget, self._constants.packed)

    def send(self, replica: int, ticket: int, items: Sequence[Any], options: object) -> None:
        """Decide now what will become of the batch, and when."""
        began = time.process_time()
        constants, device = self._constants, self._devices[replica]
        if self.first_s < 0:
            self.first_s = self._now
        self._now += constants.driver_s + constants.driver_item_s * len(items)
        cost = sum(items) if constants.packed else max(items) * len(items)
        took = (constants.batch_s + cost / constants.units_per_s) / device.speed
        at = self._sent[replica]
        self._sent[replica] += 1
        due = max(self._now, self._free[replica]) + took
        if at in device.hang_at:
            self.hangs += 1
            due = float("inf")
        elif at in device.fail_at:
            self._push(due - took / 2, replica, Event("lost", replica, error=_DIED))
            due = float("inf")  # what stands behind it will not be answered
        elif 0 < device.oom_above < cost:
            error = ItemError("E-MODEL-FAILED", "out of memory", type="OutOfMemoryError")
            due -= took * 0.9
            self._push(due, replica, Event("raised", replica, ticket, error=error, out_of_memory=True))
        elif due < float("inf"):
            self._push(due, replica, Event("done", replica, ticket, _FINE * len(items)))
        self._free[replica] = due
        self.send_s += time.process_time() - began

    def wait(self, timeout_s: float) -> list[Event]:
        """Give all that is due by now; when nothing is, the clock goes on to what is next."""
        began = time.process_time()
        events: list[Event] = []
        limit = self._now + timeout_s
        while self._heap and self._heap[0][0] <= (self._now if events else limit):
            when, _, life, event = heapq.heappop(self._heap)
            if life != self._lives[event.replica]:
                continue
            self._now = max(self._now, when)
            events.append(event)
            if event.kind == "lost":
                self._die(event.replica)
            elif event.kind == "done":
                self.last_s = self._now
        if not events:
            self._now = limit
        self.wait_s += time.process_time() - began
        return events

    def restart(self, replica: int) -> None:
        """Have it ready after a while."""
        self._free[replica] = self._now + self._constants.restart_s
        self._push(self._free[replica], replica, Event("ready", replica))

    def kill(self, replica: int, why: str) -> None:
        """End it, and lose what it had."""
        error = dataclasses.replace(_DIED, why=why)
        self._push(self._now, replica, Event("lost", replica, error=error))

    def stream(self, replica: int, ticket: int, item: object, options: object) -> None:
        """Refuse: nothing here generates."""
        raise NotImplementedError

    def cancel(self, replica: int, ticket: int) -> None:
        """Do nothing."""

    def devices(self, replica: int) -> str:
        """Return its number."""
        return f"fake:{replica}"

    def now(self) -> float:
        """Return the time by the virtual clock."""
        return self._now

    def shutdown(self) -> None:
        """Do nothing."""

    def _push(self, when: float, replica: int, event: Event) -> None:
        self._order += 1
        heapq.heappush(self._heap, (when, self._order, self._lives[replica], event))

    def _die(self, replica: int) -> None:
        self.deaths += 1
        self._lives[replica] += 1


_FINE = (ItemResult(),)
_DIED = ItemError("E-WORKER-LOST", "the device died", "the simulation had it so", type="WorkerLost")
