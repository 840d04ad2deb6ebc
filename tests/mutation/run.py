"""Changes the pure core in one place at a time, and counts the changes that its own unit tests notice.

Usage: ``python tests/mutation/run.py [NAME ...] [--json FILE] [--again FILE] [--jobs N]``; without names, all targets
of ``targets.toml``. Exits with 1 when a target is below its share, or when a listed survivor is none.

For every change this process forks. The child serves the changed module to Python's import system and runs the
tests of the target until one fails: no file is written, and what is slow to import is imported once.
"""

from __future__ import annotations

import argparse
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import multiprocessing
import os
import resource
import signal
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from mutations import Mutant, mutants

ROOT = Path(__file__).parents[2]
WARM = ("hypothesis.strategies", "numpy", "pydantic", "sqlite3", "torch")
"""What tests import, and no module that is changed."""
CPU_FACTOR, CPU_S = 4, 5
"""A child may take this many times the processor time of the unchanged run, and so many seconds more."""
WALL_S, WALL_FACTOR = 120.0, 20
"""A child that waits for something that never comes is ended after this, or after so many times the unchanged run."""
OUT_OF_TIME = (-signal.SIGXCPU, -signal.SIGKILL)
FORK = multiprocessing.get_context("fork")


class Target(NamedTuple):
    """A module with its tests, as ``targets.toml`` has them."""

    name: str
    module: str
    path: str
    tests: list[str]
    least: float
    """Share of the changes that must be noticed."""
    unseen: list[dict[str, str]]
    """Changes that change nothing a user can see: ``in``, ``before``, ``after`` and ``why``."""


class Report(NamedTuple):
    """What became of the changes of one target."""

    target: Target
    num: int
    survivors: list[Mutant]
    timed_out: list[Mutant]
    """Changes that ended at a limit of time: most loop for ever, but a slow machine ends one like this too."""
    seconds: float

    @property
    def num_killed(self) -> int:
        """Changes that a test failed on; one that ran out of time is not among them."""
        return self.num - len(self.survivors) - len(self.timed_out)

    @property
    def share(self) -> float:
        """Share of all changes that a test failed on, listed survivors among those that were not noticed."""
        return self.num_killed / max(1, self.num)

    @property
    def stale(self) -> list[dict[str, str]]:
        """Listed survivors that did not survive, or are no longer made."""
        return [each for each in self.target.unseen if not any(_is(each, mutant) for mutant in self.survivors)]


class Changed(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):  # type: ignore[misc]
    """Finds one module, with other code than its file has."""

    def __init__(self, target: Target, code: CodeType) -> None:
        super().__init__(target.module, str(ROOT / target.path))
        self.code = code

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> Any:
        """Find the changed module and no other."""
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        """Give the changed code."""
        return self.code


class NoShrinking:
    """Makes hypothesis stop at the first failing example."""

    def pytest_configure(self) -> None:
        """Load the profile of the tests without its slow phases, before a test module is imported."""
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("mutants", hypothesis.settings.default, phases=phases)
        hypothesis.settings.load_profile("mutants")


def targets(names: Sequence[str] = ()) -> Iterator[Target]:
    """Read the targets, all or those named."""
    found = tomllib.loads((Path(__file__).parent / "targets.toml").read_text("utf-8"))
    if unknown := set(names) - set(found):
        raise SystemExit(f"no target named {', '.join(sorted(unknown))}; there are: {', '.join(found)}")
    for name in names or found:
        yield Target(name, **{"unseen": [], "least": 0.85, **found[name]})


def report(target: Target, jobs: int, only: set[str] | None = None) -> Report:
    """Run the tests of a target against every change, or `only` some of them."""
    start = time.perf_counter()
    source = (ROOT / target.path).read_text("utf-8")
    unchanged = compile(source, target.path, "exec", dont_inherit=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    if _ended(target, unchanged, cpu_s=600, wall_s=600, verbose=True) != 0:
        raise SystemExit(f"the tests of {target.name} fail before anything is changed")
    wall_s = max(WALL_S, WALL_FACTOR * (time.perf_counter() - start))
    cpu_s = CPU_FACTOR * (resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before) + CPU_S
    made = [each for each in mutants(source, target.path) if only is None or str(each) in only]
    survivors, timed_out = [], []
    with ThreadPoolExecutor(jobs) as threads:
        ends = threads.map(lambda mutant: _ended(target, mutant.code, cpu_s, wall_s), made)
        for mutant, end in zip(made, ends, strict=True):
            if end == 0:
                survivors.append(mutant)
                print(f"  not noticed  {target.path}:{mutant}", file=sys.stderr, flush=True)
            elif end in OUT_OF_TIME:
                timed_out.append(mutant)
    return Report(target, len(made), survivors, timed_out, time.perf_counter() - start)


def _ended(target: Target, code: CodeType, cpu_s: float, wall_s: float, *, verbose: bool = False) -> int | None:
    """Run the tests in a child that has this code; 0 where they pass, minus the signal that ended it otherwise."""
    child = FORK.Process(target=_run, args=(target, code, cpu_s, verbose))
    child.start()
    child.join(wall_s)
    if child.is_alive():
        child.kill()
        child.join()
    return child.exitcode


def _run(target: Target, code: CodeType, cpu_s: float, verbose: bool) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + cpu_s) + 1,) * 2)
    sys.meta_path.insert(0, Changed(target, code))
    if not verbose:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    options = ["-x", "-q", "--tb=short", "--no-header"]
    for slow in ("cacheprovider", "unraisableexception", "threadexception", "faulthandler"):
        options += ["-p", f"no:{slow}"]
    paths = [str(ROOT / each) for each in target.tests]
    code_of_end = pytest.main([*options, "-m", "not multiproc", "--rootdir", str(ROOT), *paths], [NoShrinking()])
    os._exit(int(code_of_end))


def _is(listed: dict[str, str], mutant: Mutant) -> bool:
    return (listed["in"], listed["before"], listed["after"]) == (mutant.where, mutant.before, mutant.after)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the targets and say what survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--json", type=Path, help="write a report to this file")
    parser.add_argument("--again", type=Path, help="try only what survived in this report, by line")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    chosen = parser.parse_args(arguments)
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ.update(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    os.chdir(ROOT)
    for name in WARM:
        importlib.import_module(name)
    gc.freeze()
    again = json.loads(chosen.again.read_text("utf-8")) if chosen.again else []
    rows, good = [], True
    for target in targets(chosen.names):
        only = {each for row in again if row["name"] == target.name for each in row["survivors"]} if again else None
        found = report(target, chosen.jobs, only)
        unlisted = [each for each in found.survivors if not any(_is(listed, each) for listed in target.unseen)]
        print(
            f"{target.name}: a test fails on {found.num_killed} of {found.num} ({found.share:.1%}), "
            f"{len(found.timed_out)} more ran out of time, {found.seconds:.0f} s"
        )
        for mutant in unlisted:
            print(f"  survived  {target.path}:{mutant}")
        for mutant in found.timed_out:
            print(f"  ran out of time  {target.path}:{mutant}")
        stale = found.stale if only is None else []
        for listed in stale:
            print(f"  listed as unseen, but noticed or gone: {listed['in']}: {listed['before']}  →  {listed['after']}")
        good &= found.share >= target.least and not stale
        rows.append(
            {
                "name": target.name,
                "module": target.module,
                "mutants": found.num,
                "killed": found.num_killed,
                "share": round(found.share, 4),
                "unseen": len(found.survivors) - len(unlisted),
                "seconds": round(found.seconds, 1),
                "timed_out": [str(mutant) for mutant in found.timed_out],
                "survivors": [str(mutant) for mutant in unlisted],
            }
        )
        if chosen.json:
            chosen.json.parent.mkdir(parents=True, exist_ok=True)
            chosen.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
