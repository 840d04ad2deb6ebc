"""Whisper without torch: its spectrogram, its rules for timestamps, and a small checkpoint as an artefact."""

import json
import shutil
import types
from typing import Any

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor, WhisperTimeStampLogitsProcessor

import duomo
from duomo.errors import BadOption, ExportRefused, WeightsMismatch, WeightsMissing
from duomo.export import export, graphs as traced
from duomo.tasks.speech.whispering import Vocabulary
from duomo.testing.samples import voice
from duomo_edge.sound.spectrum import log_mel
from duomo_edge.sound.timestamps import allowed
from tests.plugins.edge import graphs
from tests.plugins.speech import tiny

RATE = 16_000


@pytest.mark.parametrize("mels", [80, 128])
@pytest.mark.parametrize("seconds", [0.0, 0.013, 1.7, 30.0])
def test_the_spectrogram_is_that_of_the_feature_extractor(mels, seconds):
    samples = voice(120, seconds) if seconds > 0.1 else np.full(int(seconds * RATE), 0.1, np.float32)
    extractor = WhisperFeatureExtractor(feature_size=mels)
    for length in (30 * RATE, 5 * RATE):
        expected = extractor(
            samples[:length], sampling_rate=RATE, max_length=length, return_tensors="np"
        ).input_features[0]
        np.testing.assert_allclose(log_mel(samples, length, mels), expected, atol=1e-4)


def test_what_may_follow_is_as_in_transformers():
    count, end, no_timestamps, times = 60, 20, 24, 25
    vocabulary = Vocabulary(
        languages={}, start=21, end=end, transcribe=22, translate=23, no_timestamps=no_timestamps,
        suppressed=[3], suppressed_first=[5, end],
    )  # fmt: skip
    steering: Any = types.SimpleNamespace(
        eos_token_id=end, no_timestamps_token_id=no_timestamps, max_initial_timestamp_index=50
    )
    rules = WhisperTimeStampLogitsProcessor(steering, begin_index=1)
    random = np.random.default_rng(0)
    for _ in range(300):
        written = [int(each) for each in random.choice([1, 2, 7, times, times + 3, times + 9], random.integers(0, 6))]
        logits = (3 * random.standard_normal(count)).astype(np.float32)
        given = torch.from_numpy(logits.copy())[None]
        given[:, [3] if written else [3, 5, end]] = -torch.inf
        expected = rules(torch.tensor([[21, *written]]), given)[0].numpy()
        found = allowed(logits, written, vocabulary)
        assert found.argmax() == expected.argmax()
        np.testing.assert_array_equal(np.isinf(found), np.isinf(expected))


@pytest.fixture(scope="module")
def artefact(tmp_path_factory):
    """A small multilingual checkpoint with random weights, and its artefact."""
    folder = tmp_path_factory.mktemp("whisper")
    (folder / "checkpoint").mkdir()
    tiny.whisper(folder / "checkpoint")
    return folder / "checkpoint", export(f"dir:{folder / 'checkpoint'}", folder / "onnx")


@pytest.mark.embedded
def test_an_artefact_writes_what_the_checkpoint_writes(artefact):
    checkpoint, artifact = artefact
    pause = np.zeros(3 * RATE, np.float32)
    items = [(voice(120, 1.2), RATE), (np.concatenate([voice(210, 2.0), pause, voice(90, 1.5)]), RATE)]
    folders = (checkpoint, artifact.folder)
    runs = [duomo.load("automatic-speech-recognition", f"dir:{folder}", device="cpu") for folder in folders]
    calls: list[dict[str, Any]] = [{}, {"language": "german"}, {"task": "translate"}, {"encoder": "trimmed"}]
    for options in calls:
        expected, found = (list(run.map(items, **options)) for run in runs)
        for one, other in zip(expected, found, strict=True):
            assert one.unwrap() == other.unwrap(), options
            assert (one.meta.windows, one.meta.truncated) == (other.meta.windows, other.meta.truncated)
    assert any(outcome.unwrap().text for outcome in found)
    silent, bad = runs[1].map([(pause, RATE), b"no sound"])
    assert silent.unwrap().text == ""
    assert bad.error.code == "E-INPUT-UNREADABLE"
    with pytest.raises(BadOption, match="'language' cannot be 'klingon'"):
        runs[1](items[0], language="klingon")


@pytest.mark.embedded
def test_eight_bits_that_write_other_words_are_refused(artefact, tmp_path, monkeypatch):
    checkpoint, artifact = artefact
    # Its graphs are those that were written for the artefact: to trace them again takes longer than all the rest.
    monkeypatch.setattr(traced, "write_onnx", lambda _, file, name: shutil.copy(artifact.folder / file.name, file))
    monkeypatch.setattr(traced, "RECIPES", traced.RECIPES[:1])
    with pytest.raises(ExportRefused, match="not the original's"):
        export(f"dir:{checkpoint}", tmp_path / "small", int8=True, on=[(voice(120, 1.2), RATE)])
    assert not (tmp_path / "small").exists()


def test_a_folder_that_is_not_whole_is_refused(tmp_path):
    for name, error in (("tokenizer.json", WeightsMissing), ("step.onnx", WeightsMissing)):
        folder = tmp_path / f"without-{name}"
        folder.mkdir()
        (graphs.whisper(folder) / name).unlink()
        with pytest.raises(error, match=name):
            duomo.load("automatic-speech-recognition", f"dir:{folder}", device="cpu")
    graphs.whisper(tmp_path)
    record = json.loads((tmp_path / "duomo.json").read_text())
    del record["vocabulary"]["end"]
    (tmp_path / "duomo.json").write_text(json.dumps(record))
    with pytest.raises(WeightsMismatch, match="does not say what"):
        duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
