"""What a run comes to: the progress line, the closing words, ``--stats``, ``--max-failed`` and ``--dedupe``."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from duomo.cli.jobs.summary import Summary, summary_line
from duomo.execution.stats import Stats
from duomo.outcome import ItemError, Meta, Outcome, outcome_of
from duomo.testing.fakes import EchoModel

CLASSIFY = ("run", "text-classification", "-o", "jsonl")


def outcome(ms: float = 2.0, *, failed: bool = False, **meta: Any) -> Outcome[Any]:
    error = ItemError("E-MODEL-FAILED", "it broke") if failed else None
    return outcome_of(0, "0", None, error, Meta("a-task", "a/model", ms=ms, **meta))


def test_the_line_tells_rate_time_left_and_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    count = Summary()
    count.begin(1000)
    for index in range(250):
        count.add(outcome(failed=index == 7))
    clock[0] = 110.0
    assert count.line() == "250 of 1,000 · 25.0/s · 0:30 left · 1 failed"
    unknown = Summary()
    unknown.begin()
    assert unknown.line() == "0 done"


def test_times_are_kept_to_five_percent_in_little_memory() -> None:
    count = Summary()
    for ms in range(1, 10_001):
        count.add(outcome(float(ms)))
    times = count.record(Stats())["ms"]
    assert times["p50"] == pytest.approx(5000, rel=0.05)
    assert times["p95"] == pytest.approx(9500, rel=0.05)
    assert len(count._bins) < 200  # memory is the point, and shows nowhere else


def test_the_record_and_its_words_tell_stages_and_padding() -> None:
    count = Summary()
    count.add(outcome(windows=3))
    count.add(outcome(failed=True, truncated=True))
    record = count.record(Stats(prepare_s=1.25, compute_s=3.5, cost=75, padded_cost=100, batches=2))
    assert (record["items"], record["failed"], record["windowed"], record["truncated"]) == (2, 1, 1, 1)
    assert record["padding"] == 0.25
    assert record["batches"]["batches"] == 2
    assert "1 failed; " in summary_line(record)
    assert "prepare 1.2 s, compute 3.5 s; padding 25%" in summary_line(record)
    assert json.loads(json.dumps(record)) == record


def test_stats_go_to_a_file_of_their_own(duomo: Any, tmp_path: Path) -> None:
    file = tmp_path / "stats.json"
    result = duomo(*CLASSIFY, "-t", "one", "-t", "poison", "-t", "two", "--stats", str(file))
    assert result.exit_code == 3
    record = json.loads(file.read_text())
    assert record["schema"] == "duomo.stats/1"
    assert (record["items"], record["ok"], record["failed"]) == (3, 2, 1)
    assert record["batches"]["batches"] >= 1
    assert record["seconds_by_stage"]["compute"] >= 0
    assert len(result.stdout.splitlines()) == 3


def test_too_many_failures_end_the_run_after_what_came_before(duomo: Any) -> None:
    texts = [part for word in ("one", "poison", "two", "poison", "three") for part in ("-t", word)]
    result = duomo(*CLASSIFY, *texts, "--max-failed", "1")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record.get("ok") for record in records[:4]] == [True, False, True, False]
    assert records[-1]["error"]["code"] == "E-SYSTEMIC"
    assert "more than 1 item failed" in result.stderr
    assert result.exit_code == 1


def test_equal_inputs_are_computed_once_when_asked(duomo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []
    forward = EchoModel.forward
    monkeypatch.setattr(EchoModel, "forward", lambda self, batch: computed.extend(batch) or forward(self, batch))
    result = duomo(*CLASSIFY, "-t", "one", "-t", "two", "-t", "one", "--dedupe")
    names = [json.loads(line)["result"]["labels"][0]["name"] for line in result.stdout.splitlines()]
    assert names == ["one", "two", "one"]
    assert sorted(computed) == ["one", "two"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which Linux has")
def test_a_full_disk_is_said_of_the_file_that_is_on_it(duomo: Any, tmp_path: Path) -> None:
    for name, args in {
        "stats.json": (*CLASSIFY, "-t", "a", "--stats"),
        "hello.wav": ("run", "text-to-speech", "-t", "a", "-O"),
    }.items():
        (tmp_path / name).symlink_to("/dev/full")
        done = duomo(*args, str(tmp_path / name))
        assert done.exit_code == 1
        assert f"'{tmp_path / name}' cannot be written" in done.stderr
        assert "No space left on device" in done.stderr
