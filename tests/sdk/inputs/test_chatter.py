"""Remarks of decoders in C stay off stderr, and nobody else's words do."""

import io
import os
import threading

import numpy as np
import PIL.Image
import pytest

from duomo.errors import BadInput, InputUnreadable
from duomo.inputs import Audio, Image
from duomo.inputs.chatter import native_remarks_left_out


def say(text: str) -> None:
    os.write(2, text.encode())


def test_a_damaged_tiff_says_so_once_and_in_our_words(capfd):
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (24, 40, 3), np.uint8)
    PIL.Image.fromarray(noise).save(file, "TIFF", compression="tiff_adobe_deflate")
    content = bytearray(file.getvalue())
    content[12:60] = bytes(48)
    with pytest.raises(InputUnreadable):
        Image.accept(bytes(content)).array()
    assert capfd.readouterr().err == ""


def test_a_damaged_mp3_is_decoded_or_refused_in_silence(capfd):
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    tone = 0.5 * np.sin(np.arange(16_000) / 10)
    soundfile.write(file, tone, 16_000, "MPEG_LAYER_III", format="MP3")
    refused = 0
    for seed in range(40):
        random, content = np.random.default_rng(seed), bytearray(file.getvalue())
        for at in random.integers(0, len(content), 60):
            content[at] = int(random.integers(256))
        try:
            Audio.accept(bytes(content)).samples()
        except (InputUnreadable, BadInput):
            refused += 1
    assert refused < 40, "some were decoded, which is when mpg123 remarks on them"
    assert capfd.readouterr().err == ""


def test_lines_of_others_are_passed_on_also_where_decoders_overlap(capfd):
    inside, done = threading.Event(), threading.Event()

    def decode() -> None:
        with native_remarks_left_out():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=decode)
    with native_remarks_left_out():
        say("a progress bar\n")
        say("[src/libmpg123/layer3.c:1] error: dequantization failed\n")
        thread.start()
        inside.wait(10)
    say("between\n")
    say("tempfile.tif: Using code not yet in table.\n")
    done.set()
    thread.join()
    say("after\n")
    assert capfd.readouterr().err == "a progress bar\nbetween\nafter\n"


def test_an_error_within_brings_stderr_back(capfd):
    with pytest.raises(ZeroDivisionError), native_remarks_left_out():
        say("ZIPDecode: Decoding error at scanline 0.\n")
        raise ZeroDivisionError
    say("still here\n")
    assert capfd.readouterr().err == "still here\n"


def test_a_closed_stderr_is_no_reason_not_to_decode():
    saved = os.dup(2)
    try:
        os.close(2)
        with native_remarks_left_out():
            pass
    finally:
        os.dup2(saved, 2)
        os.close(saved)
