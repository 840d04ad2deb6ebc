"""A pool of devices that are not there, on a clock that is not real: the same pool and scheduler, no model.

What a run would take on 64 or 1024 devices, of mixed speed, that run out of memory, die or hang, is
found in seconds on any machine. It is a model: a batch takes a fixed time and one for each unit of
its padded cost, and every constant is in the result.
"""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from duomo.execution.base import Entry, Job
from duomo.execution.plan import ExecutionPlan
from duomo.execution.pools.crew import Event
from duomo.execution.pools.exchange import Exchange
from duomo.execution.pools.fake_devices import (
    Constants as Constants,
    FakeCrew,
    FakeDevice as FakeDevice,
    fake_devices as fake_devices,
)
from duomo.execution.pools.pool import PoolExecutor
from duomo.model import Features, Model
from duomo.parallel import ParallelDims
from duomo.specs import ModelSpec

if TYPE_CHECKING:
    import torch

    from duomo.weights import WeightsRef


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
            **{name: round(x, 6) if isinstance(x, float) else x for name, x in dataclasses.asdict(self).items()},
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


class TimedExchange(Exchange):
    """The exchange as it is, with the CPU time that it takes."""

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


class SimulatedPool(PoolExecutor):
    """The pool as it is, under a name that says what drives it."""

    name = "simulation"
    exchange_type = TimedExchange
    _exchange: TimedExchange

    @property
    def dispatch_s(self) -> float:
        """CPU seconds of handing out and taking back."""
        return self._exchange.dispatch_s


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


_JOB = Job(
    ModelSpec("simulation/device", "text-classification", "duomo.execution.pools.simulate:SimulatedModel", "", ""),
    "text-classification",
    "simulation/device",
    None,
    "",
    "",
)
