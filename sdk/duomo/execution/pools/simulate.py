"""A pool of devices that are not there, on a clock that is not real: the same pool and scheduler, no model.

What a run would take on 64 or 1024 devices, of mixed speed, that run out of memory, die or hang, is
found in seconds on any machine. It is a model: a batch takes a fixed time and one for each unit of
its padded cost, and every constant is in the result.
"""

from __future__ import annotations

import dataclasses
import heapq
import random
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from duomo.execution.base import Entry, ItemResult, Job, ModelFacts
from duomo.execution.plan import ExecutionPlan
from duomo.execution.pools.crew import Crew, Event
from duomo.execution.pools.pool import PoolExecutor
from duomo.model import Features, Model
from duomo.outcome import ItemError, Meta
from duomo.parallel import ParallelDims
from duomo.specs import ModelSpec

if TYPE_CHECKING:
    import torch

    from duomo.weights import WeightsRef


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


@dataclasses.dataclass(frozen=True)
class Simulation:
    """What came of it. Times are of the virtual clock, but for the driver's."""

    devices: int
    items: int
    failed: int
    makespan_s: float
    """From the first batch sent to the last answer; start-up is not in it."""
    ideal_s: float
    """The unpadded work, split perfectly over all speeds, with no cost of a batch."""
    padding: float
    """Share of the computed cost that is padding."""
    batches: int
    items_per_batch: float
    driver_us_per_batch: float
    """CPU time of pool and scheduler on this machine, without transport."""
    dispatch_us_per_batch: float
    """The part of it for handing a batch out and taking it back; the rest is reading items and giving out results."""
    faults: dict[str, int]
    """Deaths, hangs and batches that did not fit, all survived."""
    constants: dict[str, Any]

    @property
    def efficiency(self) -> float:
        """The ideal time as a share of the real one."""
        return self.ideal_s / self.makespan_s

    @property
    def driver_s(self) -> float:
        """What the driver was busy by the constants: where it is near the makespan, it was the limit."""
        constants = self.constants
        return float(self.batches * constants["driver_s"] + self.items * constants["driver_item_s"])

    @property
    def driver_us_per_item(self) -> float:
        """The same CPU time for each item."""
        return self.driver_us_per_batch / self.items_per_batch

    def record(self) -> dict[str, Any]:
        """Return all of it, JSON-safe and labelled."""
        return {
            "simulation": True,
            **{name: _rounded(value) for name, value in dataclasses.asdict(self).items()},
            "efficiency": round(self.efficiency, 4),
            "driver_us_per_item": round(self.driver_us_per_item, 3),
            "driver_s": round(self.driver_s, 6),
        }


def simulate(
    devices: Sequence[FakeDevice],
    costs: Iterable[int],
    *,
    budget: int = 8192,
    max_items: int = 4096,
    constants: Constants | None = None,
    window_items: int = 1024,
    prefetch: int = 2,
    hang_floor_s: float = 1.0,
) -> Simulation:
    """Run items of these costs through the real pool over `devices`.

    Args:
        devices: one a replica.
        costs: of each item, in the order in which they come.
        budget: padded cost of a batch.
        max_items: in a batch.
        constants: of the clock; those of `Constants` when left out.
        window_items: read ahead for each replica.
        prefetch: batches that a replica holds.
        hang_floor_s: virtual seconds after which a replica may be taken to hang.
    """
    constants = constants or Constants()
    work = list(costs)
    crew = FakeCrew(devices, constants, budget, max_items)
    pool = SimulatedPool(crew, max_restarts=1_000_000, hang_floor_s=hang_floor_s)
    dims = ParallelDims(len(devices))
    plan = ExecutionPlan("simulation", dims, prefetch=prefetch, window_items=window_items)
    pool.start(_JOB._replace(plan=plan))
    entries = (Entry(index, "", cost) for index, cost in enumerate(work))
    start, num, failed = time.process_time(), 0, 0
    for outcome in pool.map(entries, None):
        num += 1
        failed += not outcome.ok
    spent_s = time.process_time() - start - crew.send_s - crew.wait_s
    stats = pool.stats()
    pool.shutdown()
    batches = stats.batches
    return Simulation(
        devices=len(devices),
        items=num,
        failed=failed,
        makespan_s=crew.last_s - crew.first_s,
        ideal_s=sum(work) / (constants.units_per_s * sum(device.speed for device in devices)),
        padding=stats.padding,
        batches=batches,
        items_per_batch=num / max(1, batches),
        driver_us_per_batch=spent_s / max(1, batches) * 1e6,
        dispatch_us_per_batch=(pool.dispatch_s - crew.send_s) / max(1, batches) * 1e6,
        faults={"deaths": crew.deaths, "hangs": crew.hangs, "out_of_memory": stats.ooms},
        constants={
            **constants._asdict(),
            "budget": budget,
            "max_items": max_items,
            "window_items": window_items,
            "prefetch": prefetch,
            "mean_cost": round(sum(work) / max(1, len(work)), 2),
        },
    )


def text_lengths(num: int, seed: int, *, median: float = 20.0, sigma: float = 0.9, most: int = 256) -> list[int]:
    """Lengths in tokens as those of real short texts are spread: log-normal, 4 to `most`."""
    dice = random.Random(seed)
    return [min(most, max(4, int(median * dice.lognormvariate(0.0, sigma)))) for _ in range(num)]


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


class SimulatedPool(PoolExecutor):
    """The pool as it is, under a name that says what drives it."""

    name = "simulation"
    dispatch_s = 0.0
    """CPU seconds of handing out and taking back."""

    def _dispatch(self) -> None:
        began = time.process_time()
        super()._dispatch()
        self.dispatch_s += time.process_time() - began

    def _handle_all(self, events: Iterable[Event]) -> None:
        began = time.process_time()
        super()._handle_all(events)
        self.dispatch_s += time.process_time() - began


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


class SimulatedModel(Model[int, Any]):
    """Items are their own cost."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:  # noqa: ARG003
        """Do nothing."""
        return cls()

    @staticmethod
    def estimate(item: int) -> int:
        """Return the item."""
        return item

    def preprocess(self, items: Sequence[int], options: object) -> list[Features]:
        """Do nothing."""
        return [{"cost": item} for item in items]

    def forward(self, batch: object) -> object:
        """Do nothing."""
        return batch

    def postprocess(self, output: object, features: list[Features], options: object) -> list[Any]:
        """Return nothing for each item."""
        return [None for _ in features]


_FINE = (ItemResult(),)
_DIED = ItemError("E-WORKER-LOST", "the device died", "the simulation had it so", type="WorkerLost")
_JOB = Job(
    ModelSpec("simulation/device", "text-classification", "duomo.execution.pools.simulate:SimulatedModel", "", ""),
    "text-classification",
    "simulation/device",
    None,
    "",
    "",
)


def _rounded(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value
