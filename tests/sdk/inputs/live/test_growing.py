"""WAV files that are still being written: real files, in pieces, at several rates."""

import itertools
import struct
import threading
from typing import cast

import numpy as np
import pytest

from duomo.errors import InputMissing, InputUnreadable
from duomo.inputs import Audio
from duomo.inputs.live import Growing
from duomo.testing.samples import voice


def header(rate: int, channels: int = 1, tag: int = 1, bits: int = 16) -> bytes:
    """That of a recorder that does not know how long it will be."""
    about = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    extra = b"LIST" + struct.pack("<I", 4) + b"INFO"
    return b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", 16) + about + extra + b"data\xff\xff\xff\xff"


def heard(reader: Growing, pieces: list[bytes], path) -> list[np.ndarray]:
    """What a reader gives of a file; each piece is written once the reader has given something, or waits for more."""
    path.write_bytes(b"")
    reader.open()
    stop = threading.Event()
    found = []
    with open(path, "ab", buffering=0) as writer:
        writer.write(pieces[0])
        left = iter(pieces[1:])
        for arrival in reader.read(stop):
            samples, rate = cast(tuple[np.ndarray, int], arrival.value)
            assert rate == 16_000
            found.append(samples)
            piece = next(left, None)
            if piece is None:
                reader.idle_s = 0.3
            else:
                writer.write(piece)
    reader.close()
    return found


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 8_000])
def test_sound_is_that_of_the_whole_file_whatever_the_pieces(tmp_path, rate):
    samples = voice(120, 3.0, rate)
    data = (samples * 32767).astype("<i2").tobytes()
    path = tmp_path / "call.wav"
    cuts = [0, int(1.2 * rate) * 2 + 1, int(2.1 * rate) * 2, len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(cuts)]
    found = heard(Growing(path, seconds=0.5), [header(rate) + pieces[0], *pieces[1:]], path)
    assert len(found) >= 5
    expected = Audio.accept((np.frombuffer(data, "<i2"), rate)).samples(16_000)
    joined = np.concatenate(found)
    assert abs(len(joined) - len(expected)) <= 1
    count = min(len(joined), len(expected))
    np.testing.assert_allclose(joined[:count], expected[:count], atol=1e-3)


def test_a_file_of_more_than_one_read_is_heard_whole(tmp_path):
    path = tmp_path / "long.wav"
    found = heard(Growing(path, seconds=10.0), [header(16_000) + bytes(2 * 16_000 * 75)], path)
    assert sum(map(len, found)) == 16_000 * 75


def test_what_stands_behind_the_samples_is_not_heard_and_a_file_that_grows_on_is(tmp_path):
    """A whole file with a list of titles at its end; then one whose recorder keeps its header right while it writes."""
    samples = (voice(120, 1.0, 16_000) * 32767).astype("<i2").tobytes()
    titles = b"LIST" + struct.pack("<I", 20_000) + bytes(range(200)) * 100
    whole = header(16_000)[:-4] + struct.pack("<I", len(samples)) + samples + titles
    whole = b"RIFF" + struct.pack("<I", len(whole) - 8) + whole[8:]
    found = np.concatenate(heard(Growing(tmp_path / "whole.wav"), [whole], tmp_path / "whole.wav"))
    np.testing.assert_allclose(found, np.frombuffer(samples, "<i2") / 32768, atol=1e-6)
    kept = whole[: -len(titles)]
    kept = b"RIFF" + struct.pack("<I", len(kept) - 8) + kept[8:]
    found = np.concatenate(heard(Growing(tmp_path / "kept.wav"), [kept, samples], tmp_path / "kept.wav"))
    np.testing.assert_allclose(found, np.tile(np.frombuffer(samples, "<i2") / 32768, 2), atol=1e-6)


def test_stereo_floats_are_mixed(tmp_path):
    frames = np.stack([np.full(8000, 0.5), np.full(8000, -0.1)], axis=1).astype("<f4")
    path = tmp_path / "a.wav"
    found = heard(Growing(path), [header(16_000, 2, 3, 32) + frames.tobytes()], path)
    np.testing.assert_allclose(np.concatenate(found), np.full(8000, 0.2), atol=1e-6)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"fLaC and more", "does not begin"),
        (b"RIFF\0\0\0\0AVI list", "does not begin"),
        (header(16_000, bits=24), "24 bits"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "before their description"),
    ],
)
def test_other_files_are_refused(tmp_path, content, why):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(InputUnreadable, match="cannot be heard") as caught:
        Growing(path).open()
    assert why in caught.value.why
    with pytest.raises(InputMissing, match="no audio file"):
        Growing(tmp_path / "none.wav").open()


def test_an_empty_file_that_never_grows_ends_with_the_source(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"")
    reader = Growing(path, idle_s=0.2)
    reader.open()
    assert list(reader.read(threading.Event())) == []
    reader.close()
