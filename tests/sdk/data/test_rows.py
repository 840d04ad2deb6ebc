"""Rows as spreadsheets of many countries write them."""

import math
import re
from pathlib import Path

import pytest

from duomo.data.rows import numbered_rows, parse_json, read_rows, text_lines
from duomo.data.sources import rows_of
from duomo.errors import BadInput, InputUnreadable
from duomo.inputs.limits import Limits
from duomo.inputs.tables import Table


def rows(tmp_path: Path, name: str, content: str, encoding: str = "utf-8") -> list[object]:
    (tmp_path / name).write_bytes(content.encode(encoding))
    return list(read_rows(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\n"good, really",p\n'),
        ("a.csv", "text;label\ngood, really;p\n"),
        ("a.csv", "\ufefftext;label\r\ngood, really;p\r\n"),
        ("a.csv", '"text";"label"\n"good, really";"p"\n'),
        ("a.tsv", "text\tlabel\ngood, really\tp\n"),
        ("a.csv", "text\tlabel\ngood, really\tp\n"),
        ("a.csv", "text|label\ngood, really|p\n"),
    ],
)
def test_cells_are_separated_as_the_header_says(tmp_path: Path, name: str, content: str) -> None:
    assert rows(tmp_path, name, content) == [{"text": "good, really", "label": "p"}]


def test_a_comma_in_quotes_separates_nothing(tmp_path: Path) -> None:
    assert rows(tmp_path, "a.csv", '"a, b";c\n1;2\n') == [{"a, b": "1", "c": "2"}]
    assert rows(tmp_path, "a.csv", '"first\nline",c\n1,2\n') == [{"first\nline": "1", "c": "2"}]


@pytest.mark.parametrize(
    ("content", "kept", "words"),
    [
        ('2,"b\n3,c\n', ["a"], "row 3 has a quote too many, or one too few.*unexpected end of data; 2 lines are lost"),
        ('2,"b\n3,c\n4,"d"\n5,e\n', ["a", "e"], "row 3 .*3 lines are lost"),
        ('2,"b" and c\n3,d\n', ["a", "d"], "row 3 .*1 line is lost"),
        ('2,"b ""and""\nc"\n3,5" pipe\n', ["a", 'b "and"\nc', '5" pipe'], ""),
    ],
)
def test_a_quote_without_its_other_does_not_swallow_rows(
    tmp_path: Path, content: str, kept: list[str], words: str
) -> None:
    found = rows(tmp_path, "a.csv", f"id,text\n1,a\n{content}")
    assert [each["text"] for each in found if isinstance(each, dict)] == kept
    lost = [str(each) for each in found if isinstance(each, BadInput)]
    assert len(lost) == bool(words)
    assert all(re.search(words, each, re.DOTALL) for each in lost)


def test_one_column_is_one_column(tmp_path: Path) -> None:
    assert rows(tmp_path, "a.csv", "text\na;b\n") == [{"text": "a;b"}]
    assert rows(tmp_path, "a.csv", "") == []


def test_a_cell_may_be_as_long_as_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = "a word and " * 20_000
    assert rows(tmp_path, "a.csv", f"text,n\n{book},1\nb,2\n") == [{"text": book, "n": "1"}, {"text": "b", "n": "2"}]
    monkeypatch.setattr("duomo.data.rows.limits", lambda: Limits(text_chars=1000))
    kept, lost = rows(tmp_path, "a.csv", f"text,n\nb,2\n{book},1\n")
    assert kept == {"text": "b", "n": "2"}
    assert "after row 2: a line has more than 1,000 characters" in str(lost)
    [lost] = rows(tmp_path, "a.csv", book)
    assert isinstance(lost, InputUnreadable)


def test_another_encoding_is_refused_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable) as header:
        rows(tmp_path, "a.csv", "größe,text\n1,a\n", "latin-1")
    assert "iconv -f latin1" in header.value.fix
    [lost, kept] = rows(tmp_path, "a.csv", "text,n\ngröße,1\nsize,2\n", "latin-1")
    assert isinstance(lost, Exception)
    assert "iconv -f latin1" in getattr(lost, "fix", "")
    assert kept == {"text": "size", "n": "2"}


@pytest.mark.parametrize("before", ["sep=;\r\n", '"sep=;"\n', "\n \n"])
def test_what_stands_before_the_header_is_not_the_header(tmp_path: Path, before: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"{before}a;b\n1,5;2\n", newline="")
    assert list(read_rows(file)) == [{"a": "1,5", "b": "2"}]


def test_utf16_without_its_mark_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("a,b\n1,2\n".encode("utf-16-le"))
    with pytest.raises(InputUnreadable, match="not UTF-8") as caught:
        list(read_rows(file))
    assert "iconv -f utf-16le" in caught.value.fix


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_read_by_its_mark(tmp_path: Path, encoding: str) -> None:
    content = "\ufeffgröße\ttext\r\n1\t😀 a\r\n"
    assert rows(tmp_path, "a.tsv", content, encoding) == [{"größe": "1", "text": "😀 a"}]
    assert Table.accept(tmp_path / "a.tsv").rows == (("1", "😀 a"),)
    (tmp_path / "cut.csv").write_bytes(("\ufeffa,b\n1,2\n".encode(encoding)) + b"3")
    *kept, lost = read_rows(tmp_path / "cut.csv")
    assert kept == [{"a": "1", "b": "2"}]
    assert isinstance(lost, InputUnreadable)


def test_lines_of_utf16_are_refused_with_the_command(tmp_path: Path) -> None:
    lost, *_ = rows(tmp_path, "a.jsonl", '\ufeff{"a": 1}\n', "utf-16-le")
    assert "iconv -f utf-16 " in getattr(lost, "fix", "")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ('{"a": 1e999}', "1e999 is larger"),
        ('{"a": [0, {"b": -1e400}]}', "-1e400 is larger"),
        ('{"a": Infinity}', "Infinity is not a number"),
        ('{"a": 1, "b": 2, "a": 3}', "'a' comes twice"),
    ],
)
def test_json_that_would_be_read_as_something_else_is_refused(tmp_path: Path, value: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_json(value.encode())
    lost, kept = rows(tmp_path, "a.jsonl", f'{value}\n{{"a": 1e10}}\n')
    assert why in getattr(lost, "why", "")
    assert kept == {"a": 10**10}


def test_nan_stays_what_is_missing(tmp_path: Path) -> None:
    [row] = rows(tmp_path, "a.jsonl", '{"a": NaN}\n')
    assert isinstance(row, dict)
    assert math.isnan(row["a"])


@pytest.mark.parametrize(
    "content",
    ["city;people\nOslo;7,5\n", "sep=;\r\ncity;people\nOslo;7,5\n", "city\tpeople\nOslo\t7,5", "city|people\nOslo|7,5"],
)
def test_a_table_is_separated_as_rows_are(content: str) -> None:
    table = Table.accept(content.encode())
    assert (table.columns, table.rows) == (("city", "people"), (("Oslo", "7,5"),))


@pytest.mark.parametrize(
    ("name", "content", "numbers"),
    [
        ("a.csv", 'text,n\ngood,1\n\nbad,2\n"two\nlines",3\nfine,4\n', [2, 4, 5, 6]),
        ("a.csv", "\n\ntext,n\ngood,1\n", [4]),
        ("a.csv", "sep=;\ntext;n\ngood;1\nbad\n", [3, 4]),
        ("a.jsonl", '{"a": 1}\n\n \n{"a": 2}\nnone\n', [1, 4, 5]),
    ],
)
def test_a_row_has_the_number_that_an_editor_shows(tmp_path: Path, name: str, content: str, numbers: list[int]) -> None:
    (tmp_path / name).write_text(content)
    assert [number for number, _ in numbered_rows(tmp_path / name)] == numbers
    assert [row.id for row in rows_of(tmp_path / name, ())] == [f"{name}:{number}" for number in numbers]


@pytest.mark.parametrize(("encoding", "line"), [("latin-1", 3), ("utf-16", 1)])
def test_labels_of_a_file_in_another_encoding_are_refused(tmp_path: Path, encoding: str, line: int) -> None:
    (tmp_path / "labels.txt").write_bytes("klein\n\ngröße\n".encode(encoding))
    with pytest.raises(InputUnreadable, match=f"line {line} of 'labels.txt' is not UTF-8") as refused:
        list(text_lines(tmp_path / "labels.txt"))
    assert f"iconv -f {encoding.replace('-1', '1') if line > 1 else encoding} " in refused.value.fix
    (tmp_path / "labels.txt").write_bytes("\ufeffklein\r\n\ngröße".encode())
    assert list(text_lines(tmp_path / "labels.txt")) == ["klein", "größe"]
