"""What a row costs in a store and in a file, with a model that costs next to nothing.

``map`` alone, into a new store, from a finished one, without repetitions, and outcomes into each format;
CPU microseconds a row, and how much memory grew between the first thousand rows and the last.
"""

import functools
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness import arguments, interleave, report, spread

import duomo
from duomo.testing.fakes import fake_catalog
from duomo.writers.formats import open_writer

ROWS = 20_000


def resident_kib() -> int:
    """Memory this process holds now; 0 where the system does not say."""
    path = Path("/proc/self/statm")
    return int(path.read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024 if path.exists() else 0


def drain(outcomes: Iterable[Any]) -> int:
    """Read all outcomes; KiB by which memory grew after the first thousand."""
    before = 0
    for number, _ in enumerate(outcomes):
        if number == 1000:
            before = resident_kib()
    return resident_kib() - before


def write(path: Path, outcomes: list[Any], result: Any) -> None:
    """All outcomes into one file."""
    with open_writer(path, result) as writer:
        for outcome in outcomes:
            writer.write(outcome)


def main() -> None:
    """Time each case in turns."""
    args = arguments(__doc__ or "", rounds=5)
    texts = [f"text number {i}" for i in range(ROWS)]
    grown: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name, duomo.load("text-classification", catalog=fake_catalog()) as runner:
        folder = Path(name)

        def mapped(case: str, **options: Any) -> None:
            grown[case] = max(grown.get(case, 0), drain(runner.map(texts, batch_size=32, **options)))

        def fresh() -> None:
            mapped("map, new store", store=folder / f"{time.monotonic_ns()}.store")

        outcomes = list(runner.map(texts, batch_size=32, store=folder / "done.store"))
        cases = {
            "map": functools.partial(mapped, "map"),
            "map, new store": fresh,
            "map, finished store": functools.partial(mapped, "map, finished store", store=folder / "done.store"),
            "map, dedupe": functools.partial(mapped, "map, dedupe", dedupe=True),
        }
        for suffix in ("jsonl", "csv", "parquet"):
            cases[suffix] = functools.partial(write, folder / f"out.{suffix}", outcomes, runner.task.Result)
        times = interleave(cases, args.rounds, clock=time.process_time, warm=1)
        size = (folder / "done.store").stat().st_size
    table = {name: spread([1e6 * each / ROWS for each in values], 1) for name, values in times.items()}
    report(
        "resume", {"rows": ROWS, "us_per_row": table, "grown_kib": grown, "store_bytes_per_row": size / ROWS}, args.out
    )


if __name__ == "__main__":
    main()
