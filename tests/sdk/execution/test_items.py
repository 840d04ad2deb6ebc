"""What many items may be: iterables, tables with a column, map-style data sets, rows of which one part is the item."""

import pathlib
from typing import Any, cast

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


def ids(outcomes) -> list[str]:
    return [outcome.id for outcome in outcomes]


@pytest.mark.parametrize("table", tables(), ids=lambda table: type(table).__module__.partition(".")[0])
def test_a_row_of_a_table_keeps_its_id(runner, table):
    assert ids(runner.map(table, column="text")) == ["1", "2"]
    assert ids(runner.map(table, column="id")) == ["0", "1"]


def test_a_row_keeps_its_id_whatever_takes_the_item_out_of_it(runner):
    rows = [{"id": "a", "text": "fine"}, duomo.FLUSH, {"id": None, "text": "poor"}, {"id": 7, "txt": ""}, {"id": True}]
    assert ids(runner.map(rows)) == ids(runner.map(rows, key="text")) == ["a", "1", "7", "3"]
    assert ids(runner.map(iter(rows), key=lambda row: row["text"])) == ["a", "1", "7", "3"]
    assert ids(runner.map(tables()[0].itertuples(), key="text")) == ["1", "2"]
    assert ids(runner.map(Hub(), column="text")) == ["0", "1"]


def test_a_store_by_position_is_gone_on_with_by_ids(runner, tmp_path):
    texts = ["fine", "poor"]
    before = list(runner.map(texts, store=tmp_path / "run.duomo"))
    after = list(runner.map(tables()[0], column="text", store=tmp_path / "run.duomo"))
    assert ids(after) == ["1", "2"]
    assert [each.meta.ms for each in after] == [each.meta.ms for each in before]


def test_a_column_is_found_by_its_name_though_that_is_no_text_and_two_of_one_name_are_refused(runner):
    import pandas

    cells = [["fine", "good"], ["poor", "bad"]]
    assert names(runner.map(pandas.DataFrame(cells), column="0")) == ["fine", "poor"]
    levels = pandas.DataFrame(cells, columns=pandas.MultiIndex.from_tuples([("a", "text"), ("b", "text")]))
    assert names(runner.map(levels, column="('b', 'text')")) == ["good", "bad"]
    with pytest.raises(UsageProblem, match="this table has 2 columns 'text'"):
        runner.map(pandas.DataFrame(cells, columns=["text", "text"]), column="text")


@pytest.mark.parametrize("kind", ["string", "string[pyarrow]", "category", "arrow"])
def test_a_missing_cell_of_any_kind_of_column_is_an_error_of_its_own(runner, kind):
    import pandas
    import pyarrow

    dtype = pandas.ArrowDtype(pyarrow.string()) if kind == "arrow" else kind
    table = pandas.DataFrame({"text": ["fine", None, "poor"]}).astype({"text": dtype})
    wanted = ["fine", "a text is expected, and there is none", "poor"]
    assert names(runner.map(table, column="text")) == names(runner.map(table["text"])) == wanted


def test_a_bar_over_a_table_is_refused_and_one_over_items_is_not(runner):
    tqdm = pytest.importorskip("tqdm").tqdm
    with pytest.raises(UsageProblem, match="a progress bar over a table") as caught:
        runner.map(tqdm(tables()[0], disable=True))
    assert caught.value.fix == 'map(table, column="text", progress=True)'
    assert names(runner.map(tqdm(["fine", "poor"], disable=True))) == ["fine", "poor"]


def test_a_loader_of_batches_is_refused_and_one_of_items_is_not(runner):
    from torch.utils.data import DataLoader, Dataset

    texts: Dataset[str] = cast(Any, ["fine", "poor"])  # a list is one to torch, though not to its types
    pairs: Dataset[tuple[str, int]] = cast(Any, [("fine", 1)])
    for loader in (DataLoader(texts, batch_size=2), DataLoader(pairs, batch_size=2)):
        with pytest.raises(UsageProblem, match="this DataLoader gives batches") as caught:
            runner.map(loader, key=0)
        assert caught.value.fix == "map(loader.dataset, batch_size=2)"
    assert names(runner.map(DataLoader(texts, batch_size=None))) == ["fine", "poor"]


def test_what_a_generator_raises_midway_comes_after_what_it_gave(runner):
    def broken():
        yield {"text": "fine"}
        raise OSError("the disk is gone")

    found = []
    with pytest.raises(OSError, match="the disk is gone"):
        found.extend(outcome.unwrap().top.name for outcome in runner.map(broken(), key="text") if not found)
    assert found == ["fine"]


def test_an_array_without_a_dimension_is_one_item(runner):
    with pytest.raises(UsageProblem, match="map\\(\\) takes many items"):
        runner.map(np.array("fine"))


def test_the_parts_of_a_data_set_are_named(runner):
    with pytest.raises(UsageProblem) as caught:
        runner.map({"train": Hub()}, column="text")
    assert caught.value.fix == """one of its parts: runner.map(data['train'], column="text")"""
