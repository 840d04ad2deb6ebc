"""Files of an earlier version are read and gone on with; `tests/data/README.md` says how they were made."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import duomo as sdk
from duomo.testing.fakes import EchoModel
from duomo.testing.thermometer import Thermometer
from duomo.writers import open_writer

VERSIONS = sorted(path for path in (Path(__file__).parents[2] / "data").iterdir() if path.is_dir())
CLASSIFY = ("run", "text-classification", "-t", "one", "-t", " ", "-t", "two")


@pytest.fixture(params=VERSIONS, ids=lambda path: str(path.name))
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of one version's files."""
    return Path(shutil.copytree(request.param, tmp_path / "files"))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is computed."""
    texts: list[str] = []
    forward = EchoModel.forward
    monkeypatch.setattr(EchoModel, "forward", lambda self, batch: texts.extend(batch) or forward(self, batch))
    return texts


def test_json_lines_and_their_store_are_gone_on_with(duomo: Any, files: Path, computed: list[str]) -> None:
    out = files / "run.jsonl"
    before = [json.loads(line) for line in out.read_text().splitlines()]
    assert duomo(*CLASSIFY, "-O", str(out), "--resume").exit_code == 3
    assert computed == ["two"]
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["ok"] for row in rows] == [True, False, True]
    for row, old in zip(rows, before, strict=False):  # written again from the store, with the fields added to meta
        if row["error"] is not None:  # what is refused again is refused in the words of today
            row["error"]["fix"] = old["error"]["fix"]
        assert {**row, "meta": {name: row["meta"][name] for name in old["meta"]}} == old


def test_the_csv_of_a_writer_and_its_store_are_gone_on_with(duomo: Any, files: Path, computed: list[str]) -> None:
    out = files / "writer.csv"
    before = out.read_bytes()
    with (
        sdk.load("text-classification", "fake/echo", catalog=duomo.catalog) as runner,
        open_writer(out, runner.task.Result, resume=True) as writer,
    ):
        for outcome in runner.map(["one", " ", "two"], store=f"{out}.duomo"):
            writer.write(outcome)
    assert computed == ["two"]
    assert out.read_bytes().startswith(before)
    assert len(list(csv.DictReader(out.read_text("utf-8").splitlines()))) == 3


def test_a_csv_with_the_columns_of_before_is_refused_and_stays(duomo: Any, files: Path, computed: list[str]) -> None:
    out = files / "run.csv"
    before = out.read_bytes()
    refused = duomo(*CLASSIFY, "-O", str(out), "--resume")
    assert refused.exit_code == 1
    assert "has other columns than this run writes" in refused.stderr
    assert "it begins with 'id,name,score,error', not 'index,id,ok" in refused.stderr
    assert out.read_bytes() == before
    out.rename(files / "old.csv")
    assert duomo(*CLASSIFY, "-O", str(out), "--resume").exit_code == 3
    assert [row["id"] for row in csv.DictReader(out.read_text("utf-8").splitlines())] == ["0", "1", "2"]
    assert computed == ["two"], "as the words of the refusal promise"


def test_what_was_fitted_is_used(duomo: Any, files: Path) -> None:
    rows = '{"machine": "a", "celsius": 60}\n'
    [old] = duomo.json("adapt", "thermometer", "-", "-a", str(files / "fitted"), "-o", "jsonl", input=rows)
    assert old["result"]["score"]["kind"] == "probability"
    Thermometer.example().save(files / "new")
    [new] = duomo.json("adapt", "thermometer", "-", "-a", str(files / "new"), "-o", "jsonl", input=rows)
    assert old["result"]["score"]["value"] == pytest.approx(new["result"]["score"]["value"], abs=1e-6)


def test_an_audit_log_is_verified_and_gone_on_with(duomo: Any, files: Path, tmp_path: Path) -> None:
    log = files / "decisions.log"
    before = log.read_bytes()
    [verdict] = duomo.json("audit", "verify", str(log), "-o", "jsonl")
    assert (verdict["ok"], verdict["lines"], verdict["doubt"]) == (True, 3, "")
    rows = '{"machine": "a", "celsius": 60}\n'
    assert duomo("adapt", "thermometer", "-", "--audit", str(log), input=rows).exit_code == 0
    assert log.read_bytes().startswith(before)
    [verdict] = duomo.json("audit", "verify", str(log), "-o", "jsonl")
    assert (verdict["ok"], verdict["lines"]) == (True, 4)
