"""The suite for adapters catches those that break the contract, and says what is wrong."""

import itertools
import logging
from pathlib import Path

import pytest

from duomo import AdapterSpec, Hooks, hookimpl
from duomo.adapters import Record
from duomo.adapters.guards import value_of
from duomo.errors import BadInput
from duomo.testing import AdapterConformance, fake_catalog
from duomo.testing.suite import run
from duomo.testing.thermometer import Thermometer, Verdict

SPEC = Thermometer.spec._replace(name="bad/one")


class Bad(Hooks):
    def __init__(self, spec: AdapterSpec) -> None:
        self.spec = spec

    @hookimpl
    def register_adapters(self):
        yield self.spec


def failures(cls, monkeypatch, spec=SPEC, **fields):
    """What the suite says of an adapter class, by check."""
    monkeypatch.setattr(f"{__name__}.subject", cls, raising=False)
    import sys

    monkeypatch.setitem(sys.modules, "bad_adapter", sys.modules[__name__])
    cls.spec = spec._replace(target="bad_adapter:subject")
    catalog = fake_catalog(bad=Bad(cls.spec))
    suite = type("Suite", (AdapterConformance,), {"adapter": "bad/one", "catalog": catalog, **fields})
    return {each.check: each.detail for each in run(suite()) if each.status == "fail"}


class Good(Thermometer):
    """Nothing is wrong with it."""


class Chatty(Thermometer):
    def result(self, case):
        logging.getLogger("ward").info("machine %s", case.record.payload.machine)
        return super().result(case)


class Telling(Thermometer):
    def explain(self, case):
        case.find("OOD.RANGE", f"{case.record.payload.machine} is unusual", severity="info")
        return ()


class Quoting(Thermometer):
    def prepare(self, record):
        if "Canary" in record.payload.machine:
            raise BadInput(f"cannot use {record.payload.machine}")
        return super().prepare(record)


class Remembering(Thermometer):
    def result(self, case):
        self.highest = max(getattr(self, "highest", 0), case.raw)
        return Verdict(excess=self.highest)


class Throwing(Thermometer):
    def result(self, case):
        self.dice = getattr(self, "dice", itertools.count())
        return Verdict(excess=float(next(self.dice)))


class Peeking(Thermometer):
    def prepare(self, record):
        celsius, load = super().prepare(record)
        return celsius + 5 * bool(record.label), load


class Biased(Thermometer):
    def prepare(self, record):
        celsius, load = super().prepare(record)
        return celsius + 5 * (record.protected.get("operator") == "Ada"), load


class Calling(Thermometer):
    def result(self, case):
        import contextlib
        import socket

        with contextlib.suppress(Exception):
            socket.getaddrinfo("telemetry.example.org", 443)
        return super().result(case)


class Opening(Thermometer):
    def prepare(self, record):
        celsius, load = super().prepare(record)
        return celsius + Path(record.protected.get("operator", "")).exists(), load


class Fragile(Thermometer):
    def record(self, value, position=0):
        return super().record(value, position) if isinstance(value, dict) else Record(value, str(position))

    def prepare(self, record):
        return (value_of(record, "celsius") or 0.0, 1.0)

    def result(self, case):
        return Verdict(excess=case.raw)


class Greedy(Thermometer):
    def map(self, items, **options):
        return iter(list(super().map(list(items), **options)))


class Pair(Thermometer):
    def score(self, prepared):
        raw = super().score(prepared)
        return [each - sum(raw) / len(raw) for each in raw]


class Undecided(Thermometer):
    @classmethod
    def example(cls):
        cls.times = getattr(cls, "times", 0) + 1  # type: ignore[attr-defined]
        return (
            super()
            .example()
            .fit([cls().record({**row, "celsius": row["celsius"] + cls.times}) for row in cls.samples()])  # type: ignore[attr-defined]
        )


class Silent(Thermometer):
    @classmethod
    def samples(cls):
        return []

    @classmethod
    def example(cls):
        return cls()


def test_nothing_is_found_in_a_good_one(monkeypatch):
    assert failures(Good, monkeypatch) == {}


@pytest.mark.parametrize(
    ("cls", "check", "words"),
    [
        (Chatty, "who somebody is does not show", "in what it prints, logs or warns of"),
        (Telling, "who somebody is does not show", "in a result"),
        (Quoting, "who somebody is does not show", "cannot use Zyxwv-Canary"),
        (Remembering, "order and batches do not show", "payload.excess"),
        (Throwing, "the same records give the same results", "payload.excess"),
        (Peeking, "answers and protected attributes change nothing", "payload.excess"),
        (Biased, "answers and protected attributes change nothing", "payload.excess"),
        (Calling, "it opens no connection", "telemetry.example.org"),
        (Opening, "a server s client reads no file by its path", "changes the answer to {'machine': 'm0'"),
        (Fragile, "a bad record costs no other its result", "records [] failed where 33 is bad"),
        (Greedy, "records are read as they are needed", "read 5000 records before it gave the first"),
        (Pair, "order and batches do not show", "payload.excess"),
        (Undecided, "the same records give the same results", "give its random numbers a seed"),
        (Silent, "a result is what the adapter promises", "write Silent.samples(): two or more items"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_adapter_that_breaks_the_contract_is_found_out(cls, check, words, monkeypatch):
    said = failures(cls, monkeypatch)
    assert check in said, said
    assert words in said[check]


@pytest.mark.parametrize(
    ("changes", "check", "words"),
    [
        ({"not_for": ()}, "it says what it is for and what it is not for", "AdapterSpec.not_for is empty"),
        ({"disclaimer": ""}, "it says what it is for and what it is not for", "AdapterSpec.disclaimer is empty"),
        ({"risk": "none"}, "it says what it is for and what it is not for", "no risk 'none'"),
        ({"data_classes": ("phi",)}, "it says what it is for and what it is not for", "no data class phi"),
        ({"summary": "complies with the law"}, "it says what it is for and what it is not for", "it never complies"),
        ({"industry": "medical"}, "where a wrong result hurts a person looks", "must be 'required'"),
        ({"risk": "high"}, "where a wrong result hurts a person looks", "must be 'required'"),
    ],
)
def test_a_spec_that_says_too_little_or_too_much_is_found_out(changes, check, words, monkeypatch):
    said = failures(type("Subject", (Thermometer,), {}), monkeypatch, SPEC._replace(**changes))
    assert words in said[check]


def test_an_adapter_whose_library_is_missing_is_skipped_and_says_how_to_get_it():
    spec = SPEC._replace(requires=("no-such-library>=2",), target="duomo.testing.thermometer:Thermometer")
    suite = type("Suite", (AdapterConformance,), {"adapter": "bad/one", "catalog": fake_catalog(bad=Bad(spec))})
    skipped = {each.detail for each in run(suite()) if each.status == "skip"}
    assert skipped == {"adapter 'bad/one' needs no-such-library>=2: pip install 'no-such-library>=2'"}
