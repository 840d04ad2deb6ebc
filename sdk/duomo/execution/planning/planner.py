"""From a profile and devices to a plan: how many copies, how each is split, how much in a batch, and why.

Nothing is run, and the devices need not be here. Times are what `duomo.execution.planning.costs` says they are;
memory is meant to hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duomo.counting import counted
from duomo.errors import DoesNotFit, UsageProblem
from duomo.execution.plan import ExecutionPlan
from duomo.execution.planning.cores import plan_cpu
from duomo.execution.planning.costs import (
    BUDGETS,
    DRIVER_ITEM_S,
    DRIVER_S,
    ITEM_BUDGETS,
    STEP_S,
    TIE,
    Estimate,
    Planned,
    memory_needed,
    room_on,
    step_time,
)
from duomo.execution.planning.hardware import DEVICES, MFU, PER_NODE, Device, asking_for, describe, parse_devices
from duomo.execution.planning.profile import SIZES, ModelProfile, profile_weights, transformers_folder
from duomo.parallel import ParallelDims

if TYPE_CHECKING:
    from duomo.execution.base import Job

OBJECTIVES = ("throughput", "latency")
AXES = frozenset({"tp", "pp"})


def make_plan(
    profile: ModelProfile,
    devices: Sequence[Device],
    *,
    objective: str = "throughput",
    items: int | None = None,
    dtype: str = "float32",
    length: float | None = None,
    axes: frozenset[str] = AXES,
) -> Planned:
    """Choose the way to spread a model that does most, or that answers soonest.

    Args:
        profile: of the model.
        devices: what there is; kinds may be mixed, a group never is.
        objective: ``throughput`` of many items, or ``latency`` of one.
        items: how many there will be, where that is known: processes must be worth their start.
        dtype: of weights and activations.
        length: tokens of a usual item; 128 when left out, or 1 for what is not text.
        axes: ways the model can be split: ``tp`` inside layers, ``pp`` between them.

    Raises:
        DoesNotFit: on no device, however it is split; with the nearest that works.
    """
    if objective not in OBJECTIVES:
        raise UsageProblem(f"no objective '{objective}'", fix=f"one of {', '.join(OBJECTIVES)}")
    if dtype not in SIZES:
        raise UsageProblem(f"no dtype '{dtype}'", fix=f"one of {', '.join(SIZES)}")
    if not devices:
        raise UsageProblem("there is no device to plan for", fix='devices="8xH100" or "cpu"  (--devices 8xH100 or cpu)')
    length = length or (128.0 if profile.unit == "token" else 1.0)
    if devices[0].is_cpu:
        return plan_cpu(profile, devices[0], items, dtype, length, objective)
    fitting, rejected = _candidates(profile, devices, dtype, length, axes)
    if not fitting:
        raise _refusal(profile, devices, dtype, length, axes, rejected)
    score = {id(each): each.rate if objective == "throughput" else 1 / each.item_s for each in fitting}
    top = max(score.values())
    ties = [each for each in fitting if score[id(each)] >= top * (1 - TIE)]
    best = min(ties, key=lambda each: (each.dims.group, -each.dims.dp))
    for each in sorted(fitting, key=lambda each: -score[id(each)]):
        if each is not best:
            rejected.append(_slower(each, best, score[id(each)] / score[id(best)], objective, profile.unit))
    plan = _execution(profile, best, dtype, length, objective, rejected)
    return Planned(plan, profile, dtype, best, length, items)


def plan_for_job(job: Job, devices: Sequence[str], items: int | None = None) -> ExecutionPlan:
    """Return the plan for a job on devices of this machine, for ``duomo.load(parallel="auto")``.

    Args:
        job: what is to run.
        devices: by name, such as ``cuda:0``; ``cpu`` once for all its cores, or as often as it may be used.
        items: how many there will be, where that is known.
    """
    strange = [name for name in devices if name.partition(":")[0] not in ("cpu", "cuda")]
    if strange:
        return ExecutionPlan(devices=(devices[0],), reasons=(f"nothing is known of the speed of '{strange[0]}'",))
    cores = devices.count("cpu")
    known = parse_devices(f"cpu:{cores}" if cores > 1 else ",".join(dict.fromkeys(devices)))
    path = Path(job.weights_path) if job.weights_path else None
    profile = profile_weights(job.reference, job.spec, path)
    dtype = "float32" if job.dtype == "auto" else job.dtype
    return make_plan(profile, known, items=items, dtype=dtype, axes=axes_of(job.spec.loader, path)).plan


def axes_of(loader: str, path: Path | None) -> frozenset[str]:
    """Return the ways in which the class that a spec names can split this checkpoint."""
    from duomo.pretrained import load_config
    from duomo.resolving import resolve

    cls: Any = resolve(loader)
    folder = transformers_folder(path)
    config = load_config(folder) if folder is not None else None
    plans = {"tp": cls.tensor_plan(config), "pp": cls.pipeline_split(config)}
    return frozenset(axis for axis, plan in plans.items() if plan is not None)


def _candidates(
    profile: ModelProfile, devices: Sequence[Device], dtype: str, length: float, axes: frozenset[str]
) -> tuple[list[Estimate], list[str]]:
    """Every way that fits, and of the others the number that spoke against them."""
    fitting: list[Estimate] = []
    rejected: list[str] = []
    kinds: dict[str, list[Device]] = {}
    for device in sorted(devices, key=lambda each: -each.memory):
        kinds.setdefault(device.kind, []).append(device)
    for pp, tp in _splits(profile, len(devices), axes, rejected):
        reached: list[Device] = []
        for members in kinds.values():
            whole = len(members) // (pp * tp) * (pp * tp)
            if not whole:
                most = max(len(each) for each in kinds.values())
                rejected.append(f"{_name(pp, tp)} takes {pp * tp} devices of one kind, and there are {most}")
                continue
            reached += members[:whole]
            dims = ParallelDims(len(reached) // (pp * tp), pp, tp)
            found = _estimate(profile, tuple(reached), dims, dtype, length)
            if isinstance(found, str):
                rejected.append(found)
                break  # the kinds that follow have less memory still
            fitting.append(found)
    return fitting, rejected


def _splits(profile: ModelProfile, count: int, axes: frozenset[str], rejected: list[str]) -> Iterator[tuple[int, int]]:
    """(pp, tp) that the shape of the model allows: powers of two."""
    yield 1, 1
    if not profile.layers or not profile.width:
        return
    powers = [2**power for power in range(1, 11)]
    tensor = [1]
    for tp in powers if "tp" in axes else ():
        if tp > min(count, PER_NODE):
            break
        if profile.heads % tp:
            rejected.append(f"tp={tp}: {profile.heads} heads are not divisible by {tp}")
        else:
            tensor.append(tp)
    stages = [1, *(pp for pp in powers if "pp" in axes and pp <= min(count, profile.layers))]
    if "pp" in axes and count > profile.layers:
        rejected.append(f"pp above {profile.layers}: the model has {counted(profile.layers, 'layer')}")
    yield from ((pp, tp) for pp in stages for tp in tensor if 1 < pp * tp <= count)


def _estimate(
    profile: ModelProfile, devices: tuple[Device, ...], dims: ParallelDims, dtype: str, length: float
) -> Estimate | str:
    """Estimate what this way does with the largest batch that fits, or say why none does."""
    least, most, at_most = BUDGETS.get(profile.unit, ITEM_BUDGETS)
    room = min(room_on(device) for device in devices)
    groups = devices[:: dims.group]
    slowest = {device.kind: device for device in groups}.values()
    driver_s = dims.dp * DRIVER_S

    def step(units: int) -> float:
        return max(step_time(profile, device, dims, dtype, units, length)[0] for device in slowest)

    units = least
    need = memory_needed(profile, dims, dtype, units)
    if need > room:
        kinds = describe(devices[-1:]).partition("x")[2]
        return f"{_name(dims.pp, dims.tp)}: needs {need / 1e9:.1f} GB of the {room / 1e9:.1f} GB on {kinds}"
    while units < at_most and memory_needed(profile, dims, dtype, units * 2) <= room:
        enough = units >= most or step(units) * 2 > STEP_S
        if enough and step(units) >= driver_s:
            break
        units *= 2
    times = {device.kind: step_time(profile, device, dims, dtype, units, length) for device in slowest}
    rate = sum(units / times[device.kind][0] for device in groups)
    # One item goes through the stages of a pipeline one after another, as through a single device.
    through = dims._replace(pp=1)
    alone = max(step_time(profile, device, through, dtype, length, length)[0] for device in slowest)
    return Estimate(
        dims,
        devices,
        units,
        memory_needed(profile, dims, dtype, units),
        room,
        max(time for time, _ in times.values()),
        min(rate, units / DRIVER_S),
        max(share for _, share in times.values()),
        alone,
    )


def _execution(
    profile: ModelProfile, best: Estimate, dtype: str, length: float, objective: str, rejected: list[str]
) -> ExecutionPlan:
    dims, unit = best.dims, profile.unit
    reasons = [
        f"{profile.params / 1e6:,.1f} M parameters are {profile.bytes(dtype) / 1e9:.2f} GB in {dtype} ({profile.how})",
        f"{best.memory / 1e9:.1f} of {best.room / 1e9:.1f} GB on each device with {best.units:,} {unit}s in a batch",
        f"{best.rate:,.0f} {unit}s/s from {counted(dims.dp, 'copy', 'copies')} at {MFU:.0%} of peak or the speed of "
        f"memory; a batch takes {best.step_s * 1e3:.1f} ms",
    ]
    if dims.group == 1:
        reasons.append("it fits on one device: copies share nothing, so one that fails costs no other")
    else:
        reasons.append(f"a copy takes {dims.group} devices; {best.link_share:.0%} of a step is the way between them")
    reasons += _driver_words(best, length)
    if objective == "latency":
        reasons.append(f"one item of {length:g} {unit}s takes {best.item_s * 1e3:.1f} ms: the soonest of all")
    names = tuple(device.name or device.kind for device in best.devices)
    is_one_machine = dims.total <= PER_NODE or all(device.name for device in best.devices)
    executor = "inline" if dims.total == 1 else "local" if is_one_machine else "ray"
    budget = best.units if unit == "token" and not profile.cache else 0  # what generates has bounds of its own
    return ExecutionPlan(
        executor,
        dims,
        names,
        batch_budget=budget,
        window_items=_window(best.units / length, dims.dp),
        reasons=tuple(reasons),
        rejected=tuple(dict.fromkeys(rejected)),
    )


def _window(items: float, copies: int) -> int:
    """Find how many items to read ahead for each copy, from how many are in a batch.

    Four batches keep a copy busy while results wait for their turn; 64 over all copies have neighbours
    alike enough that little is padded (simulated: 18 % at 7 batches, 5 % at 60).
    """
    needed = max(4 * items, 64 * items / copies)
    return max(1024, min(16_384, 1 << math.ceil(math.log2(needed))))


def _driver_words(best: Estimate, length: float) -> list[str]:
    """Whether one driver can feed all copies, in numbers."""
    words = []
    dp, due = best.dims.dp, best.dims.dp * DRIVER_S
    if dp > 1:
        if best.step_s >= due:
            words.append(f"driver: a step of {best.step_s * 1e3:.1f} ms >= {dp} copies x {DRIVER_S * 1e6:.0f} µs")
        else:
            words.append(
                f"driver: it feeds {best.step_s / DRIVER_S:,.0f} of the {dp:,} copies (a step of "
                f"{best.step_s * 1e3:.1f} ms, {DRIVER_S * 1e6:.0f} µs each); run one driver on each node"
            )
    items, most = best.rate / length, 1 / DRIVER_ITEM_S
    if items > most:
        words.append(
            f"driver: {items:,.0f} items/s of {length:g} units are more than the {most:,.0f} that one driver hands "
            f"out ({DRIVER_ITEM_S * 1e6:.0f} µs each); split the input between {math.ceil(items / most)} drivers"
        )
    return words


def _slower(each: Estimate, best: Estimate, ratio: float, objective: str, unit: str) -> str:
    what = f"{each.rate:,.0f} {unit}s/s" if objective == "throughput" else f"{each.item_s * 1e3:.1f} ms an item"
    kinds = {device.kind for device in each.devices}
    where = f" on {describe(each.devices)}" if kinds != {device.kind for device in best.devices} else ""
    link = f"; {each.link_share:.0%} of a step is the link" if each.link_share >= 0.05 else ""
    if ratio >= 1 - TIE:
        return f"{each.dims}{where}: {what}, no better than a smaller group{link}"
    return f"{each.dims}{where}: {what}, {ratio:.2f} of the best{link}"


def _refusal(
    profile: ModelProfile,
    devices: Sequence[Device],
    dtype: str,
    length: float,
    axes: frozenset[str],
    rejected: list[str],
) -> DoesNotFit:
    """Explain by the nearest miss in numbers, and the nearest that works: fewer bytes, more devices, larger ones."""
    biggest = max(devices, key=lambda device: device.memory)
    more = [[biggest] * num for num in (2, 4, 8, 16, 32, 64, 128) if num > len(devices)]
    larger = sorted((each for each in DEVICES.values() if each.memory > biggest.memory), key=lambda each: each.memory)
    others = [[device] * num for num in (1, 2, 4, 8, 16, 32) for device in larger]

    def works(some: Sequence[Device], kind: str) -> bool:
        return bool(_candidates(profile, some, kind, length, axes)[0])

    ways = ['dtype="bfloat16"  (--dtype bfloat16)'] if dtype == "float32" and works(devices, "bfloat16") else []
    for choices in (more, others):
        first = next((some for some in choices if works(some, dtype)), None)
        ways += [asking_for(describe(tuple(first)))] if first else []
    misses = [line for line in rejected if "needs" in line]
    shown = "\n".join(misses[-3:] if len(misses) > 3 else misses)
    return DoesNotFit(
        f"'{profile.name}' does not fit on {describe(tuple(devices))}",
        why=f"{profile.bytes(dtype) / 1e9:.1f} GB of weights in {dtype}; {shown or 'no way to split it'}",
        fix="\nor ".join(ways[:2]) or "a smaller model, or one that can be split (tensor or pipeline parallel)",
    )


def _name(pp: int, tp: int) -> str:
    return str(ParallelDims(1, pp, tp)) if pp * tp > 1 else "one device"
