"""Tables, CSV and JSON as every command shows them."""

import json
import re
from typing import Any

import click
import pytest
from click.testing import CliRunner

from duomo.cli.output import FORMATS, emit
from duomo.cli.tables import cells, cut, size_text, table

RECORDS = [
    {"name": "cat", "count": 3, "tags": ["a", "b"], "ready": True},
    {"name": "猫と犬", "count": None, "tags": [], "ready": False},
]
COLUMNS = {"NAME": "name", "COUNT": "count", "TAGS": "tags", "READY": "ready"}


def shown(output: str, records: Any = RECORDS, **env: str) -> str:
    command = click.Command("show", callback=lambda: emit(records, COLUMNS, output, schema="test.thing/1"))
    return CliRunner(env=env).invoke(command, []).output


def unstyled(header: list[str], rows: list[list[str]], **options: Any) -> list[str]:
    return click.unstyle(table(header, rows, **options)).splitlines()


def test_a_table_has_headings_and_one_line_a_record() -> None:
    assert shown("table") == ("NAME    COUNT  TAGS  READY\ncat     3      a, b  yes\n猫と犬               no\n")


def test_wide_letters_take_two_cells_and_marks_take_none() -> None:
    assert cells("猫と犬") == 6
    assert cells("e\u0301") == 1
    assert cells("ﾈｺ") == 2
    lines = table(["A", "B"], [["猫", "x"], ["ab", "x"], ["e\u0301", "x"]]).splitlines()[1:]
    assert {cells(line) for line in lines} == {5}


def test_a_cell_is_cut_by_cells_and_not_by_letters() -> None:
    assert cut("猫と犬と鳥", 6) == "猫と…"
    assert cells(cut("猫と犬と鳥", 6)) <= 6
    assert cut("fits", 4) == "fits"


def test_the_last_column_gives_way_and_then_goes_below() -> None:
    header, rows = ["NAME", "TASK", "SUMMARY"], [["vision/thing", "image-classification", "a long story " * 5]]
    wide = table(header, rows, width=60).splitlines()
    assert all(cells(line) <= 60 for line in wide)
    assert wide[1] == "vision/thing  image-classification  a long story a long sto…"
    narrow = unstyled(header, rows, width=40)
    assert narrow[:2] == ["NAME          TASK", "vision/thing  image-classification"]
    assert " ".join(narrow[2:]).split() == ["SUMMARY", *rows[0][2].split()]
    assert all(cells(line) <= 40 for line in narrow)
    nothing = unstyled(["NAME", "TASK", "SIZE"], [["vision/thing", "classification", ""]], width=25)
    assert nothing == ["NAME", "vision/thing", "  TASK classification"]


def test_a_table_that_is_kept_whole_puts_long_cells_below_their_row() -> None:
    rows = [["python", "3.11.7 in a folder with a long name"], ["cache", "here"]]
    assert unstyled(["CHECK", "DETAIL"], rows, width=30, whole=True) == [
        "CHECK   DETAIL",
        "python",
        "  DETAIL 3.11.7 in a folder",
        "  with a long name",
        "cache   here",
    ]


def test_a_long_name_is_never_cut() -> None:
    rows = [["a-name-to-copy-" * 4, "here"], ["b", "there"]]
    assert unstyled(["NAME", "PLACE"], rows, width=60) == [
        f"{'NAME':<40}  PLACE",
        f"{rows[0][0]}  here",
        f"{'b':<40}  there",
    ]


def test_wrapping_loses_nothing() -> None:
    text = "the quick brown fox jumps over the lazy dog " * 3
    lines = table(["INPUT", "TEXT"], [["a.wav", text]], width=40, wrap=True).splitlines()[1:]
    assert all(cells(line) <= 40 for line in lines)
    assert " ".join(line[7:].strip() for line in lines).split() == text.split()


def test_a_text_without_spaces_wraps_between_letters() -> None:
    lines = table(["A", "TEXT"], [["x", "猫" * 30]], width=21, wrap=True).splitlines()[1:]
    assert [cells(line) for line in lines] == [21, 21, 21, 9]


def test_control_characters_cannot_reach_the_terminal() -> None:
    assert table(["A"], [["\x1b[31mred\nline"]]).splitlines()[1:] == [" [31mred line"]


def test_json_lines_come_one_a_record_with_their_schema_first() -> None:
    lines = [json.loads(line) for line in shown("jsonl").splitlines()]
    assert lines == [{"schema": "test.thing/1", **record} for record in RECORDS]
    assert next(iter(lines[0])) == "schema"
    assert "猫と犬" in shown("jsonl")


def test_json_is_one_list() -> None:
    assert json.loads(shown("json")) == [{"schema": "test.thing/1", **record} for record in RECORDS]


def test_csv_has_lower_case_headings_and_quotes_what_needs_it() -> None:
    assert shown("csv") == 'name,count,tags,ready\ncat,3,"a, b",yes\n猫と犬,,,no\n'


def test_text_is_the_first_column() -> None:
    assert shown("text") == "cat\n猫と犬\n"


def test_columns_limits_a_table_that_goes_to_a_pipe() -> None:
    assert (
        max(cells(line) for line in shown("table", [{**RECORDS[0], "name": "x" * 39}], COLUMNS="50").split("\n")) <= 50
    )


@pytest.mark.parametrize("output", FORMATS[1:])
def test_no_records_are_not_a_failure(output: str) -> None:
    assert shown(output, []).strip() in ("nothing", "[]", "", "name,count,tags,ready")


def test_sizes_read_as_people_say_them() -> None:
    assert [size_text(each) for each in (0, 12_345, 9_949_000, 76_000_000, 1_230_000_000)] == [
        "",
        "0.0 MB",
        "9.9 MB",
        "76 MB",
        "1.2 GB",
    ]


def test_columns_that_find_no_room_stand_below(duomo: Any) -> None:
    wide = duomo("tasks", "list", "-o", "table", env={"COLUMNS": "160"})
    assert "SUMMARY" in wide.stdout
    assert wide.stderr == ""
    narrow = duomo("tasks", "list", "-o", "table", env={"COLUMNS": "45"})
    assert narrow.stdout.splitlines()[0].split() == ["TASK", "MODALITY"]
    assert re.search(r"^  MODELS \d+  SUMMARY \w", narrow.stdout, re.MULTILINE)
    assert narrow.stderr == ""
