"""Damaged files of every format: none ends the process, and none raises anything but an error of its item.

Two hundred a format; two thousand when ``DUOMO_NIGHTLY`` is set. Each format is decoded in a process of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

COUNT = 2000 if os.environ.get("DUOMO_NIGHTLY") else 200
PICTURES = ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "PDF"]
SOUNDS = ["WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF", "W64", "AU"]
WEIGHTS = ["SAFETENSORS", "TFJS", "GGUF", "NCNN", "CTRANSLATE2", "ONNX"]
PACKAGED = pytest.param("TFLITE", marks=pytest.mark.embedded)
FORMATS = [*PICTURES, *SOUNDS, "MP4", "MKV", "AVI", "TS", "FLV", "PARQUET", "XBRL", *WEIGHTS, PACKAGED]
FEWER = {} if os.environ.get("DUOMO_NIGHTLY") else {"SAFETENSORS": 40, "GGUF": 20, "TFLITE": 40}
"""Where each file takes a while: a whole network is made for it."""
GROWTH_MIB = 400
"""What decoding may take under the limits below, torch's resampling included."""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[IO[str], IO[str]]]:
    """Where to ask for a format, and where the exit code of its process is said."""
    command = [sys.executable, str(Path(__file__).with_name("mutate.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdin, process.stdout
        process.stdin.close()


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_files_fail_alone(format, config, server, tmp_path):
    settings = config("[limits]\nimage_pixels = 1_000_000\naudio_seconds = 60")
    places = {name: tmp_path / name for name in ("state", "found", "remarks")}
    count = FEWER.get(format, COUNT)
    asked = {"format": format, "count": count, **{name: str(path) for name, path in places.items()}}
    asked["environment"] = {"DUOMO_CONFIG": str(settings), "DUOMO_CACHE": str(tmp_path)}
    print(json.dumps(asked), file=server[0], flush=True)
    code, remarks = server[1].readline(), places["remarks"].read_text("utf-8")
    assert code == "0\n", f"file {places['state'].read_text()} ended the process: {remarks[-2000:]}"
    found = json.loads(places["found"].read_text("utf-8"))
    assert found["wrong"] == []
    assert found["refused"] > count / 10, "most of them are truly damaged"
    assert found["grown_mib"] < GROWTH_MIB
    assert remarks == "", "remarks of decoders are not for the terminal"
