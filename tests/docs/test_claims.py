"""The pages of what is claimed name tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    "TPB": "docs/training-claims.md",
    "SAW": "docs/serving-claims.md",
    "FGH": "docs/faults-claims.md",
    "CDI": "docs/coverage-claims.md",
}
LINES = [
    line
    for letter, page in PAGES.items()
    for line in (ROOT / page).read_text("utf-8").splitlines()
    if re.match(rf"\| [{letter}]\d", line)
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split()[1])
def test_what_shows_a_claim_is_there(line):
    folder = ROOT / "tests"
    for code in re.findall(r"`([^`]+)`", line.split("|")[3]):
        name, *words = code.replace('"', "").split()
        if "/" not in name and (ROOT / "benchmarks" / name).exists() and "--case" not in words:
            continue
        if "--case" in words:
            source = (ROOT / "benchmarks" / name).read_text("utf-8")
            assert all(f'"{case}"' in source or f"def {case}(" in source for case in words[1:]), code
            continue
        path = ROOT / "tests" / name if "/" in name else folder / name
        folder = path.parent
        tests = re.findall(r"^ *def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
        assert all(any(part in test for test in tests) for part in words[1:] if part != "or"), code


def test_all_are_there():
    numbers = [f"T{number}" for number in range(1, 21)]
    numbers += [f"P{number}" for number in range(1, 8)] + [f"B{number}" for number in range(1, 14)]
    numbers += [f"S{number}" for number in range(1, 23)]
    numbers += [f"A{number}" for number in range(1, 11)] + [f"W{number}" for number in range(1, 9)]
    numbers += [f"F{number}" for number in range(1, 70)]
    numbers += [f"H{number}" for number in range(1, 7)]
    numbers += [f"G{number}" for number in range(1, 30)]
    numbers += [f"C{number}" for number in range(1, 18)]
    numbers += [f"D{number}" for number in range(1, 16)] + [f"I{number}" for number in range(1, 13)]
    assert [line.split()[1] for line in LINES] == numbers
