"""Sound files that hold less or more than a decoder reads of them are refused; it says nothing of the rest."""

import io
import struct

import numpy as np
import pytest
import soundfile

from duomo.errors import BadInput, InputUnreadable
from duomo.inputs import Audio

RATE = 16_000
KINDS = [
    ("WAV", "PCM_16"), ("WAV", "ULAW"), ("RF64", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
]  # fmt: skip


def encoded(format: str, subtype: str, seconds: float = 10) -> bytes:
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, (int(seconds * RATE), 1))
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=format, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(("format", "subtype"), KINDS)
@pytest.mark.parametrize("left", [0.5, 0.95])
def test_a_file_cut_short_is_unreadable_and_not_shorter(format, subtype, left):
    content = encoded(format, subtype)
    assert len(Audio.accept(content).samples()) == pytest.approx(10 * RATE, rel=0.02)
    with pytest.raises(InputUnreadable, match=r"is cut short|cannot be decoded"):
        Audio.accept(content[: int(len(content) * left)]).samples()


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_hole_in_an_ogg_file_is_noticed(subtype):
    content = encoded("OGG", subtype)
    half = len(content) // 2
    with pytest.raises(InputUnreadable, match="is cut short"):
        Audio.accept(content[:half] + bytes(3000) + content[half + 3000 :]).samples()


def test_ogg_files_one_behind_the_other_are_refused_and_streams_side_by_side_are_not():
    content = encoded("OGG", "VORBIS", 1)
    with pytest.raises(InputUnreadable, match="several recordings"):
        Audio.accept(content * 2).samples()
    assert len(Audio.accept(content).samples()) == RATE


ID3 = b"ID3\x03\0\0\0\0\0\x10" + bytes(16)


@pytest.mark.parametrize("between", [b"", ID3, b"TAG" + bytes(125), b"TAG" + bytes(125) + ID3])
def test_mp3_files_one_behind_the_other_are_refused(between):
    content = encoded("MP3", "MPEG_LAYER_III", 2)
    with pytest.raises(InputUnreadable, match="several recordings"):
        Audio.accept(ID3 + content + between + content).samples()


@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), b"APETAGEX" + bytes(5000), bytes(5000)])
def test_tags_behind_an_mp3_file_are_not_a_recording(tag):
    content = encoded("MP3", "MPEG_LAYER_III", 2)
    assert len(Audio.accept(ID3 + content + tag).samples()) == 2 * RATE


def test_a_tag_in_front_of_a_wav_file_does_not_cost_its_end():
    content = encoded("WAV", "PCM_16", 1)
    with pytest.raises(InputUnreadable, match="ID3 tag in front"):
        Audio.accept(ID3 + content).samples()


@pytest.mark.parametrize("as_file", [True, False])
def test_channels_that_cancel_each_other_are_not_silence(as_file):
    voice = np.random.default_rng(0).uniform(-0.3, 0.3, RATE).astype(np.float32)
    noisy = -voice + np.random.default_rng(1).normal(0, 0.005, RATE).astype(np.float32)  # each channel has its own
    for second, is_read in ((-voice, False), (noisy, False), (-0.9 * voice, True), (0 * voice, True), (voice, True)):
        both = np.stack([voice, second], axis=1)
        file = io.BytesIO()
        soundfile.write(file, both, RATE, format="WAV", subtype="FLOAT")
        audio = Audio.accept(file.getvalue() if as_file else (both, RATE))
        if is_read:
            np.testing.assert_allclose(audio.samples(), both.mean(axis=1), atol=1e-6)
            continue
        with pytest.raises(BadInput, match="cancel each other out"):
            audio.samples()


def test_silence_in_all_channels_is_silence():
    assert not Audio.accept((np.zeros((RATE, 2), np.float32), RATE)).samples().any()


def test_int16_of_the_other_byte_order_is_int16():
    samples = np.arange(-1000, 1000, dtype=np.int16)
    np.testing.assert_array_equal(
        Audio.accept((samples.astype(">i2"), RATE)).samples(), Audio.accept((samples, RATE)).samples()
    )


UNFILLED = {  # what stands before the size in the header, how it is written, and what a writer leaves there at first
    "WAV": (b"data", "<I", 0), "AIFF": (b"SSND", ">I", 8), "AU": (b".snd\0\0\0\x18", ">I", 0),
    "RF64": (b"ds64\x1c\0\0\0\x60\x7d\0\0\0\0\0\0", "<Q", 0),
}  # fmt: skip


@pytest.mark.parametrize("format", UNFILLED)
def test_sound_behind_a_size_that_was_never_filled_in_is_read_and_behind_a_stale_one_refused(format):
    before, layout, empty = UNFILLED[format]
    content = encoded(format, "PCM_16", 1)
    at = content.index(before) + len(before)

    def stating(size):
        return content[:at] + struct.pack(layout, size) + content[at + struct.calcsize(layout) :]

    expected = Audio.accept(content).samples()
    np.testing.assert_array_equal(Audio.accept(stating(empty)).samples(), expected)
    with pytest.raises(InputUnreadable, match="more than its header says"):
        Audio.accept(stating(8000)).samples()
    if format == "WAV":
        assert len(Audio.accept(content + b"LIST" + struct.pack("<I", 6000) + bytes(6000)).samples()) == RATE
        with pytest.raises(InputUnreadable, match="no samples"):
            Audio.accept(stating(0)[: at + 4] + b"LIST" + struct.pack("<I", 6000) + bytes(6000)).samples()


@pytest.mark.parametrize(("bits", "block", "refused"), [(24, 4, True), (24, 3, False), (16, 2, False)])
def test_a_header_that_contradicts_itself_on_the_size_of_a_sample_is_not_heard_as_noise(bits, block, refused):
    samples = (8000 * np.sin(np.arange(16000) / 6)).astype("<i4") << 8
    packed = (
        samples.astype("<i4").tobytes()
        if block == 4
        else b"".join(
            int(each).to_bytes(4, "little", signed=True)[:block] for each in samples >> (8 if block == 3 else 16)
        )
    )
    head = struct.pack("<HHIIHH", 1, 1, 16000, 16000 * block, block, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(packed)) + packed
    content = b"RIFF" + struct.pack("<I", len(body)) + body
    if refused:
        with pytest.raises(InputUnreadable, match="where its samples begin"):
            Audio.accept(content).samples()
    else:
        assert len(Audio.accept(content).samples()) == 16000
