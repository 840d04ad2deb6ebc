"""Run every benchmark and write docs/benchmarks.md: goals beside what was measured, losses included.

python benchmarks/table.py                 all of them but those of BY_NAME, then the page
python benchmarks/table.py vs_text overhead     only these; the page shows what is in the folder
python benchmarks/table.py none            none; the page again from what is in the folder
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE.parent / "build" / "benchmarks"
PAGE = HERE.parent / "docs" / "benchmarks.md"
LIMIT_S = 1800
"""A benchmark that takes longer is ended, and the others go on."""
BY_NAME = frozenset({"faults", "finance", "generalist", "medical", "retail", "soak", "trained_scores", "vs_pools"})
"""These take long, or measure how good and not how fast something is: they run when they are named."""
SHOWN = ("cpu_s", "speedup", "goals", "targets", "own", "note", "floor")
"""What stands in tables of its own."""

HEAD = """# Benchmarks

Written by `make bench`, or `python benchmarks/table.py NAME …` for some of it (faults, pools of workers, the soak of a
server and the industry adapters run only so); every number comes from such a run, and what is not here was not run on
this machine.
Ratios of CPU time with one thread, cases in turns, medians; outputs were compared, and a row whose outputs differ by
more than its tolerance is void. Read a ratio as: the peer takes this many times the CPU time of duomo on the same work.
Below 1 we lose.

"""


def run(script: Path) -> str:
    """Run one benchmark; its JSON goes to the results folder. What went wrong, in a line; empty when nothing did."""
    print(f"==> {script.name}", file=sys.stderr, flush=True)
    out = RESULTS / f"{script.stem}.json"
    out.unlink(missing_ok=True)  # an old figure must not pass for one of this run
    start = time.monotonic()
    try:
        child = subprocess.run(
            [sys.executable, str(script), "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"{script.name} was ended after {LIMIT_S} s"
    print(f"    {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    if child.returncode:
        return f"{script.name} ended with {child.returncode}: {(child.stderr.strip().splitlines() or ['no word'])[-1]}"
    return ""


def verdicts(benchmark: str, rows: dict[str, Any], path: str = "") -> Iterator[str]:
    """A line for each goal: what was asked, what was reached, and what bounds it where it was missed."""
    for name, row in rows.items():
        if not isinstance(row, dict):
            continue
        work = f"{path} · {name}" if path else name
        if not {"goals", "targets"} & row.keys():
            yield from verdicts(benchmark, row, work)
            continue
        ratios = row.get("speedup", {})
        for peer, goal in row.get("goals", {}).items():
            ratio = ratios.get(peer)
            if not isinstance(ratio, int | float):
                yield f"| {work} | {peer} | {goal} | | not run | {benchmark} |"
            elif row.get("valid") is False:
                yield f"| {work} | {peer} | {goal} | void | outputs differ | {benchmark} |"
            else:
                verdict = "reached" if ratio >= goal else f"**missed**{bound(row, peer)}"
                yield f"| {work} | {peer} | {goal} | {ratio:.2f} | {verdict} | {benchmark} |"
        for figure, aim in row.get("targets", {}).items():
            value, least, most = aim["value"], aim["at_least"], aim["at_most"]
            met = (least is None or value >= least) and (most is None or value <= most)
            asked = f"≥ {least}" if least is not None else f"≤ {most}"
            verdict = "reached" if met else f"**missed**{bound(row, None)}"
            verdict = "void: outputs differ" if row.get("valid") is False else verdict
            yield f"| {work} | {figure} | {asked} | {value} | {verdict} | {benchmark} |"


def named(result: dict[str, Any]) -> dict[str, Any]:
    """The rows of a result by name: those of a list go by their words, goals of the whole by the benchmark's name."""
    rows = {key: value for key, value in result.items() if key not in ("benchmark", "machine")}
    for key, value in list(rows.items()):
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            words = [", ".join(word for word in each.values() if isinstance(word, str)) for each in value]
            rows |= {f"{key} {number}{word and f': {word}'}": each
                     for number, (word, each) in enumerate(zip(words, value, strict=True), 1)}  # fmt: skip
            del rows[key]
    if "targets" in rows:
        rows[result["benchmark"]] = {"targets": rows.pop("targets"), "note": rows.pop("note", "")}
    return rows


def bound(row: dict[str, Any], peer: str | None) -> str:
    """What a ratio could be at most, by the row's own arithmetic, and what its author has to say."""
    words = []
    floor = row.get("floor")
    if floor and peer:
        most = row["cpu_s"][peer]["median"] / floor["cpu_s"]
        words.append(f"{most:.2f} at most: {floor['is']}")
    words.append(row.get("note") or "")
    return "".join(f"; {each}" for each in words if each)


def speedups(rows: dict[str, Any]) -> list[str]:
    """The rows that compare with peers, as a Markdown table."""
    lines = []
    for work, row in rows.items():
        if not isinstance(row, dict) or "own" not in row:
            continue
        own, valid = row["cpu_s"][row["own"]], row["valid"]
        for peer, ratio in row["speedup"].items():
            theirs = row["cpu_s"][peer]
            lines.append(
                f"| {work} | {peer} | {f'{ratio:.2f}' if valid else 'void: outputs differ'} | "
                f"{own['median']} ({own['min']} to {own['max']}) | "
                f"{theirs['median']} ({theirs['min']} to {theirs['max']}) |"
            )
    if not lines:
        return []
    head = "| work | against | ratio | duomo, CPU s (spread) | peer, CPU s (spread) |"
    return [head, "|---|---|---|---|---|", *lines, ""]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every figure of a nested result with the way to it; a spread as one figure."""
    if isinstance(value, dict) and "median" in value:
        yield path, f"{value['median']} ({value['min']} to {value['max']}, {value.get('runs', '?')} runs)"
    elif isinstance(value, dict):
        for key, inner in value.items():
            if path and key in SHOWN and {"goals", "targets"} & value.keys():
                continue
            yield from leaves(inner, f"{path} · {key}" if path else str(key))
    else:
        yield path, " ".join(re.sub(r"\x1b\[[\d;]*m", "", str(value)).split())  # errors of peers come in colours


def page(results: list[dict[str, Any]], broken: list[str]) -> str:
    """The whole page."""
    machine = results[0]["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    rows = [named(each) for each in results]
    names = [each["benchmark"] for each in results]
    parts = [
        HEAD,
        f"Machine: {machine['processor']}, {machine['cores']} cores, Python {machine['python']}. {versions}.\n",
        "## Goals\n\n| work | against, or figure | goal | measured | | benchmark |\n|---|---|---|---|---|---|",
        *(line for name, each in zip(names, rows, strict=True) for line in verdicts(name, each)),
        "",
        *(f"Not measured: {each}.\n" for each in broken),
    ]
    for name, result, own in zip(names, results, rows, strict=True):
        parts.append(f"\n## {name}\n\nLoad at the end of the run: {result['machine']['load']}.\n")
        parts.append("\n".join(speedups(own)))
        extra = {
            work: {key: value for key, value in row.items() if key not in SHOWN or "own" not in row}
            if isinstance(row, dict)
            else row
            for work, row in own.items()
        }
        parts.append("| figure | value |\n|---|---|")
        parts += [f"| {name} | {value} |" for name, value in leaves(extra)]
        parts.append("")
    return "\n".join(parts)


def main() -> int:
    """Run what was asked for, then write the page from all results there are; 1 when a benchmark broke."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    scripts = {path.stem: path for path in sorted(HERE.glob("*.py")) if is_benchmark(path)}
    wanted = set(sys.argv[1:]) - {"none"}
    if unknown := wanted - scripts.keys():
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(scripts)}", file=sys.stderr)
        return 2
    chosen = {name: scripts[name] for name in scripts if (name in wanted if sys.argv[1:] else name not in BY_NAME)}
    broken = [words for path in chosen.values() if (words := run(path))]
    for words in broken:
        print(words, file=sys.stderr)
    results = [json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    if results:
        PAGE.write_text(page(results, broken), "utf-8")
        print(PAGE)
    return 1 if broken else 0


def is_benchmark(path: Path) -> bool:
    """Whether a file here measures something by itself."""
    return path.name != "table.py" and "__main__" in path.read_text("utf-8")


if __name__ == "__main__":
    sys.exit(main())
