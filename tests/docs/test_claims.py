"""The page of what training claims names tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = [line for line in (ROOT / "docs/training-claims.md").read_text("utf-8").splitlines() if line.startswith("| T")]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split()[1])
def test_what_shows_a_claim_is_there(line):
    folder = ROOT / "tests"
    for code in re.findall(r"`([^`]+)`", line.split("|")[3]):
        name, *words = code.replace('"', "").split()
        if "--case" in words:
            source = (ROOT / "benchmarks" / name).read_text("utf-8")
            assert all(f'"{case}"' in source or f"def {case}(" in source for case in words[1:]), code
            continue
        path = ROOT / "tests" / name if "/" in name else folder / name
        folder = path.parent
        tests = re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
        assert all(any(part in test for test in tests) for part in words[1:] if part != "or"), code


def test_all_twenty_are_there():
    assert [line.split()[1] for line in LINES] == [f"T{number}" for number in range(1, 21)]
