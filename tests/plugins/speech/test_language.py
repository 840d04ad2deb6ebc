"""Which language is spoken: Whisper's own first step, and the packaged multilingual one on real voices."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import InputTooLong, WrongTask
from duomo.testing.samples import voice
from duomo.weights import is_installed
from duomo_speech.recognizers import WHISPER_BASE
from tests.plugins.speech import tiny

RATE = 16_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whisper")
    tiny.whisper(folder)
    return folder


@pytest.mark.equals("the bare network's first step, to 1e-5", "spoken-language-identification")
@pytest.mark.embedded
def test_scores_are_those_of_whispers_first_step_alone_and_in_a_batch(folder):
    network = tf.WhisperForConditionalGeneration.from_pretrained(folder).eval()
    runner = duomo.load("spoken-language-identification", f"dir:{folder}", device="cpu")
    model = runner.executor.worker.model  # type: ignore[attr-defined]  # the features are what the network is given
    items = [(voice(120, 1.2), RATE), (voice(210, 2.0), RATE)]
    for item, outcome in zip(items, runner.map(items, batch_size=2, top_k=99), strict=True):
        result = outcome.unwrap()
        [mel] = model.preprocess([duomo.Audio.accept(item)], runner.task.Options())[0]["mels"]
        with torch.inference_mode():
            logits = network(mel[None], decoder_input_ids=torch.tensor([[model.vocabulary.start]])).logits[0, -1]
        languages = model.vocabulary.languages
        expected = logits[list(languages.values())].softmax(-1)
        found = {label.name: label.score for label in result.labels}
        np.testing.assert_allclose([found[name] for name in languages], expected, atol=1e-5)
        steering = tf.GenerationConfig(lang_to_id=languages, decoder_start_token_id=model.vocabulary.start)
        likeliest = network.detect_language(mel[None], generation_config=steering)
        assert languages[result.top.name] == int(likeliest[0])
        for label, other in zip(result.labels, runner(item, top_k=99).labels, strict=True):
            assert label.name == other.name
            assert label.score == pytest.approx(other.score, abs=1e-6)
    assert len(runner(items[0]).labels) == 5


@pytest.mark.embedded
def test_long_speech_is_the_mean_of_its_windows_and_silence_an_error(folder):
    runner = duomo.load("spoken-language-identification", f"dir:{folder}", device="cpu")
    speech = voice(120, 6.0)
    apart = np.concatenate([speech, np.zeros(3 * RATE, np.float32), voice(210, 5.0)])
    whole, first = (next(iter(runner.map([(apart, RATE)], long=each))) for each in ("window", "truncate"))
    assert (whole.meta.windows, first.meta.windows, first.meta.truncated) == (2, 1, True)
    assert whole.unwrap() != first.unwrap()
    with pytest.raises(InputTooLong):
        runner((np.concatenate([apart, apart, apart]), RATE), long="error")
    silent, bad = runner.map([(np.zeros(RATE, np.float32), RATE), b"no sound"])
    assert "no voice was found" in silent.error.what
    assert bad.error.code == "E-INPUT-UNREADABLE"


def test_a_whisper_of_english_only_is_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "english")
    settings = json.loads((copy / "generation_config.json").read_text())
    del settings["_from_model_config"]  # with it, transformers drops what it does not know
    (copy / "generation_config.json").write_text(json.dumps({**settings, "is_multilingual": False}))
    with pytest.raises(WrongTask, match="does not know languages apart"):
        duomo.load("spoken-language-identification", f"dir:{copy}", device="cpu")


@pytest.mark.embedded
@pytest.mark.slow
@pytest.mark.skipif(
    not is_installed(WHISPER_BASE),
    reason="NO speech/whisper-base: duomo models add multilingual",
)
def test_real_voices_in_two_languages(recording):
    runner = duomo.load("spoken-language-identification", "speech/whisper-base", device="cpu")
    files = {"basic_ref_en.wav": "en", "basic_ref_zh.wav": "zh", "beckett.wav": "en", "main.flac": "en"}
    for file, language in files.items():
        top = runner(recording(file)).top
        assert top.name == language
        assert top.score > 0.8
