"""What every industry adapter must do: say what it is not for, stay offline, keep names to itself, and not peek."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import random
import tempfile
import unittest
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from duomo.adapters.adapting import find_adapter
from duomo.adapters.audit import AuditLog, verify
from duomo.adapters.records import Record
from duomo.adapters.results import DomainResult
from duomo.catalog import Catalog, default_catalog
from duomo.counting import a_type
from duomo.errors import RequirementMissing, UnknownModel, WeightsMissing
from duomo.inputs.seal import sealed
from duomo.outcome import Outcome
from duomo.specs import AdapterSpec
from duomo.testing.adapter_trial import MARKER, Trial
from duomo.testing.comparing import difference
from duomo.testing.listening import listen
from duomo.testing.suite import Suite

_FAR = 5_000
_PLACES = 24
"""In how many places of a sample a path is tried."""


class AdapterConformance(Suite):
    """What every adapter must do. Set `adapter`; it must come from an installed plugin, or from `catalog`."""

    adapter: ClassVar[str]
    """``plugin/thing``."""
    model: ClassVar[str | None] = None
    """The model of its task; the task's default when left out."""
    samples: ClassVar[Sequence[Any] | None] = None
    """Items to try it on; those of `Adapter.samples` when left out."""
    broken: ClassVar[Any] = object()
    """An item that it must refuse."""
    tolerance: ClassVar[float] = 1e-6
    """By how much numbers may differ between alone and in a batch; a core task's model may need 1e-3."""
    catalog: ClassVar[Catalog | None] = None

    def subject(self) -> str:
        """The adapter's name."""
        return self.adapter

    @property
    def spec(self) -> AdapterSpec:
        """What the plugin registered."""
        return find_adapter(self.adapter, self.catalog or default_catalog())

    @property
    def trial(self) -> Trial:
        """The adapter, ready and tried once for all its checks; skipped where its libraries or weights are not here."""
        suite: Any = type(self)
        try:
            return _try(suite)
        except (RequirementMissing, WeightsMissing, UnknownModel) as error:
            raise unittest.SkipTest(f"{error.what}: {error.fix}") from None

    def test_it_says_what_it_is_for_and_what_it_is_not_for(self) -> None:
        """A result without that is a trap for those who act on it."""
        spec = self.spec
        for name in ("summary", "intended_use", "not_for", "disclaimer"):
            assert getattr(spec, name), f"AdapterSpec.{name} is empty"
        assert spec.risk in ("minimal", "limited", "high"), f"no risk '{spec.risk}'"
        assert spec.human_review in ("required", "advised", "none"), f"no human review '{spec.human_review}'"
        strange = set(spec.data_classes) - {"PHI", "PII", "MNPI"}
        assert not strange, f"no data class {', '.join(strange)}: PHI, PII or MNPI"
        words = " ".join(str(each) for each in spec).lower()
        assert "complies" not in words, "it supports a rule's work, it never complies: say so"
        assert "compliant" not in words, "it supports a rule's work, and is never compliant by itself: say so"

    def test_where_a_wrong_result_hurts_a_person_looks(self) -> None:
        """Medicine, and whatever has a high risk."""
        grave = self.spec.industry.startswith(("medic", "health")) or self.spec.risk == "high"
        assert not grave or self.spec.human_review == "required", "AdapterSpec.human_review must be 'required'"

    def test_its_class_bears_the_spec_that_is_registered(self) -> None:
        """Results name the version that the catalog lists."""
        assert self.trial.cls.spec == self.spec, "the class and register_adapters() have different specs"

    def test_a_result_is_what_the_adapter_promises(self) -> None:
        """Its payload's class, its envelope, its findings' codes."""
        for outcome in self.trial.outcomes:
            result = outcome.result
            assert result is not None, f"a sample has no result: {outcome.error}"
            assert isinstance(result, DomainResult), f"{a_type(result)} where a DomainResult is promised"
            wanted = self.trial.cls.Output
            if result.payload is not None:
                assert type(result.payload) is wanted, f"{type(result.payload).__name__} is not {wanted.__name__}"
            assert result.human_review == self.spec.human_review
            assert result.disclaimer == self.spec.disclaimer
            assert result.provenance.adapter == self.spec.name
        got = [each.result.payload for each in self.trial.outcomes if each.result is not None]
        assert any(payload is not None for payload in got), "every sample is stopped by a finding"

    def test_a_result_survives_json(self) -> None:
        """Written and read again by its schema, it is the same."""
        for outcome in self.trial.outcomes:
            again = type(outcome.unwrap()).model_validate_json(json.dumps(json.loads(outcome.to_json())["result"]))
            found = difference(again, outcome.result, 0.0)
            assert not found, f"after JSON {found}"
        json.dumps(self.trial.cls.Output.model_json_schema())

    def test_it_opens_no_connection(self) -> None:
        """Records stay where they are."""
        assert self.trial.outcomes
        assert not self.trial.attempts, f"it tried to reach {', '.join(self.trial.attempts)}"

    def test_a_server_s_client_reads_no_file_by_its_path(self) -> None:
        """Where the border is sealed (`duomo.inputs.seal`), a path tells nothing of a file, however deep it is."""
        sample = next((each for each in self.trial.items if isinstance(each, bytes)), self.trial.items[0])
        fix = "call duomo.inputs.check_unsealed before a path is opened"
        with tempfile.TemporaryDirectory() as folder, sealed():
            path = Path(folder) / "there"
            records = [str(path), *itertools.islice(_with_path(sample, str(path)), _PLACES)]
            without = self.trial.map(records)
            path.write_bytes(next((each for each in _leaves(sample) if isinstance(each, bytes)), b"content"))
            with_file = self.trial.map(records)
        for record, one, other in zip(records, without, with_file, strict=True):
            found = difference(_essence(one), _essence(other), self.tolerance)
            assert not found, f"a file that is there changes the answer to {record!r:.200}: {found}; {fix}"
        assert not isinstance(sample, bytes) or not with_file[0].ok, f"a path has a result; {fix}"

    def test_the_same_records_give_the_same_results(self) -> None:
        """Again, and from an adapter made again."""
        trial = self.trial
        _same(trial.map(trial.items), trial.outcomes, self.tolerance, "a second run")
        again = trial.make()
        prints = {name: each.fingerprint for name, each in again.artifacts.items()}
        assert prints == {name: each.fingerprint for name, each in trial.adapter.artifacts.items()}, (
            "example() fits something else each time: give its random numbers a seed"
        )

    def test_order_and_batches_do_not_show(self) -> None:
        """A record's result is its own."""
        trial = self.trial
        _same(trial.map(trial.items, batch_size=1), trial.outcomes, self.tolerance, "one by one")
        order = list(range(len(trial.items)))
        random.Random(0).shuffle(order)
        shuffled = trial.map([trial.items[i] for i in order])
        _same(shuffled, [trial.outcomes[i] for i in order], self.tolerance, "in another order")

    def test_later_records_change_nothing(self) -> None:
        """What was decided in March does not depend on April."""
        trial = self.trial
        times = [each.result.provenance.as_of if each.result is not None else None for each in trial.outcomes]
        if None in times or len(set(times)) < 2:
            raise unittest.SkipTest("its records have no times, or all the same")
        order = sorted(range(len(times)), key=lambda i: times[i].replace(tzinfo=None))  # type: ignore[union-attr]
        first = order[: len(order) // 2]
        alone = trial.map([trial.items[i] for i in first])
        whole = trial.map([trial.items[i] for i in order])[: len(first)]
        _same(alone, whole, self.tolerance, "without the later ones")

    def test_answers_and_protected_attributes_change_nothing(self) -> None:
        """They are for reports; neither may find its way into a result."""
        trial = self.trial
        records = trial.adapter.records(trial.items)
        if not any(each.label is not None or each.protected for each in records):
            raise unittest.SkipTest("its samples have neither")
        other = [
            dataclasses.replace(each, label=None, protected=dict.fromkeys(each.protected, "another"))
            for each in records
        ]
        _same(trial.map(other), trial.outcomes, self.tolerance, "without label, and with other protected attributes")

    def test_a_bad_record_costs_no_other_its_result(self) -> None:
        """One of a hundred."""
        trial = self.trial
        count = 3 if trial.cls.task else 100
        items = list(itertools.islice(itertools.cycle(trial.items), count))
        items[count // 3] = self.broken
        outcomes = trial.map(items)
        assert [each.index for each in outcomes] == list(range(count)), "outcomes are lost or out of order"
        failed = [each.index for each in outcomes if not each.ok]
        assert failed == [count // 3], f"records {failed} failed where {count // 3} is bad"
        error = outcomes[count // 3].error
        assert error is not None
        assert error.what
        rest = [each for each in outcomes if each.ok]
        wanted = [trial.outcomes[each.index % len(trial.items)] for each in rest]
        _same(rest, wanted, self.tolerance, "beside a bad one")

    def test_records_are_read_as_they_are_needed(self) -> None:
        """A stream has no end."""
        trial = self.trial
        taken = itertools.count(1)

        def endless() -> Iterator[Any]:
            for item in itertools.cycle(trial.items):
                assert next(taken) < _FAR, f"it read {_FAR} records before it gave the first result"
                yield item

        assert next(trial.adapter.map(endless())).ok

    def test_records_are_left_as_they_are(self) -> None:
        """They are the caller's."""
        found = difference(_plain(self.trial.items), _plain(self.trial.untouched), 0.0)
        assert not found, f"it changed what it was given: {found}"

    def test_who_somebody_is_does_not_show(self) -> None:
        """A marker in every field that identifies is in no result, log, audit line, warning or error."""
        trial = self.trial
        if not trial.adapter.is_private:
            raise unittest.SkipTest("its records are about no person (AdapterSpec.data_classes)")
        items = trial.canaries()
        assert items, (
            "its samples are not rows: write Adapter.canaries(marker) with the marker in each identifying field"
        )
        said = trial.everything_said(items)
        for place, text in said.items():
            assert MARKER.lower() not in text.lower(), f"what identifies a person is in {place}: …{_around(text)}…"

    def test_what_it_fitted_is_data(self) -> None:
        """JSON or safetensors with a fingerprint; loading it runs no code."""
        trial = self.trial
        if not trial.adapter.artifacts:
            raise unittest.SkipTest("it has no artefacts")
        with tempfile.TemporaryDirectory() as folder:
            trial.adapter.save(folder)
            strange = {path.suffix for path in Path(folder).rglob("*") if path.is_file()} - {".json", ".safetensors"}
            assert not strange, f"it saved files of kind {', '.join(strange)}"
            with listen() as events:
                again = trial.cls.load(folder, runner=trial.adapter.runner, secret=trial.adapter.secret)
            pickles = [event for event in events if event.startswith("pickle")]
            assert not pickles, f"loading it unpickled {', '.join(pickles)}"
            _same(list(again.map(trial.items)), trial.outcomes, self.tolerance, "after saving and loading")

    def test_its_audit_log_holds(self) -> None:
        """A line a record, and a sound chain."""
        trial = self.trial
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "audit.jsonl"
            with AuditLog(path) as log:
                count = len(list(trial.adapter.map(trial.items, audit=log)))
            verdict = verify(path)
            assert verdict.ok, verdict.problem
            assert verdict.lines >= count


@functools.lru_cache(maxsize=1)
def _try(suite: type[AdapterConformance]) -> Trial:
    return Trial(suite.adapter, suite.model, suite.samples, suite.catalog or default_catalog())


def _same(got: Sequence[Outcome[Any]], wanted: Sequence[Outcome[Any]], tolerance: float, when: str) -> None:
    assert len(got) == len(wanted), f"{when} there are {len(got)} outcomes, not {len(wanted)}"
    for a, b in zip(got, wanted, strict=True):
        found = difference(_essence(a), _essence(b), tolerance)
        assert not found, f"{when} a result differs: {found}"


def _essence(outcome: Outcome[Any]) -> object:
    """A result without what goes by its place in the stream: key and id may be a position."""
    if outcome.result is None:
        return outcome.error.to_dict() if outcome.error is not None else None
    whole = outcome.result.model_dump(exclude={"id", "key", "provenance"})
    for finding in whole["findings"]:
        finding.pop("record")
    return whole


def _with_path(value: object, path: str) -> Iterator[object]:
    """Give a value with the path in the place of each of its texts and files, one at a time; of a list in the first."""
    if isinstance(value, str | bytes):
        yield path
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from ({**value, name: other} for other in _with_path(each, path))
    elif isinstance(value, list) and value:
        yield from ([other, *value[1:]] for other in _with_path(value[0], path))


def _leaves(value: object) -> Iterator[object]:
    if not isinstance(value, Mapping | list):
        yield value
        return
    for each in value.values() if isinstance(value, Mapping) else value:
        yield from _leaves(each)


def _plain(items: Sequence[Any]) -> list[Any]:
    return [dataclasses.asdict(each) if isinstance(each, Record) else each for each in items]


def _around(text: str) -> str:
    at = text.lower().index(MARKER.lower())
    return text[max(0, at - 60) : at + 40]
