"""Where the processes of this machine run: a device and a share of the cores for each."""

from __future__ import annotations

import dataclasses
import os

from duomo.counting import counted
from duomo.errors import UsageProblem
from duomo.execution.base import Job
from duomo.execution.devices import accelerators, pick_device, torch_in_use
from duomo.execution.plan import ExecutionPlan
from duomo.parallel import ParallelDims

MOST_A_CORE = 16
"""Processes on the CPU: more than one a core may be meant, more than this is a slip of the keyboard."""


def with_devices(job: Job) -> ExecutionPlan:
    """Give the job's plan a device for each worker. Raises `DeviceUnavailable`, or `UsageProblem` for far too many."""
    names = job.plan.devices
    if not names and job.device == "auto" and torch_in_use():
        names = accelerators()
    names = tuple(pick_device(name) for name in names or (job.device,))
    on_cpu, cores = names.count("cpu"), _cores()
    if on_cpu > MOST_A_CORE * cores:
        raise UsageProblem(
            f"{on_cpu:,} processes are too many for the {counted(cores, 'core')}",
            why=f"beyond one a core they wait for each other, and beyond {MOST_A_CORE} for memory",
            fix=f"devices={cores} (-d {cores})",
        )
    dims = job.plan.dims if job.plan.dims.total == len(names) else ParallelDims(len(names))
    return dataclasses.replace(job.plan, devices=names, dims=dims)


def within(device: str, threads: int) -> tuple[str, dict[str, str]]:
    """Give a device's name inside a process that sees no other, and the environment of that process."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    if not device.startswith("cuda:"):
        return device, environment
    index = int(device.removeprefix("cuda:"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    chosen = visible.split(",")[index].strip() if visible else str(index)
    return "cuda:0", {**environment, "CUDA_VISIBLE_DEVICES": chosen}


def threads_for(num_workers: int) -> int:
    """Take as many as the user's environment says, or else each worker's share of the cores."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    return max(1, _cores() // num_workers)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
