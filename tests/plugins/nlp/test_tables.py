"""Questions about tables, against transformers' own pipeline; and tables in all their shapes."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import transformers as tf
from click.testing import CliRunner

import duomo
from duomo.cli import cli
from duomo.errors import BadInput, DuomoError
from duomo.inputs import Table
from tests.plugins.nlp import tiny

COLUMNS = {"name": ["ada", "charles", "grace"], "born in": ["london", "london", "new york"]}
YEARS = {**COLUMNS, "year": ["1815", "1791", "1906"]}
ITEMS: list[Any] = [
    ("who was born in london ?", COLUMNS),
    {"question": "how many ?", "table": YEARS},
    ("who ?", YEARS),
    ("grace ?", {"name": ["grace", "ada"]}),
]


@pytest.fixture(scope="module", params=[4, 0], ids=["operators", "cells alone"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tapas")
    tiny.tapas(folder, request.param)
    return folder


@pytest.mark.equals("the pipeline, the same cells", "table-question-answering")
def test_answers_are_those_of_the_pipeline_alone_and_in_a_batch(folder: Path) -> None:
    runner = duomo.load("table-question-answering", f"dir:{folder}", device="cpu")
    bare = tf.pipeline("table-question-answering", str(folder), device="cpu")
    marked = 0
    for item, outcome in zip(ITEMS, runner.map(ITEMS, batch_size=4), strict=True):
        question, table = item if isinstance(item, tuple) else (item["question"], item["table"])
        expected: Any = bare(query=question, table=pd.DataFrame(table))
        for result in (outcome.unwrap(), runner(item)):
            assert result.answer == expected["answer"]
            assert result.cells == expected["cells"]
            assert result.coordinates == [tuple(place) for place in expected["coordinates"]]
            assert result.aggregator == expected.get("aggregator")
        marked += len(outcome.unwrap().cells)
    assert marked, "some cells are marked"


def test_a_long_table_is_an_error_or_loses_its_last_rows(folder: Path) -> None:
    runner = duomo.load("table-question-answering", f"dir:{folder}", device="cpu")
    long = {"name": ["ada", "grace"] * 40, "year": ["1", "2"] * 40}
    refused, good = runner.map([("who ?", long), ITEMS[0]])
    assert "80 rows, of which" in refused.error.what
    assert good.ok
    [cut] = runner.map([("who ?", long)], long="truncate")
    assert cut.meta.truncated
    kept = next(n for n in range(80, 0, -1) if runner.map([("who ?", _head(long, n))]).__next__().ok)
    assert cut.unwrap().cells == runner(("who ?", _head(long, kept))).cells
    wide = {letter: ["1"] for letter in "abcdefghijklmnopq"}
    with pytest.raises(DuomoError, match="17 columns"):
        runner(("who ?", wide))


def _head(table: dict[str, list[str]], rows: int) -> dict[str, list[str]]:
    return {name: cells[:rows] for name, cells in table.items()}


CSV = 'name,year\nada,1815\n"lovelace, ada",\n'
SHAPES: dict[str, Any] = {
    "columns": {"name": ["ada", "lovelace, ada"], "year": [1815, None]},
    "wire": {"columns": ["name", "year"], "rows": [["ada", 1815], ["lovelace, ada", ""]]},
    "dicts": [{"name": "ada", "year": 1815}, {"year": None, "name": "lovelace, ada"}],
    "rows": [["name", "year"], ["ada", "1815"], ["lovelace, ada", ""]],
    "csv": CSV,
    "bytes": b"\xef\xbb\xbf" + CSV.encode(),
    "file": io.BytesIO(CSV.encode()),
    "frame": pd.DataFrame({"name": ["ada", "lovelace, ada"], "year": ["1815", None]}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_table_may_have_any_usual_shape(shape: str) -> None:
    table = Table.accept(SHAPES[shape])
    assert table.columns == ("name", "year")
    assert table.rows == (("ada", "1815"), ("lovelace, ada", ""))


def test_what_is_missing_is_an_empty_text() -> None:
    table = Table.accept({"a": [None, float("nan"), pd.NA, pd.NaT, 1.5]})
    assert table.rows == (("",), ("",), ("",), ("",), ("1.5",))


def test_a_year_is_no_fraction_because_another_is_missing() -> None:
    for years, cells in (([1815, None], ("1815", "")), ([1815.0, 1.0], ("1815.0", "1.0")), ([0.5, None], ("0.5", ""))):
        assert sum(Table.accept(pd.DataFrame({"year": years})).rows, ()) == cells


def test_a_path_is_a_file_and_a_text_never_a_path(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(CSV)
    assert Table.accept(tmp_path / "t.csv").rows[0] == ("ada", "1815")
    with pytest.raises(BadInput, match="is the name of a file"):
        Table.accept(str(tmp_path / "t.csv"))


def test_a_table_of_the_command_line_is_a_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,year\nada,1815\n")
    (tmp_path / "u.csv").write_text("name,year\nada\n")
    pairs = [part for file in ("t.csv", "u.csv") for part in ("--pair", "who ?", str(tmp_path / file))]
    ran = CliRunner().invoke(
        cli, ["run", "table-question-answering", "-m", f"dir:{folder}", *pairs, "-o", "jsonl"], catch_exceptions=False
    )
    good, bad = map(json.loads, ran.stdout.splitlines())
    expected = duomo.run(
        "table-question-answering", ("who ?", {"name": ["ada"], "year": ["1815"]}), model=f"dir:{folder}"
    )
    assert good["result"]["cells"] == expected.cells
    assert "row 1 of this table has 1 cell" in bad["error"]["what"]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("name,year\nada\n", "row 1 of this table has 1 cell and the header 2"),
        ([{"a": 1}, {"b": 2}], "row 2 of this table has other columns"),
        ({"a": [1, 2], "b": [1]}, "different length"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), "two columns of this table are called 'a'"),
        ("a,a\n1,2\n", "two columns of this table are called 'a'"),
        ([], "a table is expected"),
        (7, "a table is expected"),
        ({"a": "text"}, "a list of cells"),
        ("a,b\n", "no rows"),
        ({"a": [["x"], "y"]}, "a cell of this table is a list"),
        ([{"a": {"b": 1}}], "a cell of this table is a dict"),
        ([{"a": np.zeros(2)}], "a cell of this table is an ndarray"),
    ],
)
def test_an_uneven_table_is_refused(value: Any, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        Table.accept(value)
