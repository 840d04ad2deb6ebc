"""Submitted items in a pool share batches as they do in one process; the pool as it is, on a virtual clock."""

import heapq
import itertools
import threading
from typing import Any

import pytest

from duomo.execution.base import Entry
from duomo.execution.plan import ExecutionPlan
from duomo.execution.pools.fake_devices import Constants, FakeCrew, FakeDevice
from duomo.execution.pools.simulate import _JOB, SimulatedPool  # its job is the only one that it can load
from duomo.parallel import ParallelDims

COSTS = itertools.cycle((15, 60, 30))
ENCODER = Constants(batch_s=0.010, units_per_s=2_500.0, packed=True)
"""A small encoder on one core."""


class Clients(FakeCrew):
    """A crew whose clients ask again so long after each answer."""

    def __init__(self, devices: int, gap_s: float, requests: int) -> None:
        super().__init__([FakeDevice()] * devices, ENCODER, 8192, 64)
        self.gap_s, self.requests = gap_s, requests
        self.pool = SimulatedPool(self)
        self.coming: list[tuple[float, int]] = []
        self.sizes: list[int] = []
        self.asked, self.answered, self.over = 0, 0, threading.Event()

    def send(self, replica: int, ticket: int, items: Any, options: object) -> None:
        self.sizes.append(len(items))
        super().send(replica, ticket, items, options)

    def wait(self, timeout_s: float) -> Any:
        until = min(self.coming[0][0] if self.coming else 1e9, self.now() + timeout_s)
        events = super().wait(max(0.0, until - self.now()))
        while self.coming and self.coming[0][0] <= self.now():
            self.ask(heapq.heappop(self.coming)[1])
        return events

    def wake(self) -> None: ...

    def ask(self, client: int) -> None:
        self.asked += 1
        answer = self.pool.submit(Entry(0, "", next(COSTS)), None, caller=str(client))
        answer.add_done_callback(lambda _: self.come_again(client))

    def come_again(self, client: int) -> None:
        self.answered += 1
        if self.answered >= self.requests:
            self.over.set()
            return
        heapq.heappush(self.coming, (self.now() + self.gap_s * (1 + client / 100), client))
        if self.answered == self.asked:  # nobody waits for an answer, so the pool does not look at the clock
            self._now, client = heapq.heappop(self.coming)
            self.ask(client)


def served(clients: int, devices: int, gap_s: float = 0.001, requests: int = 400) -> tuple[float, float]:
    """Give items a batch, and requests a virtual second; the first quarter, in which the pace is found, is in both."""
    crew = Clients(devices, gap_s, requests)
    crew.pool.start(_JOB._replace(plan=ExecutionPlan("desk", ParallelDims(devices))))
    with crew.pool._exchange.changed:  # so that all of them ask before the first is answered
        for client in range(clients):
            crew.ask(client)
    assert crew.over.wait(60)
    rate = requests / crew.now()
    crew.pool.shutdown()
    return requests / len(crew.sizes), rate


def test_clients_that_ask_again_at_once_share_one_batch():
    """They would make batches of two and three, since a replica that computes would be given what there is."""
    items, rate = served(8, 1)
    assert items > 6
    assert rate > 60  # 55 where the batches are small


def test_two_replicas_share_what_waits_and_do_not_leave_half_of_it():
    items, rate = served(8, 2)
    assert items > 2
    assert rate > 100  # 83 with a batch for each item


@pytest.mark.parametrize(("clients", "devices"), [(1, 1), (2, 2), (4, 4)])
def test_who_has_a_replica_of_its_own_waits_for_nobody(clients, devices):
    items, rate = served(clients, devices)
    assert items == pytest.approx(1, rel=0.01)
    assert rate == pytest.approx(clients * 40, rel=0.05)


def test_clients_that_take_their_time_are_not_waited_for():
    items, rate = served(2, 1, gap_s=0.1)
    assert items < 1.1
    assert rate == pytest.approx(2 / 0.126, rel=0.1)
