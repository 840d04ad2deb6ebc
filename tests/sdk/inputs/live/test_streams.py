"""Cameras and sound as live sources; the microphone is faked where PortAudio would call."""

import threading
from typing import Any

import av
import numpy as np
import pytest

from duomo.errors import InputUnreadable
from duomo.inputs.live import Camera, Feed, Microphone, Recording


def values(feed) -> list[Any]:
    return [each.value for each in feed if each is not None]


def next_of(items):
    return next(each for each in items if each is not None)


def save_clip(path, frames):
    """Write a video of 10 frames a second, each lighter than the one before."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for at in range(frames):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), at * 20, np.uint8), format="rgb24")))
        out.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return save_clip(tmp_path_factory.mktemp("video") / "clip.mp4", frames=10)


def test_a_video_gives_all_its_frames_as_fast_as_they_are_taken(clip):
    with Feed([Camera(clip, speed=0)]) as feed:
        frames: list[Any] = [each for each in feed if each is not None]
    assert [int(each.value.mean()) for each in frames] == pytest.approx([at * 20 for at in range(10)], abs=2)
    assert frames[3].name == f"{clip}#3"


def test_a_recording_is_heard_piece_by_piece(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    sound = np.sin(np.arange(40_000) / 20).astype(np.float32) * 0.5
    soundfile.write(tmp_path / "a.wav", sound, 16_000, "FLOAT")
    with Feed([Recording(tmp_path / "a.wav", seconds=1.0, speed=0)]) as feed:
        pieces = values(feed)
    assert [len(samples) for samples, _ in pieces] == [16_000, 16_000, 8_000]
    assert {rate for _, rate in pieces} == {16_000}
    np.testing.assert_array_equal(np.concatenate([samples for samples, _ in pieces]), sound)


class PortAudio:
    """Calls back as PortAudio does, in a thread, with memory that it fills again."""

    def __init__(self, blocks=(), error=None):
        self.blocks, self.error, self.asked, self.closed = blocks, error, {}, threading.Event()

    def InputStream(self, **asked):
        if self.error is not None:
            raise self.error
        self.asked = asked
        return self

    def start(self):
        threading.Thread(target=self._call_back).start()

    def _call_back(self):
        memory = np.empty((1600, 1), np.float32)
        for level in self.blocks:
            memory[:] = level
            self.asked["callback"](memory, len(memory), None, None)

    def close(self):
        self.closed.set()


def test_a_microphone_gives_items_of_the_length_asked_for():
    library = PortAudio(blocks=[0.1, 0.2, 0.3, 0.4])
    with Feed([Microphone("2", seconds=0.15, module=library)]) as feed:
        items = iter(feed)
        first, second = next_of(items).value, next_of(items).value
    assert library.asked["device"] == 2
    assert library.asked["samplerate"] == 16_000
    assert first[1] == 16_000
    np.testing.assert_allclose(first[0], np.repeat([0.1, 0.2], [1600, 800]).astype(np.float32))
    np.testing.assert_allclose(second[0], np.repeat([0.2, 0.3], [800, 1600]).astype(np.float32))
    assert library.closed.is_set()


def test_no_microphone_is_said_with_what_portaudio_says():
    with pytest.raises(InputUnreadable, match="the microphone 'desk' cannot be opened") as caught:
        Feed([Microphone("desk", module=PortAudio(error=ValueError("No input device matching 'desk'")))]).open()
    assert "No input device" in caught.value.why
