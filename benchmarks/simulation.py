"""How near to ideal many devices come, on a virtual clock.

A simulation: no device is used, and every constant is in the result. What it shows is the order of
work: pool and scheduler are as they are (what they spend is measured by `driver.py`). The static
split is the rule of ``accelerate`` with ``sentence-transformers``, written again on the same clock:
equal shares of the input, sorted by length within each, 32 items in a batch. ``--rounds 3`` draws the lengths of
the texts two times more, by other seeds.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Sequence
from typing import Any

from harness import arguments, report, target

from duomo.execution.pools.simulate import Constants, FakeDevice, fake_devices, simulate, text_lengths

SEED = 1
TEXTS: dict[str, Any] = {
    "short": {"median": 20, "sigma": 0.9, "most": 256},
    "paragraphs": {"median": 160, "sigma": 0.9, "most": 2048},
}
ITEMS = {
    ("short", 1): 20_000,
    ("short", 8): 5000,
    ("short", 64): 3000,
    ("short", 1024): 3000,
    ("paragraphs", 1024): 500,
}
"""Items of each device."""
WINDOW = 2048
WINDOWS = {1: 16_384, 8: 4096}
"""As `duomo plan` chooses them: fewer devices need more each, for neighbours of like length."""


def static_split(devices: Sequence[FakeDevice], costs: Sequence[int], clock: Constants, batch: int = 32) -> float:
    """Makespan when each device gets an equal share at the beginning."""
    share = -(-len(costs) // len(devices))
    ends = []
    for at, device in enumerate(devices):
        own = sorted(costs[at * share : (at + 1) * share], reverse=True)
        parts = [own[start : start + batch] for start in range(0, len(own), batch)]
        ends.append(sum(clock.batch_s + len(part) * part[0] / clock.units_per_s for part in parts) / device.speed)
    return max(ends)


def scaling(seed: int) -> dict[str, Any]:
    """Efficiency by number and mix of devices, over texts whose lengths are drawn by `seed`."""
    rows = {}
    for (kind, num), items in ITEMS.items():
        costs = text_lengths(num * items, seed, **TEXTS[kind])
        for slow in (0.0, 0.1):
            if slow and num < 10:
                continue
            devices = fake_devices(num, slow=slow)
            result = simulate(devices, costs, window_items=WINDOWS.get(num, WINDOW))
            static = static_split(devices, costs, Constants())
            rows[f"{num} devices, {kind}" + (", a tenth at half speed" if slow else "")] = {
                **_efficiency(num, round(result.efficiency, 3)),
                "static_split_efficiency": round(result.ideal_s / static, 3),
                "times_faster_than_static_split": round(static / result.makespan_s, 2),
                "makespan_s": round(result.makespan_s, 3),
                "padding": round(result.padding, 4),
                "items": result.items,
                "mean_cost": result.constants["mean_cost"],
                "window_items": result.constants["window_items"],
            }
    return rows


def _efficiency(num: int, value: float) -> dict[str, Any]:
    """Beside its goal, where there is one."""
    return {"targets": {"efficiency": target(value, at_least=0.85)}} if num >= 64 else {"efficiency": value}


def charged() -> dict[str, Any]:
    """1024 devices with the driver's time on the clock, at steps that the planner's rule allows."""
    clock = Constants(units_per_s=40_000, driver_s=100e-6)
    costs = text_lengths(1024 * 200, SEED, median=640, sigma=0.9, most=4096)
    rows = {}
    for slow in (0.0, 0.1):
        result = simulate(fake_devices(1024, slow=slow), costs, window_items=WINDOW, constants=clock)
        rows["a tenth at half speed" if slow else "alike"] = {
            "efficiency": round(result.efficiency, 3),
            "driver_share_of_makespan": round(result.driver_s / result.makespan_s, 3),
            "constants": " ".join(f"{name}={value:g}" for name, value in result.constants.items()),
        }
    return rows


def faults() -> dict[str, Any]:
    """64 devices of which some die, hang, or run out of memory."""
    costs = text_lengths(64 * 1500, SEED, **TEXTS["short"])
    cases = {
        "1 % of batches kill their device": (fake_devices(64, faults=0.01, seed=SEED), 8192),
        "one device hangs": ([FakeDevice(hang_at=frozenset({2})), *fake_devices(63)], 8192),
        "a budget ten times too large": ([FakeDevice(oom_above=6000)] * 64, 65_536),
    }
    rows = {}
    for name, (devices, budget) in cases.items():
        result = simulate(devices, costs, budget=budget, window_items=WINDOW)
        rows[name] = {
            "items": result.items,
            "failed": result.failed,
            "faults": result.faults,
            "efficiency": round(result.efficiency, 3),
            "makespan_s": round(result.makespan_s, 3),
        }
    return rows


def main() -> None:
    """Print one JSON document."""
    args = arguments(__doc__.splitlines()[0], 1)
    rounds = {f"lengths of seed {seed}": scaling(seed) for seed in range(SEED, SEED + args.rounds)}
    result = {
        "simulation": True,
        "ideal": "unpadded cost over the sum of speeds; no cost of a batch, no start",
        "seed": SEED,
        "texts": {name: " ".join(f"{key}={value:g}" for key, value in text.items()) for name, text in TEXTS.items()},
        "constants": {**Constants()._asdict(), "budget": 8192, "prefetch": 2},
        "scaling": rounds.pop(f"lengths of seed {SEED}"),
        **({"scaling_again": rounds} if rounds else {}),
        "with_the_driver_on_the_clock": charged(),
        "faults": faults(),
    }
    report("simulation", result, args.out)


if __name__ == "__main__":
    main()
