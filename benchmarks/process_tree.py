"""What a whole tree of processes took: CPU seconds of all of them, peak memory together, and who outlived the first.

The measuring process makes itself the subreaper (Linux), so that every process of the tree, however
deep, ends up as its child, is waited for, and has its CPU time counted exactly.
"""

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psutil

PR_SET_CHILD_SUBREAPER = 36
LOOK_EVERY_S = 0.5
"""Reading the memory of a process costs milliseconds; more often would be felt on two cores."""
GRACE_S = 3.0
"""Whoever still runs this long after the first process ended is an orphan."""


def adopt() -> None:
    """Have the orphans of this process's descendants given to it."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise SystemExit("this benchmark needs Linux: no subreaper here")


def run_tree(
    command: Sequence[str], env: Mapping[str, str] | None = None, *, kill_after: str = "", limit_s: float = 600
) -> dict[str, Any]:
    """Run a command and everything that it starts to their ends.

    Args:
        command: what to run.
        env: its environment.
        kill_after: SIGKILL the command itself as soon as it prints a line with these words.
        limit_s: after this the whole tree is killed, and ``timed_out`` is true.

    Returns:
        ``cpu_s`` and ``wall_s`` of the tree, ``peak_mib`` summed over it (sampled), ``exit_code``, the
        ``orphans`` that were alive `GRACE_S` after the command ended, and its ``output``.
    """
    adopt()
    start = time.perf_counter()
    child = subprocess.Popen(command, env=dict(env or os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
    readers = [threading.Thread(target=_read, args=(child, name, said, kill_after), daemon=True) for name in said]
    for reader in readers:
        reader.start()
    cpu, peak, status, ended = 0.0, 0.0, None, None
    orphans: list[str] = []
    killed = timed_out = False
    look = 0.0
    while True:
        if time.perf_counter() - look > LOOK_EVERY_S:
            look = time.perf_counter()
            peak = max(peak, sum(_memory(each) for each in psutil.Process().children(recursive=True)) / 2**20)
        try:
            pid, code, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            break
        now = time.perf_counter()
        if pid:
            cpu += usage.ru_utime + usage.ru_stime
            if pid == child.pid:
                status, ended = os.waitstatus_to_exitcode(code), now
                child.returncode = status
            continue
        timed_out = timed_out or now - start > limit_s
        if not killed and (timed_out or (ended is not None and now - ended > GRACE_S)):
            killed = True
            for each in psutil.Process().children(recursive=True):
                if each.pid != child.pid:
                    orphans.append(_name(each))
                each.kill()
        time.sleep(0.05)
    for reader in readers:
        reader.join(1)
    return {
        "cpu_s": round(cpu, 2),
        "wall_s": round((ended or time.perf_counter()) - start, 2),
        "peak_mib": round(peak),
        "exit_code": status,
        "orphans": orphans,
        "timed_out": timed_out,
        "output": said["stdout"].decode("utf-8", "replace"),
        "errors": said["stderr"].decode("utf-8", "replace")[-2000:],
    }


def tree_cpu_s() -> float:
    """CPU seconds so far of this process and of all its living descendants."""
    me = psutil.Process()
    return sum(_cpu(each) for each in [me, *me.children(recursive=True)])


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _memory(process: psutil.Process) -> float:
    """The memory that is its own: shared pages would count once for each process."""
    try:
        return float(process.memory_full_info().uss)
    except psutil.Error:
        return 0.0


def _name(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:80] or process.name()
    except psutil.Error:
        return "?"


def _read(child: subprocess.Popen[bytes], name: str, said: dict[str, bytearray], kill_after: str) -> None:
    pipe = getattr(child, name)
    for line in pipe:
        said[name] += line
        if kill_after and name == "stdout" and kill_after in line.decode("utf-8", "replace"):
            os.kill(child.pid, signal.SIGKILL)
