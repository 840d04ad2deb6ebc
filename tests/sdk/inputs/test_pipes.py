"""What comes through a pipe is read to its end, once, and kept."""

import contextlib
import io
import os
import threading
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import soundfile

from duomo.errors import InputTooLarge, InputUnreadable
from duomo.inputs import Audio, Image, Text


def through_a_pipe(path: Path, content: bytes, accept):
    os.mkfifo(path)

    def write():
        with open(path, "wb", buffering=0) as pipe, contextlib.suppress(BrokenPipeError):
            for at in range(0, len(content), 40_000):  # a pipe holds 65,536 bytes: the reader must come back for more
                pipe.write(content[at : at + 40_000])

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        return accept(path)
    finally:
        writer.join(30)
        assert not writer.is_alive(), "nobody reads the pipe to its end"


def test_an_image_comes_through_a_pipe_and_can_be_decoded_twice(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(noise).save(file, "PNG")
    accepted = through_a_pipe(tmp_path / "frame", file.getvalue(), Image.accept)
    for _ in range(2):
        np.testing.assert_array_equal(accepted.array(), noise)
    assert accepted.name == str(tmp_path / "frame")


def test_a_sound_comes_through_a_pipe(tmp_path):
    tone = np.sin(np.arange(16_000) / 20).astype(np.float32) / 2
    file = io.BytesIO()
    soundfile.write(file, tone, 16_000, subtype="FLOAT", format="WAV")
    accepted = through_a_pipe(tmp_path / "tone", file.getvalue(), lambda path: Audio.accept(str(path)))
    np.testing.assert_allclose(accepted.samples(), tone, atol=1e-6)


def test_a_text_comes_through_a_pipe_as_from_a_file(config, tmp_path):
    config("[limits]\ntext_chars = 10")
    assert through_a_pipe(tmp_path / "a", b"hello", Text.accept) == "hello"
    with pytest.raises(InputTooLarge, match="45 bytes"):
        through_a_pipe(tmp_path / "b", b"x" * 45, Text.accept)


def test_a_pipe_that_is_empty_or_gives_more_than_the_limit_is_refused(config, tmp_path):
    config("[limits]\nfile_bytes = 100")
    with pytest.raises(InputUnreadable, match="is empty"):
        through_a_pipe(tmp_path / "nothing", b"", Image.accept)
    with pytest.raises(InputTooLarge) as caught:
        through_a_pipe(tmp_path / "much", bytes(101), Image.accept)
    assert "the limit is 100" in caught.value.why


def test_an_endless_device_is_read_no_further_than_the_limit(config):
    config("[limits]\nfile_bytes = 100")
    with pytest.raises(InputTooLarge):
        Image.accept("/dev/zero")
