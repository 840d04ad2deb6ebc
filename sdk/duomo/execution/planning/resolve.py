"""The plan that a caller describes: what was left open follows from the rest, or comes from the planner."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from duomo.counting import counted
from duomo.errors import UsageProblem
from duomo.execution.plan import Devices, ExecutionPlan
from duomo.parallel import ParallelDims

if TYPE_CHECKING:
    from duomo.execution.base import Job


MOST_DEVICES = 65_536
"""More than one driver could ever feed: a slip of the keyboard."""


def plan_for(
    job: Job,
    executor: str,
    devices: Devices | None = None,
    parallel: str | ParallelDims | None = None,
    *,
    remote: bool = False,
) -> ExecutionPlan:
    """Return the plan that a caller describes; what was left open follows from the rest, or comes from the planner.

    Args:
        job: with the device that was asked for, a kind or a name.
        executor: its name.
        devices: how many, or their names.
        parallel: sizes, ``auto`` for the planner, or None for one copy a device.
        remote: as in `ExecutorSpec`.

    Raises:
        UsageProblem: a size or a name makes no sense, or the sizes do not fit the devices.
        DeviceUnavailable: this machine has no such device.
    """
    kind, _, index = job.device.partition(":")
    names = _names(devices, kind, remote)
    if parallel == "auto":
        return _planned(job, executor, names, remote)
    dims = ParallelDims.parse(parallel) if isinstance(parallel, str) else parallel
    if dims is not None:
        _check_sizes(dims)
    if not names and executor != "inline":
        if dims is not None and not index:
            names = _names(dims.total, kind, remote)
        elif kind != "auto":
            names = (job.device,)
    if dims is None:
        return ExecutionPlan(executor, ParallelDims(max(1, len(names))), names)
    if names and len(names) != dims.total:
        raise UsageProblem(
            f"parallel={dims} is for {counted(dims.total, 'device')}, and {counted(len(names), 'is', 'are')} named",
            why="every device gets one part of one copy",
            fix=_nearest(dims, len(names)),
        )
    return ExecutionPlan(executor, dims, names)


def _planned(job: Job, executor: str, names: tuple[str, ...], remote: bool) -> ExecutionPlan:
    if remote and not all(name.startswith("cpu") for name in names or ("unknown",)):
        raise UsageProblem(
            f"'{executor}' has devices that this machine knows nothing of",
            why="parallel='auto' is arithmetic with the memory and speed of each",
            fix="devices=8, or parallel='dp=4,tp=2'; 'duomo plan MODEL --devices 8xH100' says which",
        )
    from duomo.execution.devices import accelerators
    from duomo.execution.planning.planner import plan_for_job  # only who asks for it waits for its import

    plan = plan_for_job(job, names or accelerators() or ("cpu",))
    return plan if executor == "inline" else dataclasses.replace(plan, executor=executor)


def _names(devices: Devices | None, kind: str, remote: bool) -> tuple[str, ...]:
    """Find one name for each device; where only their number is given, those of `kind` or the first that are here."""
    if devices is None:
        return ()
    if isinstance(devices, str) and re.fullmatch(r"[+-]?\d+", devices.strip()):
        devices = int(devices)
    if not isinstance(devices, int):
        names = tuple(name.strip() for name in (devices.split(",") if isinstance(devices, str) else devices))
        if names and all(names):
            return names
        raise UsageProblem(
            "a device has no name", why=f"devices={devices!r}", fix="a number, such as 2, or a name for each: cpu,cpu"
        )
    if devices < 1:
        raise UsageProblem(
            f"{counted(devices, 'device is', 'devices are')} too few",
            why="a number says how many, and a model needs at least one",
            fix='device="cpu" (-d cpu)' if devices < 0 else "devices=1 (-d 1)",
        )
    _check_total(devices)
    if remote or kind not in ("auto", "cuda"):
        return (kind,) * devices
    from duomo.execution.devices import accelerators, pick_device  # they may need torch

    found = accelerators()
    if not found:  # "cuda" is refused by name: a CPU in its place would be a surprise of hours
        return ("cpu" if kind == "auto" else pick_device(kind),) * devices
    if len(found) < devices:
        raise UsageProblem(
            f"{counted(devices, 'device was', 'devices were')} asked for",
            why=f"this machine has {', '.join(found)}",
            fix=f"{len(found)}, or a name for each: {','.join(['cpu'] * devices)}",
        )
    return found[:devices]


def _check_sizes(dims: ParallelDims) -> None:
    for axis, size in zip(dims._fields, dims, strict=True):
        if not isinstance(size, int) or size < 1:
            raise UsageProblem(
                f"{axis}={size} is not a valid size", why="it is a whole number, 1 or more", fix=f"{axis}=1"
            )
    _check_total(dims.total)


def _check_total(num: int) -> None:
    if num > MOST_DEVICES:
        why = f"one driver feeds {MOST_DEVICES:,} at the very most"
        raise UsageProblem(f"{num:,} devices are too many", why=why, fix="devices=8, or parallel='dp=8'")


def _nearest(dims: ParallelDims, num: int) -> str:
    """Find sizes that fit a number of devices: the same groups when they go in, else copies only."""
    nearest = dims._replace(dp=num // dims.group) if num % dims.group == 0 else ParallelDims(num)
    return f"{nearest}, or {counted(dims.total, 'device')}"
