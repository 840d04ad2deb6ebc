"""Models loaded once, photos that installed packages ship, and awkward pictures."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import duomo
from duomo.weights import find_package_file

Photo = Callable[[str], Path]


@pytest.fixture(scope="package")
def photo() -> Photo:
    """The path of a picture inside an installed package, such as ``skimage/data/chelsea.png``; nothing is imported."""

    def find(inside: str) -> Path:
        path = find_package_file(f"package:{inside}")
        assert path is not None, f"{inside} is not here: pip install -r requirements-dev.txt"
        return path

    return find


@pytest.fixture(scope="package")
def classifier() -> duomo.Runner[Any]:
    return duomo.load("image-classification", "vision/efficientnet-lite0", device="cpu")


@pytest.fixture(scope="package")
def embedder() -> duomo.Runner[Any]:
    return duomo.load("image-feature-extraction", "vision/efficientnet-lite0", device="cpu")


@pytest.fixture(scope="package")
def faces() -> duomo.Runner[Any]:
    return duomo.load("face-detection", "vision/face-cascade")


@pytest.fixture(scope="package")
def ocr() -> duomo.Runner[Any]:
    return duomo.load("optical-character-recognition", "vision/paddle-ocr")


@pytest.fixture(scope="package")
def awkward(photo: Photo) -> list[Any]:
    """Pictures of every size and kind: colour, grey, transparent, one pixel, wide and tall panoramas."""
    cat = PIL.Image.open(photo("skimage/data/chelsea.png"))
    camera = PIL.Image.open(photo("skimage/data/camera.png"))
    assert camera.mode == "L"
    see_through = cat.resize((97, 64)).convert("RGBA")
    see_through.putalpha(128)
    return [
        cat,
        camera,
        see_through,
        np.full((1, 1, 3), 200, np.uint8),
        cat.resize((400, 100)),
        np.asarray(cat.resize((64, 256))),
        np.asarray(camera, dtype=np.float32) / 255,
    ]


@pytest.fixture(scope="package")
def damaged(photo: Photo, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A text that calls itself a JPEG, a JPEG cut short, and a small PNG that claims 60,000 x 60,000 pixels."""
    folder = tmp_path_factory.mktemp("damaged")
    text, short, bomb = (folder / name for name in ("text.jpg", "short.jpg", "bomb.png"))
    text.write_text("dear diary, today I was no picture")
    whole = photo("skimage/data/rocket.jpg").read_bytes()
    short.write_bytes(whole[: len(whole) // 3])
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    bomb.write_bytes(b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(bytes(1000))))
    return [text, short, bomb]


def _chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG: length, kind, content, checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
