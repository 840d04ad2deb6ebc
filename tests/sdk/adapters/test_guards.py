"""Checks that adapters share: each names field, record and remedy."""

import datetime as dt
import random
from typing import Any

import pytest

from duomo.adapters.guards import (
    no_protected,
    no_shared_groups,
    no_target_leak,
    one_currency,
    required,
    unit_is,
    within,
)
from duomo.adapters.records import Record


def record(**payload):
    return Record(payload, "k1")


def test_a_field_that_is_needed_and_absent_or_empty_is_named():
    found = list(required("income", "debt")(record(income=float("nan"), age=3)))
    assert [(each.code, each.field, each.record) for each in found] == [
        ("INPUT.MISSING_COLUMN", "income", "k1"),
        ("INPUT.MISSING_COLUMN", "debt", "k1"),
    ]
    assert found[1].fix == "add 'debt'"
    assert list(required("income")(record(income=0))) == []


@pytest.mark.parametrize(("value", "count"), [(None, 0), (35, 0), (50, 0), (34.9, 1), (98.6, 1)])
def test_a_number_out_of_its_range_is_found(value, count):
    found = list(within("temperature", 35, 50, unit="°C", code="UNITS.MISMATCH")(record(temperature=value)))
    assert len(found) == count
    assert all(each.fix == "check the unit: °C is meant" and "98.6" not in each.text for each in found)


def test_a_unit_that_is_missing_or_another_is_found():
    guard = unit_is("unit", "mg/dL")
    assert [each.code for each in guard(record(glucose=5.5))] == ["UNITS.MISSING"]
    assert [each.code for each in guard(record(glucose=5.5, unit="mmol/L"))] == ["UNITS.MISMATCH"]
    assert [each.fix for each in guard(record(unit="mmol/L"))] == ["convert to mg/dL, and say so in 'unit'"]
    assert list(guard(record(unit="mg/dL"))) == []


def test_several_currencies_in_one_data_set_are_found():
    [found] = one_currency("currency")([record(currency=each) for each in ("EUR", "USD", "EUR")])
    assert (found.code, found.severity) == ("UNITS.CURRENCY_MIXED", "block")
    assert "2 currencies: EUR, USD" in found.text
    assert list(one_currency("currency")([record(currency="EUR")] * 3)) == []


def test_protected_attributes_are_found_in_dicts_and_objects():
    guard = no_protected(["sex", "age"])
    assert [each.field for each in guard(record(sex="f", income=1, age=None))] == ["sex"]
    assert list(guard(Record(7, "k"))) == []


def test_a_feature_that_tells_the_answer_is_found_and_others_are_not():
    draw = random.Random(0)
    labels = [int(draw.random() < 0.3) for _ in range(300)]
    features: dict[str, list[Any]] = {
        "income": [draw.gauss(30, 5) - 3 * label for label in labels],
        "recovered": [draw.gauss(0, 1) + 20 * label for label in labels],
        "grade": ["E" if label else "A" for label in labels],
        "colour": [draw.choice("rgb") for _ in labels],
        "id": [f"x{i}" for i in range(300)],
    }
    found = list(no_target_leak(features, labels))
    assert [(each.code, each.field) for each in found] == [("LEAK.TARGET", "recovered"), ("LEAK.TARGET", "grade")]
    assert "leave 'grade' out unless it is known before the answer" in found[1].fix
    assert list(no_target_leak(features, ["a", "b", "c"] * 100)) == []


def test_a_group_on_both_sides_of_a_split_is_found():
    day = dt.datetime(2026, 1, 1)
    a, b, c = (Record(1, group=name, event_time=day) for name in ("a", "b", None))
    assert [each.code for each in no_shared_groups([a, b], [b, c])] == ["LEAK.GROUP"]
    assert list(no_shared_groups([a, c], [b, c])) == []
