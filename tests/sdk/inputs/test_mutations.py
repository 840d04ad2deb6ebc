"""Damaged files of every format: none ends the process, and none raises anything but an error of its item.

Two hundred a format; two thousand when ``DUOMO_NIGHTLY`` is set. They are decoded in a process of their own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_files_fail_alone(format, config, tmp_path):
    settings = config("[limits]\nimage_pixels = 1_000_000\naudio_seconds = 60")
    state = tmp_path / "seed"
    count = FEWER.get(format, COUNT)
    ended = subprocess.run(
        [sys.executable, "-W", "error", Path(__file__).with_name("mutate.py"), format, str(count), state],
        capture_output=True,
        text=True,
        env={**os.environ, "DUOMO_CONFIG": str(settings), "DUOMO_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"},
        timeout=600,
    )
    assert ended.returncode == 0, f"file {state.read_text()} ended the process: {ended.stderr[-2000:]}"
    found = json.loads(ended.stdout)
    assert found["wrong"] == []
    assert found["refused"] > count / 10, "most of them are truly damaged"
    assert found["grown_mib"] < GROWTH_MIB
    assert ended.stderr == "", "remarks of decoders are not for the terminal"
