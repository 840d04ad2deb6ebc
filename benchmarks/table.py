"""Run every benchmark and write docs/benchmarks.md: goals beside what was measured, losses included.

python benchmarks/table.py                 all of them, then the page
python benchmarks/table.py vs_text overhead     only these; the page shows what is in the folder
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE.parent / "build" / "benchmarks"
PAGE = HERE.parent / "docs" / "benchmarks.md"

HEAD = """# Benchmarks

Written by `make bench`, or `python benchmarks/table.py NAME …` for some of it; every number comes from such a run.
Ratios of CPU time with one thread, cases in turns, medians; outputs were compared, and a row whose outputs differ by
more than its tolerance is void. Read a ratio as: the peer takes so many times the CPU time of duomo on the same work.
Below 1 we lose.

"""


def run(script: Path) -> None:
    """Run one benchmark; its JSON goes to the results folder."""
    print(f"==> {script.name}", file=sys.stderr, flush=True)
    out = RESULTS / f"{script.stem}.json"
    subprocess.run([sys.executable, str(script), "--out", str(out)], check=True, stdout=subprocess.DEVNULL)


def speedups(result: dict[str, Any]) -> list[str]:
    """The rows that compare with peers, as a Markdown table; goals stand beside the figures they belong to."""
    lines = []
    for work, row in result.items():
        if not isinstance(row, dict) or "speedup" not in row:
            continue
        goals = row.get("goals", {})
        for peer, ratio in row["speedup"].items():
            goal = goals.get(peer)
            verdict = "" if goal is None else "reached" if ratio >= goal else "**missed**"
            shown = f"{ratio:.2f}" if row["valid"] else "void: outputs differ"
            spread = row["cpu_s"]
            own, theirs = spread["duomo"], spread[peer]
            lines.append(
                f"| {work} | {peer} | {shown} | {goal or ''} | {verdict} | "
                f"{own['median']} ({own['min']} to {own['max']}) | "
                f"{theirs['median']} ({theirs['min']} to {theirs['max']}) |"
            )
    if not lines:
        return []
    head = "| work | against | ratio | goal | | duomo, CPU s (spread) | peer, CPU s (spread) |"
    return [head, "|---|---|---|---|---|---|---|", *lines, ""]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every figure of a nested result with the way to it; a spread as one figure."""
    if isinstance(value, dict) and "median" in value:
        yield path, f"{value['median']} ({value['min']} to {value['max']}, {value.get('runs', '?')} runs)"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path} · {key}" if path else str(key))
    else:
        yield path, str(value)


def page(results: list[dict[str, Any]]) -> str:
    """The whole page."""
    machine = results[0]["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    parts = [
        HEAD,
        f"Machine: {machine['processor']}, {machine['cores']} cores, Python {machine['python']}. {versions}.\n",
    ]
    for result in results:
        name = result["benchmark"]
        parts.append(f"\n## {name}\n\nLoad at the end of the run: {result['machine']['load']}.\n")
        rows = {key: value for key, value in result.items() if key not in ("benchmark", "machine")}
        parts.append("\n".join(speedups(rows)))
        extra = {
            work: {key: value for key, value in row.items() if key not in ("cpu_s", "speedup", "goals")}
            if isinstance(row, dict)
            else row
            for work, row in rows.items()
        }
        parts.append("| figure | value |\n|---|---|")
        parts += [f"| {name} | {value} |" for name, value in leaves(extra)]
        parts.append("")
    return "\n".join(parts)


def main() -> None:
    """Run what was asked for, then write the page from all results there are."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    scripts = sorted(
        path for path in HERE.glob("*.py") if "__main__" in path.read_text("utf-8") and path.name != "table.py"
    )
    wanted = set(sys.argv[1:]) or {script.stem for script in scripts}
    for script in scripts:
        if script.stem in wanted - {"none"}:
            run(script)
    results = [json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    PAGE.write_text(page(results), "utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
