"""``duomo run --resume``: what was done is done, and the output is as if nothing had happened."""

import csv
import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from duomo.execution.resuming.store import RunStore
from duomo.testing.fakes import EchoModel
from tests.sdk.cli.conftest import start

CLASSIFY = ("run", "text-classification")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is computed; ``crash`` in a text makes it fail."""
    computed: list[str] = []
    forward = EchoModel.forward

    def noted(self: Any, batch: list[str]) -> list[str]:
        computed.extend(batch)
        return forward(self, batch)

    monkeypatch.setattr(EchoModel, "forward", noted)
    return computed


def texts(*words: str) -> list[str]:
    return [part for word in words for part in ("-t", word)]


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.json", "out.txt", "out.parquet"])
def test_a_second_call_computes_nothing_and_leaves_the_same_file(
    duomo: Any, tmp_path: Path, calls: list[str], name: str
) -> None:
    out = tmp_path / name
    call = (*CLASSIFY, *texts("one", "two", "three"), "-O", str(out), "--resume")
    assert duomo(*call).exit_code == 0
    first = out.read_bytes()
    out.write_bytes(first[:-3])
    assert duomo(*call).exit_code == 0
    assert out.read_bytes() == first
    assert calls == ["one", "two", "three"]
    assert sorted(each.name for each in tmp_path.iterdir()) == [name, f"{name}.duomo"]


def test_a_folder_of_results_is_completed(duomo: Any, tmp_path: Path, calls: list[str]) -> None:
    folder = tmp_path / "out"
    call = (*CLASSIFY, "-O", f"{folder}/", "--resume")
    duomo(*call, *texts("one"))
    duomo(*call, *texts("one", "two"))
    assert sorted(each.name for each in folder.iterdir()) == ["0.json", "1.json"]
    assert calls == ["one", "two"]


def test_what_failed_is_tried_again_only_when_asked(duomo: Any, tmp_path: Path, calls: list[str]) -> None:
    out = tmp_path / "out.jsonl"
    call = (*CLASSIFY, *texts("one", "crash", "two"), "-O", str(out))
    first = duomo(*call, "--resume")
    assert first.exit_code == 3
    assert "1 of 3 inputs failed; --retry-failed tries them again" in first.stderr
    calls.clear()
    assert duomo(*call, "--resume").exit_code == 3
    assert not calls
    assert duomo(*call, "--retry-failed").exit_code == 3
    assert calls == ["crash"]


def test_another_option_is_refused_with_the_difference_and_force_starts_over(
    duomo: Any, tmp_path: Path, calls: list[str]
) -> None:
    out = tmp_path / "out.jsonl"
    call = (*CLASSIFY, *texts("one"), "-O", str(out), "--top-k", "1")
    duomo(*call[:-2], "--resume")
    before = out.read_bytes()
    refused = duomo(*call, "--resume")
    assert refused.exit_code == 2
    assert "option top_k was null, now 1" in refused.stderr
    assert "wrote" not in refused.stderr
    assert out.read_bytes() == before
    assert duomo(*call, "--force").exit_code == 0
    assert len(json.loads(out.read_text())["result"]["labels"]) == 1
    assert calls == ["one", "one"]


def test_a_run_that_stops_early_leaves_the_rows_of_an_earlier_one(duomo: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    call = (*CLASSIFY, *texts("one", "crash", "two"), "-O", str(out), "--resume")
    duomo(*call)
    before = out.read_bytes()
    assert duomo(*call, "--fail-fast").exit_code == 3
    assert out.read_bytes() == before


def test_a_stream_is_not_kept(duomo: Any) -> None:
    refused = duomo("run", "text-generation", *texts("one"), "--stream", "-O", "out.jsonl", "--resume")
    assert refused.exit_code == 2
    assert "leave out --stream" in refused.stderr


def test_resuming_needs_a_file(duomo: Any) -> None:
    for where in ((), ("-O", "-")):
        refused = duomo(*CLASSIFY, *texts("one"), "--resume", *where)
        assert refused.exit_code == 2
        assert "no file to go on with" in refused.stderr


def test_a_store_in_use_is_refused_before_the_model_is_loaded(duomo: Any, tmp_path: Path) -> None:
    with RunStore(tmp_path / "out.jsonl.duomo"):
        refused = duomo(*CLASSIFY, *texts("one"), "-O", str(tmp_path / "out.jsonl"), "--resume")
    assert refused.exit_code == 1
    assert "is in use" in refused.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_standard_input_goes_by_place_however_it_came(duomo: Any, tmp_path: Path, calls: list[str]) -> None:
    call = (*CLASSIFY, "-", "-O", str(tmp_path / "out.csv"), "--resume")
    duomo(*call, input="one\ntwo\n")
    duomo(*call, input="one\ntwo\nthree\n")
    assert calls == ["one", "two", "three"]
    with open(tmp_path / "out.csv", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["0", "1", "2"]


def test_parquet_takes_whole_outcomes_only(duomo: Any, tmp_path: Path) -> None:
    import pyarrow.parquet

    out = str(tmp_path / "out.parquet")
    assert duomo(*CLASSIFY, *texts("one", "crash"), "-O", out).exit_code == 3
    assert pyarrow.parquet.read_table(out)["ok"].to_pylist() == [True, False]
    refused = duomo(*CLASSIFY, *texts("one"), "-O", out, "--fields", "id")
    assert refused.exit_code == 2
    assert "whole outcomes" in refused.stderr


def test_a_full_disk_is_said_in_words(duomo: Any, tmp_path: Path) -> None:
    full = tmp_path / "out.jsonl"
    full.symlink_to("/dev/full")
    refused = duomo(*CLASSIFY, *texts("one"), "-O", str(full))
    assert refused.exit_code == 1
    assert "cannot be written" in refused.stderr
    assert "No space left" in refused.stderr


@pytest.mark.multiproc
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_ended_from_outside_the_same_command_goes_on(shell: Any, tmp_path: Path, how: signal.Signals) -> None:
    out = tmp_path / "out.jsonl"
    gate = tmp_path / "gate"
    words = [*(f"slow {i}" for i in range(5)), *[f"waits {gate}"] * 2]  # it cannot come to its end before that
    call = (*CLASSIFY, *texts(*words), "-O", str(out), "--resume", "-b", "1")
    process = start(*call, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (out.exists() and out.read_bytes().count(b"\n") >= 5):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(how)
    said = process.communicate(timeout=60)[1].decode()
    if how != signal.SIGKILL:
        assert process.returncode == 128 + how
        assert "the same command goes on from here" in said
    done = out.read_bytes().splitlines()[0]
    gate.touch()
    assert shell(*call).code == 0
    lines = out.read_bytes().splitlines()
    assert lines[0] == done, "committed half a second later, and not computed again"
    assert [json.loads(line)["result"]["labels"][0]["name"] for line in lines] == words
