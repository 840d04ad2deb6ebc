"""Inks look as their profile says; what is RGB stays as it is stored, as networks saw it in training."""

import io
import itertools
import struct

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest

from duomo.inputs import Image


def press() -> bytes:
    """An ICC profile of a cyan that is a greyish blue, L* 60, a* 0, b* -30; the other inks are black."""
    even, paper, blue, black = bytes(range(256)), bytes([255, 128, 128]), bytes([153, 128, 98]), bytes([0, 128, 128])
    inks = itertools.product((0, 1), repeat=4)
    levels = b"".join(black if any(others) else blue if cyan else paper for cyan, *others in inks)
    matrix = struct.pack(">9i", *(65536 if at % 4 == 0 else 0 for at in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + even * 4 + levels + even * 3
    head = struct.pack(">4sI4s4s4s12x4s", b"lcms", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    white = struct.pack(">3i", 63190, 65536, 54061)  # D50
    head = (head + bytes(28) + white).ljust(124, b"\0") + struct.pack(">I4sII", 1, b"A2B0", 144, len(table))
    return struct.pack(">I", 4 + len(head) + len(table)) + head + table


def saved(image: PIL.Image.Image, format: str, profile: bytes) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, icc_profile=profile, **({"quality": 100} if format == "JPEG" else {}))
    return buffer.getvalue()


def cyan_and_paper() -> PIL.Image.Image:
    image = PIL.Image.new("CMYK", (16, 8), (255, 0, 0, 0))
    image.paste((0, 0, 0, 0), (8, 0, 16, 8))
    return image


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_inks_look_as_their_profile_says(format):
    found = Image.accept(saved(cyan_and_paper(), format, press())).array()
    np.testing.assert_allclose(found[4, 2], [108, 147, 197], atol=12)  # in sRGB, without the turn from D50
    np.testing.assert_allclose(found[4, 14], 255, atol=2)


@pytest.mark.parametrize(
    "profile",
    [b"junk", press()[:200], PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()],
    ids=["junk", "cut off", "of RGB"],
)
def test_inks_with_a_profile_that_says_nothing_of_them_are_as_without(profile):
    found = Image.accept(saved(cyan_and_paper(), "TIFF", profile)).array()
    assert found[4, 2].tolist() == [0, 255, 255]


def test_rgb_is_not_changed_by_its_profile():
    image = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8))
    linear = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("XYZ")).tobytes()
    assert np.array_equal(Image.accept(saved(image, "PNG", linear)).array(), np.asarray(image))
