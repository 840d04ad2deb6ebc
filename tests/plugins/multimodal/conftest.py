"""Photos and loaded models for the tests of this plugin; each model is loaded once."""

import sys
from pathlib import Path

import pytest

import duomo

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="package")
def photos():
    from photos import PHOTOS

    return PHOTOS


@pytest.fixture(scope="package")
def search():
    with duomo.load("image-search", "multimodal/conse") as runner:
        yield runner


@pytest.fixture(scope="package")
def embed():
    with duomo.load("multimodal-embedding", "multimodal/conse") as runner:
        yield runner
