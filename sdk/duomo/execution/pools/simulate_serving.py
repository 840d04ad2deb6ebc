"""What a server would do on devices that are not there: the lanes and the admission as they are, on a virtual clock.

Requests come one by one, at random (Poisson), with the lengths of real texts. It is a model: a batch takes a fixed time
and one for each unit of its padded cost, and the network takes none.
"""

from __future__ import annotations

import dataclasses
import heapq
import math
import random
from collections import deque
from collections.abc import Sequence

from duomo.execution.base import Entry, ItemResult
from duomo.execution.planning.costs import LAUNCH_S, Planned
from duomo.execution.pools.simulate import Constants, FakeDevice, text_lengths
from duomo.execution.scheduling.admission import Admission
from duomo.execution.scheduling.lanes import Lane, Lanes
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.scheduler import Batch

EARLY = 0.1
"""Share of those who come again that do so in half the time."""
WARM_SHARE = 0.1
"""Share of the requests at the beginning that are not counted: the server starts empty."""
SIGMA = 0.9
"""Spread of the logarithm of text lengths, as that of short texts from the web."""


@dataclasses.dataclass(frozen=True)
class Served:
    """What came of it. Times are of the virtual clock."""

    requests: int
    rate: float
    """Requests that came a second."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    """From coming to answer, of those that were let in."""
    refused: float
    """Share of the requests that were refused since too much work waited."""
    busy: float
    """Share of the time that devices computed."""
    items_per_batch: float
    padding: float
    answered_per_s: float
    in_time: float
    """Share that was let in within twice the first time that they were told, of those who came when they were told to.
    """
    early: float
    """Share that was let in of those who came in half the time."""
    constants: dict[str, float]

    def record(self) -> dict[str, object]:
        """Return all of it, JSON-safe and labelled."""
        return {"simulation": True, **dataclasses.asdict(self)}


class Device:
    """A device and the batches that it was given."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.held: deque[tuple[Lane[int], Batch, float]] = deque()
        """Lane, batch, and when it will be done."""
        self.busy_s = 0.0

    def hold(self, lane: Lane[int], batch: Batch, now: float, constants: Constants) -> float:
        """Take a batch behind those that are held, and say when it will be done."""
        seconds = (constants.batch_s + batch.padded / constants.units_per_s) / self.speed
        end = max(now, self.held[-1][2] if self.held else now) + seconds
        self.held.append((lane, batch, end))
        self.busy_s += seconds
        lane.time.note(batch.padded, seconds * self.speed)
        return end


def simulate_serving(
    devices: Sequence[FakeDevice],
    costs: Sequence[int],
    rate: float,
    *,
    budget: int = 8192,
    max_items: int = 4096,
    constants: Constants | None = None,
    prefetch: int = 2,
    slo_s: float = 0.0,
    most_wait_s: float = 10.0,
    returning: float = 0.0,
    seed: int = 0,
) -> Served:
    """Let requests of these costs come to a server over `devices`.

    Args:
        devices: one a copy of the model.
        costs: of each request.
        rate: requests a second.
        budget: padded cost of a batch.
        max_items: in a batch.
        constants: of the clock.
        prefetch: batches that a copy holds.
        slo_s: as ``duomo serve --slo``.
        most_wait_s: as ``duomo serve --most-wait``.
        returning: share of those who are refused that come again; nine of ten when they are told to, and one once in
            half the time.
        seed: of the times at which they come.
    """
    constants = constants or Constants()
    policy = Policy(max_items=max_items, budget=budget, packed=constants.packed, workers=len(devices))
    lanes: Lanes[int] = Lanes(policy.shared(), slo_s)
    places = [Device(each.speed) for each in devices]
    server = _Server(places, lanes, Admission(most_wait_s), costs, constants, prefetch)
    callers = _Callers(server, len(costs), rate, returning, seed)
    now = 0.0
    while callers.coming or server.ends:
        if callers.coming and (not server.ends or callers.coming[0][0] <= server.ends[0][0]):
            now, number = heapq.heappop(callers.coming)
            callers.come(number, now)
        else:
            now, place = heapq.heappop(server.ends)
            server.finish(place, now)
        server.dispatch(now)
    counts = [lane.scheduler.counts for lane in lanes]
    batches = sum(each.batches for each in counts)
    padded = sum(each.padded_cost for each in counts)
    took = sorted(server.took)
    return Served(
        requests=len(costs),
        rate=rate,
        p50_ms=_quantile(took, 0.5) * 1e3,
        p95_ms=_quantile(took, 0.95) * 1e3,
        p99_ms=_quantile(took, 0.99) * 1e3,
        refused=callers.refused / max(1, len(costs) - server.first),
        busy=sum(device.busy_s for device in places) / max(1e-9, now * len(places)),
        items_per_batch=sum(each.items for each in counts) / max(1, batches),
        padding=1 - sum(each.cost for each in counts) / padded if padded else 0.0,
        answered_per_s=len(took) / max(1e-9, now * (1 - WARM_SHARE)),
        in_time=_share(callers.again[False]),
        early=_share(callers.again[True]),
        constants={**constants._asdict(), "budget": budget, "prefetch": prefetch, "slo_s": slo_s,
                   "most_wait_s": most_wait_s, "devices": len(devices),
                   "returning": returning},
    )  # fmt: skip


class _Server:
    """Devices, the lanes of what waits, and who is let in."""

    def __init__(
        self,
        devices: Sequence[Device],
        lanes: Lanes[int],
        admission: Admission,
        costs: Sequence[int],
        constants: Constants,
        prefetch: int,
    ) -> None:
        self._devices, self._lanes, self._admission = devices, lanes, admission
        self._costs, self._constants, self._prefetch = costs, constants, prefetch
        self._arrived: dict[int, float] = {}
        self.first = int(len(costs) * WARM_SHARE)
        """The first request that counts."""
        self.ends: list[tuple[float, int]] = []
        """When a batch ends, and on which device."""
        self.took: list[float] = []

    def take(self, number: int, now: float) -> int:
        """Let a request in, or give the seconds after which it should come again."""
        cost, caller = self._costs[number], str(number)
        retry_s = self._admission.retry_after_s(cost, now, caller)
        if retry_s is None:
            self._admission.enter(cost, now, caller)
            self._arrived[number] = now
            self._lanes.add(number, Entry(0, "", cost), "", cost=cost, caller=caller)
        return retry_s or 0

    def dispatch(self, now: float) -> None:
        """Give the devices what they may hold, those with the fewest batches first."""
        for place in sorted(range(len(self._devices)), key=lambda at: len(self._devices[at].held)):
            device = self._devices[place]
            while len(device.held) < self._prefetch:
                found = self._lanes.next_batch(place, idle=not device.held)
                if found is None:
                    return
                heapq.heappush(self.ends, (device.hold(*found, now, self._constants), place))

    def finish(self, place: int, now: float) -> None:
        """End the oldest batch of a device, and answer its requests."""
        lane, batch, _ = self._devices[place].held.popleft()
        lane.scheduler.settle(batch, [ItemResult()] * len(batch.entries))
        for ticket, _ in self._lanes.answers():
            self._admission.leave(self._costs[ticket], now, str(ticket))
            if ticket >= self.first:
                self.took.append(now - self._arrived.pop(ticket))


class _Callers:
    """Those who come, one by one at random, and come again when they are refused."""

    def __init__(self, server: _Server, requests: int, rate: float, returning: float, seed: int) -> None:
        self._server, self._requests, self._rate, self._returning = server, requests, rate, returning
        self._dice, self._choice = random.Random(seed), random.Random(seed + 1)
        self._next = 0
        self._told: dict[int, tuple[float, bool]] = {}
        """Who was refused → twice the time that it was told, and whether it comes in half of it."""
        self.coming = [(0.0, 0)]
        """When, and who."""
        self.again: dict[bool, list[bool]] = {False: [], True: []}
        """Whether those who came again were let in: when they were told to, and early."""
        self.refused = 0

    def come(self, number: int, now: float) -> None:
        """Let one come, for the first time or again."""
        if number < self._next:
            self._come_again(number, now)
            return
        self._come_first(number, now)
        self._next += 1
        if self._next < self._requests:
            heapq.heappush(self.coming, (now + self._dice.expovariate(self._rate), self._next))

    def _come_again(self, number: int, now: float) -> None:
        until, is_early = self._told[number]
        retry_s = self._server.take(number, now)
        if retry_s and not is_early and now + retry_s <= until:
            heapq.heappush(self.coming, (now + retry_s, number))
        else:
            self.again[is_early].append(not retry_s)

    def _come_first(self, number: int, now: float) -> None:
        retry_s = self._server.take(number, now)
        self.refused += bool(retry_s) and number >= self._server.first
        if retry_s and self._choice.random() < self._returning:
            is_early = self._choice.random() < EARLY
            self._told[number] = now + 2 * retry_s, is_early
            heapq.heappush(self.coming, (now + retry_s * (0.5 if is_early else 1.0), number))


def simulate_served_plan(
    planned: Planned,
    rate: float,
    *,
    slo_s: float = 0.0,
    most_wait_s: float = 10.0,
    requests: int = 20_000,
    seed: int = 0,
) -> Served:
    """Serve a plan: its copies, with the speed that the planner predicts for one.

    Args:
        planned: what `duomo.execution.planning.planner.make_plan` gave.
        rate: requests a second.
        slo_s: as ``duomo serve --slo``.
        most_wait_s: as ``duomo serve --most-wait``.
        requests: how many come.
        seed: of lengths and times.
    """
    best, profile, plan = planned.estimate, planned.profile, planned.plan
    batch_s = min(profile.layers * LAUNCH_S, best.step_s / 2)
    length = planned.length if profile.unit == "token" else 1
    costs = [1] * requests
    if profile.unit == "token":
        costs = text_lengths(requests, seed, median=length / 1.5, sigma=SIGMA, most=int(16 * length))
    return simulate_serving(
        [FakeDevice()] * best.dims.dp,
        costs,
        rate,
        budget=best.units,
        constants=Constants(batch_s, best.units / (best.step_s - batch_s), 0.0, 0.0, packed=False),
        prefetch=plan.prefetch,
        slo_s=slo_s,
        most_wait_s=most_wait_s,
        seed=seed,
    )


def _quantile(took: Sequence[float], share: float) -> float:
    return took[max(0, math.ceil(share * len(took)) - 1)] if took else 0.0


def _share(given: Sequence[bool]) -> float:
    return sum(given) / max(1, len(given))
