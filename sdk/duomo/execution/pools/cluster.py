"""A Ray cluster: joining it, or starting one here, and whether it has room. Workers and trainings both begin here."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Mapping, Sequence

import ray

from duomo.errors import Unavailable, UsageProblem
from duomo.execution.base import Job
from duomo.execution.plan import ExecutionPlan

ANSWER_S = 5.0
"""Seconds within which a cluster's address must answer."""
PLACE_S = 60.0
"""Seconds after which an actor that has found no place, or not loaded its model, is given up and tried again."""


def with_devices(job: Job, resources: Mapping[str, float]) -> ExecutionPlan:
    """Give the job's plan a device for each worker; ``auto`` is a GPU where the cluster has one for each of them.

    Args:
        job: whose devices are kinds or names of the cluster.
        resources: of the whole cluster, as Ray counts them.

    Raises:
        UsageProblem: the cluster has fewer: a job that can never be placed would wait for ever.
    """
    names = job.plan.devices or (job.device,) * job.plan.dims.total
    found = "cuda" if resources.get("GPU", 0) >= len(names) else "cpu"
    names = tuple(found if name == "auto" else name for name in names)
    check_room([kind_of(name) for name in names], resources)
    return dataclasses.replace(job.plan, devices=names)


def check_room(kinds: Sequence[str], resources: Mapping[str, float]) -> None:
    """Raise `UsageProblem` when the whole cluster has fewer of a kind: what can never be placed would wait for ever."""
    for kind, num in Counter(kinds).items():
        have = int(resources.get(kind, 0))
        if have < num:
            instead = f"devices={have}" if have else "device='cpu'"
            raise UsageProblem(
                f"the cluster has {have} {kind} and {num} are needed",
                why=f"each worker takes one {kind}",
                fix=f"{instead}, or add nodes to the cluster",
            )


_TURN = threading.Lock()
_USERS: list[str | None] = []
"""The address that each of those gave who use the connection that was made here."""


def connect(address: str | None) -> bool:
    """Connect this process with a cluster; whether the caller must `part` from it: not where the user had connected.

    Args:
        address: of a cluster; that of ``RAY_ADDRESS`` if left out, else one that Ray finds on this machine, else one is
            started here.

    Raises:
        Unavailable: none answers.
    """
    with _TURN:
        if ray.is_initialized():
            if _USERS and address in (None, *_USERS):  # another runner of this process
                _USERS.append(address)
                return True
            if not _USERS and address is None:
                return False  # the user's own connection, and theirs to end
        _connect(address)
        _USERS.append(address)
        return True


def part() -> None:
    """Give up the connection; the last who uses it ends it, and the cluster if it was started here."""
    with _TURN:
        if _USERS:
            _USERS.pop()
        if not _USERS:
            ray.shutdown()


def _connect(address: str | None) -> None:
    address = address or os.environ.get("RAY_ADDRESS")
    if address is not None:
        _check_answers(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray prints that a worker died to standard output, where results may be going; it has no public switch.
    ray._private.worker._worker_logs_enabled = False
    dashboard = False if address is None else None
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, include_dashboard=dashboard, logging_level="error", log_to_driver=False)
    except Exception as error:  # a node that is not up in time is a bare one of Ray's
        raise _no_answer(address or "a cluster of its own", str(error)) from error
    if handler not in (None, signal.SIG_DFL) and threading.current_thread() is threading.main_thread():
        # Ray's own ends the process with status 15; a command says how it was stopped, and a program what it likes.
        signal.signal(signal.SIGTERM, handler)


def kind_of(device: str) -> str:
    """Give Ray's name of a kind of device."""
    return "GPU" if device.startswith("cuda") else "CPU"


def _check_answers(address: str) -> None:
    """Ray itself would try for half a minute and then print a page."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return  # "auto", "local": looked up by Ray
    try:
        socket.create_connection((host, int(port)), ANSWER_S).close()
    except (OSError, ValueError) as error:
        raise _no_answer(address, str(error)) from error


def _no_answer(address: str, why: str) -> Unavailable:
    return Unavailable(
        f"no Ray cluster answers at {address}",
        why=why,
        fix="start one with 'ray start --head', or leave the address out for one that lives as long as this run",
    )
