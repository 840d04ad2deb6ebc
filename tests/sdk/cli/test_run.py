"""``duomo run``: from what is on the command line to results, with fake models."""

import csv
import errno
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from duomo.cli.jobs import items, sources
from duomo.cli.jobs.summary import Summary
from duomo.inputs.limits import Limits
from duomo.runner import load
from duomo.writers import open_writer

CLASSIFY = ("run", "text-classification")


def labels(lines: list[Any]) -> list[str]:
    """What `EchoModel` heard."""
    return [line["result"]["labels"][0]["name"] for line in lines]


def test_texts_come_back_in_order_one_json_line_each(duomo: Any) -> None:
    lines = duomo.json(*CLASSIFY, "-t", "one", "-t", "two", "-t", "three")
    assert labels(lines) == ["one", "two", "three"]
    assert [line["index"] for line in lines] == [0, 1, 2]
    assert {line["schema"] for line in lines} == {"duomo.outcome/1"}
    assert lines[0]["meta"]["model"] == "fake/echo"


def test_paths_folders_globs_and_lists_come_before_texts_in_the_order_given(duomo: Any, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    for name in ("b.txt", "a.md", "c.jpg", ".hidden.txt", "deep/d.txt"):
        (folder / name).write_text(name)
    single, paths = tmp_path / "z.txt", tmp_path / "list"
    single.write_text("single")
    paths.write_text(f"{folder}/b.txt\n\n{single}\n")
    args = (str(single), str(folder), f"{folder}/*.md", "--from-file", str(paths), "-t", "text")
    lines = duomo.json(*CLASSIFY, *args)
    assert labels(lines) == ["single", "a.md", "b.txt", "a.md", "b.txt", "single", "text"]
    assert lines[1]["id"] == f"{folder}/a.md"
    assert labels(duomo.json(*CLASSIFY, str(folder), "-r")) == ["a.md", "b.txt", "deep/d.txt"]
    assert labels(duomo.json(*CLASSIFY, str(folder), "--glob", "c.*")) == ["c.jpg"]
    assert labels(duomo.json(*CLASSIFY, f"{folder}/**/d.txt")) == ["deep/d.txt"]


def test_standard_input_is_a_text_a_line_and_blank_lines_are_none(duomo: Any) -> None:
    assert labels(duomo.json(*CLASSIFY, "-", input="one\n\ntwo\r\n")) == ["one", "two"]
    assert labels(duomo.json(*CLASSIFY, input="one\n")) == ["one"]
    assert labels(duomo.json(*CLASSIFY, "-", "--null", input="one\nmore\0two\0")) == ["one\nmore", "two"]
    assert labels(duomo.json(*CLASSIFY, "-", "--whole", input="one\ntwo\n")) == ["one\ntwo\n"]


@pytest.mark.parametrize(
    ("options", "fix"),
    [
        (("--whole",), "leave out --whole"),
        (("--null",), "leave out --null"),
        (("-", "--null", "--whole"), "leave out --null"),
        (("-", "--null", "--input-format", "jsonl"), "leave out --null"),
        (("--fields", ""), "--fields id,ok"),
        (("--fields", " , "), "--fields id,ok"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(duomo: Any, options: tuple[str, ...], fix: str) -> None:
    refused = duomo(*CLASSIFY, "-t", "a text", *options, input="one\n")
    assert refused.exit_code == 2
    assert fix in json.loads(refused.stdout)["error"]["fix"]


def test_nul_may_stand_between_texts_of_files_and_paths_of_lists(duomo: Any, tmp_path: Path) -> None:
    (tmp_path / "texts.dat").write_bytes(b"one\nmore\0two")
    texts = duomo.json(*CLASSIFY, str(tmp_path / "texts.dat"), "--null", "--input-format", "text")
    assert labels(texts) == ["one\nmore", "two"]
    (tmp_path / "list").write_text(f"{tmp_path / 'texts.dat'}\0")
    assert labels(duomo.json(*CLASSIFY, "--from-file", str(tmp_path / "list"), "--null")) == ["one\nmore\0two"]


def test_standard_input_is_left_alone_when_an_input_is_named(duomo: Any) -> None:
    assert labels(duomo.json(*CLASSIFY, "-t", "named", input="ignored\n")) == ["named"]


def test_json_lines_are_read_whole_or_by_a_field(duomo: Any, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"text": "plain", "a": {"b": ["x", "deep"]}}\n')
    assert labels(duomo.json(*CLASSIFY, str(file))) == ["plain"]
    assert labels(duomo.json(*CLASSIFY, str(file), "--field", "a.b.1")) == ["deep"]
    assert labels(duomo.json(*CLASSIFY, "-", "--input-format", "jsonl", input='"a string"\n')) == ["a string"]
    assert labels(duomo.json(*CLASSIFY, str(file), "--input-format", "text")) == [file.read_text().strip()]


def test_stages_chain_and_keep_the_id_of_the_first(duomo: Any, tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(b"RIFF")
    first = duomo("run", "automatic-speech-recognition", str(tmp_path / "call.wav"), str(tmp_path / "gone.wav"))
    assert first.exit_code == 3
    chained = (*CLASSIFY, "--input-format", "jsonl", "--field", "result.text", "-")
    second = duomo(*chained, input=first.stdout)
    good, bad = [json.loads(line) for line in second.stdout.splitlines()]
    assert labels([good]) == ["this is call"]
    assert good["id"] == str(tmp_path / "call.wav")
    assert bad["error"]["what"] == "-:2 has no field 'result.text'"
    assert bad["error"]["why"].startswith("the step before failed: no audio file at")
    assert second.exit_code == 3


def test_bytes_on_standard_input_are_one_item_for_a_picture(duomo: Any, picture: Path) -> None:
    lines = duomo.json("run", "image-feature-extraction", "-", input=picture.read_bytes())
    assert lines[0]["result"]["vector"] == [6, 4]
    assert lines[0]["id"] == "-"


def test_the_task_may_be_left_out_when_the_model_has_one(duomo: Any, picture: Path) -> None:
    assert labels(duomo.json("run", "-m", "fake/echo", "-t", "a")) == ["a"]
    assert labels(duomo.json("run", "text-classification", "-m", "echo", "-t", "a")) == ["a"]
    assert duomo.json("run", str(picture), "-m", "looker")[0]["result"]["vector"] == [6, 4]
    both = duomo("run", "-m", "fake/both", "-t", "a")
    assert both.exit_code == 2
    assert "'fake/both' does several tasks" in both.stderr
    assert "duomo run text-classification … -m fake/both" in both.stderr


def test_an_input_before_its_task_is_answered_with_the_right_order(duomo: Any, picture: Path) -> None:
    done = duomo("run", str(picture), "image-feature-extraction")
    assert done.exit_code == 2
    assert f"duomo run image-feature-extraction {picture}" in done.stderr


def test_options_are_json_where_they_read_as_such(duomo: Any) -> None:
    plan = duomo.json(
        "run", "text-generation", "-t", "x", "--dry-run", "-p", "max-new-tokens=5", "-p", "stop=a", "-p", "stop=b"
    )
    assert plan[0]["options"] == {"max_new_tokens": 5, "stop": ["a", "b"]}
    plan = duomo.json(
        "run", "text-generation", "-t", "x", "--dry-run", "--seed", "3", "--long", "truncate", "-p", "chat=false"
    )
    assert plan[0]["options"] == {"seed": 3, "long": "truncate", "chat": False}
    assert len(duomo.json(*CLASSIFY, "-t", "a", "--top-k", "1")[0]["result"]["labels"]) == 1


def test_a_dry_run_says_what_would_run_and_loads_nothing(duomo: Any, picture: Path) -> None:
    plan = duomo.json(*CLASSIFY, "-t", "a", "-t", "b", "--dry-run", "-b", "8")[0]
    assert plan["schema"] == "duomo.plan/1"
    assert (plan["model"], plan["inputs"], plan["first_inputs"], plan["batch_size"]) == ("fake/echo", 2, ["a", "b"], 8)


def test_a_table_has_a_row_for_each_label_with_a_bar(duomo: Any) -> None:
    done = duomo(*CLASSIFY, "-t", "a cat", "-t", "猫です", "-t", "poison", "-o", "table", env={"COLUMNS": "80"})
    assert done.stdout == (
        "INPUT   NAME    SCORE\n"
        "a cat   a cat    1.000 ██████████\n"
        "        other    0.000\n"
        "猫です  猫です   1.000 ██████████\n"
        "        other    0.000\n"
        "poison  error\n"
    )
    assert "the model raised ValueError: poison" in done.stderr
    assert "1 of 3 inputs failed" in done.stderr
    assert done.exit_code == 3


def test_a_text_is_wrapped_in_a_table_and_not_cut(duomo: Any) -> None:
    done = duomo("run", "text-generation", "-t", "go", "-o", "table", env={"COLUMNS": "18"})
    assert done.stdout == "INPUT  TEXT\ngo     once upon a\n       time\n"


def test_segments_are_rows_and_text_is_text(duomo: Any, tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(b"RIFF")
    args = ("run", "automatic-speech-recognition", str(tmp_path / "call.wav"))
    table = duomo(*args, "-o", "table").stdout.splitlines()
    assert table[0].split() == ["INPUT", "START", "END", "TEXT"]
    assert table[1].split()[1:] == ["0", "1.25", "call"]
    assert duomo(*args, "-o", "text").stdout == "this is call\n"


def test_a_vector_is_summed_up_in_a_table_and_whole_in_json(duomo: Any, picture: Path) -> None:
    assert "6, 4" in duomo("run", "image-feature-extraction", str(picture), "-o", "table").stdout


def test_csv_is_that_of_the_writers_package_wherever_it_goes(duomo: Any, tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(b"RIFF")
    for task, *given in (("text-classification", "-t", "a,b", "-t", "poison", "-t", "a\rb"),
                         ("automatic-speech-recognition", f"{tmp_path}/call.wav", f"{tmp_path}/gone.wav")):  # fmt: skip
        out, own = tmp_path / f"{task}.csv", tmp_path / "own.csv"
        shown = duomo("run", task, *given, "-o", "csv").stdout_bytes
        duomo("run", task, *given, "-O", str(out))
        with load(task, "fake/echo" if "text" in task else "fake/scribe", catalog=duomo.catalog) as runner:
            items = given[1::2] if "text" in task else [Path(each) for each in given]
            with open_writer(own, runner.task.Result) as writer:
                for outcome in runner.map(items):
                    writer.write(outcome)
        assert without_times(shown) == without_times(out.read_bytes()) == without_times(own.read_bytes())


def without_times(table: bytes) -> list[dict[str, str]]:
    """The rows of a CSV, each with its columns; and lines must end as in RFC 4180."""
    assert table.count(b"\r\n") == table.count(b"\n")
    rows = list(csv.DictReader(io.StringIO(table.decode(), newline="")))
    return [{name: text for name, text in row.items() if name != "ms"} for row in rows]


def test_csv_has_a_row_for_each_item_also_where_nothing_was_found(duomo: Any, tmp_path: Path) -> None:
    for name in ("silence", "call"):
        (tmp_path / f"{name}.wav").write_bytes(b"RIFF")
    args = [str(tmp_path / f"{name}.wav") for name in ("silence", "call", "gone")]
    done = duomo("run", "automatic-speech-recognition", *args, "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["id"] for row in rows] == args
    assert [row["text"] for row in rows] == ["", "this is call", ""]
    assert [row["ok"] for row in rows] == ["true", "true", "false"]
    assert [row["error.what"] for row in rows] == ["", "", f"no audio file at '{args[2]}'"]


def test_text_is_the_rows_with_tabs(duomo: Any) -> None:
    assert duomo(*CLASSIFY, "-t", "a", "-o", "text").stdout == "a\t1\nother\t0\n"
    assert duomo(*CLASSIFY, "-t", "a\tb\nc\u2028d", "-o", "text").stdout == "a b c d\t1\nother\t0\n"


def test_json_is_one_list(duomo: Any) -> None:
    assert labels(json.loads(duomo(*CLASSIFY, "-t", "a", "-t", "b", "-o", "json").stdout)) == ["a", "b"]


def test_json_lines_are_the_outcomes_own_and_not_read_again(duomo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duomo.outcome.Outcome.to_dict", lambda _outcome: pytest.fail("to_dict"))
    assert labels(duomo.json(*CLASSIFY, "-t", "a")) == ["a"]


def test_fields_choose_and_name_what_is_shown(duomo: Any) -> None:
    chosen = ("-t", "a", "--fields", "id,labels.0.name,meta.model")
    assert duomo.json(*CLASSIFY, *chosen) == [{"id": "0", "labels.0.name": "a", "meta.model": "fake/echo"}]
    assert duomo(*CLASSIFY, *chosen, "-o", "csv").stdout == "id,labels.0.name,meta.model\n0,a,fake/echo\n"
    assert duomo(*CLASSIFY, *chosen, "-o", "text").stdout == "0\ta\tfake/echo\n"
    table = duomo(*CLASSIFY, *chosen, "-o", "table").stdout.splitlines()
    assert [line.split() for line in table] == [["ID", "LABELS.0.NAME", "META.MODEL"], ["0", "a", "fake/echo"]]
    wrong = duomo(*CLASSIFY, "-t", "a", "--fields", "lables")
    assert wrong.exit_code == 2
    assert "Did you mean 'labels'?" in wrong.stderr


def test_the_environment_chooses_a_format_and_the_option_wins(duomo: Any) -> None:
    env = {"DUOMO_OUTPUT": "text"}
    assert duomo(*CLASSIFY, "-t", "a", "--top-k", "1", env=env).stdout == "a\t1\n"
    assert duomo(*CLASSIFY, "-t", "a", "-o", "json", env=env).stdout.startswith("[")


def test_a_plugins_renderer_is_a_format(duomo: Any, tmp_path: Path) -> None:
    assert duomo(*CLASSIFY, "-t", "a", "-t", "b", "-o", "shout").stdout == "0!1\n"
    assert duomo(*CLASSIFY, "-t", "a", "-o", "packed", "-O", str(tmp_path / "x.bin")).exit_code == 0
    assert (tmp_path / "x.bin").read_bytes() == b"\x00"
    broken = duomo(*CLASSIFY, "-t", "", "-o", "tops")
    assert broken.exit_code == 5
    assert "the output format 'tops' of a plugin failed" in broken.stderr
    foreign = duomo("run", "text-to-speech", "-t", "a", "-o", "tops")
    assert foreign.exit_code == 2
    assert "-o tops cannot show text-to-speech" in foreign.stderr
    wrong = duomo(*CLASSIFY, "-t", "a", "-o", "shoot")
    assert wrong.exit_code == 2
    assert "fix: -o shout" in wrong.stderr


@pytest.mark.parametrize(
    ("suffix", "begins"), [("jsonl", '{"schema"'), ("json", "[\n"), ("csv", "index,id,ok,top.name"), ("txt", "a\t1")]
)
def test_a_file_gets_the_format_of_its_name(duomo: Any, tmp_path: Path, suffix: str, begins: str) -> None:
    out = tmp_path / f"out.{suffix}"
    done = duomo(*CLASSIFY, "-t", "a", "-O", str(out))
    assert done.stdout == ""
    assert done.stderr == f"wrote {out}\n"
    assert out.read_text().startswith(begins)


def test_as_text_an_input_that_failed_keeps_its_line(duomo: Any, tmp_path: Path) -> None:
    texts = [part for text in ("one", "poison", "three") for part in ("-t", text)]
    done = duomo(*CLASSIFY, *texts, "--top-k", "1", "-o", "text")
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == ["one", "", "three"]
    assert done.exit_code == 3
    assert "poison in 'poison'" in done.stderr
    fields = duomo(*CLASSIFY, *texts, "--fields", "index,labels.0.name,error.code", "-o", "text").stdout
    assert fields == "0\tone\t\n1\t\tE-MODEL-FAILED\n2\tthree\t\n"
    args = ("run", "automatic-speech-recognition", str(tmp_path / "gone.wav"), str(tmp_path / "gone.wav"))
    assert duomo(*args, "-o", "text").stdout == "\n\n", "a task with a text of its own"
    assert duomo(*args, "-o", "text", "-O", f"{tmp_path}/out/").exit_code == 1
    assert list((tmp_path / "out").iterdir()) == [], "in a folder it has no file"


def test_a_folder_gets_a_file_for_each_input(duomo: Any, tmp_path: Path) -> None:
    for name in ("x/a.txt", "y/a.txt", "y/b.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    out = tmp_path / "out"
    done = duomo(*CLASSIFY, str(tmp_path / "x"), str(tmp_path / "y"), "-O", f"{out}/", "-o", "text", "--top-k", "1")
    assert done.exit_code == 0
    assert {path.name: path.read_text() for path in out.iterdir()} == {
        "a.txt": "x/a.txt\t1\n",
        "a-2.txt": "y/a.txt\t1\n",
        "b.txt": "y/b.txt\t1\n",
    }


def test_a_file_is_never_named_like_an_earlier_one(duomo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("x/a.txt", "y/a.txt", "a-2.txt"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)
    for inputs in (("x/a.txt", "y/a.txt", "a-2.txt"), ("a-2.txt", "x/a.txt", "y/a.txt")):
        out = Path("out" + inputs[0][0])
        assert duomo(*CLASSIFY, *inputs, "-O", f"{out}/").exit_code == 0
        assert sorted(labels([json.loads(path.read_text())[0] for path in out.iterdir()])) == sorted(inputs)


def test_an_id_that_cannot_name_a_file_is_changed_so_that_it_can(duomo: Any, tmp_path: Path) -> None:
    ids = ("long " * 60, "猫" * 100, "b\0", "\0", "\ud800", "last")
    lines = "".join(json.dumps({"id": each, "text": "a"}) + "\n" for each in ids)
    args = ("-", "--input-format", "jsonl", "--field", "text", "-O", f"{tmp_path}/out/")
    done = duomo(*CLASSIFY, *args, input=lines)
    assert (done.exit_code, done.stderr) == (0, f"wrote {tmp_path}/out/{('long ' * 60)[:200]}.json and 5 more\n")
    written = {path.name: json.loads(path.read_text())[0]["id"] for path in (tmp_path / "out").iterdir()}
    names = (("long " * 60)[:200], "猫" * 66, "b", "3", r"\ud800", "last")
    told = (*ids[:4], r"\ud800", "last")  # half a character is spelled out: no reader of JSON but Python's takes it
    assert written == {f"{name}.json": each for name, each in zip(names, told, strict=True)}


@pytest.mark.parametrize("option", ["-O", "--stats"])
@pytest.mark.parametrize("given", ["data.jsonl", "./data.jsonl", "link.jsonl", "*.jsonl", "folder", "list"])
def test_a_file_that_is_read_is_not_written_over(
    duomo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.jsonl").write_text('"one"\n"two"\n')
    Path("link.jsonl").symlink_to("data.jsonl")
    Path("folder").mkdir()
    os.link("data.jsonl", "folder/data.txt")
    Path("list").write_text("missing.txt\ndata.jsonl\n")
    inputs = ("--from-file", given) if given == "list" else (given,)
    refused = duomo(*CLASSIFY, *inputs, option, "data.jsonl", *(("--resume",) if option == "-O" else ()))
    assert refused.exit_code == 2
    assert "'data.jsonl' would be written over while it is read" in refused.stderr
    assert "is the same file" in refused.stderr
    assert "fix: name another file" in refused.stderr
    assert Path("data.jsonl").read_text() == '"one"\n"two"\n'


def test_neither_is_a_list_nor_standard_input(duomo: Any, shell: Any, tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_text(f"{tmp_path}/a.txt\n")
    (tmp_path / "a.txt").write_text("a")
    refused = duomo(*CLASSIFY, "--from-file", str(file), "-O", str(file))
    assert (refused.exit_code, file.read_text()) == (2, f"{tmp_path}/a.txt\n")
    with open(file) as stdin:
        descriptor = os.dup(0)
        os.dup2(stdin.fileno(), 0)
        try:
            refused = duomo(*CLASSIFY, "-", "-O", str(file), input="a\n")
        finally:
            os.dup2(descriptor, 0)
            os.close(descriptor)
    assert (refused.exit_code, file.read_text()) == (2, f"{tmp_path}/a.txt\n")
    assert "it is standard input" in refused.stderr


def test_a_folder_of_results_takes_none_that_are_named_like_its_inputs(duomo: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    refused = duomo(*CLASSIFY, str(tmp_path / "a.txt"), "-O", str(tmp_path), "-o", "text")
    assert refused.exit_code == 2
    assert f"the input '{tmp_path}/a.txt' lies there, and results are .txt too" in refused.stderr
    assert (tmp_path / "a.txt").read_text() == "a"
    assert duomo(*CLASSIFY, str(tmp_path / "a.txt"), "-O", str(tmp_path)).exit_code == 0
    assert labels(json.loads((tmp_path / "a.json").read_text())) == ["a"]
    refused = duomo(*CLASSIFY, "-t", "a", "-O", f"{tmp_path}/out/", "-o", "table")
    assert refused.exit_code == 2
    assert "a folder takes no 'table'" in refused.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("inputs", "total"),
    [
        (("notes", "notes/*.md", "gone.txt", "-t", "a", "-t", "b"), 6),
        (("--from-file", "list"), 2),
        (("https://example.org/a.txt", "-t", "a"), 2),
        (("notes", "in.jsonl"), None),
        (("notes", "in.ndjson"), None),
        (("notes", "--input-format", "text"), None),
        (("--from-file", "lists.jsonl"), None),
        (("in.jsonl", "--input-format", "bytes"), 1),
        (("-",), None),
    ],
)
def test_inputs_are_counted_where_none_is_read_for_it(
    duomo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: tuple[str, ...], total: int | None
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes").mkdir()
    for name, text in {"notes/a.txt": "a", "notes/b.md": "b", "in.jsonl": '"a"\n', "in.ndjson": '"a"\n'}.items():
        Path(name).write_text(text)
    Path("list").write_text("notes/a.txt\nnotes/b.md\n")
    Path("lists.jsonl").write_text("in.jsonl\n")
    read: list[str] = []
    # what is asked of the source, and in which order
    parse, fetch, begin = items.from_json, sources._from_url, Summary.begin
    monkeypatch.setattr(items, "from_json", lambda *args: read.append(args[0]) or parse(*args))  # the same
    monkeypatch.setattr(sources, "_from_url", lambda *args: read.append(args[0]) or fetch(*args))  # the same
    totals: list[int | None] = []
    monkeypatch.setattr(Summary, "begin", lambda self, total=None: totals.append(total) or begin(self, total))
    done = duomo("--progress", "always", *CLASSIFY, *inputs, "-O", "out.csv", input="one\n")
    assert done.exit_code in (0, 3), done.stderr
    assert totals == [total]
    assert len(read) == len(set(read)), "each is read once"


def test_a_json_file_is_an_input_an_element_and_a_chat_is_one(duomo: Any, tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text('[{"text": "one"}, "two", {"txt": 3}]')
    found = duomo.json(*CLASSIFY, str(rows))
    assert labels(found[:2]) == ["one", "two"]
    assert [(line["id"], line["ok"]) for line in found] == [(f"{rows}:{n}", n < 3) for n in (1, 2, 3)]
    assert labels(duomo.json(*CLASSIFY, str(tmp_path), "--glob", "*.json")[:2]) == ["one", "two"]
    rows.write_text('{"said": {"text": "one"}}')
    assert labels(duomo.json(*CLASSIFY, str(rows), "--field", "said.text")) == ["one"]
    for content, what in (("plain words", "is not JSON"), ("[]", "is an empty list"), ("[" * 100_000, "is not JSON")):
        rows.write_text(content)
        [line] = duomo.json(*CLASSIFY, str(rows))
        assert what in line["error"]["what"]
    chat = [{"role": "user", "content": "Good morning"}]
    assert [item.value for item in items.from_json_file("c.json", json.dumps(chat).encode(), "")] == [chat]


def test_a_field_is_never_passed_over(duomo: Any, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text('{"text": "one"}')
    for inputs in (("-t", "one"), (str(note),), ("--pair", "a", "b")):
        refused = duomo(*CLASSIFY, *inputs, "--field", "text")
        assert "no input has rows" in refused.stderr, inputs
        assert refused.exit_code == 2
    for rows in ((str(note), "--input-format", "jsonl"), ("-",), ()):
        assert labels(duomo.json(*CLASSIFY, *rows, "--field", "text", input='{"text": "one"}\n')) == ["one"], rows


@pytest.mark.skipif(sys.platform == "win32", reason="a process without standard output is made by closing it")
def test_results_do_not_vanish_where_standard_output_is_closed(shell: Any) -> None:
    closed = shell(*CLASSIFY, "-t", "a", preexec_fn=lambda: os.close(1))
    assert "standard output is closed" in closed.stderr
    assert closed.code == 2


def test_a_list_on_standard_input_is_read_once(duomo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "-"):
        Path(name).write_text("a")
    Path("out.jsonl").write_text("an earlier one")
    args = ("--progress", "always", *CLASSIFY, "--from-file", "-", "-O", "out.jsonl")
    assert duomo(*args, input="a.txt\na.txt\n").exit_code == 0
    assert labels([json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]) == ["a", "a"]


def test_speech_is_written_as_a_sound_file(duomo: Any, tmp_path: Path) -> None:
    out = tmp_path / "hello.wav"
    done = duomo("run", "text-to-speech", "-t", "hello", "-O", str(out))
    assert (done.exit_code, done.stdout) == (0, "")
    assert out.read_bytes() == b"RIFFhello"
    assert duomo("run", "text-to-speech", "-t", "hi", "-O", "-").stdout_bytes == b"RIFFhi"
    duomo("run", "text-to-speech", "-t", "a", "-t", "b", "-O", f"{tmp_path}/many/")
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == ["0.wav", "1.wav"]
    shown = duomo("run", "text-to-speech", "-t", "hello", "-o", "table").stdout
    assert "bytes" in shown
    assert "RIFF" not in shown


def test_a_sound_that_cannot_be_written_whole_is_not_there(
    duomo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a.wav").write_bytes(b"the one before")
    monkeypatch.setattr(Path, "write_bytes", full)
    done = duomo("run", "text-to-speech", "-t", "hi", "-O", str(tmp_path / "a.wav"))
    assert (done.exit_code, "No space left" in done.stderr) == (1, True)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"a.wav": b"the one before"}


def test_two_sounds_do_not_fit_one_file(duomo: Any, tmp_path: Path) -> None:
    done = duomo("run", "text-to-speech", "-t", "a", "-t", "b", "-O", str(tmp_path / "one.wav"))
    assert done.exit_code == 2
    assert "is one file, and there are several results" in done.stderr


def test_a_stream_prints_parts_as_they_come(duomo: Any) -> None:
    assert duomo("run", "text-generation", "-t", "go", "--stream", "-o", "text").stdout == "once upon a time\n"
    parts = duomo.json("run", "text-generation", "-t", "go", "--stream")
    assert [part["part"]["text"] for part in parts] == ["once", " upon", " a time"]
    assert parts[0]["schema"] == "duomo.part/1"


def test_a_stream_goes_to_the_file_that_is_named(duomo: Any, tmp_path: Path) -> None:
    stream = ("run", "text-generation", "-t", "go", "--stream", "-O")
    for name in ("gen.txt", "gen.jsonl"):
        done = duomo(*stream, str(tmp_path / name))
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"wrote {tmp_path / name}\n")
    assert (tmp_path / "gen.txt").read_text() == "once upon a time\n"
    assert len((tmp_path / "gen.jsonl").read_text().splitlines()) == 3
    for where in (f"{tmp_path}/", str(tmp_path / "gen.csv")):
        refused = duomo(*stream, where)
        assert refused.exit_code == 2
        assert "a stream is text or JSON lines, in one place" in refused.stderr


def test_an_input_that_fails_in_a_stream_costs_no_other_its_result(
    duomo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []
    monkeypatch.setattr("duomo.runner.Runner.close", lambda _runner: closed.append(True))
    stream = ("run", "text-generation", str(tmp_path / "gone.txt"), "-t", "poison", "-t", "go", "--stream")
    done = duomo(*stream, "-o", "text")
    assert (done.exit_code, done.stdout) == (3, "once upon a time\n")
    assert "no text file at" in done.stderr
    assert "the model raised ValueError: poison" in done.stderr
    assert "2 of 3 inputs failed" in done.stderr
    gone, poison, *parts = duomo.json(*stream)
    assert (gone["part"], gone["error"]["code"], poison["error"]["code"]) == (None, "E-INPUT-MISSING", "E-MODEL-FAILED")
    assert [part["index"] for part in parts] == [2, 2, 2]
    assert duomo(*stream, "--fail-fast").exit_code == 1
    assert len(closed) == 3
    assert duomo("run", "text-classification", "-t", "a", "--stream").exit_code == 2


@pytest.mark.parametrize(
    "option",
    [("--batch-size", "2"), ("--max-failed", "1"), ("--dedupe",), ("--stats", "s.json"), ("--fields", "id")],
)
def test_what_a_stream_cannot_do_is_refused(
    duomo: Any, monkeypatch: pytest.MonkeyPatch, option: tuple[str, ...]
) -> None:
    monkeypatch.setattr("duomo.runner.load", lambda *_, **__: pytest.fail("loaded"))
    refused = duomo("run", "text-generation", "-t", "go", "--stream", *option)
    assert refused.exit_code == 2
    assert f"--stream does not take {option[0]}" in refused.stderr
    assert f"leave out {option[0]} or --stream" in refused.stderr


def test_a_dry_run_with_a_file_says_so_and_writes_none(duomo: Any, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    assert duomo.json(*CLASSIFY, "-t", "a", "--dry-run", "-O", str(out))[0]["out"] == str(out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("task", "name", "known"),
    [
        ("text-classification", "y.tsv", ".jsonl, .ndjson, .json, .csv, .parquet, .npy, .html, .srt, .vtt, .txt"),
        ("text-to-speech", "y.mp3", ".wav, .jsonl"),
    ],
)
def test_a_file_of_unknown_format_is_refused(duomo: Any, tmp_path: Path, task: str, name: str, known: str) -> None:
    done = duomo("run", task, "-t", "a", "-O", str(tmp_path / name))
    assert done.exit_code == 2
    assert f"its ending is none of {known}" in done.stderr
    fix = done.stderr.split("fix: -O ")[1].strip()
    assert duomo("run", task, "-t", "a", "-O", fix).exit_code == 0
    assert Path(fix).read_bytes()[:1] == {".wav": b"R", ".jsonl": b"{"}[Path(fix).suffix]
    assert duomo("run", task, "-t", "a", "-O", str(tmp_path / name), "-o", "csv").exit_code == 0


def test_a_page_shows_the_beginning_of_each_text_beside_its_result(duomo: Any, tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "page.html"
    rows.write_text('{"text": "from <a> row"}\n{"no": "text"}\n')
    long = "a word and " * 99
    duomo(*CLASSIFY, str(rows), "--field", "text", "-t", long, "-O", str(out))
    first, second, third = re.findall("<section>(.*)</section>", out.read_text("utf-8"))
    assert first.startswith(f'<div class="duomo"><p><b>{rows}:1</b></p><p>from &lt;a&gt; row</p>')
    assert "has no field" in second
    assert f"<b>2</b></p><p>{long[:300]}…</p>" in third
    pairs = duomo("run", "similarity", "--pair", "a cat", "a kitten", "-o", "html").stdout
    assert "<p>a cat · a kitten</p>" in pairs


@pytest.mark.parametrize("option", ["-O", "--stats"])
def test_a_place_that_cannot_be_written_is_found_before_anything_is_loaded(
    duomo: Any, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr("duomo.runner.load", lambda *_, **__: pytest.fail("loaded"))
    done = duomo(*CLASSIFY, "-t", "a", option, "/no/such/folder/x.parquet")
    assert done.exit_code == 2
    assert "cannot write '/no/such/folder/x.parquet'" in done.stderr


def test_a_folder_may_end_in_either_separator(duomo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.altsep", "|")
    monkeypatch.chdir(tmp_path)
    assert duomo(*CLASSIFY, "-t", "a", "-O", "out|").exit_code == 0
    assert (tmp_path / "out|").is_dir()


@pytest.mark.parametrize(
    ("texts", "options", "code", "shown"),
    [
        (("a", "b"), (), 0, 2),
        (("a", "poison"), (), 3, 2),
        (("poison",), (), 1, 1),
        (("poison", "crash"), (), 1, 2),
        (("poison", "a"), ("--fail-fast", "-b", "1"), 1, 1),
        (("a", "poison", "b"), ("--fail-fast", "-b", "1"), 3, 2),
        (("a", "poison", "b"), ("--keep-going",), 3, 3),
    ],
)
def test_the_exit_code_says_how_many_failed(
    duomo: Any, texts: tuple[str, ...], options: tuple[str, ...], code: int, shown: int
) -> None:
    done = duomo(*CLASSIFY, *[word for text in texts for word in ("-t", text)], *options)
    assert done.exit_code == code
    assert len(done.stdout.splitlines()) == shown


def test_debug_shows_where_a_model_failed(duomo: Any) -> None:
    assert "Traceback" not in duomo(*CLASSIFY, "-t", "poison").stderr
    assert "in preprocess" in duomo("--debug", *CLASSIFY, "-t", "poison").stderr


def test_a_text_without_its_option_is_answered_with_the_option(duomo: Any) -> None:
    done = duomo(*CLASSIFY, "I love it", "-o", "text")
    assert done.exit_code == 1
    assert "no text file at 'I love it'" in done.stderr
    assert "-t 'TEXT' runs on a text itself" in done.stderr


def test_a_row_keeps_its_id_where_that_is_a_number(duomo: Any, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text("".join(json.dumps({"id": own, "text": "a"}) + "\n" for own in (17, "x", None, True, 1.5)))
    lines = duomo.json(*CLASSIFY, str(file), "--field", "text")
    assert [line["id"] for line in lines] == ["17", "x", f"{file}:3", f"{file}:4", f"{file}:5"]


def test_rows_of_a_csv_are_items_by_the_field_that_is_named(duomo: Any, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text('id,text,note\nx,one,"a, b"\ny,,c\nz,three\n,"fo\nur",d\n', newline="")
    lines = duomo.json(*CLASSIFY, str(file), "--field", "note")
    assert [line["id"] for line in lines] == ["x", "y", f"{file}:4", f"{file}:5"]
    assert labels([lines[0], lines[1], lines[3]]) == ["a, b", "c", "d"]
    assert "row 4 has more or fewer cells than the header" in lines[2]["error"]["what"]
    by_default = duomo.json(*CLASSIFY, str(file))
    assert labels([by_default[0], by_default[3]]) == ["one", "fo\nur"]
    assert (
        duomo.json(*CLASSIFY, str(file), "--field", "text")[1]["error"]["what"]
        == f"the field 'text' of {file}:3 is empty"
    )
    assert by_default[1]["error"]["what"] == "a text is expected, and there is none"
    piped = duomo.json(*CLASSIFY, "-", "--input-format", "csv", "--field", "note", input=file.read_bytes())
    assert [line["id"] for line in piped] == ["x", "y", "-:4", "-:5"]
    whole = duomo.json(*CLASSIFY, str(file), "--input-format", "bytes")
    assert labels(whole) == [file.read_text()]


def test_rows_of_parquet_are_items_too(duomo: Any, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    pyarrow.parquet.write_table(pa.table({"text": ["one", "two"], "n": [1, 2]}), tmp_path / "in.parquet")
    assert labels(duomo.json(*CLASSIFY, f"{tmp_path}/in.parquet")) == ["one", "two"]


def test_several_patterns_are_all_taken(duomo: Any, tmp_path: Path) -> None:
    for name in ("a.log", "b.note", "c.txt"):
        (tmp_path / name).write_text(name)
    found = duomo.json(*CLASSIFY, str(tmp_path), "--glob", "*.log", "--glob", "*.note")
    assert labels(found) == ["a.log", "b.note"]


def test_a_file_may_be_named_by_either_option(duomo: Any, tmp_path: Path) -> None:
    for option, name in (("-o", "a.jsonl"), ("-O", "b.jsonl"), ("-o", "c.csv"), ("-o", "folder/")):
        done = duomo(*CLASSIFY, "-t", "one", option, f"{tmp_path}/{name}")
        assert (done.exit_code, done.stdout) == (0, "")
    assert (tmp_path / "a.jsonl").read_text().startswith('{"schema"')
    assert (tmp_path / "c.csv").read_text().startswith("index,id,ok")
    assert (tmp_path / "folder" / "0.json").exists()
    assert "its ending is none of" in duomo(*CLASSIFY, "-t", "a", "-o", f"{tmp_path}/a.xyz").stderr
    refused = duomo(*CLASSIFY, "-t", "a", "-o", "parquet").stderr
    assert "Parquet holds whole outcomes, all in one file" in refused
    assert "fix: -O out.parquet" in refused


def test_cells_that_start_a_formula_are_made_texts_when_asked(duomo: Any) -> None:
    words = ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "plain", "1-1")
    given = [part for word in words for part in ("-t", word)]
    raw = duomo(*CLASSIFY, *given, "-o", "csv", "--fields", "labels.0.name,labels.0.score")
    assert [row["labels.0.name"] for row in csv.DictReader(io.StringIO(raw.stdout))] == list(words)
    safe = duomo(*CLASSIFY, *given, "-o", "csv", "--csv-safe", "--fields", "labels.0.name,labels.0.score")
    rows = list(csv.DictReader(io.StringIO(safe.stdout)))
    assert [row["labels.0.name"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", "plain", "1-1"]
    assert {row["labels.0.score"] for row in rows} == {"1.0"}


def test_transcripts_are_written_as_subtitles(duomo: Any, tmp_path: Path) -> None:
    for name in ("call", "talk", "silence"):
        (tmp_path / f"{name}.wav").write_bytes(b"RIFF")
    hear = ("run", "automatic-speech-recognition")
    cue = "1\n00:00:00,000 --> 00:00:01,250\ncall\n\n"
    assert duomo(*hear, f"{tmp_path}/call.wav", "-o", "srt").stdout == cue
    duomo(*hear, f"{tmp_path}/call.wav", "-O", f"{tmp_path}/call.vtt")
    assert (tmp_path / "call.vtt").read_text() == "WEBVTT\n\n" + cue.replace(",", ".")
    done = duomo(*hear, str(tmp_path), f"{tmp_path}/gone.wav", "-o", "srt", "-O", f"{tmp_path}/out/")
    assert done.exit_code == 3
    written = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert written == {"call.srt": cue, "talk.srt": cue.replace("call", "talk"), "silence.srt": ""}
    several = duomo(*hear, str(tmp_path), "-o", "srt")
    assert several.exit_code == 2
    assert "a file of subtitles holds one transcript" in several.stderr
    refused = duomo(*CLASSIFY, "-t", "a", "-o", "vtt")
    assert refused.exit_code == 2
    assert "a Classification cannot be written as subtitles" in refused.stderr


def test_rows_with_tabs_or_semicolons_are_items_too(duomo: Any, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("text\tlabel\nfirst\tp\n", "utf-8")
    (tmp_path / "b.csv").write_text("text;label\nsecond, too;p\n", "utf-8")
    assert labels(duomo.json(*CLASSIFY, str(tmp_path / "a.tsv"), str(tmp_path / "b.csv"))) == ["first", "second, too"]


def test_a_file_whose_header_is_damaged_costs_no_other_its_rows(duomo: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("größe,text\n1,a\n".encode("latin-1"))
    (tmp_path / "b.csv").write_text("text\nfine\n", "utf-8")
    lost, kept = duomo.json(*CLASSIFY, str(tmp_path / "a.csv"), str(tmp_path / "b.csv"))
    assert "iconv" in lost["error"]["fix"]
    assert labels([kept]) == ["fine"]


def test_a_row_without_the_usual_column_is_answered_with_the_option(duomo: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("review,stars\nfine,5\n", "utf-8")
    [line] = duomo.json(*CLASSIFY, str(tmp_path / "a.csv"))
    assert "(--field review)" in line["error"]["fix"]
    [line] = duomo.json("run", "image-feature-extraction", str(tmp_path / "a.csv"))
    assert "(--field review)" in line["error"]["fix"]


def test_a_line_without_an_end_is_not_read_whole(duomo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duomo.data.rows.limits", lambda: Limits(text_chars=1000))
    endless = tmp_path / "endless.txt"
    endless.write_bytes(b"good\n" + bytes(5000))
    lines = duomo.json(*CLASSIFY, "-", input=endless.read_bytes())
    assert [line["ok"] for line in lines] == [True, False]
    assert lines[1]["error"]["code"] == "E-INPUT-TOO-LARGE"
    for args in (("--from-file", str(endless)), ("-t", "a", "--param-file", f"labels={endless}")):
        done = duomo(*CLASSIFY, *args)
        assert (done.exit_code, "more than 4,000 bytes" in done.stderr) == (1, True), args


def test_the_best_part_can_be_chosen_as_the_csv_names_it(duomo: Any) -> None:
    done = duomo(*CLASSIFY, "-t", "a", "-o", "csv", "--fields", "id,top.name,top.score")
    assert done.stdout == "id,top.name,top.score\n0,a,1.0\n"
    assert duomo.json(*CLASSIFY, "-t", "a", "--fields", "top") == [{"top": {"name": "a", "score": 1.0}}]
    wrong = duomo("run", "text-to-speech", "-t", "a", "--fields", "top.name")
    assert "a result has no field 'top'" in wrong.stderr
