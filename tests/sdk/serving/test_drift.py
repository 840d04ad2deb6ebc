"""Drift: alarms on streams that shift, none on twenty that do not."""

import asyncio
import io
import math
import random

import numpy as np
import PIL.Image
import pytest
import soundfile

import duomo
from duomo.inputs import Image, Text, TextOrImage
from duomo.outcome import outcome_of
from duomo.serving.monitoring.drift import REFERENCE, WINDOW, Drift, ks, psi
from duomo.serving.monitoring.senses import Senses, brightness, loudness
from duomo.serving.monitoring.signals import language_sign, signals_of, size_of
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


@pytest.mark.parametrize(("item", "sign"), [
    ("The end", "The end"),
    ({"question": "Is it far?", "context": "No."}, "Is it far?"),
    ({"messages": [{"role": "user", "content": "We saw it."}]}, "We saw it."),
    ({"age": 31, "sex": "f", "city": "Oslo"}, ""),
])  # fmt: skip
def test_a_language_is_that_of_a_text_and_the_cells_of_a_row_have_none(item, sign):
    found = signals_of(item, outcome_of(0, "0", Embedding(vector=[1.0]), None, duomo.Meta("a", "b")))
    assert found.get("language", "") == (language_sign(sign) if sign else "")


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


ENGLISH = ["The train is late.", "Is it far to the sea?", "A cup of tea, please.", "We all saw the film.",
           "He is in Oslo.", "It was hot.", "She has two dogs and a cat.", "You can pay at the door."]  # fmt: skip
GERMAN = ["Der Zug kommt spät.", "Ist es weit bis zum Meer?", "Eine Tasse Tee, bitte.", "Wir sahen den Film alle.",
          "Er ist in Oslo.", "Es war heiß.", "Sie hat zwei Hunde und eine Katze.", "Man zahlt an der Tür."]  # fmt: skip


def test_texts_of_another_language_raise_an_alarm_and_others_of_the_same_none():
    for after, alarms in ((GERMAN, ["language"]), (ENGLISH, [])):
        drift, dice = Drift(), random.Random(0)
        for at in range(REFERENCE + WINDOW):
            text = dice.choice(ENGLISH if at < REFERENCE else after)
            drift.observe({"language": language_sign(text)})
        assert [shift.signal for shift in drift.shifts() if shift.alarm] == alarms


def test_a_language_is_told_by_its_script_where_it_has_no_short_words():
    signs = [language_sign(text) for text in ("会議は三時に始まります", "Совещание начинается завтра", "42", "")]
    assert signs == ["CJK", "CYRILLIC", "NONE", "NONE"]
    assert language_sign("The end") == language_sign("the start") != language_sign("Das Ende")


def test_an_image_is_as_bright_as_its_mean_grey_and_a_clip_as_loud_as_its_power(png):
    assert brightness(png) == pytest.approx(200, abs=0.5)
    tone = np.sin(np.arange(16_000) / 4).astype(np.float32)
    assert loudness((tone, 16_000)) == pytest.approx(-3.01, abs=0.05)
    assert loudness((tone / 10, 16_000)) == pytest.approx(-23.01, abs=0.05)
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(24_000) / 6), 24_000, format="WAV")
    assert loudness(file.getvalue()) == pytest.approx(-3.01, abs=0.05), "at a rate of its own, which nobody named"
    assert (loudness((0 * tone, 16_000)), brightness(b"no image"), loudness("/etc/hostname")) == (-100, None, None)


def test_a_page_of_a_pdf_is_not_drawn_again_to_be_looked_at(png):
    """Another process draws it, whose time is nobody's share."""

    async def is_looked_at(content):
        Senses(Image).look(content, Drift())
        return len(asyncio.all_tasks()) > 1

    page = io.BytesIO()
    PIL.Image.open(io.BytesIO(png)).convert("RGB").save(page, "PDF")
    assert asyncio.run(is_looked_at(png))
    assert not asyncio.run(is_looked_at(page.getvalue()))


@pytest.mark.parametrize(
    ("kind", "wrap", "signals"),
    [(Image, bytes, ["brightness"]), (TextOrImage, lambda each: {"image": each}, ["brightness"]), (Text, bytes, [])],
    ids=["image", "part", "text"],
)
def test_images_are_looked_at_one_at_a_time_and_others_are_left_out(png, kind, wrap, signals):
    async def looked_at():
        senses, drift = Senses(kind, share=1.0), Drift(reference=2, window=2)
        for _ in range(100):
            senses.look(wrap(png), drift)
            await asyncio.sleep(0.002)
            if drift.shifts():
                break
        return [shift.signal for shift in drift.shifts()]

    assert asyncio.run(looked_at()) == signals
