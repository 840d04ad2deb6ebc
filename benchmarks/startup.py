"""What it costs to ask ``duomo`` something: CPU time as a multiple of ``python -c pass``, all plugins installed.

Byte code is written first, as pip does on install: ``PYTHONDONTWRITEBYTECODE``, set in many
containers, would make every start compile everything.
"""

import os
import sys
import sysconfig
from pathlib import Path

from harness import arguments, report, run_process, spread

LIMIT = 9.0
"""The most that ``--help`` and ``models list`` may cost, in starts of Python."""
DUOMO = str(Path(sysconfig.get_path("scripts")) / "duomo")
CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "duomo --version": [DUOMO, "--version"],
    "duomo --help": [DUOMO, "--help"],
    "duomo models list": [DUOMO, "models", "list"],
    "duomo tasks list": [DUOMO, "tasks", "list"],
    "duomo plugins list": [DUOMO, "plugins", "list"],
}


def main() -> None:
    args = arguments(__doc__, rounds=15)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for command in CASES.values():
        run_process(command, env)
    runs: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(args.rounds):
        for name, command in CASES.items():
            runs[name].append(run_process(command, env)["cpu_s"])
    cpu = {name: spread(values) for name, values in runs.items()}
    base = cpu["python -c pass"]["median"]
    ratios = {name: round(each["median"] / base, 1) for name, each in cpu.items()}
    report("startup", {"limit": LIMIT, "ratio": ratios, "cpu_s": cpu}, args.out)


if __name__ == "__main__":
    main()
