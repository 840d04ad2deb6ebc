"""Cleaning does what a recipe names, and says what it did."""

import pytest

from duomo.data.cleaning import clean
from duomo.data.examples import Example
from duomo.inputs import Text, TextPair


def rows(*pairs):
    return [Example(str(at), Text(text), label) for at, (text, label) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("step", "kept", "changed"),
    [
        ("strip", ["a b", "A  b", "a b", "e\u0301", "x"], ["0", "4"]),
        ("nfc", [" a b", "A  b", "a b", "\u00e9", "x "], ["3"]),
        ("drop_duplicates", [" a b", "a b", "e\u0301", "x "], ["1"]),
        ("drop_conflicts", ["e\u0301", "x "], ["0", "1", "2"]),
    ],
)
def test_a_step(step, kept, changed):
    given = rows((" a b", "x"), ("A  b", "x"), ("a b", "y"), ("e\u0301", "x"), ("x ", "x"))
    found, (finding,) = clean(given, [step])
    assert [str(row.item) for row in found] == kept
    assert list(finding.rows) == changed
    assert finding.num_rows == len(changed)
    assert finding.what.startswith(f"{step}: {len(changed)} rows")


def test_nothing_to_do_says_nothing_and_pairs_are_cleaned_in_both_parts():
    assert clean(rows(("a", "x")), ["strip", "nfc", "drop_duplicates"]) == (rows(("a", "x")), [])
    (row,), findings = clean([Example("0", TextPair.accept((" a", "b ")), "x")], ["strip"])
    assert (row.item.first, row.item.second) == ("a", "b")
    assert len(findings) == 1
