"""How a job is spread: over which devices, and how many of them share one copy of the model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

from duomo.errors import UsageProblem, did_you_mean

if TYPE_CHECKING:
    from duomo.execution.base import Job

Devices = int | str | Sequence[str]
"""How many, names with commas between, or names: ``2``, ``"cpu,cpu"``, ``["cuda:0", "cuda:1"]``."""


MOST_DEVICES = 65_536
"""More than one driver could ever feed: a slip of the keyboard."""


class ParallelDims(NamedTuple):
    """Sizes of the three ways to be parallel, with the names of torchtitan."""

    dp: int = 1
    """Copies of the model; each takes batches of its own."""
    pp: int = 1
    """Devices in a row that hold the layers of one copy."""
    tp: int = 1
    """Devices side by side that share each layer."""

    @property
    def group(self) -> int:
        """Devices of one copy."""
        return self.pp * self.tp

    @property
    def total(self) -> int:
        """Devices of all copies."""
        return self.dp * self.pp * self.tp

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``dp=2,tp=2``; what is not named is 1. Raises `UsageProblem`."""
        sizes: dict[str, int] = {}
        for part in filter(None, (each.strip() for each in text.split(","))):
            axis, equals, size = (each.strip() for each in part.partition("="))
            if axis not in cls._fields:
                near = did_you_mean(axis, cls._fields)
                raise UsageProblem(
                    f"no way to be parallel is called '{axis}'",
                    why=f"{near} there are dp (copies), tp (within layers) and pp (between layers)".strip(),
                    fix="dp=2, or dp=2,tp=2",
                )
            if axis in sizes:
                raise UsageProblem(f"'{axis}' is given twice in '{text}'", fix=f"{axis}={sizes[axis]}")
            if not (equals and size.isascii() and size.isdigit() and int(size) > 0):
                raise UsageProblem(
                    f"'{part}' is no size", why="it is a whole number of devices, 1 or more", fix=f"{axis}=1"
                )
            sizes[axis] = int(size)
        if not sizes:
            raise UsageProblem("no way to be parallel is named", fix="dp=2, or dp=2,tp=2")
        return cls(**sizes)

    def __str__(self) -> str:
        named = [f"{axis}={size}" for axis, size in zip(self._fields, self, strict=True) if size != 1]
        return ",".join(named) or "dp=1"


@dataclasses.dataclass(frozen=True)
class ExecutionPlan:
    """What an executor needs to know beside the model. Strings and numbers, safe to send."""

    executor: str = "inline"
    dims: ParallelDims = ParallelDims()  # noqa: RUF009 - it is immutable
    devices: tuple[str, ...] = ()
    """One name a worker, those of one copy next to each other; empty: the executor's own choice."""
    threads: int = 0
    """Of each worker; 0 leaves it to the executor."""
    batch_budget: int = 0
    """Cost of one batch; 0 for the model's own."""
    prefetch: int = 2
    """Batches a worker holds at once: one that runs, and what waits for it."""
    window_items: int = 1024
    """Items read ahead for each copy."""
    reasons: tuple[str, ...] = ()
    """Why it is so, for people."""
    rejected: tuple[str, ...] = ()
    """What was considered, and the number that spoke against it."""

    def devices_of(self, replica: int) -> tuple[str, ...]:
        """The devices of one copy."""
        group = self.dims.group
        return self.devices[replica * group : (replica + 1) * group]


def plan_for(
    job: Job,
    executor: str,
    devices: Devices | None = None,
    parallel: str | ParallelDims | None = None,
    *,
    remote: bool = False,
) -> ExecutionPlan:
    """The plan that a caller describes; what was left open follows from the rest, or comes from the planner.

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
            f"parallel={dims} is for {dims.total} devices, and {len(names)} are named",
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
    from duomo.execution.planner import plan_for_job  # only who asks for it waits for its import

    plan = plan_for_job(job, names or accelerators() or ("cpu",))
    return plan if executor == "inline" else dataclasses.replace(plan, executor=executor)


def _names(devices: Devices | None, kind: str, remote: bool) -> tuple[str, ...]:
    """One name a device; where only their number is given, those of `kind` or the first that are here."""
    if devices is None:
        return ()
    if isinstance(devices, str) and devices.strip().lstrip("+-").isdigit():
        devices = int(devices)
    if not isinstance(devices, int):
        names = tuple(name.strip() for name in (devices.split(",") if isinstance(devices, str) else devices))
        if names and all(names):
            return names
        raise UsageProblem(
            "a device has no name", why=f"devices={devices!r}", fix="a number, such as 2, or a name for each: cpu,cpu"
        )
    if devices < 1:
        raise UsageProblem(f"{devices} devices are too few", why="a model needs at least one", fix="devices=1 (-d 1)")
    _check_total(devices)
    if remote or kind not in ("auto", "cuda"):
        return (kind,) * devices
    from duomo.execution.devices import accelerators, pick_device  # they may need torch

    found = accelerators()
    if not found:  # "cuda" is refused by name: a CPU in its place would be a surprise of hours
        return ("cpu" if kind == "auto" else pick_device(kind),) * devices
    if len(found) < devices:
        raise UsageProblem(
            f"{devices} devices were asked for",
            why=f"this machine has {', '.join(found)}",
            fix=f"{len(found)}, or a name for each: {','.join(['cpu'] * devices)}",
        )
    return found[:devices]


def _check_sizes(dims: ParallelDims) -> None:
    for axis, size in zip(dims._fields, dims, strict=True):
        if not isinstance(size, int) or size < 1:
            raise UsageProblem(f"{axis}={size} is no size", why="it is a whole number, 1 or more", fix=f"{axis}=1")
    _check_total(dims.total)


def _check_total(num: int) -> None:
    if num > MOST_DEVICES:
        why = f"one driver feeds {MOST_DEVICES:,} at the very most"
        raise UsageProblem(f"{num:,} devices are too many", why=why, fix="devices=8, or parallel='dp=8'")


def _nearest(dims: ParallelDims, num: int) -> str:
    """Sizes that fit so many devices: the same groups when they go in, else copies only."""
    nearest = dims._replace(dp=num // dims.group) if num % dims.group == 0 else ParallelDims(num)
    return f"{nearest}, or {dims.total} devices"
