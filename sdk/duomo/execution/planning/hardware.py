"""What devices can do: data sheets of those one plans for, a probe for those that are here."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, NamedTuple

from duomo.errors import DeviceUnavailable, UsageProblem, did_you_mean

PER_NODE = 8
"""Accelerators in one machine, where nothing else is known: tensor parallelism does not leave it."""
MFU, MFU_CPU = 0.5, 0.8
"""Share of the peak that batches of transformers reach: usual on GPUs; 0.76 to 1.05 measured on a CPU."""


class Device(NamedTuple):
    """One processor as the planner sees it: bytes, FLOP/s and bytes a second, all dense peaks."""

    kind: str
    memory: float
    half: float
    """FLOP/s in bfloat16, or float16 where that is all there is."""
    full: float
    """FLOP/s in float32 without TF32, as torch computes by default."""
    bandwidth: float
    link: float = 25e9
    """Bytes a second to a neighbour, one way. 25 GB/s is what PCIe 4.0 x16 (32 GB/s) gives in practice."""
    source: str = ""
    name: str = ""
    """As executors call it, such as ``cuda:0``; empty for a device that is not here."""
    cores: int = 1
    """Threads of a CPU."""
    free: float = 0.0
    """Bytes not in use; 0 when not probed."""

    @property
    def is_cpu(self) -> bool:
        """Whether it is a CPU: its cores may be split between processes."""
        return self.kind == "cpu"

    def peak(self, dtype: str) -> float:
        """FLOP/s in that dtype."""
        return self.full if dtype == "float32" else self.half


DEVICES = {
    device.kind: device
    for device in (
        Device("H200", 141e9, 989e12, 67e12, 4.8e12, 450e9, "NVIDIA H200 data sheet, SXM, without sparsity"),
        Device("H100", 80e9, 989e12, 67e12, 3.35e12, 450e9, "NVIDIA H100 data sheet, SXM, without sparsity"),
        Device("A100-80", 80e9, 312e12, 19.5e12, 2.039e12, 300e9, "NVIDIA A100 80GB data sheet, SXM"),
        Device("A100-40", 40e9, 312e12, 19.5e12, 1.555e12, 300e9, "NVIDIA A100 40GB data sheet, SXM"),
        Device("A10", 24e9, 125e12, 31.2e12, 0.6e12, 25e9, "NVIDIA A10 data sheet"),
        Device("L4", 24e9, 121e12, 30.3e12, 0.3e12, 25e9, "NVIDIA L4 data sheet, without sparsity"),
        Device("T4", 16e9, 65e12, 8.1e12, 0.3e12, 12e9, "NVIDIA T4 data sheet; half is float16, PCIe 3.0"),
        Device("RTX4090", 24e9, 165.2e12, 82.6e12, 1.008e12, 25e9, "NVIDIA Ada architecture whitepaper, appendix A"),
    )
}
ALIASES = {"A100": "A100-80", "4090": "RTX4090", "RTX-4090": "RTX4090", "H100-80": "H100"}
CORE = Device("cpu", 0, 80e9, 80e9, 10e9, 5e9, "1024-cube float32 torch.mm on one Zen 3 core: 78 to 90 GFLOP/s")
"""One CPU core. Half precision is not faster without AMX, and is not planned for."""


def parse_devices(text: str) -> tuple[Device, ...]:
    """Parse the devices that a user names: ``8xH100``, ``2xA10,2xT4``, ``cpu``, ``cpu:4``, ``cuda``, ``auto``.

    ``auto``, ``cuda`` and ``cpu`` are what is here; ``cpu:4`` is four cores of a machine like this one.

    Raises:
        UsageProblem: a name or number that means nothing, with the nearest that does.
        DeviceUnavailable: ``cuda`` where there is none.
    """
    found: list[Device] = []
    for part in text.split(","):
        found += _parse_one(part.strip(), text)
    if len({device.is_cpu for device in found}) > 1:
        raise UsageProblem(
            f"'{text}' mixes the CPU with accelerators",
            why="its cores prepare the batches of the accelerators, and would be the slowest replica by far",
            fix=asking_for(",".join(part for part in text.split(",") if "cpu" not in part.lower())),
        )
    return tuple(found)


def asking_for(names: str) -> str:
    """Spell devices as Python and the command line do."""
    return f'devices="{names}"  (--devices {names})'


def _parse_one(part: str, text: str) -> list[Device]:
    if part == "auto":
        return list(local_devices())
    if re.fullmatch(r"cpu(:\d+)?", part):
        cores = int(part[4:] or 0) if ":" in part else 0
        if ":" in part and not 1 <= cores <= 4096:
            raise UsageProblem(f"'{part}' is not a number of cores", fix=asking_for("cpu:2"))
        return [_cpu(cores)]
    if re.fullmatch(r"cuda(:\d+)?", part):
        here = [device for device in local_devices() if not device.is_cpu]
        chosen = [device for device in here if part in ("cuda", device.name)]
        if not chosen:
            names = ", ".join(device.name for device in here) or "no GPU"
            why = f"this machine has {names}"
            raise DeviceUnavailable(f"no device '{part}' here", why=why, fix=asking_for("8xH100"))
        return chosen
    count, _, kind = part.rpartition("x") if re.match(r"\d+x", part) else ("1", "", part)
    known = {each.lower(): each for each in (*DEVICES, *ALIASES)}
    name = known.get(kind.lower())
    if name is None:
        example = re.sub(re.escape(kind) + "$", _nearest(kind), part) if kind else "8xH100"
        raise UsageProblem(
            f"no device '{kind or part}' is known",
            why=f"{did_you_mean(kind.upper(), DEVICES)} Known are {', '.join(DEVICES)}, cpu, cpu:N and cuda".strip(),
            fix=asking_for(text.replace(part, example, 1)),
        )
    if not 1 <= int(count) <= 65536:
        raise UsageProblem(f"'{part}' is not a number of devices", fix=asking_for(f"8x{name}"))
    return [DEVICES[ALIASES.get(name, name)]] * int(count)


def _nearest(kind: str) -> str:
    import difflib

    close = difflib.get_close_matches(kind.upper(), DEVICES, n=1, cutoff=0.4)
    return close[0] if close else "H100"


def local_devices() -> tuple[Device, ...]:
    """Return the GPUs that torch sees here, or the CPU."""
    import torch

    gpus = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        gpus.append(_like(torch.cuda.get_device_name(index), total)._replace(name=f"cuda:{index}", free=float(free)))
    return tuple(gpus) or (_cpu(0),)


def _like(name: str, total: float) -> Device:
    """Find the data sheet for a name as the driver gives it, such as ``NVIDIA A100-SXM4-40GB``."""
    plain = re.sub(r"[^A-Z0-9]", "", name.upper())
    fitting = [device for kind, device in DEVICES.items() if kind.partition("-")[0] in plain]
    if fitting:
        best = min(fitting, key=lambda device: (-len(device.kind.partition("-")[0]), abs(device.memory - total)))
        return best._replace(memory=float(total))
    # Better a slow guess than a fast one: the plan then asks for less from each device, and is still right.
    return DEVICES["T4"]._replace(
        kind=name, memory=float(total), source=f"'{name}' has no data sheet here; its speed is taken to be a T4's"
    )


def _cpu(cores: int) -> Device:
    """Describe this machine's CPU, or a number of cores of one like it."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    num = cores or here
    memory, free = _memory()
    return CORE._replace(
        memory=memory * max(1.0, num / here),
        half=CORE.half * num,
        full=CORE.full * num,
        bandwidth=CORE.bandwidth * num,
        name="cpu",
        cores=num,
        free=free if num <= here else 0.0,
    )


def _memory() -> tuple[float, float]:
    """Bytes this process may use at most and those free now; a container's limit counts, not the host's memory."""
    if sys.platform == "win32":
        return 8e9, 0.0  # the standard library does not tell; most machines have at least this
    total = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as file:
            limit = file.read().strip()
        total = min(total, float(limit)) if limit.isdecimal() else total
        pages = os.sysconf("SC_AVPHYS_PAGES")
    except (OSError, ValueError):
        return total, 0.0
    return total, float(os.sysconf("SC_PAGE_SIZE") * pages)


def describe(devices: tuple[Device, ...]) -> str:
    """Name the devices in a word: ``8xH100``, ``2xA10,2xT4``, ``cpu:2``."""
    if devices[0].is_cpu:
        return f"cpu:{devices[0].cores}"
    counts: dict[str, int] = {}
    for device in devices:
        counts[device.kind] = counts.get(device.kind, 0) + 1
    return ",".join(f"{count}x{kind}" for kind, count in counts.items())


def facts(devices: tuple[Device, ...]) -> list[dict[str, Any]]:
    """Make one record for each kind, JSON-safe, with where the figures come from."""
    kinds = {device.kind: device for device in devices}
    return [
        {
            "kind": kind,
            "count": sum(each.kind == kind for each in devices),
            "cores": device.cores if device.is_cpu else None,
            "memory_gb": round(device.memory / 1e9, 1),
            "half_tflops": round(device.half / 1e12, 2),
            "float32_tflops": round(device.full / 1e12, 2),
            "memory_gb_per_s": round(device.bandwidth / 1e9),
            "link_gb_per_s": round(device.link / 1e9),
            "source": device.source,
        }
        for kind, device in kinds.items()
    ]
