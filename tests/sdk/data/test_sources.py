"""Rows out of files, folders, tables and loops, and what is said of data that holds none."""

import json
import sys

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duomo.data.reading import read_examples
from duomo.data.rows import read_rows
from duomo.data.sources import rows_of
from duomo.errors import BadInput, InputMissing, InputTooLarge, RequirementMissing, UsageProblem
from duomo.tasks import ImageClassification, QuestionAnswering, TextClassification

PAIRS = [("good", "a"), ("bad", "b")]
SUFFIXES = (".png",)


def read(data, task=TextClassification, label="label", **given):
    return read_examples(data, task, SUFFIXES, label=label, **given)


def as_csv(path):
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in PAIRS))


def as_jsonl(path):
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in PAIRS))


def as_parquet(path):
    pd.DataFrame(PAIRS, columns=["text", "label"]).to_parquet(path)


@pytest.mark.parametrize(("name", "write"), [("r.csv", as_csv), ("r.jsonl", as_jsonl), ("r.parquet", as_parquet)])
def test_a_file_of_rows(tmp_path, name, write):
    write(tmp_path / name)
    found = read(tmp_path / name)
    assert [(str(each.item), each.label) for each in found.examples] == PAIRS
    first = 2 if name == "r.csv" else 1  # the header is row 1, as in a spreadsheet and for duomo run
    assert [each.id for each in found.examples] == [f"{name}:{first}", f"{name}:{first + 1}"]


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    as_parquet(tmp_path / "r.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RequirementMissing, match="Parquet needs pyarrow"):
        read(tmp_path / "r.parquet")


@pytest.mark.parametrize(
    "data",
    [
        PAIRS,
        [{"text": text, "label": label} for text, label in PAIRS],
        pd.DataFrame(PAIRS, columns=["text", "label"]),
        pl.DataFrame(PAIRS, schema=["text", "label"], orient="row"),
        pa.Table.from_pandas(pd.DataFrame(PAIRS, columns=["text", "label"])),
        type("Indexed", (), {"__len__": lambda _: 2, "__getitem__": lambda _, at: PAIRS[at]})(),
        ({"label": label, "text": text} for text, label in PAIRS),
    ],
    ids=["pairs", "mappings", "pandas", "polars", "pyarrow", "map-style", "generator"],
)
def test_whatever_can_be_looped_over(data):
    assert [(str(each.item), each.label) for each in read(data).examples] == PAIRS


@pytest.fixture
def images(tmp_path):
    for name in ("robin/1.png", "robin/2.png", "wren/1.png", "wren/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not empty")
    return tmp_path


def test_a_folder_has_a_class_for_each_folder_in_it(images):
    found = read(images, ImageClassification)
    assert [(each.id, each.label) for each in found.examples] == [
        ("robin/1.png", "robin"),
        ("robin/2.png", "robin"),
        ("wren/1.png", "wren"),
    ]


def test_metadata_beside_the_files_names_each(images):
    (images / "metadata.csv").write_text("file_name,label\nrobin/1.png,bird\nwren/9.png,bird\n")
    found = read(images, ImageClassification)
    assert [(each.id, each.label) for each in found.examples] == [("metadata.csv:2", "bird")]
    ((id, error),) = found.failed
    assert id == "metadata.csv:3"
    assert error.code == "E-INPUT-MISSING"


def test_numbers_of_classes_have_the_names_that_lie_in_a_parquet_file(tmp_path):
    """As `datasets` writes them; -1 and null stand for no label."""
    table = pa.table({"text": list("abcd"), "label": [1, 0, -1, None]})
    about = {"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}, "text": {}}}}
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(about)}), tmp_path / "r.parquet")
    found = read(tmp_path / "r.parquet")
    assert [each.label for each in found.examples] == ["pos", "neg"]
    assert [id for id, _ in found.failed] == ["r.parquet:3", "r.parquet:4"]


def test_an_input_of_several_parts_is_the_rest_of_the_row():
    found = read([{"question": "Who?", "context": "Ada.", "answers": "x"}], QuestionAnswering, label="answers")
    assert found.examples[0].item.question == "Who?"


def test_a_folder_without_classes_is_refused_and_a_file_outside_of_them_named(tmp_path):
    (tmp_path / "1.png").write_bytes(b"x")
    with pytest.raises(BadInput, match="has no folders of classes"):
        read(tmp_path, ImageClassification)
    (tmp_path / "robin").mkdir()
    (tmp_path / "robin" / "2.png").write_bytes(b"x")
    found = read(tmp_path, ImageClassification)
    assert [example.label for example in found.examples] == ["robin"]
    assert [(id, error.what) for id, error in found.failed] == [("1.png", "this row has no label")]


@pytest.mark.parametrize(
    ("data", "given", "error", "named"),
    [
        ([{"text": "a", "labels": "b"}], {}, BadInput, "Did you mean 'labels'?"),
        ([{"a": "x", "b": "y", "label": "z"}], {}, BadInput, "which column is the input is unknown: a, b"),
        ([{"a": "x", "label": "z"}], {"input": "c"}, BadInput, "no column 'c' to read"),
        ([], {}, BadInput, "the data is empty"),
        (pd.DataFrame([["a", "b", "c"]], columns=["text", "label", "label"]), {}, BadInput, "two columns 'label'"),
        (pd.DataFrame([["a", "b"]]), {}, BadInput, "the columns are 0, 1"),
        ([{"text": "x", "label": ""}], {}, BadInput, "this row has no label"),
        ([{"text": "x", "label": float("nan")}], {}, BadInput, "this row has no label"),
        (["x"], {}, BadInput, "or a mapping of columns"),
        ([["x", "z"]], {}, BadInput, """a pair, ("…", "label")"""),
        ("", {}, InputMissing, "no data is named"),
        (7, {}, UsageProblem, "rows cannot come from an int"),
        ({"text": "x"}, {}, UsageProblem, "rows cannot come from a dict"),
        ("nowhere.csv", {}, InputMissing, "no data at 'nowhere.csv'"),
    ],
)
def test_data_that_cannot_be_read_says_why(data, given, error, named):
    with pytest.raises(error) as caught:
        read(data, **given)
    assert named in str(caught.value)


def test_an_empty_folder_says_what_it_should_hold(tmp_path):
    with pytest.raises(InputMissing, match="holds nothing to train on"):
        read(tmp_path, ImageClassification)


def test_ids_are_distinct_whatever_the_rows_call_themselves():
    rows = [{"id": "x", "text": "a", "label": "b"}] * 3
    assert len({each.id for each in read(rows).examples}) == 3
    unnamed = [{"id": None, "text": "a", "label": "b"}, {"id": float("nan"), "text": "c", "label": "b"}]
    assert [each.id for each in read(unnamed).examples] == ["0", "1"]


def test_rows_that_unpack_to_more_than_a_file_may_have_are_refused(tmp_path, config):
    file = tmp_path / "r.parquet"
    pd.DataFrame({"text": ["a" * 100_000]}).to_parquet(file, compression="zstd")
    assert file.stat().st_size < 10_000
    config("[limits]\nfile_bytes = 50_000")
    [error] = read_rows(file)
    assert isinstance(error, InputTooLarge)
    assert "read together" in error.what


def test_lines_of_a_text_file_end_where_an_editor_ends_them(tmp_path):
    """And not at a form feed or U+2028, which would make two texts of one and move the numbers of all that follow."""
    (tmp_path / "corpus.txt").write_bytes("\ufeffone\x0cpage\r\n\ntwo\u2028parts\x85\nthree".encode())
    found = [(row.id, row.value) for row in rows_of(tmp_path / "corpus.txt", (), is_labelled=False)]
    assert found == [("corpus.txt:1", "one\x0cpage"), ("corpus.txt:3", "two\u2028parts\x85"), ("corpus.txt:4", "three")]
