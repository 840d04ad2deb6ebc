"""VITS: the waveform of the bare network under the same seed; batches, voices, speed, and what it cannot say."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import BadInput, BadOption, RequirementMissing, WrongTask
from duomo_speech.utterances import LONGEST, pieces
from tests.plugins.speech import tiny

TEXTS = ["a red ball", "I love this camera, Ada!", "one", "don't stop - go on to the end of the road"]


@pytest.fixture(scope="module", params=["stochastic", "plain", "speakers"])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    settings: dict[str, dict[str, Any]] = {
        "stochastic": {},
        "plain": {"use_stochastic_duration_prediction": False, "speaking_rate": 0.7},
        "speakers": {"num_speakers": 3, "speaker_embedding_size": 8},
    }
    tiny.vits(folder, **settings[request.param])
    return folder


@pytest.fixture(scope="module")
def runner(folder):
    with duomo.load("text-to-speech", f"dir:{folder}", device="cpu") as runner:
        yield runner


def bare(folder, text, seed=0, speed=1.0, speaker=None):
    """Samples of the network by itself."""
    network, tokenizer = tf.VitsModel.from_pretrained(folder).eval(), tf.VitsTokenizer.from_pretrained(folder)
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        rate = network.config.speaking_rate * speed
        return network(**tokenizer(text, return_tensors="pt"), speaker_id=speaker, speaking_rate=rate).waveform[0]


@pytest.mark.equals("VITS by its bare network, the same samples", "text-to-speech")
def test_samples_are_those_of_the_bare_network_alone_and_in_a_batch(folder, runner):
    speaker = 0 if runner.executor.worker.model.network.config.num_speakers > 1 else None
    results = [outcome.unwrap() for outcome in runner.map(TEXTS, batch_size=3)]
    assert len({len(result.samples) for result in results}) == len(TEXTS)
    for text, result in zip(TEXTS, results, strict=True):
        expected = bare(folder, text, speaker=speaker).numpy().clip(-1, 1)
        np.testing.assert_allclose(result.samples, expected, atol=1 / 32000)
        assert np.abs(expected).max() > 0.01
        assert result.wav == runner(text).wav


def test_seed_and_speed_are_those_of_the_bare_network(folder, runner):
    speaker = 0 if runner.executor.worker.model.network.config.num_speakers > 1 else None
    result = runner(TEXTS[3], seed=5, speed=2)
    expected = bare(folder, TEXTS[3], 5, 2.0, speaker).numpy().clip(-1, 1)
    np.testing.assert_allclose(result.samples, expected, atol=1 / 32000)
    assert result.duration < runner(TEXTS[3], seed=5).duration
    assert runner(TEXTS[3], seed=5).wav != runner(TEXTS[3], seed=6).wav


def test_a_voice_is_a_number_of_a_speaker_where_there_are_several(folder, runner):
    if runner.executor.worker.model.network.config.num_speakers > 1:
        expected = bare(folder, TEXTS[0], speaker=2).numpy().clip(-1, 1)
        np.testing.assert_allclose(runner(TEXTS[0], voice="2").samples, expected, atol=1 / 32000)
        with pytest.raises(BadOption, match="option 'voice' cannot be '3'") as caught:
            runner(TEXTS[0], voice="3")
        assert caught.value.why == "the voices are 0 to 2"
    else:
        with pytest.raises(BadOption, match="option 'voice' cannot be '0'"):
            runner(TEXTS[0], voice="0")


@pytest.mark.parametrize(("text", "signs"), [("room 42", "'4', '2'"), ("a привет", "'п', 'р', 'и', 'в', 'е' …")])
def test_letters_that_the_tokenizer_would_leave_out_are_refused_alone(runner, text, signs):
    good, bad = runner.map(["hello", text])
    assert good.ok
    assert bad.error.code == BadInput.code
    assert bad.error.what == f"this voice cannot say {signs}"
    [empty] = runner.map(["?!"])
    assert "nothing to say" in empty.error.what


def test_signs_that_are_left_out_are_reported(runner):
    texts = ["a red ball", "a dog & a ball", "one \u20ac", "(a) \u201cdog\u201d; stop"]
    outcomes = list(runner.map(texts))
    assert all(outcome.ok for outcome in outcomes)
    assert [outcome.meta.truncated for outcome in outcomes] == [False, True, True, False]


def test_a_long_text_is_said_in_parts_of_whole_sentences(runner):
    text = "the cat sat on the mat. " * 40
    parts = pieces(text)
    assert "".join(parts) == text
    assert all(len(part) <= LONGEST and part.endswith(". ") for part in parts)
    [outcome] = runner.map([text])
    assert outcome.meta.windows == len(parts) == 2
    assert outcome.unwrap().duration > runner(parts[0]).duration
    assert [len(part) for part in pieces("x" * (LONGEST + 1))] == [LONGEST, 1]


def test_checkpoints_that_need_another_program_are_refused_at_load(tmp_path, monkeypatch):
    tiny.vits(tmp_path, is_uroman=True)
    with pytest.raises(WrongTask) as caught:
        duomo.load("text-to-speech", f"dir:{tmp_path}", device="cpu")
    assert "is_uroman" in caught.value.why
    tiny.vits(tmp_path, phonemize=True)
    monkeypatch.setattr("duomo_speech.vits.is_phonemizer_available", lambda: False)
    with pytest.raises(RequirementMissing, match="needs the package phonemizer"):
        duomo.load("text-to-speech", f"dir:{tmp_path}", device="cpu")
