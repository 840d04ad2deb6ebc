"""Transparency lies on white, however a file says what is transparent; greys keep their levels."""

import io
import pickle
import struct
import zlib
from collections.abc import Mapping

import numpy as np
import PIL.Image
import pytest

from duomo.errors import BadInput
from duomo.inputs import Image, Video
from duomo.inputs.digest import digest

KEY = (200, 30, 30)
WHITE = [255, 255, 255]


def png(rows: list[bytes], width: int, depth: int, colour: int, key: bytes, interlaced: bool = False) -> bytes:
    """A PNG of any depth and colour type, rows unfiltered, with a tRNS chunk."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, interlaced)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*each) for each in ((b"IHDR", header), (b"tRNS", key), (b"IDAT", pixels), (b"IEND", b""))
    )


def saved(image: PIL.Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture
def keyed() -> tuple[PIL.Image.Image, np.ndarray]:
    """An RGB image of the key colour but for two pixels, and what it looks like on white."""
    image = PIL.Image.new("RGB", (4, 2), KEY)
    image.putpixel((0, 0), (200, 30, 31))
    image.putpixel((3, 1), (0, 0, 0))
    on_white = np.full((2, 4, 3), 255, np.uint8)
    on_white[0, 0], on_white[1, 3] = (200, 30, 31), (0, 0, 0)
    return image, on_white


def test_the_key_colour_of_an_rgb_image_becomes_white(keyed):
    image, on_white = keyed
    data = saved(image, transparency=KEY)
    in_memory = image.copy()
    in_memory.info["transparency"] = KEY
    for value in (data, PIL.Image.open(io.BytesIO(data)), in_memory):
        np.testing.assert_array_equal(Image.accept(value).array(), on_white)
    assert in_memory.info == {"transparency": KEY}, "the caller's image is unchanged"
    assert in_memory.getpixel((1, 0)) == KEY


def test_a_keyed_image_is_the_same_as_its_rgba_form(keyed):
    image, _ = keyed
    pixels = np.asarray(image)
    alpha = np.where((pixels == KEY).all(-1), 0, 255).astype(np.uint8)
    with_alpha = Image.accept(np.dstack([pixels, alpha])).array()
    np.testing.assert_array_equal(Image.accept(saved(image, transparency=KEY)).array(), with_alpha)


def test_a_key_of_16_bits_is_compared_with_all_of_its_bits():
    key, near, black = (51400, 7710, 7711), (51400, 7710, 7999), (0, 0, 0)
    data = png([struct.pack(">9H", *key, *near, *black)], 3, 16, 2, struct.pack(">3H", *key))
    assert Image.accept(data).array().tolist() == [[WHITE, [200, 30, 31], [0, 0, 0]]]
    lazily = PIL.Image.open(io.BytesIO(data))
    for _ in range(2):  # not loaded, then loaded: of a loaded one only the higher bytes are known
        assert Image.accept(lazily).array()[0, [0, 2]].tolist() == [WHITE, [0, 0, 0]]


def test_a_key_colour_of_many_rows_of_16_bits():
    rng = np.random.default_rng(0)
    levels = rng.choice(np.array([[51400, 7710, 7711], [51400, 7710, 7712], [9, 0, 65535]], np.uint16), (40, 30))
    data = png([row.astype(">u2").tobytes() for row in levels], 30, 16, 2, struct.pack(">3H", 51400, 7710, 7711))
    is_key = (levels == (51400, 7710, 7711)).all(-1)
    expected = np.where(is_key[..., None], 255, levels >> 8)
    np.testing.assert_array_equal(Image.accept(data).array(), expected)


@pytest.mark.parametrize(
    ("depth", "row", "key", "expected"),
    [
        (1, 0b01010101, 0, [255] * 8),
        (1, 0b01010101, 1, [0, 255] * 4),
        (2, 0b00011011, 1, [0, 255, 170, 255]),
        (2, 0b00011011, 2, [0, 85, 255, 255]),
        (4, 0x7A, 7, [255, 170]),
        (8, 7, 7, [255]),
    ],
)
def test_a_grey_key_is_a_level_of_the_depth_that_the_file_has(depth, row, key, expected):
    data = png([bytes([row])], 8 // depth, depth, 0, struct.pack(">H", key))
    assert Image.accept(data).array()[0, :, 0].tolist() == expected


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_premultiplied_alpha_lies_on_white_too(mode):
    image = PIL.Image.new(mode[:-1].upper() + "A", (2, 2), (0,) * len(mode)).convert(mode)
    assert Image.accept(image).array()[0, 0].tolist() == WHITE


@pytest.mark.parametrize("leftover", [b"\x00\xff", 7, (1, 2), None])
def test_a_key_that_is_none_of_an_rgb_image_is_ignored(keyed, leftover):
    image, _ = keyed
    image.info["transparency"] = leftover
    np.testing.assert_array_equal(Image.accept(image).array(), np.asarray(image))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "I;16"])
@pytest.mark.parametrize("leftover", [b"\x00\xff", (1, 2), None, "x"])
def test_what_another_mode_calls_transparent_is_ignored(mode, leftover):
    if mode == "P" and isinstance(leftover, bytes):
        return  # its own way to say it
    image = PIL.Image.new(mode, (3, 2))
    plain = Image.accept(image).array()
    image.info["transparency"] = leftover
    np.testing.assert_array_equal(Image.accept(image).array(), plain)
    assert image.info == {"transparency": leftover}, "the caller's image is unchanged"


def test_the_key_colour_counts_when_images_are_compared(keyed):
    image, _ = keyed
    with_key = image.copy()
    with_key.info["transparency"] = KEY
    assert digest(Image.accept(image)) != digest(Image.accept(with_key))


def deep_tiff(levels: np.ndarray, photometric: int) -> bytes:
    return saved(PIL.Image.fromarray(levels), "TIFF", tiffinfo={262: photometric})


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_a_deep_tiff_whose_zero_is_white_is_the_negative_of_one_whose_zero_is_black(dtype):
    levels = (np.arange(16) * 4369).reshape(4, 4)
    levels = (levels / 65535).astype(dtype) if dtype == np.float32 else levels.astype(dtype)
    black, white = (Image.accept(deep_tiff(levels, each)).array() for each in (1, 0))
    np.testing.assert_allclose(black[..., 0].ravel(), np.arange(16) * 17, atol=1)
    np.testing.assert_array_equal(white, 255 - black)


def test_twelve_bits_are_scaled_by_what_twelve_bits_can_hold():
    pixels = bytes([0xFF, 0xF0, 0x00, 0x80, 0x0F, 0xFF])  # 4095, 0, 2048, 4095
    entries = [
        (256, 3, 4), (257, 3, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1),
        (273, 4, 8), (277, 3, 1), (278, 3, 1), (279, 4, len(pixels)),
    ]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    start = 8 + len(pixels)
    tiff = b"II*\0" + struct.pack("<I", start) + pixels + struct.pack("<H", len(entries)) + directory + bytes(4)
    assert Image.accept(tiff).array()[0, :, 0].tolist() == [255, 0, 127, 255]


def tiff(pixels: bytes, tags: Mapping[int, tuple[str, tuple[int, ...]]], strips: int = 1) -> bytes:
    """A TIFF of 4 x 2 pixels in one strip, or one a plane; each tag has a type, B, H or I, and values."""
    strip = len(pixels) // strips
    every = {
        256: ("H", (4,)), 257: ("H", (2,)), 259: ("H", (1,)), 277: ("H", (1,)), 278: ("H", (2,)),
        279: ("I", (strip,) * strips), **tags,
    }  # fmt: skip
    end = 8 + 2 + 12 * (len(every) + 1) + 4
    entries, beyond = b"", pixels
    for tag, (kind, values) in sorted({**every, 273: ("I", tuple(end + at * strip for at in range(strips)))}.items()):
        packed = struct.pack(f"<{len(values)}{kind}", *values)
        if len(packed) > 4:
            packed, beyond = struct.pack("<I", end + len(beyond)), beyond + packed
        entries += struct.pack("<HHI", tag, {"H": 3, "I": 4}[kind], len(values)) + packed.ljust(4, b"\0")
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(every) + 1) + entries + bytes(4) + beyond


@pytest.mark.parametrize("scale", [1, 256, 257])
def test_a_palette_of_tiff_is_read_whether_it_has_8_bits_or_16(scale):
    colours = np.random.default_rng(0).integers(0, 256, (3, 256))
    colours[0, 0] = 255
    palette: list[int] = (colours * scale).ravel().tolist()
    file = tiff(bytes(range(8)), {258: ("H", (8,)), 262: ("H", (3,)), 320: ("H", tuple(palette))})
    assert np.array_equal(Image.accept(file).array().reshape(8, 3), colours.T[:8])


def planes(pixels: np.ndarray, photometric: int) -> bytes:
    """A TIFF whose colours are one behind the other, (C, 2, 4)."""
    count, bits = len(pixels), 8 * pixels.itemsize
    tags = {258: ("H", (bits,) * count), 262: ("H", (photometric,)), 277: ("H", (count,)), 284: ("H", (2,))}
    return tiff(
        pixels.tobytes(), {**tags, **({338: ("H", (2,))} if count in (2, 4) and photometric < 5 else {})}, count
    )


@pytest.mark.parametrize("count", [3, 4])
def test_planes_of_16_bits_are_not_taken_for_bytes(count):
    levels = np.random.default_rng(0).integers(0, 65536, (count, 2, 4)).astype("<u2")
    levels[3:] = 65535
    found = Image.accept(planes(levels, 2)).array()
    np.testing.assert_allclose(found, np.moveaxis(levels[:3], 0, -1) / 257, atol=1)


@pytest.mark.parametrize(("count", "photometric", "dtype"), [(4, 5, "<u2"), (2, 1, "u1")])
def test_planes_that_pillow_reads_wrongly_are_refused(count, photometric, dtype):
    with pytest.raises(BadInput, match="separate planes"):
        Image.accept(planes(np.ones((count, 2, 4), dtype), photometric)).array()
    assert Image.accept(planes(np.ones((3, 2, 4), np.uint8), 2)).array().max() == 1, "planes of bytes are read"


@pytest.mark.parametrize(("bits", "dtype"), [(8, "i1"), (16, "<i2")])
def test_levels_with_a_sign_have_no_white(bits, dtype):
    pixels = np.asarray([0, 1, 5, 100, 0, 1, -3, -100], dtype).tobytes()
    tags = {258: ("H", (bits,)), 262: ("H", (1,))}
    with pytest.raises(BadInput, match=f"signed levels of {bits} bits"):
        Image.accept(tiff(pixels, {**tags, 339: ("H", (2,))})).array()
    assert Image.accept(tiff(pixels, tags)).array().max() > 200, "without the tag they have none"


GREYS = np.asarray([0, 9000, 20000, 30000, 40000, 50000, 60000, 65535], "<u2").tobytes()


def turned() -> PIL.Image.Image:
    image = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8))
    image.getexif()[274] = 6
    return image


@pytest.mark.parametrize(
    "opened",
    [
        turned,
        lambda: PIL.Image.open(io.BytesIO(tiff(GREYS, {258: ("H", (16,)), 262: ("H", (0,))}))),
        lambda: PIL.Image.open(
            io.BytesIO(png([struct.pack(">6H", 7, 7, 8, 7, 7, 7)], 2, 16, 2, struct.pack(">3H", 7, 7, 8)))
        ),
    ],
    ids=["orientation set in memory", "white is zero", "colour key of 16 bits"],
)
def test_what_the_file_of_a_pillow_image_says_goes_to_another_process(opened):
    expected = Image.accept(opened()).array()
    assert np.array_equal(pickle.loads(pickle.dumps(Image.accept(opened()))).array(), expected)
    [frame, _] = pickle.loads(pickle.dumps(Video.accept([opened(), opened()]))).first(2).frames
    assert np.array_equal(frame, expected)


@pytest.mark.parametrize("levels", [[0, 70_000], [-5, 100]])
def test_grey_levels_that_16_bits_cannot_hold_are_refused(levels):
    image = PIL.Image.fromarray(np.array([levels], np.int32))
    for value in (image, saved(image, "TIFF")):
        with pytest.raises(BadInput, match="grey levels must lie in 0 to 65535"):
            Image.accept(value).array()
