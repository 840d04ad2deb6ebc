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
    admission, dice, places = Admission(most_wait_s), random.Random(seed), [Device(each.speed) for each in devices]
    ends: list[tuple[float, int]] = []
    arrived: dict[int, float] = {}
    took: list[float] = []
    coming = [(0.0, 0)]
    """When, and who."""
    told: dict[int, tuple[float, bool]] = {}
    """Who was refused → twice the time that it was told, and whether it comes in half of it."""
    again: dict[bool, list[bool]] = {False: [], True: []}
    choice = random.Random(seed + 1)
    now = 0.0
    refused = next_one = 0
    first = int(len(costs) * WARM_SHARE)

    def dispatch() -> None:
        for place in sorted(range(len(places)), key=lambda at: len(places[at].held)):
            device = places[place]
            while len(device.held) < prefetch:
                found = lanes.next_batch(place, idle=not device.held)
                if found is None:
                    return
                lane, batch = found
                seconds = (constants.batch_s + batch.padded / constants.units_per_s) / device.speed
                begin = max(now, device.held[-1][2] if device.held else now)
                device.held.append((lane, batch, begin + seconds))
                device.busy_s += seconds
                lane.time.note(batch.padded, seconds * device.speed)
                heapq.heappush(ends, (begin + seconds, place))

    def come(number: int) -> int:
        """Let a request in, or give the seconds after which it should come again."""
        cost, caller = costs[number], str(number)
        retry_s = admission.retry_after_s(cost, now, caller)
        if retry_s is None:
            admission.enter(cost, now, caller)
            arrived[number] = now
            lanes.add(number, Entry(0, "", cost), "", cost=cost, caller=caller)
        return retry_s or 0

    def come_again(number: int) -> None:
        until, is_early = told[number]
        retry_s = come(number)
        if retry_s and not is_early and now + retry_s <= until:
            heapq.heappush(coming, (now + retry_s, number))
        else:
            again[is_early].append(not retry_s)

    def come_first(number: int) -> None:
        nonlocal refused
        retry_s = come(number)
        refused += bool(retry_s) and number >= first
        if retry_s and choice.random() < returning:
            is_early = choice.random() < EARLY
            told[number] = now + 2 * retry_s, is_early
            heapq.heappush(coming, (now + retry_s * (0.5 if is_early else 1.0), number))

    while coming or ends:
        if coming and (not ends or coming[0][0] <= ends[0][0]):
            now, number = heapq.heappop(coming)
            if number < next_one:
                come_again(number)
            else:
                come_first(number)
                next_one += 1
                if next_one < len(costs):
                    heapq.heappush(coming, (now + dice.expovariate(rate), next_one))
        else:
            now, place = heapq.heappop(ends)
            lane, batch, _ = places[place].held.popleft()
            lane.scheduler.settle(batch, [ItemResult()] * len(batch.entries))
            for ticket, _ in lanes.answers():
                admission.leave(costs[ticket], now, str(ticket))
                if ticket >= first:
                    took.append(now - arrived.pop(ticket))
        dispatch()
    counts = [lane.scheduler.counts for lane in lanes]
    batches = sum(each.batches for each in counts)
    padded = sum(each.padded_cost for each in counts)
    took.sort()
    return Served(
        requests=len(costs),
        rate=rate,
        p50_ms=_quantile(took, 0.5) * 1e3,
        p95_ms=_quantile(took, 0.95) * 1e3,
        p99_ms=_quantile(took, 0.99) * 1e3,
        refused=refused / max(1, len(costs) - first),
        busy=sum(device.busy_s for device in places) / max(1e-9, now * len(places)),
        items_per_batch=sum(each.items for each in counts) / max(1, batches),
        padding=1 - sum(each.cost for each in counts) / padded if padded else 0.0,
        answered_per_s=len(took) / max(1e-9, now * (1 - WARM_SHARE)),
        in_time=sum(again[False]) / max(1, len(again[False])),
        early=sum(again[True]) / max(1, len(again[True])),
        constants={**constants._asdict(), "budget": budget, "prefetch": prefetch, "slo_s": slo_s,
                   "most_wait_s": most_wait_s, "devices": len(devices),
                   "returning": returning},
    )  # fmt: skip


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
