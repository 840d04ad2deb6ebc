"""Photos come out upright whatever their metadata looks like, and damaged metadata costs no image."""

import io
import struct
import warnings
import zlib

import numpy as np
import PIL.Image
import pytest

from duomo.inputs import Image
from duomo.inputs.digest import digest

BYTE, ASCII, SHORT, LONG, RATIONAL, FLOAT = 1, 2, 3, 4, 5, 11


@pytest.fixture
def photo() -> PIL.Image.Image:
    """16 wide, 8 high, with no symmetry."""
    return PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 16, 3), np.uint8))


def tiff(*entries: tuple[int, int, int, bytes]) -> bytes:
    """EXIF of raw entries: tag, type, count, and four bytes of value."""
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHI4s", *entry) for entry in entries
    ) + bytes(4)  # fmt: skip


def stated(orientation: int) -> tuple[int, int, int, bytes]:
    return (0x0112, SHORT, 1, struct.pack("<HH", orientation, 0))


def encoded(photo: PIL.Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    photo.save(buffer, format, **options)
    return buffer.getvalue()


def app1(body: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def with_segments(photo: PIL.Image.Image, *segments: bytes) -> bytes:
    """A JPEG with segments right behind its start."""
    data = encoded(photo, "JPEG", quality=95)
    return data[:2] + b"".join(segments) + data[2:]


EXIF = app1(b"Exif\0\0" + tiff(stated(6)))
XMP = app1(b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>")
FOREIGN, EMPTY = app1(b"Something else entirely"), app1(b"")
ORDERS = {
    "EXIF alone": (EXIF,),
    "XMP before EXIF": (XMP, EXIF),
    "XMP behind EXIF": (EXIF, XMP),
    "foreign before EXIF": (FOREIGN, EXIF),
    "empty before EXIF": (EMPTY, EXIF),
    "all before EXIF": (XMP, EMPTY, FOREIGN, EXIF),
    "a comment before EXIF": (b"\xff\xfe\x00\x04hi", EXIF),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_jpeg_is_turned_wherever_its_exif_stands(photo, order):
    image = Image.accept(with_segments(photo, *order))
    lying = Image.accept(with_segments(photo)).array()
    np.testing.assert_array_equal(image.array(), np.rot90(lying, -1))
    assert image.jpeg_to_turn()[1] == 6


@pytest.mark.parametrize("orientation", range(9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_orientation_is_applied_as_pillow_does(photo, orientation, format):
    import PIL.ImageOps

    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo, format, exif=exif)
    expected = PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(data))).convert("RGB")
    for value in (data, PIL.Image.open(io.BytesIO(data))):
        upright = Image.accept(value).pil()
        np.testing.assert_array_equal(np.asarray(upright), np.asarray(expected))
        for again in (Image.accept(upright).array(), PIL.ImageOps.exif_transpose(upright)):
            np.testing.assert_array_equal(np.asarray(again), np.asarray(expected), "turned once and no more")


def test_an_orientation_that_xmp_states_is_applied_once(photo):
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/' tiff:Orientation=\"6\"></x:xmpmeta>"
    lying = Image.accept(with_segments(photo)).array()
    upright = Image.accept(with_segments(photo, app1(xmp))).pil()
    for image in (upright, Image.accept(upright).pil()):
        np.testing.assert_array_equal(np.asarray(image), np.rot90(lying, -1))


def test_exif_that_cannot_be_written_back_does_not_keep_a_photo_from_being_turned(photo):
    exif = b"Exif\0\0" + tiff(stated(6), (0x0111, ASCII, 4, b"abc\0"))  # StripOffsets is a number elsewhere
    lying = Image.accept(with_segments(photo)).array()
    image = Image.accept(with_segments(photo, app1(exif)))
    np.testing.assert_array_equal(image.array(), np.rot90(lying, -1))


@pytest.mark.parametrize("format", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize(
    "junk", [b"not exif at all, but a text", b"Exif\0\0II*\0\xff\xff\xff\xff", b"MM\0*", b"II*\0\x08\0\0\0\xff\xff"]
)
def test_junk_in_place_of_exif_leaves_the_pixels_as_stored(photo, format, junk):
    if format == "PNG":
        plain = encoded(photo)
        chunk = struct.pack(">I", len(junk)) + b"eXIf" + junk + struct.pack(">I", zlib.crc32(b"eXIf" + junk))
        data = plain[:33] + chunk + plain[33:]
    elif format == "WEBP":
        plain = encoded(photo, "WEBP", lossless=True, exif=b"x" * len(junk))
        data = plain.replace(b"x" * len(junk), junk)
    else:
        plain = with_segments(photo)
        data = with_segments(photo, app1(b"Exif\0\0" + junk))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = Image.accept(data).array()
    np.testing.assert_array_equal(found, Image.accept(plain).array())
    assert said == [], "nothing is said behind the caller's back"
    assert digest(Image.accept(PIL.Image.open(io.BytesIO(data))))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ((0x0112, BYTE, 1, b"\x06\0\0\0"), 6),
        ((0x0112, LONG, 1, struct.pack("<I", 6)), 6),
        ((0x0112, FLOAT, 1, struct.pack("<f", 6.0)), 6),
        ((0x0112, FLOAT, 1, struct.pack("<f", 6.5)), 1),
        ((0x0112, SHORT, 2, struct.pack("<HH", 6, 1)), 6),
        ((0x0112, ASCII, 2, b"6\0\0\0"), 1),
        ((0x0112, SHORT, 1, struct.pack("<HH", 9, 0)), 1),
        ((0x0112, SHORT, 1, struct.pack("<HH", 0, 0)), 1),
        ((0x0112, RATIONAL, 1, struct.pack("<I", 0)), 1),
    ],
)
def test_an_orientation_of_an_odd_type_means_the_same_on_every_path(photo, entry, expected):
    image = Image.accept(with_segments(photo, app1(b"Exif\0\0" + tiff(entry))))
    lying = Image.accept(with_segments(photo)).array()
    upright = np.rot90(lying, -1) if expected == 6 else lying
    np.testing.assert_array_equal(image.array(), upright)
    assert image.jpeg_to_turn()[1] == expected
    np.testing.assert_array_equal(np.asarray(image.pil(at_least=16)), upright)


def test_exif_cut_off_is_read_in_silence(photo):
    whole = b"Exif\0\0" + tiff(stated(6), (0x010F, ASCII, 400, struct.pack("<I", 90)))
    data = with_segments(photo, app1(whole[:-10]))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        Image.accept(data).array()
        Image.accept(data).jpeg_to_turn()
    assert said == []
