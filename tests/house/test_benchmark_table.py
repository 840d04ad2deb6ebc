"""The page of benchmarks: goals beside figures, what bounds a miss, and no row or benchmark that can break it."""

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def table():
    spec = importlib.util.spec_from_file_location("benchmark_table", HERE / "table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def contest():
    spec = importlib.util.spec_from_file_location("benchmark_harness", HERE / "harness.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.contest


TIMES = {"duomo": [2.0, 2.2, 1.9], "pipeline bs 1": [3.0, 3.1, 2.9], "pipeline bs 32": [9.0, 9.1, 8.8]}


def document(name, **rows):
    machine = {"processor": "a processor", "cores": 2, "python": "3.11", "versions": {"torch": "2"}, "load": 0.1}
    return {"benchmark": name, "machine": machine, **rows}


def test_a_goal_is_of_a_named_peer_or_of_the_best(contest):
    row = contest(TIMES, True, {"pipeline bs 32": 4, "pipeline best": 1.8})
    assert row["goals"] == {"pipeline bs 32": 4, "pipeline bs 1": 1.8}  # as it was read
    assert row["speedup"] == {"pipeline bs 1": 1.5, "pipeline bs 32": 4.5}


def test_a_miss_is_said_with_what_bounds_it(table, contest):
    row = contest(TIMES, True, {"pipeline best": 1.8}, floor=(1.875, "the FLOPs at the GEMM rate"), note="tried more")
    page = table.page([document("text", embeddings=row)], [])
    assert (
        "| embeddings | pipeline bs 1 | 1.8 | 1.50 | **missed**; 1.60 at most: the FLOPs at the GEMM rate; tried more"
        in page
    )
    assert "| embeddings | pipeline bs 32 | 4.50 | 2.0 (1.9 to 2.2) | 9.0 (8.8 to 9.1) |" in page


def test_void_rows_foreign_rows_and_broken_benchmarks_end_no_page(table, contest):
    void = contest(TIMES, False, {"pipeline best": 1.8, "pipeline bs 32": 4})
    figures = {
        "targets": {
            "µs": {"value": 25, "at_least": None, "at_most": 20},
            "MFU": {"value": 0.95, "at_least": 0.9, "at_most": None},
        }
    }
    foreign = {"speedup": {"peer": {"nested": 2}}, "goals": {"peer": 1, "absent": 2}, "valid": {"peer": True}}
    page = table.page([document("text", a=void, b=figures, c=foreign, d=7, e=["x"])], ["vs_x.py ended with 1: ouch"])
    assert page.count("| void | outputs differ |") == 2
    assert "| b | µs | ≤ 20 | 25 | **missed** |" in page
    assert "| b | MFU | ≥ 0.9 | 0.95 | reached |" in page
    assert page.count("| not run |") == 2
    assert "Not measured: vs_x.py ended with 1: ouch" in page


def test_goals_of_a_whole_benchmark_stand_among_the_goals_and_rows_of_a_list_are_told_apart(table):
    rows = [{"server": "duomo", "ms": 3.5}, {"server": "fastapi", "ms": {"median": 5, "min": 4, "max": 6, "runs": 3}}]
    targets = {"CPU of fastapi": {"value": 1.4, "at_least": 1.8, "at_most": None}}
    page = table.page([document("servers", rows=rows, targets=targets)], [])
    assert "| servers | CPU of fastapi | ≥ 1.8 | 1.4 | **missed** | servers |" in page
    assert "| rows 1: duomo · ms | 3.5 |" in page
    assert "| rows 2: fastapi · ms | 5 (4 to 6, 3 runs) |" in page
    assert "{" not in page


def test_a_benchmark_that_breaks_is_told_in_a_line_and_the_others_run(table, tmp_path, monkeypatch, capsys):
    (tmp_path / "good.py").write_text(
        'import json, sys\nif __name__ == "__main__":\n'
        f"    open(sys.argv[2], 'w').write(json.dumps({document('good', row={'a': 1})!r}))\n"
    )
    (tmp_path / "bad.py").write_text('if __name__ == "__main__":\n    raise SystemExit("no such corpus here")\n')
    monkeypatch.setattr(table, "HERE", tmp_path)
    monkeypatch.setattr(table, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(table, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(sys, "argv", ["table.py"])
    assert table.main() == 1
    page = (tmp_path / "page.md").read_text("utf-8")
    assert "## good" in page
    assert "Not measured: bad.py ended with 1: no such corpus here" in page
    monkeypatch.setattr(sys, "argv", ["table.py", "bod"])
    assert table.main() == 2
    assert "no benchmark bod; there are bad, good" in capsys.readouterr().err
