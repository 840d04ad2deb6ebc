"""How every benchmark here measures: ratios within one run, cases interleaved, medians with their spread.

Absolute seconds of a shared machine mean little, so cases take turns (A B A B …) and CPU time is
compared. Each benchmark prints one JSON document with the machine and the versions in it.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PACKAGES = ("duomo", "torch", "torchvision", "torchaudio", "transformers", "tokenizers", "numpy", "pillow", "pydantic")


def machine() -> dict[str, Any]:
    """What ran the benchmark: processor, cores, load and versions."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text(encoding="utf-8").splitlines()
            if "model name" in line
        ]
        model = names[0] if names else model
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "versions": versions,
    }


def spread(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Median, minimum and maximum."""
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "runs": len(values),
    }


def interleave(
    cases: Mapping[str, Callable[[], Any]],
    rounds: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
    warm: int = 3,
) -> dict[str, list[float]]:
    """Time each case `rounds` times, in turns whose order rotates; the first `warm` turns do not count."""
    names = list(cases)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds + warm):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = clock()
            cases[name]()
            if turn >= warm:
                times[name].append(clock() - start)
    return times


def contest(
    times: Mapping[str, Sequence[float]],
    valid: bool,
    goals: Mapping[str, float],
    *,
    own: str = "duomo",
    floor: tuple[float, str] | None = None,
    note: str = "",
) -> dict[str, Any]:
    """One row of the table: ratios of the peers to `own`, beside their goals and what bounds them.

    Args:
        times: CPU seconds of each case; those of other names than `own` are peers.
        valid: whether the outputs agree.
        goals: of a peer, or of the quickest among several: ``{"pipeline best": 1.5}`` is of the peers whose names
            begin with "pipeline".
        own: the case that is ours.
        floor: the least CPU seconds the work could take here and why, such as its FLOPs at the GEMM rate of the run.
        note: what else bounds a goal that is missed, and what was tried.
    """
    middle = {name: statistics.median(values) for name, values in times.items()}
    peers = {name: seconds for name, seconds in middle.items() if name != own}
    bests = {name: min((p for p in peers if p.startswith(name[:-5])), key=peers.__getitem__) for name in goals
             if name.endswith(" best")}  # fmt: skip
    return {
        "valid": valid,
        "own": own,
        "speedup": {name: round(seconds / middle[own], 2) for name, seconds in peers.items()},
        "goals": {bests.get(name, name): goal for name, goal in goals.items()},
        "floor": {"cpu_s": round(floor[0], 4), "is": floor[1]} if floor else None,
        "note": note,
        "cpu_s": {name: spread(values, 3) for name, values in times.items()},
    }


def target(value: float, *, at_least: float | None = None, at_most: float | None = None) -> dict[str, float | None]:
    """A figure that has a goal of its own; rows hold them under ``targets``, by name."""
    return {"value": value, "at_least": at_least, "at_most": at_most}


def gemm_gflops(packed: bool = False) -> float:
    """The machine's own rate on a 1024-cube matrix product, one thread: `torch.mm`, or with a packed weight oneDNN."""
    import torch

    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    laid = torch.ops.mkldnn._reorder_linear_weight(b, 1024) if packed else None
    rates = []
    for _ in range(7):
        start = time.process_time()
        if packed:
            torch.ops.mkldnn._linear_pointwise(a, laid, None, "none", [], "")
        else:
            torch.mm(a, b)
        rates.append(2 * 1024**3 / (time.process_time() - start) / 1e9)
    return statistics.median(rates)


def run_process(command: Sequence[str], env: Mapping[str, str] | None = None) -> dict[str, float]:
    """Run a command to its end: CPU seconds (user and system), wall seconds and peak memory in MiB."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(env or os.environ))
    assert child.stderr is not None
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}:\n{errors.decode()[-2000:]}")
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return {
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": time.perf_counter() - start,
        "peak_mib": usage.ru_maxrss / unit,
    }


def arguments(description: str, rounds: int) -> argparse.Namespace:
    """The options all benchmarks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help="counted turns of each case")
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    return parser.parse_args()


def report(name: str, result: Mapping[str, Any], out: Path | None = None) -> None:
    """Print the result with the machine it was measured on."""
    text = json.dumps({"benchmark": name, "machine": machine(), **result}, indent=2, ensure_ascii=False)
    print(text)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", "utf-8")


def run_parts(name: str, parts: Mapping[str, Callable[[], Any]], packages: Sequence[str], doc: str | None) -> None:
    """Run the parts that the command line names, or all; print them with the versions of the packages they rest on."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(parts)}; all when left out")
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - parts.keys():
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    libs = {each: importlib.metadata.version(each) for each in packages}
    found = {part: parts[part]() for part in chosen.parts or parts}
    report(name, {"libs": libs, **json.loads(json.dumps(found, default=float))}, chosen.out)
