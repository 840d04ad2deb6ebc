"""A report has the split first, counts what was found, and refuses data that would flatter."""

import dataclasses
import datetime as dt
import traceback

import pytest

from duomo.adapters import AsFitted, Group, Random, Time
from duomo.adapters.guards import one_currency
from duomo.errors import AdapterFailed, BadInput, GuardRefused
from duomo.testing.thermometer import Thermometer


def rows(n=60):
    return [
        {
            "machine": f"m{i % 12}",
            "celsius": 60.0 + (i * 37) % 40,
            "failed": int((i * 37) % 40 + (i % 5) > 22),
            "operator": "Ada",
        }
        for i in range(n)
    ]


def test_folds_are_fitted_and_judged_and_the_split_is_printed():
    report = Thermometer().evaluate(rows(), Group(3))
    assert report.split == "Group(parts=3, seed=0)"
    assert report.n == 60
    assert len(report.folds) == 3
    assert all(each.fitted_on + each.judged_by == 60 for each in report.folds)
    assert report.metrics["auc"] > 0.9
    assert sum(report.decisions.values()) == 60
    assert report.disclaimer


def test_the_adapters_own_split_is_used_when_none_is_given():
    assert Thermometer().evaluate(rows()).split.startswith("Group(")


def test_a_random_split_is_refused_with_its_code():
    with pytest.raises(GuardRefused, match=r"LEAK.SPLIT_RANDOM"):
        Thermometer().evaluate(rows(), Random())


def test_records_that_cannot_be_used_are_counted_and_those_that_fail_are_found():
    data = rows()
    data[7] = {"machine": "m7"}
    data[8]["celsius"] = -1.0
    data[9]["celsius"] = -300.0
    report = Thermometer().evaluate(data, Group(2))
    assert report.unreadable == 1
    assert report.findings == {"E-ADAPTER-FAILED": 1, "UNITS.MISMATCH": 1}


def test_a_data_set_that_a_guard_stops_is_not_judged_by():
    class Priced(Thermometer):
        Input = None

        def guards(self, phase):
            return [one_currency("currency")] if phase == "dataset" else []

    mixed = [{**row, "currency": "EUR" if i else "USD"} for i, row in enumerate(rows())]
    with pytest.raises(GuardRefused, match=r"UNITS.CURRENCY_MIXED: 'currency' holds 2 currencies") as caught:
        Priced().evaluate(mixed)
    assert "one currency" in caught.value.fix


def test_answers_are_hidden_while_records_are_judged():
    class Peeking(Thermometer):
        seen: list[object]

        def prepare(self, record):
            self.seen.append(record.label)
            return super().prepare(record)

        def fit(self, records):
            self.seen.clear()
            return self

    peeking = Peeking()
    peeking.seen = []
    peeking.evaluate(rows(), Group(2))
    assert set(peeking.seen) == {None}


def test_an_adapter_that_was_fitted_beforehand_is_judged_as_it_is():
    fitted = Thermometer.example()
    report = fitted.evaluate(rows(), AsFitted())
    assert report.split == "AsFitted()"
    assert (report.folds[0].fitted_on, report.folds[0].judged_by) == (0, 60)
    assert report.metrics["auc"] > 0.9


def test_records_without_an_answer_are_judged_by_nobody_and_data_without_any_is_refused():
    some = [{**row, "failed": None if i % 7 == 0 else row["failed"]} for i, row in enumerate(rows())]
    assert Thermometer.example().evaluate(some, AsFitted()).metrics["auc"] > 0.9
    none = [{**row, "failed": None} for row in rows()]
    with pytest.raises(BadInput, match="no record has an answer in 'failed'") as caught:
        Thermometer().evaluate(none)
    assert caught.value.fix == "add a column 'failed'"


def test_an_empty_source_is_said():
    with pytest.raises(BadInput, match="no records to judge by"):
        Thermometer().evaluate([], Time())
    with pytest.raises(BadInput, match="has no 'celsius'"):
        Thermometer().evaluate([{"machine": "a"}])


def test_whatever_a_record_makes_an_adapter_raise_costs_that_record_only():
    class Fragile(Thermometer):
        def record(self, value, position=0):
            if value["celsius"] == 666:
                raise ValueError(f"what is {value}?")
            return super().record(value, position)

    data = rows()
    data[3]["celsius"] = 666
    assert Fragile().evaluate(data, Group(2)).unreadable == 1
    name = "".join(("Love", "lace"))
    with pytest.raises(AdapterFailed, match="raised ValueError") as caught:
        Fragile().evaluate([{"machine": name, "celsius": 666}])
    assert name not in "".join(traceback.format_exception(caught.value))


def test_what_was_not_known_in_time_teaches_nothing():
    class Listening(Thermometer):
        def fit(self, records):
            learnt.extend(each.key for each in records)
            return self

        def measure(self, judged):
            return {}

    learnt = []
    march = dt.datetime(2026, 3, 1)
    plain = Listening().records(rows(20))
    records = [dataclasses.replace(each, key=str(i), event_time=march + i * dt.timedelta(days=1))
               for i, each in enumerate(plain)]  # fmt: skip
    peeking = {"celsius": march + dt.timedelta(days=99)}
    records[4] = dataclasses.replace(records[4], available_at=peeking)
    report = Listening().evaluate(records, Time())
    assert "4" not in learnt
    assert len(learnt) == report.folds[0].fitted_on == 13
    [found] = report.dataset_findings
    assert (found.code, found.severity, found.text[:22]) == ("LEAK.FUTURE", "warn", "1 record was left out ")
    with pytest.raises(GuardRefused, match=r"LEAK.FUTURE: no record is left to fit on"):
        Listening().evaluate([dataclasses.replace(each, available_at=peeking) for each in records], Time())
