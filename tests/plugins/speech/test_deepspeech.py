"""DeepSpeech by torchaudio's network: its own features and greedy CTC, against plain computations."""

from pathlib import Path

import numpy as np
import pytest
import torch

import duomo
from duomo.errors import BadOption, WeightsMismatch
from duomo.testing.samples import voice
from duomo_speech.deepspeech import Description, greedy, save

RATE = 16_000
SMALL = Description(hidden=16, context=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = SMALL.build()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return save(network, tmp_path_factory.mktemp("deepspeech"), SMALL)


def test_repeats_are_one_letter_and_blanks_none() -> None:
    assert greedy([0, 0, 2, 2, 4, 2, 3, 0, 0, 1, 4], " abc") == "bbc a"
    assert greedy([4, 4], " abc") == ""


@pytest.mark.embedded
def test_letters_are_those_of_the_network_alone_and_in_a_batch(folder: Path) -> None:
    runner = duomo.load("automatic-speech-recognition", f"dir:{folder}", device="cpu")
    model = runner.executor.worker.model  # type: ignore[attr-defined]  # its windows are what the network is given
    network = model.network
    items = [(voice(pitch, seconds), RATE) for pitch, seconds in ((120, 1.2), (210, 2.0))]
    options = runner.task.Options()
    texts = []
    for item, outcome in zip(items, runner.map(items, batch_size=2), strict=True):
        words = []
        for window in model.split(duomo.Audio.accept(item), options):
            cepstra = model.mfcc(torch.from_numpy(window.samples)).T.numpy()
            padded = np.pad(cepstra, ((2, 2), (0, 0)))
            wide = np.stack([padded[at : at + 5].ravel() for at in range(len(cepstra))])
            with torch.inference_mode():
                numbers = network(torch.from_numpy(wide)[None, None]).argmax(-1)[0].tolist()
            words.append(greedy(numbers, SMALL.letters))
        expected = " ".join(word for word in words if word)
        assert outcome.unwrap().text == runner(item).text == expected
        texts.append(expected)
    assert any(texts), "random weights write something"


@pytest.mark.embedded
def test_languages_and_silence(folder: Path) -> None:
    runner = duomo.load("automatic-speech-recognition", f"dir:{folder}", device="cpu")
    silent, bad = runner.map([(np.zeros(RATE, np.float32), RATE), b"no sound"])
    assert silent.unwrap().text == ""
    assert not bad.ok
    with pytest.raises(BadOption, match="no language"):
        runner((voice(120, 1.0), RATE), language="en")


def test_letters_that_do_not_fit_the_network_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (tmp_path / "duomo.json").write_text(SMALL.model_copy(update={"letters": "ab"}).model_dump_json())
    with pytest.raises(WeightsMismatch):
        duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
