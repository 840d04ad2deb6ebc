"""SpeechT5 and Bark: the samples of the bare network under the same seed; batches, voices, folders that lack a part."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import safetensors.torch
import torch
import transformers as tf

import duomo
from duomo.errors import BadInput, BadOption, WeightsMismatch, WeightsMissing
from tests.plugins.speech import tiny

LAST_BITS = 5e-4
"""Sums in another order: frames are written from frames, and a random network makes a last bit larger at each."""


class Family(NamedTuple):
    make: Callable[[Path], None]
    bare: Callable[[Path, list[str], int, str | None], torch.Tensor]
    texts: list[str]
    rate: int
    voice: str
    voices: str


def bare_speecht5(folder: Path, texts: list[str], seed: int, voice: str | None) -> torch.Tensor:
    network = tf.SpeechT5ForTextToSpeech.from_pretrained(folder).eval()
    vocoder = tf.SpeechT5HifiGan.from_pretrained(folder / "vocoder").eval()
    speaker = safetensors.torch.load_file(folder / "speakers.safetensors")[voice or "ada"]
    tokenizer = tf.AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(seed)
    tokens = [tokenizer(text, return_tensors="pt")["input_ids"] for text in texts]
    return torch.cat([network.generate_speech(each, speaker[None], vocoder=vocoder) for each in tokens])


def bare_bark(folder: Path, texts: list[str], seed: int, voice: str | None) -> torch.Tensor:
    network, processor = tf.BarkModel.from_pretrained(folder).eval(), tf.BarkProcessor.from_pretrained(folder)
    torch.manual_seed(seed)
    return torch.cat([network.generate(**processor(text, voice_preset=voice, max_length=24))[0] for text in texts])


SPEECHT5 = Family(
    tiny.speecht5, bare_speecht5, ["a lazy dog", "I love this camera, Ada!", "stop"], 4000, "ben", "ada, ben"
)
BARK = Family(
    tiny.bark, bare_bark, ["this is a sound", "rain music", "dog of camera this is"], 8000, "ada", "the voices are ada"
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Each family's folder, and its runner."""
    made: dict[str, tuple[Path, Any]] = {}
    for family in (SPEECHT5, BARK):
        folder = tmp_path_factory.mktemp(family.make.__name__)
        family.make(folder)
        made[folder.name] = folder, duomo.load("text-to-speech", f"dir:{folder}", device="cpu")
    yield lambda family: made[f"{family.make.__name__}0"]
    for _, runner in made.values():
        runner.close()


def bare(family: Family, folder: Path, texts: list[str], seed: int = 0, voice: str | None = None) -> np.ndarray:
    """Samples of the networks by themselves, one text after another."""
    with torch.random.fork_rng(), torch.inference_mode():
        return family.bare(folder, texts, seed, voice).numpy().clip(-1, 1)


each_family = pytest.mark.parametrize("family", [SPEECHT5, BARK], ids=["speecht5", "bark"])


@pytest.mark.equals("SpeechT5 by `generate_speech` and Bark by `generate`, samples to 5e-4", "text-to-speech")
@each_family
def test_samples_are_those_of_the_bare_network_alone_and_in_a_batch(loaded: Any, family: Family) -> None:
    folder, runner = loaded(family)
    results = [outcome.unwrap() for outcome in runner.map(family.texts, batch_size=3)]
    assert len({result.wav for result in results}) == len(family.texts)
    for text, result in zip(family.texts, results, strict=True):
        expected = bare(family, folder, [text])
        np.testing.assert_allclose(result.samples, expected, atol=LAST_BITS)
        assert np.abs(expected).max() > 0.01
        assert result.wav == runner(text).wav
        assert result.sampling_rate == family.rate


@each_family
def test_a_voice_of_the_folder_and_a_seed_are_those_of_the_bare_network(loaded: Any, family: Family) -> None:
    folder, runner = loaded(family)
    text, voice = family.texts[0], family.voice
    said = runner(text, voice=voice, seed=5)
    np.testing.assert_allclose(said.samples, bare(family, folder, [text], 5, voice), atol=LAST_BITS)
    assert said.wav != runner(text, seed=5).wav
    assert said.wav != runner(text, voice=voice, seed=6).wav
    for options, why in (({"voice": "cy"}, family.voices), ({"speed": 1.5}, "as fast as it has learned")):
        with pytest.raises(BadOption) as caught:
            runner(text, **options)
        assert why in caught.value.why


@pytest.mark.parametrize(
    ("family", "parts"),
    [
        (SPEECHT5, ["don't stop - go over the fox. don't stop - go over the fox. ", "don't stop - go over the fox. "]),
        (BARK, ["this is a sound.", " rain of music."]),
    ],
    ids=["speecht5", "bark"],
)
def test_a_long_text_is_said_in_whole_sentences(loaded: Any, family: Family, parts: list[str]) -> None:
    folder, runner = loaded(family)
    [long] = runner.map(["".join(parts)])
    assert long.meta.windows == 2
    np.testing.assert_allclose(long.unwrap().samples, bare(family, folder, parts), atol=LAST_BITS)


def test_signs_that_are_left_out_are_reported(loaded: Any) -> None:
    _, runner = loaded(SPEECHT5)
    outcomes = list(runner.map(["a red ball", "a dog & a ball", "one \u20ac", "(a) \u201cdog\u201d; stop"]))
    assert all(outcome.ok for outcome in outcomes)
    assert [outcome.meta.truncated for outcome in outcomes] == [False, True, True, False]


def test_letters_that_the_tokenizer_does_not_know_are_refused_alone(loaded: Any) -> None:
    _, runner = loaded(SPEECHT5)
    digits, good = runner.map(["room 42", "stop"])
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
