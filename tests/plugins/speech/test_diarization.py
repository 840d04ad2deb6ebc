"""Who speaks when: joined recordings of several voices, and a network that marks speakers."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import BadOption
from duomo.tasks.speech import Diarization, Turn
from duomo.testing.samples import voice
from tests.plugins.speech import tiny

RATE = 16_000


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    tiny.frames(folder)
    return folder


@pytest.mark.equals("the bare network, the same turns", "speaker-diarization")
def test_turns_are_where_the_network_marks_a_speaker(marked: Path) -> None:
    runner = duomo.load("speaker-diarization", f"dir:{marked}", device="cpu")
    network = tf.Wav2Vec2ForAudioFrameClassification.from_pretrained(marked).eval()
    extractor = tf.Wav2Vec2FeatureExtractor.from_pretrained(marked)
    sounds = [voice(120, 1.2), voice(210, 2.0), voice(150, 1.2)]
    items = [(sound, RATE) for sound in sounds]
    for sound, item, outcome in zip(sounds, items, runner.map(items, batch_size=3), strict=True):
        with torch.inference_mode():
            inputs = extractor(sound, sampling_rate=RATE, return_tensors="pt")
            active = (network(**inputs).logits[0].sigmoid() > 0.5).numpy()
        step = len(sound) / RATE / len(active)
        result = outcome.unwrap()
        assert result == runner(item)
        for frame in range(len(active)):
            middle = (frame + 0.5) * step
            assert sum(turn.start <= middle < turn.end for turn in result.turns) == active[frame].sum()
        assert result.turns == sorted(result.turns, key=lambda turn: turn.start)
        assert sum(turn.end - turn.start for turn in result.turns) == pytest.approx(active.sum() * step)


def test_a_network_that_marks_speakers_takes_a_minute_and_no_number(marked: Path) -> None:
    runner = duomo.load("speaker-diarization", f"dir:{marked}", device="cpu")
    sound = np.tile(voice(120, 2.0), 31)
    refused, good = runner.map([(sound, RATE), (sound[:RATE], RATE)])
    assert "62 s long and the model hears 60 s" in refused.error.what
    assert good.ok
    [cut] = runner.map([(sound, RATE)], long="truncate")
    assert cut.meta.truncated
    with pytest.raises(BadOption, match="num_speakers"):
        runner((sound[:RATE], RATE), num_speakers=3)


def test_who_speaks_longest_between_two_times() -> None:
    turns = [(0.0, 2.0, "speaker-1"), (2.0, 3.0, "speaker-2"), (3.5, 4.0, "speaker-1")]
    result = Diarization(turns=[Turn(start=start, end=end, speaker=who) for start, end, who in turns])
    assert result.speakers == ["speaker-1", "speaker-2"]
    assert result.speaker_at(1.5, 2.8) == "speaker-2"
    assert result.speaker_at(0.0, 4.0) == "speaker-1"
    assert result.speaker_at(3.1, 3.4) is None


@pytest.fixture(scope="module")
def diarizer() -> duomo.Runner:
    pytest.importorskip("scipy")
    return duomo.load("speaker-diarization", "speech/resemblyzer", device="cpu")


@pytest.fixture(scope="module")
def clips(recording) -> dict[str, np.ndarray]:
    names = {"a": "two_cities.wav", "b": "main.flac", "c": "town.flac", "d": "beckett.wav"}
    return {key: duomo.Audio.accept(recording(name)).samples(RATE) for key, name in names.items()}


SCRIPTS = {
    "ab": [("a", 0, 4), ("b", 0, 3), ("a", 6, 10)],
    "bc": [("b", 0, 3), ("c", 0, 4), ("b", 3, 6), ("c", 4, 8)],
    "abc": [("a", 0, 4), ("b", 0, 3), ("c", 0, 4), ("a", 8, 12)],
    "dc": [("d", 0, 4), ("c", 0, 4), ("d", 4, 8)],
    "a": [("a", 0, 12)],
}
"""Who speaks in a joined recording, and which seconds of which clip."""


def joined(clips: dict[str, np.ndarray], script: list[tuple[str, int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Samples, and who speaks in each (a number; -1 in the pauses between them)."""
    names = list(dict.fromkeys(name for name, *_ in script))
    pause = np.zeros(RATE // 2, np.float32)
    parts, labels = [], []
    for name, start, end in script:
        clip = clips[name][start * RATE : end * RATE]
        parts += [clip / np.abs(clip).max() * 0.5, pause]
        labels += [np.full(len(clip), names.index(name)), np.full(len(pause), -1)]
    return np.concatenate(parts), np.concatenate(labels)


def confusion(result: Diarization, truth: np.ndarray) -> tuple[float, int]:
    """The share of the labelled time that another speaker got, and how many speakers were found."""
    found = np.full(len(truth), -1)
    for turn in result.turns:
        found[round(turn.start * RATE) : round(turn.end * RATE)] = result.speakers.index(turn.speaker)
    both = (truth >= 0) & (found >= 0)
    table = np.zeros((truth.max() + 1, len(result.speakers)))
    np.add.at(table, (truth[both], found[both]), 1)
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-table)
    return 1 - table[rows, columns].sum() / both.sum(), len(result.speakers)


@pytest.mark.embedded
def test_joined_recordings_are_taken_apart_by_voice(diarizer, clips) -> None:
    mixes = {name: joined(clips, script) for name, script in SCRIPTS.items()}
    outcomes = diarizer.map([(samples, RATE) for samples, _ in mixes.values()], batch_size=3)
    wrong, right_number = [], 0
    for (name, (samples, truth)), outcome in zip(mixes.items(), outcomes, strict=True):
        result = outcome.unwrap()
        assert result == diarizer((samples, RATE)), "alone as in a batch"
        share, number = confusion(result, truth)
        wrong.append(share)
        right_number += number == len(set(name))
        assert all(first.start <= second.start for first, second in pairwise(result.turns))
    assert np.mean(wrong) < 0.05
    assert right_number >= 4


@pytest.mark.embedded
def test_the_number_of_speakers_may_be_said(diarizer, clips) -> None:
    samples, truth = joined(clips, SCRIPTS["abc"])
    assert len(diarizer((samples, RATE), num_speakers=3).speakers) == 3
    assert len(diarizer((samples, RATE), num_speakers=2).speakers) == 2
    assert confusion(diarizer((samples, RATE), num_speakers=3), truth)[0] < 0.05


@pytest.mark.embedded
def test_where_nobody_speaks_nobody_is_found(diarizer, quiet_sounds, clips) -> None:
    outcomes = list(diarizer.map([(quiet_sounds["silence"], RATE), (clips["d"], RATE), b"no sound"]))
    assert outcomes[0].unwrap().turns == []
    assert outcomes[1].unwrap().speakers == ["speaker-1"]
    assert outcomes[2].error.code == "E-INPUT-UNREADABLE"
