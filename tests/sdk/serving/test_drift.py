"""Drift: alarms on streams that shift, none on twenty that do not."""

import math
import random

import pytest

import duomo
from duomo.outcome import outcome_of
from duomo.serving.monitoring.drift import REFERENCE, WINDOW, Drift, ks, psi
from duomo.serving.monitoring.signals import signals_of, size_of
from duomo.tasks.results import Embedding

LABELS = ("cat", "dog", "owl", "fox")


def item(dice: random.Random, *, longer: float = 1.0, owls: float = 0.1) -> dict[str, float | str]:
    """The signals of an item: a length, a label, a score, and a label out of a thousand."""
    label = "owl" if dice.random() < owls else dice.choice(LABELS)
    return {
        "input_size": math.log(longer) + dice.gauss(4.0, 0.9),
        "top_label": label,
        "top_score": dice.betavariate(8, 2),
        "rare": str(int(dice.paretovariate(1.0))),
    }


def stream(seed: int, num: int, **shift: float) -> Drift:
    drift, dice = Drift(), random.Random(seed)
    for _ in range(REFERENCE):
        drift.observe(item(dice))
    for _ in range(num):
        drift.observe(item(dice, **shift))
    return drift


def test_twenty_streams_that_do_not_shift_raise_no_alarm():
    """Eight windows each of four signals: 640 tests, of which 0.2 may be false."""
    alarms = [shift for seed in range(20) for shift in alarms_of(seed, 8 * WINDOW)]
    assert alarms == []


def alarms_of(seed: int, num: int) -> list[str]:
    drift, dice, found = Drift(), random.Random(seed), []
    for at in range(REFERENCE + num):
        drift.observe(item(dice))
        if at % WINDOW == 0:
            found += [shift.signal for shift in drift.shifts() if shift.alarm]
    return found + [shift.signal for shift in drift.shifts() if shift.alarm]


@pytest.mark.parametrize(
    ("shift", "signal"), [({"longer": 2.0}, "input_size"), ({"owls": 0.5}, "top_label")], ids=["longer", "owls"]
)
def test_a_shifted_stream_raises_its_alarm_within_one_window(shift, signal):
    for seed in range(5):
        assert [each.signal for each in stream(seed, WINDOW, **shift).shifts() if each.alarm] == [signal]


def test_a_small_change_is_none_however_many_items_show_it():
    dice = random.Random(1)
    one = [dice.gauss(0, 1) for _ in range(20_000)]
    other = [dice.gauss(0.1, 1) for _ in range(20_000)]
    distance, p = ks(one, other)
    assert p < 1e-6
    assert distance < 0.15


def test_the_statistics_are_the_textbooks():
    scipy = pytest.importorskip("scipy.stats")
    dice = random.Random(2)
    one, other = [dice.gauss(0, 1) for _ in range(300)], [dice.gauss(0.2, 1.1) for _ in range(200)]
    expected = scipy.ks_2samp(one, other, method="asymp")
    distance, p = ks(one, other)
    assert distance == pytest.approx(expected.statistic)
    assert p == pytest.approx(expected.pvalue, rel=0.1)
    found, chance = psi(["a"] * 60 + ["b"] * 40, ["a"] * 45 + ["b"] * 55)
    before, now = 60.5 / 101, 45.5 / 101
    assert found == pytest.approx(
        (now - before) * math.log(now / before) + (before - now) * math.log((1 - now) / (1 - before))
    )
    assert chance == pytest.approx(scipy.chi2.sf(found * 50, 1), rel=0.25)
    assert psi(["a"] * 50, ["a"] * 50) == (0.0, 1.0)
    for ones in range(1, 50):  # equal shares, whose differences may be rounded below zero
        assert 0.5 < psi(["a", *["b"] * ones] * 20, ["a", *["b"] * ones] * 10)[1] <= 1.0


def test_the_reference_outlives_the_process(tmp_path):
    path, dice = tmp_path / "a.json", random.Random(0)
    first = Drift(path, reference=50, window=50)
    for _ in range(50):
        first.observe(item(dice))
    again = Drift(path, reference=50, window=50)
    assert again.has_reference
    for _ in range(50):
        again.observe(item(dice, longer=20.0))
    assert [each.signal for each in again.shifts() if each.alarm] == ["input_size"]


def test_a_reference_that_is_damaged_or_cannot_be_kept_costs_no_start_and_no_answer(tmp_path):
    path, dice = tmp_path / "a.json", random.Random(0)
    for damaged in ('{"input_size": [1.0', "5", "[]", '{"input_size": 5}'):
        path.write_text(damaged, "utf-8")
        found = Drift(path, reference=2, window=2)
        assert not found.has_reference
    for _ in range(2):
        found.observe(item(dice))
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]
    assert Drift(path, reference=2, window=2).has_reference
    lost = Drift(tmp_path / "nowhere" / "a.json", reference=1, window=2)
    lost.observe(item(dice))
    assert lost.has_reference


def test_signals_say_how_large_and_how_sure_and_not_what(serve, faulty):
    outcome = faulty.submit("secret words").result()
    found = signals_of("secret words", outcome)
    assert found["input_size"] == math.log(12)
    assert found["top_score"] == 1.0
    assert size_of({"a": b"xy", "b": ["z", 7]}) == 4.0


def test_a_vector_has_signals_and_an_angle():
    vector = Embedding(vector=[1.0, 2.0, 3.0, 4.0])
    meta = duomo.Meta("feature-extraction", "fake")
    found = signals_of("a", outcome_of(0, "0", vector, None, meta))
    assert (found["vector_half"], found["vector_alternate"]) == (3.0, -2.0)


def test_columns_that_never_change_raise_no_alarm_and_another_constant_does():
    drift = Drift(reference=50, window=50)
    for _ in range(200):
        drift.observe({"number": 3.0, "name": "same"})
    assert [(each.statistic, each.alarm) for each in drift.shifts()] == [(0.0, False)] * 2
    for _ in range(50):
        drift.observe({"number": 4.0, "name": "other"})
    assert [each.alarm for each in drift.shifts()] == [True, True]
