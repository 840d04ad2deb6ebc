"""What a waiting request costs the server: lanes with 20,000 of them, callers in turns, and some that leave.

No model, thread or network: CPU time of adding a request, taking one in ten back, cutting batches and giving answers.
And what a target costs: a server on a virtual clock, with and without one, beside a list of another caller.
"""

import random
import statistics
import time
from typing import Any

from harness import arguments, report, spread, target

from duomo.execution.base import Entry, ItemResult
from duomo.execution.pools.simulate import text_lengths
from duomo.execution.scheduling.lanes import Lanes
from duomo.execution.scheduling.policy import Policy

NUM, CALLERS = 20_000, 200
CLIENTS, WARM_S = 8, 3.0
UNITS_PER_S, BATCH_S = 4_000.0, 0.002
"""Speed of a small encoder on one core: tokens a second, and the fixed time of a batch."""


def cost_of_waiting() -> float:
    """Microseconds of a request while 20,000 wait."""
    lanes: Lanes[int] = Lanes(Policy(max_items=64, budget=2048).shared())
    costs, dice = text_lengths(NUM, 0), random.Random(0)
    leaving = dice.sample(range(NUM), NUM // 10)
    start = time.process_time()
    for number, cost in enumerate(costs):
        lanes.add(number, Entry(number, "", cost), "", cost=cost, caller=str(number % CALLERS))
    for number in leaving:
        lanes.drop(number)
    while (found := lanes.next_batch()) is not None:
        lane, batch = found
        lane.scheduler.settle(batch, [ItemResult()] * len(batch.entries))
        lanes.answers()
    return (time.process_time() - start) / NUM * 1e6


def beside_a_list(items: int, slo_s: float) -> float:
    """Virtual milliseconds in which 99 of 100 short texts of 8 clients are answered while a list of long ones waits.

    Each client asks again as soon as it is answered. The first seconds, in which the pace is found, do not count.
    """
    lanes: Lanes[int] = Lanes(Policy(max_items=64, budget=2048).shared(), slo_s)
    for number in range(items):
        lanes.add(-1 - number, Entry(0, "", 0), "", cost=200, caller="list")
    now = 0.0
    asked: dict[int, float] = {}
    took: list[float] = []

    def ask() -> None:
        number = len(asked)
        asked[number] = now
        lanes.add(number, Entry(0, "", 0), "", cost=12, caller=f"short {number}")

    for _ in range(CLIENTS):
        ask()
    while len(took) < 4000:
        found = lanes.next_batch()
        assert found is not None, "each client always asks"
        lane, batch = found
        seconds = BATCH_S + batch.padded / UNITS_PER_S
        now += seconds
        lane.time.note(batch.padded, seconds)
        lane.scheduler.settle(batch, [ItemResult()] * len(batch.entries))
        for ticket, _ in lanes.answers():
            if ticket >= 0:
                took += [now - asked[ticket]] if asked[ticket] > WARM_S else []
                ask()
    return statistics.quantiles(took, n=100)[98] * 1e3


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__ or "", rounds=5)
    waiting = spread([cost_of_waiting() for _ in range(given.rounds)], 2)
    rows: list[dict[str, Any]] = [{"us_a_waiting_request": waiting}]
    alone = beside_a_list(0, 0.0)
    for slo_s in (0.0, 0.2, 0.1):
        p99 = beside_a_list(1000, slo_s)
        rows.append({"slo_s": slo_s, "p99_ms_alone": round(alone, 1), "p99_ms_beside_a_list": round(p99, 1),
                     "times": round(p99 / alone, 2)})  # fmt: skip
    targets = {
        "microseconds of a waiting request": target(waiting["median"], at_most=10.0),
        "p99 of 8 clients beside a list of 1,000, target 0.1 s": target(rows[-1]["times"], at_most=3.0),
    }
    report("lanes", {"rows": rows, "targets": targets}, given.out)


if __name__ == "__main__":
    main()
