"""Records through an adapter: in order, lazily, each alone with its faults, and in an envelope that says how."""

import datetime as dt
import itertools
import pickle
import traceback

import pytest

import duomo
from duomo.adapters import CODES, AuditLog, DomainResult, Finding, Override, Record, find, pseudonym
from duomo.errors import AuditProblem, BadInput, GuardRefused, SystemicError, UsageProblem
from duomo.testing import fake_catalog
from duomo.testing.thermometer import EchoAdapter, Thermometer, Verdict

MARCH = dt.datetime(2026, 3, 1)


def test_one_row_in_one_verdict_out(thermometer, row):
    result = thermometer(row(celsius=90.0, load=2.0))
    assert result.payload == Verdict(excess=10.0, risk=result.score.value)
    assert result.score.kind == "probability"
    assert result.score.event == "failure"
    assert [each.code for each in result.reasons] == ["HOT"]
    assert result.decision.outcome in ("accept", "reject", "refer")
    assert result.human_review == "advised"
    assert result.disclaimer.startswith("Supports")
    assert result.provenance.adapter == "fake/thermometer"
    assert set(result.provenance.artifacts) == {"calibrator", "policy"}
    assert result.provenance.libs["duomo"] == duomo.__version__


def test_outcomes_come_in_order_and_a_bad_record_stays_alone(thermometer, row):
    rows = [row(f"m{i}", 60.0 + i) for i in range(9)]
    rows[4] = {"machine": "m4"}
    outcomes = list(thermometer.map(rows))
    assert [each.index for each in outcomes] == list(range(9))
    assert [each.ok for each in outcomes] == [i != 4 for i in range(9)]
    assert [each.result.payload.excess for each in outcomes if each.ok] == [i - 10.0 for i in range(9) if i != 4]


def test_a_batch_that_fails_is_tried_one_by_one(thermometer, row):
    outcomes = list(thermometer.map([row(celsius=each) for each in (70, 666, 71, 72)]))
    assert [each.ok for each in outcomes] == [True, False, True, True]
    assert [each.meta.batch for each in outcomes if each.ok] == [1, 1, 1]
    assert outcomes[1].error.code == "E-ADAPTER-FAILED"
    assert "raised RuntimeError" in outcomes[1].error.what


def test_a_text_with_half_a_character_is_an_error_that_says_so(row):
    """A record's name goes into its id, and one about a person into a pseudonym."""
    [outcome] = Thermometer.example().map([row("m\ud83d")])
    assert outcome.error.type == "BadInput"
    assert "half a character" in outcome.error.what


def test_a_verdict_that_is_not_finite_is_an_error_of_its_record(thermometer, row):
    class Diverging(Thermometer):
        def result(self, case):
            found = super().result(case)
            return found.model_copy(update={"excess": float("inf")}) if found.excess > 0 else found

    bad, good = Diverging(artifacts=thermometer.artifacts).map([row(celsius=95.0), row(celsius=70.0)])
    assert bad.error.type == "BadOutput"
    assert "not finite" in bad.error.what
    assert good.ok


def test_a_batch_that_works_is_one_call_of_score(thermometer, row):
    outcomes = list(thermometer.map([row(celsius=float(each)) for each in range(70, 76)], batch_size=3))
    assert [each.meta.batch for each in outcomes] == [3] * 6


def test_records_are_read_no_further_than_a_batch(thermometer, row):
    read = []
    rows = (read.append(i) or row(celsius=70.0 + i) for i in itertools.count())
    outcomes = thermometer.map(rows)
    assert next(outcomes).ok
    assert len(read) == Thermometer.batch_size


def test_an_error_about_a_person_quotes_nothing_of_the_record(thermometer, row):
    [outcome] = thermometer.map([row("Ada Lovelace", -1)])
    assert outcome.error.code == "E-ADAPTER-FAILED"
    assert "raised ValueError" in outcome.error.what
    assert "withheld" in outcome.error.why
    assert "in result, line" in outcome.error.why
    assert "of thermometer.py" in outcome.error.why
    assert "Ada" not in outcome.error.what + outcome.error.why + outcome.error.traceback
    assert outcome.error.exception.__cause__ is None


def test_a_number_that_is_none_is_named_by_where_it_was_made(thermometer, row):
    [outcome] = thermometer.map([row("Lovelace", 70.0, load=float("inf"))])
    assert "Uncalibrated.value: input should be a finite number (in interpret, line" in outcome.error.why
    assert "Lovelace" not in f"{outcome.error}"


def test_what_lies_behind_a_plugins_own_error_is_not_passed_on(row):
    class Strict(Thermometer):
        def prepare(self, record):
            try:
                raise ValueError(f"no sense in {record.payload}")
            except ValueError as error:
                raise BadInput("this reading makes no sense", fix="look at it") from error

    [outcome] = Strict().map([row("Lovelace")])
    assert outcome.error.what == "this reading makes no sense"
    assert "Lovelace" not in "".join(traceback.format_exception(outcome.error.to_exception()))


def test_an_error_about_no_person_says_what_was_raised(row):
    class Open(Thermometer):
        spec = Thermometer.spec._replace(data_classes=())

    [outcome] = Open().map([row("pump", -1)])
    assert "cannot judge" in outcome.error.why
    assert isinstance(outcome.error.exception, ValueError)


def test_keys_are_pseudonyms_where_people_are_meant_and_names_elsewhere(row):
    result = Thermometer(secret=b"s")(row("Ada Lovelace"))
    assert result.key == pseudonym("Ada Lovelace", b"s")
    assert "Ada" not in result.model_dump_json()
    assert Thermometer(secret=b"t")(row("Ada Lovelace")).key != result.key

    class Open(Thermometer):
        spec = Thermometer.spec._replace(data_classes=())

    assert Open()(row("pump 7")).key == "pump 7"


def test_the_secret_of_pseudonyms_can_come_from_the_environment(monkeypatch, row):
    monkeypatch.setenv("DUOMO_PSEUDONYM_KEY", "s")
    assert Thermometer()(row("Ada")).key == pseudonym("Ada", b"s")


def test_equal_records_give_equal_results_with_the_same_id(row):
    first, second, other = (Thermometer(secret=b"s")(row(celsius=each)) for each in (70.0, 70.0, 71.0))
    assert first == second
    assert first.id != other.id


def test_a_result_is_the_same_after_json_and_in_another_process(thermometer, row):
    result = thermometer(row())
    assert DomainResult[Verdict].model_validate_json(result.model_dump_json()) == result
    again = pickle.loads(pickle.dumps(result))
    assert again == result
    assert type(again) is type(result)


def test_a_wrong_unit_stops_the_record_and_says_what_to_do(thermometer, row):
    stopped, fine = thermometer.map([row(celsius=-300.0), row()])
    assert stopped.ok
    assert stopped.result.payload is None
    assert stopped.result.score is None
    assert (stopped.result.decision.outcome, stopped.result.decision.reason) == ("refer", "UNITS.MISMATCH")
    [found] = stopped.result.findings
    assert (found.severity, found.field) == ("block", "celsius")
    assert found.record == stopped.result.key
    assert found.fix == "check the unit: °C is meant"
    assert fine.result.payload.excess == 5.0


def test_a_value_that_was_not_known_in_time_stops_the_record(thermometer):
    record = thermometer.record({"machine": "m", "celsius": 70, "time": "2026-03-01T12:00:00"})
    early = Record(record.payload, "k", event_time=MARCH, available_at={"celsius": MARCH - dt.timedelta(days=1)})
    late = Record(record.payload, "k", event_time=MARCH, available_at={"celsius": MARCH + dt.timedelta(seconds=1)})
    zoned = Record(
        record.payload, "k", event_time=MARCH, available_at={"celsius": dt.datetime(2026, 4, 1, tzinfo=dt.UTC)}
    )
    assert thermometer(early).payload.excess == 0.0
    for each in (late, zoned):
        assert thermometer(each).decision.reason == "LEAK.FUTURE"
        assert "'celsius' became known after" in thermometer(each).findings[0].text


def test_a_protected_attribute_among_the_features_stops_the_record(thermometer):
    smuggled = Record({"celsius": 70.0, "load": 1.0, "operator": "Ada"}, "k")
    result = thermometer(smuggled)
    assert result.decision.reason == "FAIR.PROHIBITED_BASIS"
    assert "move 'operator' to Record.protected" in result.findings[0].fix


def test_a_protected_attribute_as_a_field_of_the_payload_is_refused_when_the_adapter_is_made():
    class Biased(Thermometer):
        protected = ("operator", "load")  # type: ignore[assignment]

    with pytest.raises(GuardRefused, match=r"FAIR.PROHIBITED_BASIS: 'load' is protected, and a field of Reading"):
        Biased()


def test_a_protected_column_goes_into_the_side_channel(thermometer, row):
    record = thermometer.record(row(operator="Ada", failed=1))
    assert dict(record.protected) == {"operator": "Ada"}
    assert record.label == 1
    assert not hasattr(record.payload, "operator")
    assert "Ada" not in repr(record)


def test_a_finding_that_refers_sends_the_record_to_a_person(row):
    class Unsure(Thermometer):
        def guards(self, phase):
            return [lambda case: [find("OOD.RANGE", record=case.record.key)]] if phase == "output" else []

    result = Unsure.example()(row(celsius=200.0))
    assert result.payload.excess == 130.0
    assert (result.decision.outcome, result.decision.reason) == ("refer", "OOD.RANGE")
    assert result.decision.policy == Thermometer.example().artifacts["policy"].ref


def test_an_adapter_may_reject_what_is_stopped(row):
    class Gate(Thermometer):
        on_block = "reject"

    assert Gate()(row(celsius=-300)).decision.outcome == "reject"


def test_going_on_despite_a_finding_takes_a_reason_and_a_log(thermometer, row, tmp_path):
    with pytest.raises(AuditProblem, match="needs an audit log"):
        thermometer.map([row()], overrides=[Override("UNITS.MISMATCH", "kelvin")])
    with AuditLog(tmp_path / "log") as log:
        with pytest.raises(UsageProblem, match="has no reason"):
            thermometer.map([row()], audit=log, overrides=[Override("UNITS.MISMATCH", " ")])
        with pytest.raises(UsageProblem, match="no finding has the code") as caught:
            thermometer.map([row()], audit=log, overrides=[Override("UNITS.MISMACH", "kelvin")])
        assert "Did you mean 'UNITS.MISMATCH'" in caught.value.why
        overrides = [Override("UNITS.MISMATCH", "the sensor was recalibrated", "Ada")]
        [outcome] = thermometer.map([row(celsius=-300.0)], audit=log, overrides=overrides)
    assert outcome.result.payload.excess == -370.0
    assert outcome.result.findings[0].overridden == "the sensor was recalibrated (Ada)"
    lines = (tmp_path / "log").read_text().splitlines()
    assert '"event":"override"' in lines[0]
    assert '"reason":"the sensor was recalibrated (Ada)"' in lines[0]
    assert '"event":"result"' in lines[1]


def test_an_override_for_one_record_leaves_the_others_stopped(thermometer, row, tmp_path):
    key = thermometer.record(row("m7")).key
    with AuditLog(tmp_path / "log") as log:
        overrides = [Override("UNITS.MISMATCH", "checked", record=key)]
        first, second = thermometer.map([row("m7", -300), row("m8", -300)], audit=log, overrides=overrides)
    assert first.result.payload.excess == -370.0
    assert second.result.payload is None


def test_too_many_failed_records_end_the_run(thermometer, row):
    outcomes = thermometer.map([{"machine": "a"}, row(), {"machine": "b"}, row()], max_failed=1)
    with pytest.raises(SystemicError, match="2 records failed") as caught:
        for _ in range(4):
            next(outcomes)
    assert "has no 'celsius'" in caught.value.why


def test_what_was_read_before_the_source_broke_has_its_result(thermometer, row):
    def broken():
        yield row("m1")
        yield row("m2")
        raise OSError("the disk is gone")

    outcomes = thermometer.map(broken())
    assert [next(outcomes).ok, next(outcomes).ok] == [True, True]
    with pytest.raises(OSError, match="the disk is gone"):
        next(outcomes)


def test_a_lost_record_keeps_its_error_and_its_place(thermometer, row):
    lost, fine = thermometer.map([BadInput("the scanner was off"), row()])
    assert lost.error.what == "the scanner was off"
    assert fine.ok


@pytest.mark.parametrize("items", [{"machine": "m"}, "rows.csv", b"x"])
def test_map_takes_many_records(thermometer, items):
    with pytest.raises(UsageProblem, match="map\\(\\) takes many records"):
        thermometer.map(items)


def test_a_score_that_loses_an_output_is_an_adapters_fault(row):
    class Losing(Thermometer):
        def score(self, prepared):
            return []

    [outcome] = Losing().map([row()])
    assert "gave 0 for 1 record" in outcome.error.what


def test_the_task_of_an_adapter_runs_through_the_runner_and_its_faults_stay_alone():
    with duomo.adapt("fake/notes", catalog=fake_catalog()) as notes:
        outcomes = list(notes.map(["one", "poison", "a secret", "three", "secret"]))
    assert [each.ok for each in outcomes] == [True, False, True, True, True]
    assert [each.result.payload.excess if each.result.payload else None for each in outcomes if each.ok] == [
        3,
        None,
        5,
        None,
    ]
    assert outcomes[1].error.code == "E-MODEL-FAILED"
    assert outcomes[0].meta.model == "fake/echo"
    assert outcomes[0].result.provenance.model == "fake/echo"
    assert outcomes[0].result.provenance.executor == "inline"


def test_a_result_names_the_model_that_made_it_whatever_came_before_it():
    with duomo.adapt("fake/notes", catalog=fake_catalog()) as notes:
        stopped, behind = notes.map(["a secret", "one"])
        ahead, stopped_too = notes.map(["one", "a secret"])
        made = [each.result.provenance.model for each in (stopped, behind, ahead, stopped_too)]
    assert made == ["", "fake/echo", "fake/echo", ""], "a record that was stopped never came to a model"
    assert stopped.result.provenance == stopped_too.result.provenance
    assert behind.result.provenance == ahead.result.provenance


def test_a_stream_of_nothing_but_stopped_records_goes_on_and_keeps_its_order():
    words = ["one", *["a secret"] * 600, "two", *["a secret"] * 300]
    with duomo.adapt("fake/notes", catalog=fake_catalog()) as notes:
        outcomes = list(notes.map(words))
        endless = notes.map(itertools.cycle(["a secret"]))
        assert next(endless).result.payload is None
    assert [each.index for each in outcomes] == list(range(len(words)))
    assert [each.index for each in outcomes if each.result.payload is not None] == [0, 601]


def test_records_that_need_no_model_are_given_out_before_more_than_a_window_is_read():
    read = []
    words = (read.append(word) or word for word in itertools.cycle(["a secret"]))
    with duomo.adapt("fake/notes", catalog=fake_catalog()) as notes:
        outcomes = notes.map(words)
        assert next(outcomes).result.payload is None
        assert len(read) <= 1024
        outcomes.close()  # type: ignore[attr-defined]


def test_what_came_to_a_model_before_the_source_broke_has_its_result():
    def broken():
        yield from ("one", "a secret", "two")
        raise OSError("the disk is gone")

    seen = []
    with duomo.adapt("fake/notes", catalog=fake_catalog()) as notes, pytest.raises(OSError, match="the disk is gone"):
        seen.extend(notes.map(broken()))
    assert [each.ok for each in seen] == [True, True, True]


def test_a_task_that_quotes_a_record_about_people_is_not_passed_on():
    class Private(EchoAdapter):
        spec = EchoAdapter.spec._replace(data_classes=("PHI",))

    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog()) as runner:
        [outcome] = Private(runner=runner).map(["poison for Ada"])
    assert outcome.error.code == "E-MODEL-FAILED"
    assert "Ada" not in str(outcome.error)
    assert "withheld" in outcome.error.why


def test_an_adapter_of_a_task_wants_a_model():
    with pytest.raises(UsageProblem, match="has no model for text-classification") as caught:
        EchoAdapter().map(["a"])
    assert "duomo.adapt('fake/notes', model=…)" in caught.value.fix


def test_the_envelope_has_one_shape(thermometer, row):
    parts = "id key payload score decision reasons findings provenance human_review disclaimer".split()
    assert list(thermometer(row()).model_dump()) == parts
    assert list(DomainResult[Verdict].model_json_schema()["properties"]) == parts
    made_with = "adapter adapter_version plugin model executor device artifacts input_digest as_of libs".split()
    assert list(thermometer(row()).provenance.model_dump()) == made_with


def test_findings_have_closed_codes():
    assert find("LEAK.TARGET").severity == "block"
    with pytest.raises(ValueError, match="the codes are closed"):
        Finding(code="MY.OWN", severity="warn", text="")
    assert all(severity in ("block", "refer", "warn", "info") and text for severity, text in CODES.values())
