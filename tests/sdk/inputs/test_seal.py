"""A sealed border takes bytes, and nothing that names a file or an address."""

from pathlib import Path

import PIL.Image
import pytest

from duomo.errors import BadInput, DuomoError
from duomo.inputs import Audio, Image, Text, TextOrImage
from duomo.inputs.seal import sealed
from duomo.tasks import ImageSearch


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    PIL.Image.new("RGB", (8, 8)).save(path)
    return path


@pytest.mark.parametrize("kind", [Image, Audio, TextOrImage])
def test_a_path_is_refused_whether_it_exists_or_not(kind, image):
    words = set()
    for path in (image, image.parent / "none.png", image.parent, Path("/etc/hostname")):
        with sealed(), pytest.raises(BadInput, match="must be sent as bytes") as refused:
            kind.accept(path)
        words.add(str(refused.value))
    assert len(words) == 1


def test_a_text_from_a_path_is_refused_and_a_text_is_taken(image):
    with sealed(), pytest.raises(BadInput, match="must be sent as bytes"):
        Text.accept(image)
    with sealed():
        assert Text.accept(str(image)) == str(image)


@pytest.mark.parametrize("kind", [Image, Audio])
@pytest.mark.parametrize("address", ["http://127.0.0.1:1/x", "https://localhost/x"])
def test_an_address_is_refused_at_once(kind, address):
    with sealed(), pytest.raises(BadInput, match="must be sent as bytes"):
        kind.accept(address)


def test_options_pass_the_same_border(image):
    for images in (str(image.parent), [str(image)], [image]):
        with sealed(), pytest.raises(DuomoError, match="must be sent as bytes"):
            ImageSearch.Options.parse({"images": images})
    with sealed():
        assert len(ImageSearch.Options.parse({"images": [image.read_bytes()]}).images) == 1


def test_the_border_opens_again(image):
    with sealed(), sealed():
        pass
    assert Image.accept(image).pil().size == (8, 8)
