"""Planning for a CPU: one process with all cores, or a process a core, which must be worth its start."""

from __future__ import annotations

import math

from duomo.counting import counted
from duomo.errors import DoesNotFit
from duomo.execution.plan import ExecutionPlan
from duomo.execution.planning.costs import (
    CPU_UNITS,
    DRIVER_ITEM_S,
    LOAD,
    PROCESS,
    START_S,
    THREADS,
    USABLE,
    Estimate,
    Planned,
    memory_needed,
    room_on,
)
from duomo.execution.planning.hardware import DEVICES, MFU_CPU, Device, asking_for
from duomo.execution.planning.profile import ModelProfile
from duomo.parallel import ParallelDims


def plan_cpu(
    profile: ModelProfile, device: Device, items: int | None, dtype: str, length: float, objective: str
) -> Planned:
    """Plan one process with all cores, or a process a core: worth it only beyond the start of the processes."""
    cores, units = device.cores, CPU_UNITS.get(profile.unit, 8)
    core = device.full / cores * MFU_CPU
    flops = profile.flops(1.0, length)

    def rate(dp: int, threads: int) -> float:
        return dp * threads**THREADS * core / flops if flops else math.inf

    need = memory_needed(profile, ParallelDims(), dtype, units) + PROCESS
    room = (device.free or device.memory) * USABLE
    if need > room:
        raise _does_not_fit(profile, dtype, need, room, units)
    copies = max(1, min(cores, int(room // need)))
    threads = cores // copies
    gain = copies * (threads / cores) ** THREADS
    size = profile.bytes(dtype)
    inline_s, start_s = length / rate(1, cores), START_S + size / LOAD
    spared_s = inline_s * (1 - 1 / gain) - DRIVER_ITEM_S
    enough = math.ceil(start_s / spared_s) if spared_s > 0 else 0
    pays = bool(enough) and copies > 1 and items is not None and items > enough and objective == "throughput"
    gained = f"dp={copies} with {counted(threads, 'thread')} each: {gain:.2f} times one process"
    rejected: tuple[str, ...] = ()
    if pays:
        assert items is not None
        reason = f"{gained}; it saves {items * spared_s - start_s:,.0f} s after {start_s:.1f} s of start"
        rejected = (f"inline: {items * inline_s:,.0f} s for {counted(items, 'item')}",)
    elif cores == 1 or copies == 1:
        why = "there is one core" if cores == 1 else f"a second process needs another {need / 1e9:.1f} GB"
        reason = f"inline: {why}"
    else:
        reason = f"inline: {_too_few(items, objective)}, and processes cost {start_s:.1f} s to start"
        from_there = f"pays from {enough:,} items on, with executor='local' (-x local)"
        rejected = (f"{gained}, {from_there if enough else 'never pays: the driver costs more'}",)
    copies, threads = (copies, threads) if pays else (1, cores)
    one = rate(1, threads)
    dims = ParallelDims(copies)
    best = Estimate(dims, (device,) * copies, units, need, room, units / one, rate(copies, threads), 0.0, length / one)
    plan = ExecutionPlan(
        "local" if pays else "inline",
        dims,
        ("cpu",) * copies,
        threads=threads,
        reasons=(
            f"{profile.params / 1e6:,.1f} M parameters are {size / 1e9:.2f} GB in {dtype} ({profile.how})",
            f"{need / 1e9:.1f} GB a process, {room / 1e9:.1f} GB here",
            reason,
        ),
        rejected=rejected,
    )
    return Planned(plan, profile, dtype, best, length, items)


def _does_not_fit(profile: ModelProfile, dtype: str, need: float, room: float, units: int) -> DoesNotFit:
    larger = sorted(DEVICES.values(), key=lambda each: each.memory)
    fits = [each for each in larger if memory_needed(profile, ParallelDims(), dtype, units) <= room_on(each)]
    device, condition = (f"1x{fits[0].kind}", "") if fits else ("8xH200", ", if the model can be split")
    other = asking_for(device) + condition
    return DoesNotFit(
        f"'{profile.name}' does not fit into the memory of this CPU",
        why=f"it needs {need / 1e9:.1f} GB and there are {room / 1e9:.1f} GB",
        fix='dtype="bfloat16"  (--dtype bfloat16)' if dtype == "float32" and need / 2 < room else other,
    )


def _too_few(items: int | None, objective: str) -> str:
    """Why these items are not worth further processes."""
    if objective == "latency":
        return "one item cannot be spread over processes"
    if items is None:
        return "how many items there will be is not known"
    return f"{counted(items, 'item is', 'items are')} too few"
