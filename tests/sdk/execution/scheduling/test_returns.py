"""Callers who ask again as soon as they are answered are waited for, and no others; on a virtual clock."""

import heapq
import itertools
import threading
from typing import Any

import pytest

from duomo.execution.base import Entry, ItemResult
from duomo.execution.scheduling.lanes import Lanes
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.returns import Returns
from duomo.execution.submitting import Desk

START_S, UNIT_S, COSTS = 0.010, 0.0004, (15, 60, 30)
"""A small encoder on one core, and texts of usual lengths."""


def test_who_asked_again_at_once_is_waited_for_and_who_did_not_is_not():
    returns = Returns()
    for caller, after_s in (("prompt", 0.001), ("slow", 0.1)):
        returns.answered(caller, 0.0, START_S, is_prompt=False)
        assert returns.wait_s(0.0) == 0.0
        assert returns.came(caller, after_s) is (caller == "prompt")
    returns.answered("slow", 1.0, START_S, is_prompt=False)
    assert returns.wait_s(1.0) == 0.0
    returns.answered("prompt", 1.0, START_S, is_prompt=True)
    assert returns.wait_s(1.0) == pytest.approx(START_S)
    assert returns.came("prompt", 1.001)
    assert returns.wait_s(1.001) == 0.0


def test_who_leaves_is_waited_for_no_longer_than_a_start_and_forgotten():
    returns = Returns()
    for number in range(1000):
        returns.answered(f"caller {number}", float(number), START_S, is_prompt=True)
    assert returns.wait_s(999.0 + START_S) == 0.0
    assert not vars(returns)["_answered"]
    assert not returns.came("caller 999", 1000.0)


def test_who_had_a_quick_answer_is_not_waited_for_as_long_as_who_had_a_slow_one():
    returns = Returns()
    returns.answered("slow", 0.0, 1.0, is_prompt=False)
    returns.answered("quick", 0.0, START_S, is_prompt=True)
    assert returns.wait_s(0.25) == 0.0


def batches_of(clients, gap_s, requests=400):
    """Items in each batch of clients who ask again so long after each answer."""
    lanes: Lanes[int] = Lanes(Policy(max_items=64, budget=8192, packed=True).shared())
    returns, now, sizes, tickets = Returns(), 0.0, [], itertools.count()
    coming = [(0.0, client) for client in range(clients)]
    asked, prompt = {}, {}

    def come():
        while coming and coming[0][0] <= now:
            came, client = heapq.heappop(coming)
            asked[ticket := next(tickets)] = client
            lanes.add(ticket, Entry(0, "", 0), "", cost=COSTS[ticket % 3], caller=str(client))
            prompt[client] = returns.came(str(client), came)

    while len(asked) < requests:
        come()
        wait_s = 0.0 if any(lane.is_full for lane in lanes) else returns.wait_s(now)
        if lanes.is_idle or wait_s:
            now = min(coming[0][0] if coming else now + wait_s, now + (wait_s or 1e9))
            continue
        lane, batch = lanes.next_batch()
        seconds = START_S + UNIT_S * batch.padded
        now += seconds
        come()
        lane.time.note(batch.padded, seconds)
        lane.scheduler.settle(batch, [ItemResult()] * len(batch.entries))
        sizes.append(len(batch.entries))
        for at, (ticket, _) in enumerate(lanes.answers()):
            client = asked[ticket]
            returns.answered(str(client), now, lane.time.start_s, is_prompt=prompt[client])
            heapq.heappush(coming, (now + gap_s * (1 + at / clients), client))
    return sizes[len(sizes) // 2 :]


@pytest.mark.parametrize("clients", [2, 4, 8])
@pytest.mark.parametrize("gap_s", [0.001, 0.004])
def test_clients_that_ask_again_at_once_share_one_batch(clients, gap_s):
    """They would make two batches in turns, each of which takes as long to start as one of all: up to that it pays."""
    assert set(batches_of(clients, gap_s)) == {clients}


def test_clients_that_take_their_time_are_not_waited_for():
    assert max(batches_of(2, 0.1)) == 1


class Clock(threading.Condition):
    """Time passes by as much as is waited."""

    now = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now += timeout
        return False


class Standing(Desk):
    """Computes nothing."""

    def work(self) -> None:
        raise NotImplementedError

    def forget(self, lane: Any) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(("deadline", "waited"), [(None, 1.0), (1.1, 1.0), (1.0, 0.0), (0.2, 0.0)])
def test_nobody_is_waited_for_until_another_is_late(deadline, waited):
    clock: Any = Clock()
    desk = Standing(Policy(max_items=64), lambda _: 1, lambda *_: None, lambda: clock.now, clock)
    vars(desk)["_returns"].answered("gone", 0.0, 1.0, is_prompt=True)
    future: Any = object()
    desk.lanes.add(future, Entry(0, "", 0), "", deadline=deadline, caller="here")
    desk.gather()
    assert clock.now == waited
