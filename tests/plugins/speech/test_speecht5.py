"""SpeechT5: the samples of `generate_speech` under the same seed; batches, voices, and folders that lack a part."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import transformers as tf

import duomo
from duomo.errors import BadInput, BadOption, WeightsMismatch, WeightsMissing
from tests.plugins.speech import tiny

TEXTS = ["a lazy dog", "I love this camera, Ada!", "stop", "don't stop - go over the fox. " * 3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speecht5")
    tiny.speecht5(folder)
    return folder


@pytest.fixture(scope="module")
def runner(folder: Path) -> Any:
    with duomo.load("text-to-speech", f"dir:{folder}", device="cpu") as runner:
        yield runner


def bare(folder: Path, texts: list[str], seed: int = 0, voice: str = "ada") -> np.ndarray:
    """Samples of the network and the vocoder by themselves, one text after another."""
    network = tf.SpeechT5ForTextToSpeech.from_pretrained(folder).eval()
    vocoder = tf.SpeechT5HifiGan.from_pretrained(folder / "vocoder").eval()
    speaker = safetensors.torch.load_file(folder / "speakers.safetensors")[voice]
    tokenizer = tf.AutoTokenizer.from_pretrained(folder)
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        said = [
            network.generate_speech(tokenizer(text, return_tensors="pt")["input_ids"], speaker[None], vocoder=vocoder)
            for text in texts
        ]
    return torch.cat(said).numpy().clip(-1, 1)


@pytest.mark.equals("SpeechT5 by `generate_speech`, samples to 5e-4", "text-to-speech")
def test_samples_are_those_of_generate_speech_alone_and_in_a_batch(folder: Path, runner: Any) -> None:
    results = [outcome.unwrap() for outcome in runner.map(TEXTS[:3], batch_size=3)]
    assert len({len(result.samples) for result in results}) > 1
    for text, result in zip(TEXTS, results, strict=False):
        expected = bare(folder, [text])
        np.testing.assert_allclose(
            result.samples, expected, atol=5e-4
        )  # frame by frame, rounding grows; it hangs on the machine
        assert np.abs(expected).max() > 0.01
        assert result.wav == runner(text).wav
        assert result.sampling_rate == 4000


def test_a_voice_is_a_name_of_the_folder_and_a_seed_repeats_it(folder: Path, runner: Any) -> None:
    ben = runner(TEXTS[0], voice="ben", seed=5)
    np.testing.assert_allclose(ben.samples, bare(folder, TEXTS[:1], 5, "ben"), atol=1 / 32000)
    assert ben.wav != runner(TEXTS[0], seed=5).wav
    assert ben.wav != runner(TEXTS[0], voice="ben", seed=6).wav
    for options, said in (({"voice": "cy"}, "ada, ben"), ({"speed": 1.5}, "as fast as it has learned")):
        with pytest.raises(BadOption) as caught:
            runner(TEXTS[0], **options)
        assert said in caught.value.why


def test_signs_that_are_left_out_are_reported(runner: Any) -> None:
    texts = ["a red ball", "a dog & a ball", "one \u20ac", "(a) \u201cdog\u201d; stop"]
    outcomes = list(runner.map(texts))
    assert all(outcome.ok for outcome in outcomes)
    assert [outcome.meta.truncated for outcome in outcomes] == [False, True, True, False]


def test_a_long_text_is_said_in_sentences_and_unknown_letters_are_refused_alone(folder: Path, runner: Any) -> None:
    long, digits, good = runner.map([TEXTS[3], "room 42", "stop"])
    assert long.meta.windows == 2, "positions of speech for 68 letters at once"
    np.testing.assert_allclose(long.unwrap().samples, bare(folder, [TEXTS[3][:60], TEXTS[3][60:]]), atol=1 / 32000)
    assert digits.error.code == BadInput.code
    assert digits.error.what == "this voice cannot say '4', '2'"
    assert good.ok


@pytest.mark.parametrize("part", ["speakers.safetensors", "vocoder/config.json"])
def test_a_folder_that_lacks_a_part_is_refused_with_its_name(tmp_path: Path, part: str) -> None:
    tiny.speecht5(tmp_path)
    (tmp_path / part).unlink()
    with pytest.raises(WeightsMissing, match=f"has no {part}"):
        duomo.load("text-to-speech", f"dir:{tmp_path}", device="cpu")


def test_vectors_of_another_size_are_refused(tmp_path: Path) -> None:
    tiny.speecht5(tmp_path)
    safetensors.torch.save_file({"ada": torch.ones(6), "eve": torch.ones(5)}, tmp_path / "speakers.safetensors")
    with pytest.raises(WeightsMismatch, match="no vector of 6 numbers under 'eve'"):
        duomo.load("text-to-speech", f"dir:{tmp_path}", device="cpu")
