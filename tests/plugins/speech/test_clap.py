"""Labels given on the spot for recordings, against transformers' own pipeline; scores agree within 1e-5."""

from pathlib import Path

import numpy as np
import pytest
import transformers as tf

import duomo
from duomo.errors import BadOption, DuomoError
from duomo.testing.samples import voice
from tests.plugins.speech import tiny

RATE = 48_000
LABELS = ["a dog", "rain", "music"]


@pytest.fixture(scope="module", params=[False, True], ids=["unfused", "fused"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clap")
    tiny.clap(folder, enable_fusion=request.param)
    return folder


def scores(result) -> dict[str, float]:
    return {label.name: label.score for label in result.labels}


@pytest.mark.equals("the pipeline, scores to 1e-5", "zero-shot-audio-classification")
def test_scores_are_those_of_the_pipeline_alone_and_in_a_batch(folder: Path) -> None:
    runner = duomo.load("zero-shot-audio-classification", f"dir:{folder}", device="cpu")
    bare = tf.pipeline("zero-shot-audio-classification", str(folder), device="cpu")
    noise = np.random.default_rng(0).normal(0, 0.2, RATE).astype(np.float32)
    sounds = [voice(120, 1.2, RATE), noise, voice(210, 2.0, RATE)]
    items = [(sound, RATE) for sound in sounds]
    found = []
    for sound, item, outcome in zip(sounds, items, runner.map(items, batch_size=3, labels=LABELS), strict=True):
        expected = {each["label"]: each["score"] for each in bare(sound, candidate_labels=LABELS)}
        for result in (outcome.unwrap(), runner(item, labels=LABELS)):
            assert scores(result) == pytest.approx(expected, abs=1e-5)
            assert result.top.score == pytest.approx(max(expected.values()), abs=1e-5)
        found.append(scores(outcome.unwrap())["rain"])
    assert np.ptp(found) > 3e-5, "the sounds are told apart"


def test_the_template_stands_around_each_label(folder: Path) -> None:
    runner = duomo.load("zero-shot-audio-classification", f"dir:{folder}", device="cpu")
    bare = tf.pipeline("zero-shot-audio-classification", str(folder), device="cpu")
    sound = voice(120, 1.0, RATE)
    [expected] = [bare(sound, candidate_labels=LABELS, hypothesis_template="{} of music")]
    found = scores(runner((sound, RATE), labels="a dog,rain,music", template="{} of music"))
    assert found == pytest.approx({each["label"]: each["score"] for each in expected}, abs=1e-5)


def test_labels_are_read_once_until_others_are_asked_for(folder: Path) -> None:
    runner = duomo.load("zero-shot-audio-classification", f"dir:{folder}", device="cpu")
    reads: list[int] = []
    network = runner.executor.worker.model.network  # type: ignore[attr-defined]
    network.text_model.register_forward_hook(lambda *_: reads.append(1))
    items = [(voice(pitch, 1.0, RATE), RATE) for pitch in (100, 120, 140)]
    alike = [scores(outcome.unwrap()) for outcome in runner.map(items, batch_size=1, labels=LABELS)]
    assert len(reads) == 1
    other = scores(runner(items[0], labels=["a dog", "a dog of music"]))
    assert len(reads) == 2
    assert other.keys() != alike[0].keys()
    assert scores(runner(items[0], labels=LABELS)) == pytest.approx(alike[0], abs=1e-6)


def test_a_long_recording_is_an_error_cut_or_heard_in_windows(folder: Path) -> None:
    runner = duomo.load("zero-shot-audio-classification", f"dir:{folder}", device="cpu")
    sound = voice(120, 5.0, RATE)
    refused, good = runner.map([(sound, RATE), (sound[:RATE], RATE)], labels=LABELS)
    assert "5.0 s long and the model hears 2.0 s" in refused.error.what
    assert good.ok
    parts = [scores(runner((sound[at : at + 2 * RATE], RATE), labels=LABELS)) for at in range(0, len(sound), 2 * RATE)]
    [cut] = runner.map([(sound, RATE)], labels=LABELS, long="truncate")
    assert cut.meta.truncated
    assert scores(cut.unwrap()) == pytest.approx(parts[0], abs=1e-6)
    [whole] = runner.map([(sound, RATE)], labels=LABELS, long="window")
    assert whole.meta.windows == 3
    mean = {name: float(np.mean([part[name] for part in parts])) for name in LABELS}
    assert scores(whole.unwrap()) == pytest.approx(mean, abs=1e-6)


def test_labels_must_be_given_and_fit(folder: Path) -> None:
    runner = duomo.load("zero-shot-audio-classification", f"dir:{folder}", device="cpu")
    item = (voice(120, 1.0, RATE), RATE)
    with pytest.raises(BadOption, match="labels"):
        runner(item)  # type: ignore[call-arg]
    with pytest.raises(DuomoError, match="holds a text of"):
        runner(item, labels=["a dog " * 40, "rain"])
