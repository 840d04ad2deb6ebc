"""A plan tried on devices that do not exist, with the real scheduler on a virtual clock."""

from __future__ import annotations

from duomo.execution.planning.costs import DRIVER_BATCH_S, DRIVER_ITEM_S, LAUNCH_S, Planned
from duomo.execution.pools.simulate import Constants, Simulation, fake_devices, simulate, text_lengths

BATCHES, MOST_ITEMS = 12, 400_000
"""Batches on each device in a simulation, and the most items of all together: they take about 3 s."""
SIGMA = 0.9
"""Spread of the logarithm of text lengths, as that of short texts from the web."""


def simulate_plan(
    planned: Planned, num: int, *, slow: float = 0.0, slow_speed: float = 1.0, faults: float = 0.0, seed: int = 0
) -> Simulation:
    """Run the plan's copies over `num` fake devices, with the speed that the planner predicts for one.

    Args:
        planned: what `duomo.execution.planning.planner.make_plan` gave.
        num: of devices.
        slow: the share of them that is slow.
        slow_speed: what those reach, as a share of full speed.
        faults: the share of batches that kill their device.
        seed: of lengths and faults.
    """
    best, profile, plan = planned.estimate, planned.profile, planned.plan
    copies = max(1, num // best.dims.group)
    batch_s = min(profile.layers * LAUNCH_S, best.step_s / 2)
    constants = Constants(batch_s, best.units / (best.step_s - batch_s), DRIVER_BATCH_S, DRIVER_ITEM_S, packed=False)
    length = planned.length if profile.unit == "token" else 1
    each = max(1, int(best.units / length))
    count = min(MOST_ITEMS, planned.items or copies * BATCHES * each)
    costs = [1] * count
    if profile.unit == "token":
        # The mean of a log-normal is its median times exp(sigma² / 2) = 1.5.
        costs = text_lengths(count, seed, median=length / 1.5, sigma=SIGMA, most=int(16 * length))
    return simulate(
        fake_devices(copies, slow=slow, slow_speed=slow_speed, faults=faults, seed=seed),
        costs,
        budget=best.units,
        constants=constants,
        window_items=plan.window_items,
        prefetch=plan.prefetch,
        hang_floor_s=max(1.0, 20 * best.step_s),
    )
