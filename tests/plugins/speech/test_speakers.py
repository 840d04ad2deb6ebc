"""Resemblyzer beside a plain computation of its formulas, and on nine voices.

The recordings come from packages: a reader of Dickens, a reader of Beckett, four English samples, one Chinese, a
sample recorded for cloning, and the synthetic voice of Hibari. Each voice has its own microphone, so the figures are
kinder than a crowded room would be.
"""

import numpy as np
import pytest
import torch

import duomo
from duomo.errors import WeightsMismatch
from duomo.weights import find_package_file
from duomo_speech.plugin import RESEMBLYZER

pytestmark = pytest.mark.embedded
RATE = 16_000
CLIP_S = 1.3
CLIPS = 12  # a voice, at most


@pytest.fixture(scope="module")
def verifier():
    return duomo.load("speaker-verification", "speech/resemblyzer", device="cpu")


@pytest.fixture(scope="module")
def voices(recording, spoken, vad) -> dict[str, list[np.ndarray]]:
    """Speech of each voice, pauses left out, in clips of about `CLIP_S`."""
    names = ("two_cities.wav", "beckett.wav", "clone-test.wav", "basic_ref_en.wav", "basic_ref_zh.wav")
    files = {name: recording(name) for name in (*names, "main.flac", "town.flac", "country.flac")}
    sounds = {name: duomo.Audio.accept(path).samples(RATE) for name, path in files.items()}
    sounds["hibari"] = np.concatenate(spoken)
    clips = {}
    for name, samples in sounds.items():
        speech = np.concatenate(
            [samples[int(each.start * RATE) : int(each.end * RATE)] for each in vad((samples, RATE)).segments]
        )
        clips[name] = np.array_split(speech, round(len(speech) / RATE / CLIP_S))[:CLIPS]
    return clips


@pytest.fixture(scope="module")
def vectors(speakers, voices) -> tuple[list[str], np.ndarray]:
    """The voice of each clip, and its vector."""
    names = [name for name, clips in voices.items() for _ in clips]
    outcomes = speakers.map((clip, RATE) for clips in voices.values() for clip in clips)
    return names, np.stack([outcome.unwrap().array for outcome in outcomes])


def test_a_clip_is_nearest_to_the_other_clips_of_its_voice(vectors):
    names, points = np.array(vectors[0]), vectors[1]
    right = 0
    for at, point in enumerate(points):
        others = np.arange(len(points)) != at
        centres = {name: points[(names == name) & others].mean(0) for name in set(names)}
        right += names[at] == max(centres, key=lambda name: point @ centres[name] / np.linalg.norm(centres[name]))
    assert len(points) >= 50
    assert len(set(names)) == 9
    assert right / len(points) >= 52 / 54


def test_the_threshold_tells_voices_apart(voices, verifier):
    wholes = {name: np.concatenate(clips) for name, clips in voices.items()}
    halves = {name: np.array_split(speech, 2) for name, speech in wholes.items()}
    same = [((first, RATE), (second, RATE)) for first, second in halves.values()]
    other = [((halves[a][0], RATE), (halves[b][1], RATE)) for a in halves for b in halves if a < b]
    accepted = sum(outcome.unwrap().same for outcome in verifier.map(same))
    mistaken = sum(outcome.unwrap().same for outcome in verifier.map(other))
    assert accepted >= 8
    assert mistaken <= 1


def test_verification_is_the_cosine_of_the_embeddings(speakers, verifier, voices):
    first, second = ((voices[name][0], RATE) for name in ("town.flac", "main.flac"))
    result = verifier((first, second))
    assert result.score == pytest.approx(speakers(first).similarity(speakers(second)), abs=1e-6)
    # the threshold is handed through, not computed
    assert (result.same, result.threshold) == (result.score > 0.72, 0.72)
    assert verifier((first, second), threshold=-1.0).same
    assert verifier((first, first)).score == pytest.approx(1)


def test_vectors_equal_a_plain_computation_of_the_formulas(speakers, spoken):
    state = torch.load(find_package_file("package:resemblyzer/pretrained.pt"), map_location="cpu", weights_only=True)[
        "model_state"
    ]
    weights = {name: tensor.double().numpy() for name, tensor in state.items()}
    samples = spoken[4][: 2 * RATE + 1000]
    voice = speakers.executor.worker.model.voice(duomo.Audio.accept((samples, RATE)))
    assert len(voice) < len(samples), "the pause at its beginning is left out"
    sum_of_windows = sum(lstm(window, weights) for window in mel_windows(voice.astype(np.float64)))
    expected = sum_of_windows / np.linalg.norm(sum_of_windows)
    vector = speakers((samples, RATE)).array
    np.testing.assert_allclose(vector, expected, atol=2e-6)
    assert np.linalg.norm(vector) == pytest.approx(1)


def mel_windows(samples: np.ndarray) -> list[np.ndarray]:
    """Windows of 160 frames every 77, as the package cuts them from librosa's mel spectrogram."""
    every = range(0, int(np.ceil((len(samples) + 1) / 160)) - 160 + 77 + 1, 77)
    starts = [at for at in every if at == 0 or (len(samples) - at * 160) / 25_600 >= 0.75]
    padded = np.pad(samples, (200, 200 + max(0, (starts[-1] + 160) * 160 - len(samples))))
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160]
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    # Slaney's scale: linear up to 1 kHz, logarithmic above; triangles of equal area.
    top = 15 + np.log(8) / (np.log(6.4) / 27)
    mels = np.linspace(0, top, 42)
    hertz = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))
    bins = np.arange(201) * 40.0
    rise = (bins - hertz[:-2, None]) / np.diff(hertz)[:-1, None]
    fall = (hertz[2:, None] - bins) / np.diff(hertz)[1:, None]
    triangles = np.maximum(0, np.minimum(rise, fall)) * (2 / (hertz[2:] - hertz[:-2]))[:, None]
    mel = power @ triangles.T
    return [mel[at : at + 160] for at in starts]


def lstm(frames: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """The gates of three layers, one frame at a time; the last state, projected, cut at zero, scaled to length 1."""
    for layer in range(3):
        kernel, recurrent = weights[f"lstm.weight_ih_l{layer}"], weights[f"lstm.weight_hh_l{layer}"]
        bias = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
        hidden, cell, outputs = np.zeros(256), np.zeros(256), []
        for frame in frames:
            enter, forget, new, leave = np.split(kernel @ frame + recurrent @ hidden + bias, 4)
            cell = cell / (1 + np.exp(-forget)) + np.tanh(new) / (1 + np.exp(-enter))
            hidden = np.tanh(cell) / (1 + np.exp(-leave))
            outputs.append(hidden)
        frames = np.stack(outputs)
    raw = np.maximum(0, weights["linear.weight"] @ hidden + weights["linear.bias"])
    return raw / np.linalg.norm(raw)


def test_a_batch_gives_what_one_by_one_gives(speakers, voices):
    items = [
        (voices["two_cities.wav"][0], RATE),
        (np.concatenate(voices["town.flac"]), RATE),
        (voices["town.flac"][0][:4000], RATE),
    ]
    together = [outcome.unwrap().array for outcome in speakers.map(items, batch_size=3)]
    for item, vector in zip(items, together, strict=True):
        np.testing.assert_allclose(vector, speakers(item).array, atol=1e-6)


def test_a_quiet_recording_is_the_same_voice(speakers, voices):
    clip = np.concatenate(voices["town.flac"])
    assert speakers((clip, RATE)).similarity(speakers((clip * 0.01, RATE))) > 0.95


@pytest.mark.parametrize("offset", [0.005, 0.05, -0.3])
def test_a_direct_current_under_the_sound_is_not_part_of_a_voice(speakers, voices, offset):
    clip = 0.5 * np.concatenate(voices["town.flac"])
    assert speakers((clip, RATE)).similarity(speakers((clip + offset, RATE))) > 0.99


PACKAGE = {
    ("beckett.wav", "clone-test.wav"): 0.459,
    ("beckett.wav", "two_cities.wav"): 0.726,
    ("beckett.wav", "basic_ref_en.wav"): 0.485,
    ("beckett.wav", "main.flac"): 0.558,
    ("beckett.wav", "town.flac"): 0.587,
    ("beckett.wav", "country.flac"): 0.475,
    ("beckett.wav", "basic_ref_zh.wav"): 0.539,
}
"""Cosines of voices after the package's own trimming (`preprocess_wav`, WebRTC's detector): three seconds of each, then
twenty of silence."""


@pytest.fixture(scope="module")
def three_seconds(recording) -> dict[str, np.ndarray]:
    names = {name for pair in PACKAGE for name in pair}
    return {name: duomo.Audio.accept(recording(name)).samples(RATE)[RATE // 2 : RATE // 2 + 3 * RATE] for name in names}


@pytest.mark.parametrize("pause", ["silence", "faint noise", "noise before it"])
def test_pauses_are_not_voice(verifier, three_seconds, pause):
    rng = np.random.default_rng(0)
    quiet = np.zeros(20 * RATE) if pause == "silence" else 1e-3 * rng.standard_normal(20 * RATE)
    parts = {name: [voice, quiet][:: 1 if pause != "noise before it" else -1] for name, voice in three_seconds.items()}
    sounds = {name: (np.concatenate(each).astype(np.float32), RATE) for name, each in parts.items()}
    scores = [outcome.unwrap().score for outcome in verifier.map((sounds[a], sounds[b]) for a, b in PACKAGE)]
    differences = np.abs(np.array(scores) - np.array(list(PACKAGE.values())))
    assert differences.max() < 0.12
    assert differences.mean() < 0.05


def test_a_minute_of_silence_leaves_the_voice_the_same(verifier, three_seconds):
    silence = np.zeros(60 * RATE, np.float32)
    pairs = [((voice, RATE), (np.concatenate([voice, silence]), RATE)) for voice in three_seconds.values()]
    assert all(outcome.unwrap().same for outcome in verifier.map(pairs))


def test_a_recording_in_which_nobody_speaks_is_an_error_of_its_item(speakers, verifier, quiet_sounds, three_seconds):
    voice = three_seconds["beckett.wav"]
    outcomes = list(speakers.map([(voice, RATE), *((each, RATE) for each in quiet_sounds.values()), (voice, RATE)]))
    assert [outcome.ok for outcome in outcomes] == [True, *[False] * len(quiet_sounds), True]
    for outcome in outcomes[1:-1]:
        assert (outcome.error.code, outcome.error.what) == (
            "E-INPUT-UNREADABLE",
            "no voice was found in this audio clip",
        )
    [pair] = verifier.map([((voice, RATE), (quiet_sounds["noise"], RATE))])
    assert pair.error.code == "E-INPUT-UNREADABLE"


def test_a_changed_weights_file_is_refused(tmp_path, monkeypatch):
    changed = tmp_path / "pretrained.pt"
    changed.write_bytes(find_package_file("package:resemblyzer/pretrained.pt").read_bytes() + b"\0")
    monkeypatch.setattr("duomo.weights.find_package_file", lambda ref: changed)
    with pytest.raises(WeightsMismatch, match=RESEMBLYZER.name):
        duomo.load("speaker-embedding", RESEMBLYZER.name, device="cpu")
