"""``duomo adapters``, ``duomo adapt`` and ``duomo audit``: what they show, what they refuse, and how they end."""

import csv
import io
import json

import pytest

from duomo.testing.thermometer import Thermometer


@pytest.fixture
def table(tmp_path):
    """Six readings; the third has no temperature, the fourth is in the wrong unit."""
    path = tmp_path / "readings.csv"
    path.write_text("machine,celsius,load\na,60,1\nb,75,1\nc,,1\nd,-300,1\ne,95,1\nf,80,2\n")
    return path


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / "labelled.jsonl"
    rows = [{"machine": f"m{i % 12}", "celsius": 60 + i % 40, "failed": int(i % 40 + i % 5 > 22)} for i in range(80)]
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


@pytest.fixture
def fitted(tmp_path):
    return str(Thermometer.example().save(tmp_path / "fitted"))


def test_adapters_are_listed_with_risk_and_review(duomo):
    listed = duomo.json("adapters", "list", "-o", "jsonl")
    assert [each["name"] for each in listed] == ["fake/notes", "fake/thermometer"]
    assert listed[1]["not_for"] == ["real machines"]
    assert listed[1]["missing"] == []
    assert [each["name"] for each in duomo.json("adapters", "list", "-q", "temperature", "-o", "jsonl")] == [
        "fake/thermometer"
    ]
    assert "no adapter is like that" in duomo("adapters", "list", "--industry", "fishery", "-o", "table").stderr


def test_thousands_of_records_are_counted_in_one_way(duomo, labelled, fitted, tmp_path):
    many = tmp_path / "many.jsonl"
    many.write_text(labelled.read_text() * 13 + "{}\n" * 1001)
    done = duomo("adapt", "thermometer", str(many), "-a", fitted, "-o", "jsonl")
    assert "2,041 records: 130 accept, 1,001 failed, 208 refer, 702 reject" in done.stderr


def test_an_adapter_is_shown_with_what_it_is_not_for(duomo):
    text = duomo("adapters", "show", "fake/thermometer").stdout
    for words in (
        "fake/thermometer 1:",
        "not for   real machines",
        "human review advised",
        "columns   machine (key), machine (group), time (time), failed (answer)",
        "celsius: number",
        "excess: number",
    ):
        assert words in text
    shown = json.loads(duomo("adapters", "show", "thermometer", "-o", "json").stdout)
    assert shown["input"]["properties"]["celsius"]["type"] == "number"
    assert "decision" in shown["result"]["properties"]
    assert shown["columns"] == {"key": "machine", "group": "machine", "time": "time", "answer": "failed"}
    assert shown["plugin"] == "in-process"


def test_what_is_fitted_on_the_command_line_is_used_on_the_command_line(duomo, labelled, table, tmp_path):
    folder = tmp_path / "learned"
    done = duomo("adapters", "fit", "thermometer", "--data", str(labelled), "-O", str(folder))
    assert "fitted on 80 records: calibrator" in done.stderr
    assert f"duomo adapt fake/thermometer SRC -a {folder}" in done.stderr
    assert {each.suffix for each in folder.iterdir()} == {".json"}
    first = duomo.json("adapt", "thermometer", str(table), "-a", str(folder))[0]
    assert first["result"]["score"]["kind"] == "probability"


def test_records_are_not_written_over_by_what_is_made_of_them(duomo, table):
    before = table.read_bytes()
    refused = duomo("adapt", "thermometer", str(table), "-O", str(table))
    assert refused.exit_code == 2
    assert "would be written over while it is read" in refused.stderr
    assert table.read_bytes() == before


def test_an_adapter_without_anything_to_fit_says_so_and_writes_nothing(duomo, table, tmp_path):
    done = duomo("adapters", "fit", "fake/notes", "--data", str(table), "-O", str(tmp_path / "none"))
    assert done.exit_code != 0
    assert not (tmp_path / "none").exists()


def test_a_run_reads_files_or_follows_a_source(duomo):
    nothing, both = duomo("adapt", "thermometer"), duomo("adapt", "thermometer", "x.csv", "--live", "tail:x.jsonl")
    assert (nothing.exit_code, both.exit_code) == (2, 2)
    assert "there is nothing to read" in nothing.stderr
    assert "records and a live source are both named" in both.stderr


def test_an_unknown_adapter_is_answered_with_the_nearest(duomo):
    for command in (("adapters", "show"), ("adapt",)):
        done = duomo(*command, "fake/thermometre", *["x.csv"] * (command == ("adapt",)))
        assert done.exit_code == 4
        assert "the closest is 'fake/thermometer'" in done.stderr


def test_records_are_adapted_and_a_bad_one_costs_no_other(duomo, table, fitted):
    done = duomo("adapt", "fake/thermometer", str(table), "-a", fitted, "-o", "jsonl")
    assert done.exit_code == 3
    lines = [json.loads(each) for each in done.stdout.splitlines()]
    assert [each["ok"] for each in lines] == [True, True, False, True, True, True]
    assert "INPUT.MISSING_COLUMN" in lines[2]["error"]["what"]
    assert lines[3]["result"]["decision"] == {
        "outcome": "refer",
        "reason": "UNITS.MISMATCH",
        "policy": None,
        "threshold": None,
        "expected_cost": None,
    }
    assert lines[0]["result"]["score"]["kind"] == "probability"
    assert "6 records: " in done.stderr
    assert "1 failed" in done.stderr
    assert "found UNITS.MISMATCH 1" in done.stderr
    assert "Supports the work of people" in done.stderr


def test_results_go_to_a_file_named_by_either_option(duomo, table, tmp_path):
    for option, name in (("-o", "a.jsonl"), ("-O", "b.jsonl")):
        done = duomo("adapt", "thermometer", str(table), option, str(tmp_path / name))
        assert done.stdout == ""
        assert "has no 'celsius'" in done.stderr
        assert len((tmp_path / name).read_text().splitlines()) == 6


def test_a_csv_has_all_of_the_verdict_and_a_table_its_plain_fields(duomo, table):
    rows = list(csv.DictReader(io.StringIO(duomo("adapt", "thermometer", str(table), "-o", "csv").stdout)))
    assert rows[1]["payload.excess"] == "5.0"
    assert list(rows[1])[:3] == ["index", "id", "ok"]
    assert rows[1]["score.kind"] == "uncalibrated"
    assert "has no 'celsius'" in rows[2]["error.what"]
    assert rows[3]["decision.outcome"] == "refer"
    table_ = duomo("adapt", "thermometer", str(table), "-o", "table", "--fields", "id,payload.excess").stdout
    assert table_.splitlines()[0].split() == ["ID", "PAYLOAD.EXCESS"]


def test_a_mistyped_name_is_said_before_anything_is_worked_on(duomo, table, tmp_path):
    out, log = tmp_path / "out.jsonl", tmp_path / "audit.log"
    done = duomo("adapt", "thermometer", str(table), str(tmp_path / "gone.csv"), "-O", str(out), "--audit", str(log))
    assert done.exit_code == 1
    assert "no file" in done.stderr
    assert "records" not in done.stderr
    assert not out.exists()
    assert not log.exists()


def test_a_table_has_the_code_of_an_error_whose_words_are_said_aloud(duomo, table):
    done = duomo("adapt", "thermometer", str(table), "-o", "table")
    assert "ERROR.CODE" in done.stdout
    assert "E-INPUT" in done.stdout
    assert "has no 'celsius'" in done.stderr


def test_rows_come_from_standard_input(duomo):
    lines = duomo.json("adapt", "thermometer", "-", "-o", "jsonl", input='{"machine": "a", "celsius": 70}\nnot json\n')
    assert [each["ok"] for each in lines] == [True, False]
    assert "line 2 is not a JSON object" in lines[1]["error"]["why"]


def test_an_adapter_of_a_task_takes_a_model(duomo, tmp_path):
    (tmp_path / "notes.jsonl").write_text("")
    done = duomo("adapt", "notes", str(tmp_path / "notes.jsonl"), "-m", "fake/echo")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "0 records: none" in done.stderr
    assert duomo("adapt", "thermometer", str(tmp_path / "notes.jsonl"), "-m", "fake/echo").exit_code == 2


def test_what_is_done_is_written_into_a_chained_log_that_can_be_verified(duomo, table, tmp_path):
    log = tmp_path / "audit.log"
    for _ in range(2):
        duomo("adapt", "thermometer", str(table), "--audit", str(log), "-o", "jsonl")
    [verdict] = duomo.json("audit", "verify", str(log), "-o", "jsonl")
    assert (verdict["ok"], verdict["lines"]) == (True, 12)
    text = log.read_text()
    log.write_text(text.replace('"decision":"refer"', '"decision":"accept"', 1))
    done = duomo("audit", "verify", str(log))
    assert done.exit_code == 1
    assert "line 4 was edited" in done.stderr
    again = duomo("adapt", "thermometer", str(table), "--audit", str(log))
    assert again.exit_code == 1
    assert "keep it as evidence" in again.stderr


def test_a_log_can_be_keyed(duomo, table, tmp_path):
    log, key = str(tmp_path / "audit.log"), {"DUOMO_AUDIT_KEY": "s"}
    duomo("adapt", "thermometer", str(table), "--audit", log, env=key)
    assert duomo("audit", "verify", log, env=key).exit_code == 0
    assert duomo("audit", "verify", log).exit_code == 1


def test_a_log_that_is_not_there_is_said(duomo, tmp_path):
    done = duomo("audit", "verify", str(tmp_path / "gone"))
    assert done.exit_code == 1
    assert "no audit log" in done.stderr


def test_a_log_without_its_head_is_doubted_aloud(duomo, table, tmp_path):
    log = tmp_path / "audit.log"
    duomo("adapt", "thermometer", str(table), "--audit", str(log))
    log.with_name("audit.log.head").unlink()
    done = duomo("audit", "verify", str(log))
    assert done.exit_code == 0
    assert "whether lines at the end are gone is unknown" in done.stderr
    two = duomo("audit", "verify", str(log), str(log), "--head", "00")
    assert "--head is of one log" in two.stderr


def test_going_on_despite_a_finding_takes_a_reason_and_a_log(duomo, table, tmp_path):
    log = tmp_path / "audit.log"
    base = ("adapt", "thermometer", str(table), "-o", "jsonl")
    assert "needs an audit log" in duomo(*base, "--override", "UNITS.MISMATCH=kelvin").stderr
    assert "has no reason" in duomo(*base, "--audit", str(log), "--override", "UNITS.MISMATCH").stderr
    assert "Did you mean 'UNITS.MISMATCH'" in duomo(*base, "--audit", str(log), "--override", "UNIT.MISMATCH=k").stderr
    given = ("--audit", str(log), "--override", "UNITS.MISMATCH=recalibrated", "--by", "Ada")
    lines = duomo.json(*base, *given)
    assert lines[3]["result"]["payload"]["excess"] == -370
    assert '"reason":"recalibrated (Ada)"' in log.read_text()


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("gone.csv",), 1, "no file 'gone.csv'"),
        (("{table}", "-o", "xml"), 2, "no output format 'xml'"),
        (("{table}", "-o", "out.parquet"), 2, "adapters do not write Parquet"),
        (("{table}", "-a", "nowhere"), 4, "no fitted adapter in 'nowhere'"),
        (("{table}", "--fields", "colour"), 2, "a result has no field 'colour'"),
        (("{table}", "--max-failed", "0", "-o", "jsonl"), 1, "1 record failed"),
        (("{table}", "-x", "nowhere"), 0, ""),
    ],
)
def test_what_cannot_be_is_refused_in_words(duomo, table, args, code, words):
    done = duomo("adapt", "thermometer", *[each.format(table=table) for each in args])
    if code:
        assert done.exit_code == code
    assert words in done.stderr


def test_a_tampered_artefact_is_refused(duomo, table, fitted):
    with open(f"{fitted}/policy.json", "r+") as file:
        text = file.read().replace("0.5", "0.9")
        file.seek(0)
        file.write(text)
    done = duomo("adapt", "thermometer", str(table), "-a", fitted)
    assert done.exit_code == 4
    assert "was changed after it was saved" in done.stderr


def test_an_evaluation_prints_its_split_first(duomo, labelled):
    done = duomo("adapters", "eval", "thermometer", "--data", str(labelled), "-o", "table")
    assert done.exit_code == 0
    assert "80 records judged, split by Group(parts=5, seed=0)" in done.stderr
    assert "auc" in done.stdout
    report = json.loads(duomo("adapters", "eval", "thermometer", "--data", str(labelled), "-o", "json").stdout)
    assert report["metrics"]["auc"] > 0.9
    assert len(report["folds"]) == 5


def test_options_of_an_evaluation_that_contradict_each_other_are_refused(duomo, labelled, fitted):
    base = ("adapters", "eval", "thermometer", "--data", str(labelled))
    both = duomo(*base, "-a", fitted, "--split", "group")
    assert both.exit_code == 2
    assert "--artifacts and --split group do not go together" in both.stderr
    assert "--because is for a random split" in duomo(*base, "--because", "so be it").stderr


def test_an_evaluation_on_a_random_split_of_grouped_data_takes_a_reason(duomo, labelled):
    base = ("adapters", "eval", "thermometer", "--data", str(labelled), "--split", "random")
    refused = duomo(*base)
    assert refused.exit_code == 2
    assert "LEAK.SPLIT_RANDOM" in refused.stderr
    assert "to compare with a paper" in duomo(*base, "--because", "to compare with a paper", "-o", "table").stderr


@pytest.mark.parametrize(
    ("log", "said"),
    [("", "'' names no file"), ("out.jsonl", "-O and --audit name the same file, 'out.jsonl'")],
)
def test_an_audit_log_is_a_file_of_its_own(duomo, table, tmp_path, monkeypatch, log, said):
    monkeypatch.chdir(tmp_path)
    done = duomo("adapt", "thermometer", str(table), "--audit", log, "-O", "out.jsonl")
    assert done.exit_code == 2
    assert f"error: {said}" in done.stderr


def test_records_have_what_inputs_of_a_task_have(duomo, table, tmp_path):
    base = ("adapt", "thermometer", str(table))
    first = duomo(*base, "--fail-fast", "-o", "jsonl")
    assert [json.loads(line)["ok"] for line in first.stdout.splitlines()] == [True, True, False]
    duomo(*base, "--stats", str(tmp_path / "stats.json"))
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert (stats["items"], stats["failed"]) == (6, 1)
    assert duomo(*base, "-O", f"{tmp_path}/out/").exit_code == 3
    assert len(list((tmp_path / "out").iterdir())) == 6
    keys = duomo(*base, "-o", "shout").stdout.strip().split("!")
    assert len(set(keys)) == 6
    assert "wrote" in duomo(*base, "-o", str(tmp_path / "out.jsonl")).stderr


def test_an_interrupted_run_of_records_shows_what_was_done(duomo, table, monkeypatch):
    read = Thermometer.read

    def interrupted(self, source):
        for number, each in enumerate(read(self, source)):
            if number == 4:
                raise KeyboardInterrupt
            yield each

    monkeypatch.setattr(Thermometer, "read", interrupted)
    monkeypatch.setattr(Thermometer, "batch_size", 1)
    done = duomo("adapt", "thermometer", str(table), "-o", "csv")
    assert done.exit_code == 130
    assert len(done.stdout.splitlines()) == 5
    assert "4 records: " in done.stderr
    assert "interrupted after 4 records" in done.stderr
