"""Rows from files, and what is said of those that cannot be used."""

import datetime as dt
import json

import pydantic
import pytest
from pydantic_core import PydanticCustomError

from duomo.adapters import Inputs
from duomo.errors import BadInput, InputMissing, UsageProblem
from duomo.testing.thermometer import Thermometer


def error_of(adapter, row):
    [outcome] = adapter.map([row])
    return outcome.error


def test_a_missing_column_is_named_with_the_nearest_one(thermometer):
    error = error_of(thermometer, {"machine": "m1", "celsuis": 70})
    key = thermometer.record({"machine": "m1", "celsius": 1}).key
    assert error.what == f"INPUT.MISSING_COLUMN: record '{key}' has no 'celsius'"
    assert error.fix == "rename 'celsuis' to 'celsius'"
    assert error_of(thermometer, {"machine": "m1"}).fix == "add a column 'celsius'"


def test_a_value_of_the_wrong_type_is_named_by_its_field_and_not_quoted(thermometer, row):
    error = error_of(thermometer, row(celsius="Ada's fever"))
    assert "'celsius' cannot be used" in error.what
    assert "valid number" in error.why
    assert "Ada" not in f"{error.what}{error.why}{error.fix}"


def test_an_optional_column_that_is_nearly_there_is_warned_about(thermometer, row):
    result = thermometer(row(laod=3))
    assert result.payload.excess == 5.0
    [found] = result.findings
    assert (found.code, found.severity, found.text) == ("INPUT.MISSING_COLUMN", "warn", "no 'load'; is 'laod' meant?")


def test_columns_that_the_adapter_does_not_know_are_left_out(thermometer, row):
    record = thermometer.record(row(colour="red"))
    assert not hasattr(record.payload, "colour")
    assert record.findings == ()


def test_an_empty_cell_takes_the_default(thermometer, row):
    assert thermometer.record(row(load=None)).payload.load == 1.0


def test_something_that_is_no_row_is_told_what_a_row_is(thermometer):
    error = error_of(thermometer, 7)
    assert error.what == "record 0 is an int"
    assert "a row (a dict), a Record, or a Reading" in error.why


@pytest.mark.parametrize("time", ["2026-03-01T12:00:00", dt.datetime(2026, 3, 1, 12), dt.date(2026, 3, 1)])
def test_times_are_read(thermometer, row, time):
    assert thermometer.record(row(time=time)).event_time.date() == dt.date(2026, 3, 1)


def test_a_time_that_is_none_is_said(thermometer, row):
    assert "'time' is not a time" in error_of(thermometer, row(time="yesterday")).what


def test_a_payload_object_is_taken_as_it_is(thermometer, row):
    reading = thermometer.record(row()).payload
    assert thermometer.record(reading, 3).payload is reading
    assert thermometer.record(reading, 3).key == "3"


def test_a_table_is_read_row_by_row_and_a_bad_one_stays_alone(thermometer, tmp_path):
    table = tmp_path / "readings.csv"
    table.write_text("machine,celsius,load\na,70,\nb,71,1,9\nc,72,2\n", "utf-8-sig")
    outcomes = list(thermometer.map(thermometer.read(table)))
    assert [each.ok for each in outcomes] == [True, False, True]
    assert "row 3 has more or fewer cells than the header" in outcomes[1].error.what
    assert outcomes[2].result.payload.excess == -8


def test_bytes_that_are_no_text_cost_their_own_row(thermometer, tmp_path):
    table = tmp_path / "readings.csv"
    table.write_bytes("machine,celsius\na,70\nZoë,71\n".encode() + "Zoë,72\nd,73\n".encode("latin-1"))
    outcomes = list(thermometer.map(thermometer.read(table)))
    assert [each.ok for each in outcomes] == [True, True, False, True]
    assert outcomes[2].error.what == "INPUT.UNREADABLE: row 4 is not UTF-8"
    assert outcomes[2].error.fix.startswith("save the file as UTF-8")


def test_a_table_that_breaks_off_gives_what_came_before(thermometer, tmp_path):
    table = tmp_path / "readings.csv"
    table.write_text("machine,celsius\na,70\nb," + "7" * 10_000_001 + "\n")
    first, rest = thermometer.map(thermometer.read(table))
    assert first.ok
    assert rest.error.what.startswith("INPUT.UNREADABLE: 'readings.csv' cannot be read further")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"machine,celsius,celsius", "two columns 'celsius'"),
        (b"machine,\xb0C,celsius", "the header of .* is not UTF-8"),
    ],
)
def test_a_header_that_does_not_say_what_is_in_a_column_is_refused(thermometer, tmp_path, header, words):
    table = tmp_path / "readings.csv"
    table.write_bytes(header + b"\na,70,1\n")
    with pytest.raises(BadInput, match=words):
        list(thermometer.map(thermometer.read(table)))


def test_columns_without_a_name_are_left_out(thermometer, tmp_path):
    table = tmp_path / "readings.csv"
    table.write_text("machine,celsius,,\na,70,,\n")
    assert [each.ok for each in thermometer.map(thermometer.read(table))] == [True]


def test_an_empty_cell_names_nobody():
    rows = [{"machine": each, "celsius": 70} for each in (None, float("nan"), " ", "NA")]

    class Unnamed(Thermometer):
        Input = None

    assert [each.key for each in Unnamed(secret=b"s").records(rows)] == ["0", "1", "2", "3"]


def test_a_column_of_another_name_than_its_field_is_read():
    class Short(Inputs):
        celsius: float = pydantic.Field(validation_alias="celsius_1")
        load: float = pydantic.Field(1.0, alias="load_1")

    class Terse(Thermometer):
        Input = Short  # type: ignore[assignment]

    record = Terse().record({"machine": "a", "celsius_1": 70, "load_1": 2})
    assert (record.payload.celsius, record.payload.load, record.findings) == (70.0, 2.0, ())


def test_a_place_in_a_field_is_told_by_number_and_not_by_name():
    class Ward(Inputs):
        beds: list[float]
        fevers: dict[str, float] = pydantic.Field(default_factory=dict)

    class Nurse(Thermometer):
        Input = Ward  # type: ignore[assignment]

    assert "'beds.1' cannot be used" in error_of(Nurse(), {"machine": "m", "beds": [1, "x"]}).what
    error = error_of(Nurse(), {"machine": "m", "beds": [], "fevers": {"Lovelace": "high"}})
    assert "'fevers' cannot be used" in error.what
    assert "Lovelace" not in f"{error}"


def test_a_check_that_quotes_the_value_is_not_passed_on():
    class Person(Inputs):
        name: str

        @pydantic.field_validator("name")
        @classmethod
        def _short(cls, name):
            raise PydanticCustomError("long_name", "the name {name} is too long", {"name": name})

    class Roll(Thermometer):
        Input = Person  # type: ignore[assignment]

    error = error_of(Roll(), {"machine": "m", "name": "Ada Lovelace"})
    assert error.why == "a check of the adapter failed"
    assert "Ada" not in str(error)


def test_json_lines_are_read_and_a_broken_line_stays_alone(thermometer, tmp_path, row):
    lines = tmp_path / "readings.jsonl"
    lines.write_text(json.dumps(row()) + "\n{\n\n" + "[" * 100_000 + "\n" + json.dumps(row("b")) + "\n")
    outcomes = list(thermometer.map(thermometer.read(lines)))
    assert [each.ok for each in outcomes] == [True, False, False, True]
    assert outcomes[1].error.what == "INPUT.UNREADABLE: a line of 'readings.jsonl' is lost"
    assert outcomes[1].error.why == "line 2 is not a JSON object"


def test_parquet_is_read(thermometer, tmp_path, row):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.Table.from_pylist([row(), row("b", 80.0)]), tmp_path / "readings.parquet")
    assert [each.ok for each in thermometer.map(thermometer.read(tmp_path / "readings.parquet"))] == [True, True]
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    [outcome] = thermometer.map(thermometer.read(tmp_path / "bad.parquet"))
    assert "INPUT.UNREADABLE" in outcome.error.what


def test_a_file_that_is_not_there_or_of_no_known_kind_is_said(thermometer, tmp_path):
    with pytest.raises(InputMissing, match="no file"):
        thermometer.read(tmp_path / "gone.csv")
    (tmp_path / "readings.xlsx").write_text("")
    with pytest.raises(UsageProblem, match="no known format") as caught:
        thermometer.read(tmp_path / "readings.xlsx")
    assert ".csv, .tsv, .jsonl or .parquet" in caught.value.why


def test_records_raises_the_first_error(thermometer, row):
    with pytest.raises(BadInput, match="has no 'celsius'"):
        thermometer.records([row(), {"machine": "b"}])


def test_group_and_key_are_the_same_pseudonym_for_the_same_name():
    record = Thermometer(secret=b"s").record({"machine": "Ada", "celsius": 1})
    assert record.group == record.key
    assert record.group != "Ada"
