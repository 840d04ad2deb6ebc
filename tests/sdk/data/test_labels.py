"""Labels as people write them, and folders as they lie on disks."""

import json
import unicodedata
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

from duomo.data.checks import look_alikes, name_of, read_answers, read_number, written_for_none
from duomo.data.examples import Finding
from duomo.data.sources import rows_of
from duomo.data.splits import split
from duomo.data.unread import unread
from duomo.errors import BadInput
from duomo.specs import TaskSpec
from duomo.tasks import QuestionAnswering, TokenClassification
from duomo.training.material import names_of, read_material


@pytest.mark.parametrize(
    "names",
    [("Spam", "spam"), ("not spam", "not  spam"), (unicodedata.normalize("NFD", "é"), "é"), ("1", "1.0"), ("ﬁ", "fi"),
     ("spam", "spam\u200b")],
)  # fmt: skip
def test_labels_that_are_one_to_a_person_are_found(names):
    (finding,) = look_alikes([*names, "other"])
    assert "look alike" in finding.what
    assert finding.fix


def test_labels_that_differ_are_not_found():
    assert not list(look_alikes(["1", "2", "spam", "spams", "nan"]))


def test_what_stands_for_no_label_is_told():
    (finding,) = written_for_none(["nan", "N/A", "none", "Nancy"])
    assert "'nan', 'N/A'" in finding.what
    assert "none" not in finding.what
    assert finding.fix


@pytest.mark.parametrize(
    ("label", "name"),
    [(np.float32(1), "1"), (torch.tensor(2), "2"), (np.str_(" a "), "a"), (True, "True"), (np.bool_(True), "True")],
)
def test_numbers_of_numpy_and_torch_are_names_as_those_of_python(label, name):
    assert name_of(label) == name


def test_what_only_looks_like_a_number_is_a_name():
    names = names_of([type("E", (), {"label": each})() for each in ("²", "--5", "10", "9", "-1")], "classes")
    assert names == ["-1", "9", "10", "--5", "²"]


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("a text")


def test_hidden_files_and_what_archivers_leave_are_no_rows(tmp_path):
    write(tmp_path, "a/1.txt", "b/1.txt", ".cache/1.txt", "a/.ipynb_checkpoints/1.txt", "a/._1.txt", "__MACOSX/a/1.txt")
    assert [(row.id, row.label) for row in rows_of(tmp_path, (".txt",))] == [("a/1.txt", "a"), ("b/1.txt", "b")]


def test_a_class_may_be_a_link_and_a_link_in_a_circle_ends(tmp_path):
    data = tmp_path / "data"
    write(data, "a/1.txt")
    write(tmp_path, "elsewhere/1.txt")
    (data / "b").symlink_to(tmp_path / "elsewhere")
    (data / "a" / "up").symlink_to(data)
    assert [(row.id, row.label) for row in rows_of(data, (".txt",))] == [("a/1.txt", "a"), ("b/1.txt", "b")]


def test_endings_are_read_in_any_case_and_files_without_labels_need_no_folder(tmp_path):
    write(tmp_path, "1.TXT", "2.txt", "3.md")
    assert [row.id for row in rows_of(tmp_path, (".txt",), is_labelled=False)] == ["1.TXT", "2.txt"]
    assert [row.value for row in rows_of(tmp_path / "1.TXT", (".txt",))] == ["a text"], "a text each line"
    assert next(unread(tmp_path, (".txt",), is_labelled=False)).what == "1 file was passed over: .md (1)"


def test_a_table_of_the_files_of_a_folder_may_be_of_json_lines(tmp_path):
    write(tmp_path, "a/1.txt")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a/1.txt", "label": "b"}\n')
    (row,) = rows_of(tmp_path, (".txt",))
    assert row.value == {"file_name": "a/1.txt", "label": "b"}


def test_folders_in_the_folders_of_classes_are_refused(tmp_path):
    write(tmp_path, "train/a/1.txt", "train/b/1.txt", "test/a/1.txt", "test/b/1.txt")
    with pytest.raises(BadInput, match="is not clear") as caught:
        rows_of(tmp_path, (".txt",))
    assert str(tmp_path / "test") in caught.value.fix
    assert len(list(rows_of(tmp_path, (".txt",), is_labelled=False))) == 4


def test_a_group_larger_than_what_is_held_out_is_trained_on():
    groups = [0] * 80 + list(range(1, 21))
    for seed in range(9):
        _, held = split(groups, ["a"] * 100, 0.2, seed)
        assert 15 <= len(held) <= 20
        assert min(held) >= 80


def test_files_that_are_not_read_and_folders_that_are_no_class_are_told(tmp_path):
    write(tmp_path, "a/1.txt", "a/Thumbs.db", "b/1.txt", "b/.DS_Store", "c/1.heic", "c/2.HEIC", "README")
    for name in ("__d__", "__MACOSX", ".cache"):
        (tmp_path / name).mkdir()
    warning, note = unread(tmp_path, (".txt",))
    assert warning == Finding(
        "warning", "2 folders have no file that is read, and are no classes: '__d__', 'c'", "",
        "convert them: .txt are read", num_rows=2,
    )  # fmt: skip
    assert note.what == "3 files were passed over: .heic (2), README (1)", "and not what Windows leaves behind"
    assert [each.what for each in unread(tmp_path, (".txt",), is_labelled=False)] == [note.what]
    (tmp_path / "metadata.csv").write_text("file_name,label\n")
    assert not list(unread(tmp_path, (".txt",)))
    assert not list(unread([("a", "b")], (".txt",)))


def test_an_answer_as_a_text_is_where_it_stands_as_words_of_its_own():
    context = "By 1910, in 10 days, the adage of Ada."
    assert [read_answers(each, context)[0]["start"] for each in ("10", "Ada", "ada", "the")] == [12, 34, 25, 21]


def test_an_answer_needs_a_start_for_each_text():
    with pytest.raises(BadInput, match="has not a start for each text"):
        read_answers({"text": ["in", "10"], "answer_start": [9]}, "By 1910, in 10 days")


@pytest.mark.parametrize("label", ["1_000", "", "four", "inf", None])
def test_what_is_no_number(label):
    with pytest.raises(BadInput, match="is not a number"):
        read_number(label)


def test_labels_of_several_parts_may_be_json_in_a_cell(tmp_path):
    """As CSV files hold them; an answer that stands in its context is itself, whatever it looks like."""

    def labels(kind, task, text):
        (tmp_path / "r.csv").write_text(text)
        found = read_material(
            task, cast("TaskSpec", SimpleNamespace(suffixes=())), kind, tmp_path / "r.csv", 0, "label", None
        )
        assert not found.left_out
        return [each.label for each in found.examples]

    span = {"start": 0, "end": 3, "label": "PER"}
    cell = json.dumps([span]).replace('"', '""')
    assert labels("spans", TokenClassification, f'text,label\nAda met Bob,"{cell}"\nnobody,[]\n') == [[span], []]
    squad = json.dumps({"text": ["Bob"], "answer_start": [8]}).replace('"', '""')
    rows = f'question,context,label\nwho,Ada met Bob,"{squad}"\nwhich,see [1] there,[1]\n'
    assert labels("answer", QuestionAnswering, rows) == [
        [{"start": 8, "end": 11, "text": "Bob"}], [{"start": 4, "end": 7, "text": "[1]"}],
    ]  # fmt: skip
