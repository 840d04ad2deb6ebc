"""What many items may be: iterables, tables with a column, map-style data sets, rows of which one part is the item."""

import pathlib

import numpy as np
import pytest

import duomo
from duomo.errors import UsageProblem
from duomo.testing.fakes import fake_catalog

ROWS = {"id": [1, 2], "text": ["fine", "poor"]}


def tables() -> list:
    import pandas
    import polars
    import pyarrow

    return [pandas.DataFrame(ROWS), polars.DataFrame(ROWS), pyarrow.table(ROWS)]


@pytest.fixture
def runner():
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog()) as runner:
        yield runner


def names(outcomes) -> list[str]:
    return [outcome.result.top.name if outcome.ok else outcome.error.what for outcome in outcomes]


@pytest.mark.parametrize("table", tables(), ids=lambda table: type(table).__module__.partition(".")[0])
def test_a_table_is_refused_until_a_column_is_named(runner, table):
    with pytest.raises(UsageProblem) as caught:
        runner.map(table)
    assert "id, text" in caught.value.why
    assert caught.value.fix == 'map(table, column="text")'
    assert names(runner.map(table, column="text")) == ["fine", "poor"]
    with pytest.raises(UsageProblem, match="no column 'txt'") as caught:
        runner.map(table, column="txt")
    assert "Did you mean 'text'" in caught.value.why


def test_a_column_of_a_table_is_an_iterable_of_its_own(runner):
    assert names(runner.map(tables()[0]["text"])) == ["fine", "poor"]
    assert names(runner.map(tables()[1]["text"])) == ["fine", "poor"]


def test_a_query_of_polars_is_collected_first_and_an_array_of_pyarrow_gives_its_values(runner):
    lazy, whole = tables()[1].lazy(), tables()[2]
    with pytest.raises(UsageProblem, match="holds no rows yet") as caught:
        runner.map(lazy, column="text")
    assert caught.value.fix == 'map(table.collect(), column="text")'
    assert names(runner.map(whole["text"])) == names(runner.map(whole["text"].chunk(0))) == ["fine", "poor"]


async def waited():
    yield "fine"


@pytest.mark.parametrize(
    ("items", "fix"),
    [(".", "iterdir"), (pathlib.Path(), "iterdir"), ({"a": "fine"}, "items.values()"), (waited(), "async for")],
)
def test_what_is_not_many_items_is_answered_with_what_to_write(runner, items, fix):
    with pytest.raises(UsageProblem) as caught:
        runner.map(items)
    assert fix in caught.value.fix


def test_a_part_of_a_row_that_is_not_there_is_named_and_no_letter_is_taken_for_one(runner):
    wrong, letter = runner.map([{"id": 1, "text": "fine"}], key="txt"), runner.map(["fine"], key=0)
    assert next(wrong).error.fix == "Did you mean 'text'?"
    assert next(letter).error.what == "this row has no part 0"


class Hub:
    """As `datasets.Dataset` is: rows when it is iterated, a column by its name."""

    column_names = ("text", "label")
    features = {"text": "string", "label": "int"}  # noqa: RUF012

    def __iter__(self):
        return iter([{"text": "fine", "label": 1}, {"text": "poor", "label": 0}])

    def __getitem__(self, column):
        return [row[column] for row in self]


def test_a_data_set_of_rows_is_taken_whole_or_by_a_column(runner):
    assert names(runner.map(Hub())) == names(runner.map(Hub(), column="text")) == ["fine", "poor"]
    assert names(runner.map(Hub(), key="text")) == ["fine", "poor"]


class MapStyle:
    """As torch's map-style data sets are: no `__iter__`, and no IndexError at the end."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index):
        return f"text {index}", index


def test_a_map_style_data_set_is_read_to_its_length_and_its_rows_by_a_key(runner):
    assert names(runner.map(MapStyle(), key=0)) == ["text 0", "text 1", "text 2"]
    assert names(runner.map(MapStyle(), key=lambda row: row[0].upper())) == ["TEXT 0", "TEXT 1", "TEXT 2"]


def test_a_row_without_the_part_is_an_error_of_its_own(runner):
    rows = [{"text": "fine"}, {"txt": "poor"}, duomo.FLUSH, {"text": "good"}]
    assert names(runner.map(rows, key="text")) == ["fine", "this row has no part 'text'", "good"]


@pytest.mark.parametrize("one", ["a text", b"bytes", {"text": "a"}, 3, None])
def test_one_item_is_not_many(runner, one):
    with pytest.raises(UsageProblem, match="map\\(\\) takes many items"):
        runner.map(one)


def test_what_says_the_same_twice_is_refused(runner):
    with pytest.raises(UsageProblem, match="the same twice"):
        runner.map([{"a": "b"}], column="a", key="a")


def test_an_array_of_items_has_no_columns(runner):
    assert names(runner.map(np.array(["fine", "poor"]))) == ["fine", "poor"]


def test_rows_that_are_named_tuples_have_parts_by_name_and_by_place(runner):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"id": [7, 8], "text": ["fine", "good"]})
    assert names(runner.map(table.itertuples(), key="text")) == ["fine", "good"]
    assert names(runner.map(table.itertuples(index=False), key=1)) == ["fine", "good"]
    [missing] = runner.map(table.head(1).itertuples(), key="txt")
    assert missing.error.fix == "Did you mean 'text'?"
