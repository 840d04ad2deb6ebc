"""Bark: the samples of `generate` under the same seed, alone and in a batch; voices of its folder, long texts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import BadOption
from tests.plugins.speech import tiny

TEXTS = ["this is a sound", "rain music", "dog of camera this is"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bark")
    tiny.bark(folder)
    return folder


@pytest.fixture(scope="module")
def runner(folder: Path) -> Any:
    with duomo.load("text-to-speech", f"dir:{folder}", device="cpu") as runner:
        yield runner


def bare(folder: Path, texts: list[str], seed: int = 0, voice: str | None = None) -> np.ndarray:
    """Samples of the network by itself, one text after another."""
    network, processor = tf.BarkModel.from_pretrained(folder).eval(), tf.BarkProcessor.from_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        said = [network.generate(**processor(text, voice_preset=voice, max_length=24))[0] for text in texts]
    return torch.cat(said).numpy().clip(-1, 1)


@pytest.mark.equals("Bark by `generate`, the same samples", "text-to-speech")
def test_samples_are_those_of_generate_alone_and_in_a_batch(folder: Path, runner: Any) -> None:
    for text, outcome in zip(TEXTS, runner.map(TEXTS, batch_size=3), strict=True):
        expected, result = bare(folder, [text]), outcome.unwrap()
        np.testing.assert_allclose(result.samples, expected, atol=1 / 32000)
        assert np.abs(expected).max() > 0.01
        assert result.wav == runner(text).wav
        assert result.sampling_rate == 8000


def test_a_voice_of_the_folder_and_a_seed_are_those_of_generate(folder: Path, runner: Any) -> None:
    ada = runner(TEXTS[0], voice="ada", seed=5)
    np.testing.assert_allclose(ada.samples, bare(folder, TEXTS[:1], 5, "ada"), atol=1 / 32000)
    assert ada.wav != runner(TEXTS[0], seed=5).wav
    assert ada.wav != runner(TEXTS[0], voice="ada", seed=6).wav
    for options, said in (({"voice": "cy"}, "the voices are ada"), ({"speed": 1.5}, "as fast as it has learned")):
        with pytest.raises(BadOption) as caught:
            runner(TEXTS[0], **options)
        assert said in caught.value.why


def test_a_long_text_is_said_in_whole_sentences(folder: Path, runner: Any) -> None:
    [long] = runner.map(["this is a sound. rain of music."])
    assert long.meta.windows == 2
    np.testing.assert_allclose(long.unwrap().samples, bare(folder, ["this is a sound.", "rain of music."]), atol=1e-4)
