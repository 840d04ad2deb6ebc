"""Hibari: what it says is understood, and options are obeyed or refused."""

import numpy as np
import pytest
import soundfile

from duomo.errors import BadInput, BadOption, WeightsMissing

pytestmark = pytest.mark.embedded


def test_what_is_said_is_understood(asr, spoken, sentences, word_errors):
    heard = [outcome.unwrap().text for outcome in asr.map((samples, 16_000) for samples in spoken)]
    counts = [word_errors(*pair) for pair in zip(sentences, heard, strict=True)]
    errors, words = map(sum, zip(*counts, strict=True))
    assert errors / words <= 0.10


def test_speech_is_a_wav_file_and_samples(tts, tmp_path):
    speech = tts("Hello there.")
    path = speech.save(tmp_path / "hello.wav")
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.subtype) == (24_000, 1, "PCM_16")
    assert info.duration == pytest.approx(speech.duration)
    assert 0.5 < speech.duration < 2.5
    assert 0.05 < np.abs(speech.samples).max() <= 1


@pytest.mark.equals("the package's own voice, the same samples", "text-to-speech")
def test_samples_equal_those_of_the_package(tts):
    from hibari import Hibari

    text = "First sentence. Then a second one, with a comma!"
    np.testing.assert_allclose(tts(text, speed=1.2, seed=7).samples, Hibari()(text, 1.2, 7).clip(-1, 1), atol=1 / 32000)


def test_speed_and_seed_are_obeyed(tts, sentences):
    usual = tts(sentences[0])
    assert tts(sentences[0], speed=2.0).duration < 0.7 * usual.duration
    assert tts(sentences[0]).wav == usual.wav
    assert tts(sentences[0], seed=1).wav != usual.wav


def test_a_batch_gives_what_one_by_one_gives(tts, sentences):
    assert [outcome.unwrap().wav for outcome in tts.map(sentences[:3])] == [tts(text).wav for text in sentences[:3]]


def test_voices_are_named_when_one_is_not_known_or_not_here(tts, monkeypatch):
    with pytest.raises(BadOption, match="'emmma'") as unknown:
        tts("Hello", voice="emmma")
    assert "emma" in unknown.value.why
    assert "heart, emma" in unknown.value.fix
    monkeypatch.setattr(tts.executor.worker.model, "voices", {})
    with pytest.raises(WeightsMissing, match="'emma' is not on this machine") as missing:
        tts("Hello", voice="emma")
    assert "--voice emma" in missing.value.fix


@pytest.mark.parametrize("text", ["!!!", "你好"])
def test_a_text_with_nothing_to_say_is_refused_alone(tts, text):
    bad, good = tts.map([text, "Hello"])
    assert good.ok
    assert bad.error.code == BadInput.code
    assert "English" in bad.error.why


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("Hello 你好 world.", "'你好'"),
        ("Привет мир", "'Привет', 'мир'"),
        ("He said שלום and left.", "'שלום'"),
        ("Room ٣", "'٣'"),
        ("दिल्ली, now", "'दिल्ली'"),
        ("Καλημέρα, everybody", "'Καλημέρα'"),
        ("one а two", "'а'"),
    ],
)
def test_words_that_the_voice_would_leave_out_or_spell_are_refused(tts, text, left_out):
    good, bad = tts.map(["Hello.", text])
    assert good.ok
    assert bad.error.code == "E-INPUT"
    assert bad.error.what == f"this voice cannot say {left_out}"


def test_a_number_too_large_to_have_a_name_is_refused(tts):
    """The package raised IndexError from its list of names."""
    named, bad, apart = tts.map(["9" * 36, "The key is 9,999" + "9" * 33, "9 " * 40])
    assert named.ok
    assert apart.ok
    assert (bad.error.code, bad.error.what) == (
        "E-INPUT",
        "this voice cannot say '9,9999999999'…, a number of 37 digits",
    )


@pytest.mark.parametrize(
    "text", ["Zoë Müller-Łódź, señor", "an α-helix", "5 µm at 10 °C", "Ｆｕｌｌ width", "x² ≤ ½ 🙂", "№ 5"]
)
def test_latin_letters_with_any_mark_and_signs_are_no_foreign_words(text):
    from duomo_speech.hibari_tts import foreign_words

    assert foreign_words(text) == []
