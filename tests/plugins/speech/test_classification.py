"""Labels for recordings, against transformers' own pipeline; scores agree within 1e-5."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import WrongTask
from duomo.testing.samples import RATE, voice
from duomo_speech.hearing import PASS, by_shape

NAMES: dict[str, Any] = {"id2label": {0: "yes", 1: "no", 2: "hm"}, "label2id": {"yes": 0, "no": 1, "hm": 2}}
SIZES: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
Make = Callable[..., Path]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Make:
    def make(kind: str, **settings: Any) -> Path:
        folder = tmp_path_factory.mktemp(kind)
        torch.manual_seed(0)
        if kind == "wav2vec2":
            convolutions = {"conv_dim": (16,) * 3, "conv_stride": (5, 4, 4), "conv_kernel": (10, 8, 4)}
            positions = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
            config = tf.Wav2Vec2Config(**NAMES | SIZES | convolutions | positions | settings, classifier_proj_size=8)
            tf.Wav2Vec2ForSequenceClassification(config).save_pretrained(folder)
            tf.Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)
        else:
            spectrum = tf.ASTConfig(**NAMES | SIZES | settings, max_length=128, num_mel_bins=32)
            tf.ASTForAudioClassification(spectrum).save_pretrained(folder)
            tf.ASTFeatureExtractor(max_length=128, num_mel_bins=32).save_pretrained(folder)
        return folder

    return make


@pytest.mark.equals("the pipeline, scores to 1e-5", "audio-classification")
@pytest.mark.parametrize("kind", ["wav2vec2", "ast"])
@pytest.mark.parametrize("problem", ["single_label_classification", "multi_label_classification"])
def test_scores_are_those_of_the_pipeline_alone_and_in_a_batch(checkpoint: Make, kind: str, problem: str) -> None:
    folder = checkpoint(kind, problem_type=problem)
    runner = duomo.load("audio-classification", f"dir:{folder}", device="cpu")
    bare = tf.pipeline("audio-classification", str(folder), device="cpu")
    sounds = [voice(pitch, seconds) for pitch, seconds in ((120, 1.2), (210, 0.7), (150, 1.2))]
    items = [(sound, RATE) for sound in sounds]
    for sound, item, outcome in zip(sounds, items, runner.map(items, batch_size=3), strict=True):
        expected = {each["label"]: each["score"] for each in bare(sound, top_k=3)}
        for result in (outcome.unwrap(), runner(item)):
            assert {label.name: label.score for label in result.labels} == pytest.approx(expected, abs=1e-5)
            assert result.top.score == max(label.score for label in result.labels)
    assert [len(runner(items[0], top_k=top_k).labels) for top_k in (2, None)] == [2, 3]


def test_a_long_recording_is_an_error_cut_or_heard_in_windows(checkpoint: Make) -> None:
    folder = checkpoint("ast")
    runner = duomo.load("audio-classification", f"dir:{folder}", device="cpu")
    sound, heard = voice(120, 3.0), int(1.28 * RATE)
    refused, good = runner.map([(sound, RATE), (sound[:RATE], RATE)])
    assert "3.0 s long and the model hears 1.3 s" in refused.error.what
    assert good.ok
    [cut] = runner.map([(sound, RATE)], long="truncate")
    assert cut.meta.truncated
    first = {label.name: label.score for label in runner((sound[:heard], RATE)).labels}
    assert {label.name: label.score for label in cut.unwrap().labels} == pytest.approx(first, abs=1e-6)
    [whole] = runner.map([(sound, RATE)], long="window")
    assert whole.meta.windows == 3
    parts = [runner((sound[at : at + heard], RATE)).labels for at in range(0, len(sound), heard)]
    for label in whole.unwrap().labels:
        scores = [each.score for part in parts for each in part if each.name == label.name]
        assert label.score == pytest.approx(float(np.mean(scores)), abs=1e-6)


def test_less_sound_than_a_frame_is_an_error_of_its_item(checkpoint: Make) -> None:
    runner = duomo.load("audio-classification", f"dir:{checkpoint('wav2vec2')}", device="cpu")
    bad, good = runner.map([(np.zeros(20, np.float32), RATE), (voice(120, 0.5), RATE)])
    assert "too few for one frame" in bad.error.what
    assert good.ok


def test_a_regression_is_refused(checkpoint: Make) -> None:
    with pytest.raises(WrongTask, match="audio-classification"):
        duomo.load("audio-classification", f"dir:{checkpoint('ast', problem_type='regression')}", device="cpu")


@pytest.mark.parametrize(("numbers", "passes"), [(2**13, [4, 3]), (2**15, [1] * 7), (2**16, [1] * 7), (8, [7])])
def test_long_windows_go_through_a_cpu_few_at_a_time(numbers: int, passes: list[int]) -> None:
    windows = [{"input_values": torch.full((1, numbers), float(at))} for at in range(7)]
    sizes = []

    def compute(inputs: dict[str, torch.Tensor]) -> list[float]:
        sizes.append(len(inputs["input_values"]))
        return inputs["input_values"].amax(1).tolist()

    assert by_shape(windows, torch.float32, compute, PASS) == [0, 1, 2, 3, 4, 5, 6]
    assert sizes == passes
    sizes.clear()
    by_shape(windows, torch.float32, compute)
    assert sizes == [7]
