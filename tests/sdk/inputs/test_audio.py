"""Every way to hand in a recording, and every recording that is refused."""

import io
import pickle
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile
import torch
import torchaudio

from duomo.errors import BadInput, DuomoError, InputMissing, InputTooLarge, InputUnreadable
from duomo.inputs import Audio, AudioPair, SpokenText

RATE = 16_000


@pytest.fixture
def tone() -> np.ndarray:
    """A tenth of a second of 440 Hz at half volume."""
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE // 10) / RATE)).astype(np.float32)


def encoded(samples: np.ndarray, rate: int = RATE, format: str = "WAV", subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=format, subtype=subtype)
    return buffer.getvalue()


def test_every_shape_of_one_recording_gives_the_same_samples(tone, tmp_path, opened):
    path = tmp_path / "a.wav"
    path.write_bytes(encoded(tone, subtype="FLOAT"))
    shapes = {
        "str": str(path),
        "Path": path,
        "bytes": path.read_bytes(),
        "file object": opened(path, "rb"),
        "array": (tone, RATE),
        "float64 array": (tone.astype(np.float64), RATE),
        "numpy rate": (tone, np.int64(RATE)),
        "tensor": (torch.from_numpy(tone), RATE),
        "two channels, first": (np.stack([tone, tone]), RATE),
        "two channels, last": (np.stack([tone, tone], axis=1), RATE),
        "mapping of a path": {"audio": path},
        "mapping of an array": {"array": tone, "sampling_rate": RATE},
        "mapping of an array as audio": {"audio": tone, "sampling_rate": RATE},
        "mapping of a datasets row": {"path": "gone.wav", "array": tone, "sampling_rate": RATE},
        "row of a dataset": {"audio": {"path": "gone.wav", "array": tone, "sampling_rate": RATE}, "text": "hello"},
        "row whose rate stands outside": {"audio": {"array": tone}, "sampling_rate": RATE},
        "dict of a pipeline": {"raw": tone, "sampling_rate": RATE},
        "list of numbers": {"array": tone.tolist(), "sampling_rate": RATE},
        "bytes of a row": {"audio": {"bytes": path.read_bytes(), "path": None}},
        "path of a row": {"bytes": None, "path": str(path)},
        "bytes and their name": {"bytes": path.read_bytes(), "path": "gone.wav"},
        "Audio": Audio.accept(path),
    }
    for name, value in shapes.items():
        samples = Audio.accept(value).samples(RATE)
        assert samples.dtype == np.float32, name
        np.testing.assert_allclose(samples, tone, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(("format", "subtype"), [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("FLAC", None), ("AIFF", None)])
def test_integer_files_have_the_same_scale_as_floats(tone, format, subtype):
    np.testing.assert_allclose(Audio.accept(encoded(tone, RATE, format, subtype)).samples(), tone, atol=1e-4)


@pytest.mark.parametrize("format", ["OGG", "MP3"])
def test_lossy_files_are_read(tone, format):
    samples = Audio.accept(encoded(np.tile(tone, 10), RATE, format)).samples()
    assert len(samples) == pytest.approx(RATE, rel=0.1)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.1)


def test_int16_arrays_are_scaled_to_one(tone):
    array = (tone * 32767).astype(np.int16)
    np.testing.assert_allclose(Audio.accept((array, RATE)).samples(), tone, atol=1e-4)


def test_stereo_is_mixed_to_the_mean(tone):
    both = np.stack([tone, np.zeros_like(tone)], axis=1)
    for value in (encoded(both, subtype="FLOAT"), (both, RATE), (both.T, RATE)):
        np.testing.assert_allclose(Audio.accept(value).samples(), tone / 2, atol=1e-6)


def test_resampling_keeps_the_pitch(tone):
    for value in ((tone, RATE), encoded(tone)):
        samples = Audio.accept(value).samples(8_000)
        assert len(samples) == len(tone) // 2
        peak = np.abs(np.fft.rfft(samples)).argmax() * 8_000 / len(samples)
        assert peak == pytest.approx(440, abs=15)


def sine(rate: int, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [1_009, 7_919, 16_001, 22_254, 44_056, 44_101, 47_999, 96_001, 767_999])
def test_an_odd_rate_takes_no_more_memory_than_a_usual_one_and_keeps_the_pitch(rate, monkeypatch):
    """A kernel for the exact ratio of 44,101 to 16,000 Hz would take 12 GB, from a file of 88 KB."""
    terms = []
    real = torchaudio.functional.resample

    def resample(wave, p, q):
        terms.append((p, q))
        return real(wave, p, q)

    monkeypatch.setattr("torchaudio.functional.resample", resample)
    samples = Audio.accept(encoded(sine(rate), rate, subtype="FLOAT")).samples()
    assert all(p * q <= 1_000_000 and p / q == pytest.approx(rate / RATE, rel=5e-4) for p, q in terms)
    assert len(samples) == pytest.approx(RATE, rel=5e-4)
    spectrum = np.abs(np.fft.rfft(samples, 10 * RATE))
    assert spectrum.argmax() / 10 == pytest.approx(440, abs=0.5)


def test_a_rate_next_to_a_usual_one_gives_nearly_its_samples():
    usual, odd = (Audio.accept((sine(rate), rate)).samples() for rate in (44_100, 44_101))
    np.testing.assert_allclose(odd[100:15_900], usual[100:15_900], atol=4e-3)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000, 192_000])
def test_resampling_block_by_block_is_resampling_at_once(rate, monkeypatch):
    monkeypatch.setattr("duomo.inputs.resampling._BLOCK", 4_001)  # blocks that end within the recording
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, rate + 7).astype(np.float32)
    at_once = torchaudio.functional.resample(torch.from_numpy(noise), rate, RATE).numpy()
    np.testing.assert_allclose(Audio.accept((noise, rate)).samples(), at_once, atol=1e-6)


@pytest.mark.parametrize(("format", "subtype"), [("FLAC", "PCM_24"), ("WAV", "FLOAT"), ("MP3", None), ("OGG", "OPUS")])
def test_reading_in_blocks_is_reading_at_once(format, subtype, monkeypatch):
    both = np.stack([sine(RATE), sine(RATE) ** 2], axis=1)
    data = encoded(both, format=format, subtype=subtype)
    at_once = soundfile.read(io.BytesIO(data), dtype="float32")[0].mean(axis=1)
    monkeypatch.setattr("duomo.inputs.mono._BLOCK", 999)  # blocks that end within the recording
    np.testing.assert_allclose(Audio.accept(data).samples(), at_once, atol=1e-6)


def test_eight_channels_are_never_in_memory_together():
    silence = encoded(np.zeros((192_000 * 10, 8), np.float32), 192_000, "FLAC")
    one_channel = 4 * 192_000 * 10
    tracemalloc.start()
    samples = Audio.accept(silence).samples()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(samples) == 10 * RATE
    assert peak < 3 * one_channel, "10 seconds of 8 channels are 8 times as much"


def test_a_rate_no_converter_has_does_not_get_around_the_limit_in_seconds(config):
    config("[limits]\naudio_seconds = 2")
    error = refusal((np.zeros(100_000, np.float32), 192_000))
    assert isinstance(error, InputTooLarge)
    assert "100,000 samples" in error.what
    assert "-ar 16000" in error.fix


def test_the_callers_array_is_never_handed_to_a_model(tone):
    samples = Audio.accept((tone, RATE)).samples()
    samples[:] = 0
    assert tone.any(), "a model wrote into its samples, and the caller's array changed"


def test_a_file_object_can_be_decoded_twice(tone):
    audio = Audio.accept(io.BytesIO(encoded(tone)))
    np.testing.assert_array_equal(audio.samples(), audio.samples())


def test_an_accepted_recording_crosses_processes(tone):
    copy = pickle.loads(pickle.dumps(Audio.accept((tone, RATE))))
    assert copy.sampling_rate == RATE
    np.testing.assert_array_equal(copy.samples(), tone)


def refusal(value: object) -> DuomoError:
    with pytest.raises(BadInput) as caught:
        Audio.accept(value).samples()
    assert caught.value.what, "a refusal says what"
    return caught.value


def test_an_array_without_its_rate_is_refused_with_the_reason(tone):
    error = refusal(tone)
    assert "how fast it was sampled" in error.what
    assert "sampling_rate" in error.fix


@pytest.mark.parametrize("rate", [0, -1, 16_000.0, "16000", None])
def test_a_rate_is_a_positive_whole_number(tone, rate):
    assert "positive int" in refusal((tone, rate)).what


def test_a_rate_in_kilohertz_is_not_taken_for_hertz(tone):
    with pytest.raises(BadInput, match="16 samples a second"):
        Audio.accept((tone, 16)).samples()


def test_integers_other_than_int16_are_ambiguous():
    assert "int32 are ambiguous" in refusal((np.ones(10, np.int32), RATE)).what


def test_three_axes_are_no_recording():
    assert "(2, 3, 4) is not audio" in refusal((np.zeros((2, 3, 4)), RATE)).what


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(tone, bad):
    tone[7] = bad
    for value in ((tone, RATE), encoded(tone, subtype="FLOAT")):
        assert "not numbers" in refusal(value).what


def test_a_wav_of_no_samples_is_refused(tmp_path):
    (tmp_path / "a.wav").write_bytes(encoded(np.zeros(0, np.float32)))
    error = refusal(tmp_path / "a.wav")
    assert isinstance(error, InputUnreadable)
    assert "holds no samples" in error.what
    assert "holds no samples" in refusal((np.zeros(0), RATE)).what
    assert "this audio is empty" in refusal(b"").what


def test_a_missing_file_a_folder_and_an_empty_file_are_refused(tmp_path):
    assert isinstance(refusal(tmp_path / "a.wav"), InputMissing)
    assert "is a folder" in refusal(tmp_path).what
    (tmp_path / "a.wav").touch()
    assert "is empty" in refusal(tmp_path / "a.wav").what


def test_m4a_is_refused_with_the_command_that_converts_it():
    m4a = b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom\x00\x00\x00\x00" + bytes(200)
    error = refusal(m4a)
    assert isinstance(error, InputUnreadable)
    assert "M4A" in error.why
    assert "<_io" not in str(error), "an object of Python's says nothing to anybody"
    assert "ffmpeg" in error.fix


def test_text_named_wav_is_refused(tmp_path):
    (tmp_path / "a.wav").write_text("la la la")
    error = refusal(tmp_path / "a.wav")
    assert "a.wav" in error.what
    assert "cannot be decoded" in error.what


def test_a_recording_over_the_limit_is_refused_from_its_header(config, tone):
    config("[limits]\naudio_seconds = 1")
    three = np.tile(tone, 30)
    for value in ((three, RATE), encoded(three), encoded(three, format="FLAC")):
        error = refusal(value)
        assert isinstance(error, InputTooLarge)
        assert "limits.audio_seconds 4" in error.fix


def test_three_hours_are_refused_without_reading_them(tmp_path):
    path = tmp_path / "day.wav"
    with soundfile.SoundFile(path, "w", 8_000, 1, "PCM_U8") as file:
        silence = np.zeros(8_000 * 60, np.float32)
        for _ in range(181):
            file.write(silence)
    error = refusal(path)
    assert isinstance(error, InputTooLarge)
    assert "181 minutes" in error.what


@pytest.mark.parametrize("value", [None, 3, [0.1, 0.2], {"sound": 1}, object(), (RATE, "a.wav")])
def test_what_is_no_recording_at_all_is_refused_with_what_would_be(value):
    assert "(array, sampling_rate)" in refusal(value).fix


@pytest.mark.parametrize("view", [lambda buffer: buffer, memoryview], ids=["bytearray", "memoryview"])
def test_a_buffer_that_is_filled_again_does_not_change_what_was_accepted(tone, view):
    buffer = bytearray(encoded(tone))
    accepted = Audio.accept(view(buffer))
    buffer[:] = bytes(len(buffer))
    np.testing.assert_allclose(accepted.samples(), tone, atol=1e-4)


def test_a_row_of_a_dataset_names_its_file(tone):
    assert Audio.accept({"bytes": encoded(tone), "path": "gone.wav"}).name == "gone.wav"


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"audio": {"audio": {"array": 1}}}, "'audio' is not audio"),
        ({"sound": 1}, "'sound' is not audio"),
        ({}, "nothing in it"),
        ({"array": [[1.0], [2.0, 3.0]], "sampling_rate": RATE}, "not an array"),
        ({"array": [0.5], "sampling_rate": "fast"}, "sampling rate"),
    ],
)
def test_a_mapping_that_holds_no_audio_says_what_it_holds(value, word):
    assert word in refusal(value).what


def of_unknown_length(samples: np.ndarray) -> bytes:
    """A FLAC as a program writes it into a pipe: the number of samples in its header is 0."""
    data = bytearray(encoded(samples, format="FLAC"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    return bytes(data)


@pytest.mark.parametrize("block", [1 << 20, 999])
def test_a_flac_from_a_pipe_that_does_not_say_its_length_is_read_to_its_end(tone, block, monkeypatch):
    monkeypatch.setattr("duomo.inputs.mono._BLOCK", block)  # blocks that end within the recording
    np.testing.assert_allclose(Audio.accept(of_unknown_length(np.tile(tone, 3))).samples(), np.tile(tone, 3), atol=1e-4)


def test_the_limit_holds_for_a_flac_that_does_not_say_its_length(tone, config):
    config("[limits]\naudio_seconds = 1")
    assert isinstance(refusal(of_unknown_length(np.tile(tone, 30))), InputTooLarge)


def wav(samples: bytes, size: int | None = None) -> bytes:
    """A WAV file of 16 bits at 8 kHz whose header says `size`."""
    size = len(samples) if size is None else size
    head = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    total = min(36 + size, 0xFFFF_FFFF)
    return b"RIFF" + struct.pack("<I", total) + b"WAVEfmt " + head + b"data" + struct.pack("<I", size) + samples


def test_a_wav_file_cut_short_is_unreadable_and_not_shorter(tmp_path):
    whole = wav(bytes(32_000))
    assert len(Audio.accept(whole).samples(8000)) == 16_000
    (tmp_path / "cut.wav").write_bytes(whole[:20_000])
    for value in (whole[:20_000], tmp_path / "cut.wav", io.BytesIO(whole[:20_000])):
        with pytest.raises(InputUnreadable, match="is cut short") as error:
            Audio.accept(value).samples()
        assert "32,000 bytes of sound" in error.value.why


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000, 32_000 + 44, 32_000 - 2])
def test_a_header_that_nobody_could_fill_in_or_that_is_a_little_off_is_no_fault(size):
    assert abs(len(Audio.accept(wav(bytes(32_000), size)).samples(8000)) - 16_000) <= 1


def test_what_an_audio_clip_is_part_of_has_its_name(tone, tmp_path):
    path = tmp_path / "said.wav"
    path.write_bytes(encoded(tone))
    assert SpokenText.accept((path, "hello")).name == str(path)
    assert AudioPair.accept({"audio": path, "audio_pair": (tone, RATE)}).name == str(path)
    assert SpokenText.accept(((tone, RATE), "hello")).name == ""
