"""Every way to hand in a picture, and every picture that is refused."""

import io
import pickle
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from duomo.errors import BadInput, DuomoError, InputMissing, InputTooLarge, InputUnreadable
from duomo.inputs import Image
from duomo.tasks import IMAGES

RED = (255, 0, 0)


@pytest.fixture
def picture() -> PIL.Image.Image:
    """6 wide, 5 high, red with a blue top left corner."""
    image = PIL.Image.new("RGB", (6, 5), RED)
    image.putpixel((0, 0), (0, 0, 255))
    return image


def encoded(picture: PIL.Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG file that promises a size and holds no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_a_file_object_that_was_just_written_is_not_called_empty(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    with pytest.raises(BadInput, match="this file object is at its end") as caught:
        Image.accept(buffer)
    assert "file.seek(0)" in caught.value.fix
    buffer.seek(0)
    assert Image.accept(buffer).pil().size == picture.size
    with pytest.raises(InputUnreadable, match="is empty"):
        Image.accept(io.BytesIO()).pil()


def test_every_shape_of_one_picture_gives_the_same_pixels(picture, tmp_path, opened):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(picture))
    expected = np.asarray(picture)
    chw = torch.from_numpy(expected.copy()).permute(2, 0, 1)
    shapes = {
        "str": str(path),
        "Path": path,
        "bytes": path.read_bytes(),
        "bytearray": bytearray(path.read_bytes()),
        "file object": opened(path, "rb"),
        "BytesIO": io.BytesIO(path.read_bytes()),
        "PIL": picture,
        "array": expected,
        "float array": expected / 255,
        "tensor": torch.from_numpy(expected.copy()),
        "CHW tensor": chw,
        "float CHW tensor": chw / 255,
        "mapping": {"image": path},
        "row of a dataset": {"image": {"bytes": path.read_bytes(), "path": None}},
        "bytes and their name": {"bytes": path.read_bytes(), "path": "gone.png"},
        "path of a row": {"bytes": None, "path": str(path)},
        "Image": Image.accept(path),
    }
    for name, value in shapes.items():
        np.testing.assert_array_equal(Image.accept(value).array(), expected, err_msg=name)


def test_a_file_object_can_be_decoded_twice(picture):
    image = Image.accept(io.BytesIO(encoded(picture)))
    np.testing.assert_array_equal(image.array(), image.array())


def test_an_accepted_picture_crosses_processes(picture, tmp_path):
    path = tmp_path / "a.png"
    picture.save(path)
    copy = pickle.loads(pickle.dumps(Image.accept(path)))
    assert copy.name == str(path)
    np.testing.assert_array_equal(copy.array(), np.asarray(picture))


def test_accepting_an_array_does_not_change_it():
    array = np.full((2, 2, 4), 128, np.uint8)
    before = array.copy()
    Image.accept(array).pil()
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("how", ["file", "PIL"])
def test_a_photo_taken_sideways_is_turned_upright(picture, how):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    data = encoded(picture, "JPEG", exif=exif, quality=95)
    upright = Image.accept(data if how == "file" else PIL.Image.open(io.BytesIO(data))).pil()
    assert upright.size == (5, 6)
    assert upright.getpixel((4, 0))[2] > upright.getpixel((0, 5))[2]  # type: ignore[index]  # the blue corner is now top right


def test_transparency_lies_on_white():
    clear = PIL.Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    for value in (clear, encoded(clear), np.asarray(clear), clear.convert("LA"), encoded(clear, "WEBP", lossless=True)):
        assert Image.accept(value).pil().getpixel((0, 0)) == (255, 255, 255)
    half = np.full((1, 1, 4), (0, 0, 0, 128), np.uint8)
    assert Image.accept(half).array().ravel().tolist() == [127, 127, 127]


def test_a_palette_keeps_its_colours_and_its_transparent_one_is_white(picture):
    palette = picture.quantize(4)
    assert Image.accept(encoded(palette, "GIF")).pil().getpixel((3, 2)) == RED
    data = encoded(palette, transparency=palette.getpixel((3, 2)))
    assert Image.accept(data).pil().getpixel((3, 2)) == (255, 255, 255)


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    grey = (np.arange(16, dtype=np.uint16) * 4369).reshape(4, 4)  # 0 … 65535
    for value in (PIL.Image.fromarray(grey), encoded(PIL.Image.fromarray(grey))):
        np.testing.assert_allclose(Image.accept(value).array()[..., 0].ravel(), np.arange(16) * 17, atol=1)


def test_sixteen_bit_grey_with_a_transparent_level_is_scaled_and_only_that_level_is_white():
    grey = (np.arange(16, dtype=np.uint16) * 4369).reshape(4, 4)
    for clear, where in ((4369, 1), (0, 0), (300, None)):
        expected = np.arange(16) * 17
        if where is not None:
            expected[where] = 255
        data = encoded(PIL.Image.fromarray(grey), transparency=clear)
        np.testing.assert_allclose(Image.accept(data).array()[..., 0].ravel(), expected, atol=1)


def test_a_picture_of_floats_is_judged_like_an_array_of_floats():
    floats = PIL.Image.fromarray(np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4))
    for value in (floats, encoded(floats, "TIFF")):
        np.testing.assert_allclose(Image.accept(value).array()[..., 0].ravel(), np.arange(16) * 17, atol=1)
    ambiguous = PIL.Image.fromarray(np.linspace(0, 200, 16, dtype=np.float32).reshape(4, 4))
    for value in (ambiguous, encoded(ambiguous, "TIFF")):
        with pytest.raises(BadInput, match="must lie in"):
            Image.accept(value).pil()


@pytest.mark.parametrize("mode", ["1", "L", "CMYK", "YCbCr", "HSV"])
def test_every_mode_becomes_rgb(picture, mode):
    assert Image.accept(picture.convert(mode)).array().shape == (5, 6, 3)


def test_grey_arrays_become_rgb():
    for shape in ((5, 6), (5, 6, 1), (1, 5, 6)):
        assert Image.accept(np.zeros(shape, np.uint8)).array().shape == (5, 6, 3)


def refusal(value: object) -> DuomoError:
    with pytest.raises(BadInput) as caught:
        Image.accept(value).pil()
    assert caught.value.what, "a refusal says what"
    assert caught.value.fix, "a refusal says how to fix it"
    return caught.value


def test_a_missing_file_is_named(tmp_path):
    error = refusal(tmp_path / "cat.jpg")
    assert isinstance(error, InputMissing)
    assert "cat.jpg" in error.what
    assert str(tmp_path) in error.why


def test_a_folder_is_no_picture(tmp_path):
    error = refusal(tmp_path)
    assert isinstance(error, InputUnreadable)
    assert "is a folder" in error.what


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "cat.jpg").touch()
    error = refusal(tmp_path / "cat.jpg")
    assert "is empty" in error.what
    assert "0 bytes" in error.why


def test_a_name_no_file_can_have_is_refused_and_not_a_crash():
    assert isinstance(refusal("cat\0.jpg"), InputUnreadable)
    assert isinstance(refusal("x" * 5000 + ".jpg"), InputUnreadable)


def test_text_named_jpg_is_no_picture(tmp_path):
    (tmp_path / "cat.jpg").write_text("meow")
    error = refusal(tmp_path / "cat.jpg")
    assert isinstance(error, InputUnreadable)
    assert "is not an image" in error.what


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_picture_cut_short_is_damaged_and_never_half_grey(format):
    noise = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    data = encoded(noise, format)[:3000]
    for value in (data, PIL.Image.open(io.BytesIO(data))):
        assert "is damaged" in refusal(value).what


def test_a_decompression_bomb_is_refused_before_its_pixels_are_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(60_000, 60_000))
    error = refusal(path)
    assert isinstance(error, InputTooLarge)
    assert "limit of 100,000,000" in error.what
    assert error.why == "it has 3,600,000,000", "one limit, ours, and how far beyond it is"
    assert "limits.image_pixels" in error.fix


def test_eps_never_reaches_ghostscript(picture, tmp_path, monkeypatch):
    picture.save(tmp_path / "a.eps")
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *args, **kwargs: pytest.fail("a program was run"))
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.eps").read_bytes())
    for path in (tmp_path / "a.eps", tmp_path / "a.jpg"):
        error = refusal(path)
        assert "is not an image" in error.what
        assert "JPEG, PNG" in error.why
        assert "PNG" in error.fix


@pytest.mark.parametrize("suffix", IMAGES)
def test_every_format_that_the_tasks_name_is_read(picture, tmp_path, suffix):
    picture.save(tmp_path / f"a{suffix}")
    assert Image.accept(tmp_path / f"a{suffix}").array().shape == (5, 6, 3)


def test_a_jpeg_of_several_pictures_is_read(picture):
    assert Image.accept(encoded(picture, "MPO", save_all=True, append_images=[picture])).array().shape == (5, 6, 3)


def test_a_picture_over_the_limit_of_the_configuration_is_refused(config, picture):
    config("[limits]\nimage_pixels = 29")
    for value in (encoded(picture), picture):
        assert "6 x 5" in refusal(value).why


def test_a_raised_limit_is_obeyed_beyond_pillows_own(config):
    config("[limits]\nimage_pixels = 4_000_000_000")
    error = refusal(png_header(60_000, 60_000))  # read as far as its pixels, of which there are none
    assert isinstance(error, InputUnreadable)


def test_a_program_that_makes_an_error_of_pillows_warning_has_one(monkeypatch):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 90_000_000)  # which a raised limit of ours raises for good
    warned = PIL.Image.DecompressionBombWarning
    for kind, is_error in ((InputUnreadable, False), (InputTooLarge, True)):
        with warnings.catch_warnings():
            warnings.simplefilter("error" if is_error else "ignore", warned)
            error = refusal(png_header(9_500, 9_999))  # more than Pillow is at ease with, and less than our limit
            assert isinstance(error, kind)
    assert "MAX_IMAGE_PIXELS" in error.fix


@pytest.mark.parametrize("chosen", [None, 60_000_000, 500_000_000])
def test_pillows_own_limit_is_the_programs_where_it_is_not_in_the_way(monkeypatch, picture, chosen):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", chosen)
    Image.accept(encoded(picture)).pil()
    assert chosen == PIL.Image.MAX_IMAGE_PIXELS


def test_a_file_over_the_limit_is_refused(config, picture, tmp_path):
    config("[limits]\nfile_bytes = 10")
    picture.save(tmp_path / "a.png")
    assert isinstance(refusal(tmp_path / "a.png"), InputTooLarge)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 2, 3)) + 128.0, "must lie in [0, 1]"),
        (np.zeros((2, 2, 3)) - 0.5, "must lie in [0, 1]"),
        (np.full((2, 2, 3), np.nan), "pixels that are not numbers"),
        (np.full((2, 2, 3), np.inf), "pixels that are not numbers"),
        (np.zeros((2, 2, 3), np.int64), "int64 are ambiguous"),
        (np.zeros((2, 2), np.uint16), "uint16 are ambiguous"),
        (np.zeros((2, 2), bool), "bool are ambiguous"),
        (np.zeros((2, 2, 2), np.uint8), "(2, 2, 2) is not an image"),
        (np.zeros((0, 4, 3), np.uint8), "(0, 4, 3) is not an image"),
        (np.zeros(5, np.uint8), "(5,) is not an image"),
        (np.zeros((2, 4, 4, 3), np.uint8), "(2, 4, 4, 3) is not an image"),
    ],
)
def test_an_array_that_could_mean_several_things_is_refused(array, words):
    assert words in refusal(array).what


@pytest.mark.parametrize("value", [None, 3, ["a.jpg"], {"picture": "a.jpg"}, object()])
def test_what_is_no_picture_at_all_is_refused_with_what_would_be(value):
    error = refusal(value)
    assert type(value).__name__ in error.what + error.why
    assert "path, URL, bytes" in error.fix


def test_a_file_object_in_text_mode_is_refused():
    assert 'mode "rb"' in refusal(io.StringIO("meow")).fix


def test_empty_bytes_are_no_picture():
    assert isinstance(refusal(b""), InputUnreadable)
    assert "this image is empty" in refusal(b"").what


def test_names_come_from_paths_and_file_objects(picture, tmp_path, opened):
    path = tmp_path / "a.png"
    picture.save(path)
    assert Image.accept(path).name == Image.accept(opened(path, "rb")).name == str(path)
    with PIL.Image.open(path) as opened_image:
        assert Image.accept(opened_image).name == str(path)
    assert Image.accept(Path(path).read_bytes()).name == ""


def test_a_file_that_may_not_be_read_is_not_called_damaged(picture, tmp_path, monkeypatch):
    picture.save(tmp_path / "a.png")
    image = Image.accept(tmp_path / "a.png")

    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputUnreadable, match="cannot read") as caught:
        image.pil()
    assert caught.value.why == "Permission denied"


@pytest.mark.parametrize("view", [lambda buffer: buffer, memoryview], ids=["bytearray", "memoryview"])
def test_a_buffer_that_is_filled_again_does_not_change_what_was_accepted(picture, view):
    buffer = bytearray(encoded(picture))
    accepted = Image.accept(view(buffer))
    buffer[:] = bytes(len(buffer))
    np.testing.assert_array_equal(accepted.array(), np.asarray(picture))


def test_a_progressive_jpeg_of_endless_scans_is_refused_and_a_usual_one_is_read(config):
    config("[limits]\nimage_pixels = 10_000")
    file = io.BytesIO()
    PIL.Image.new("RGB", (64, 64), (200, 30, 30)).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    again = content[content.rindex(b"\xff\xda") : -2]
    for copies, is_read in ((0, True), (10, True), (100, False)):
        image = Image.accept(content[:-2] + again * copies + b"\xff\xd9")
        if is_read:
            assert image.array().shape == (64, 64, 3)
            continue
        for read in (image.array, image.jpeg):
            with pytest.raises(InputTooLarge, match="passes over 64 x 64 pixels"):
                read()


def _by_its_block(path):
    with PIL.Image.open(path) as image:
        pass
    return image


def _by_close(path):
    image = PIL.Image.open(path)
    image.close()
    return image


def _after_loading(path):
    image = PIL.Image.open(path)
    image.load()
    image.close()
    return image


def _by_its_file(path):
    with open(path, "rb") as file:
        return PIL.Image.open(file)


@pytest.mark.parametrize("closed", [_by_its_block, _by_close, _after_loading, _by_its_file])
def test_a_closed_image_is_not_called_damaged(picture, tmp_path, closed):
    picture.save(tmp_path / "a.png")
    with pytest.raises(BadInput, match="was closed before its pixels were needed"):
        Image.accept(closed(tmp_path / "a.png")).pil()


def test_an_image_that_was_loaded_within_its_block_is_read(picture, tmp_path):
    picture.save(tmp_path / "a.png")
    with PIL.Image.open(tmp_path / "a.png") as image:
        image.load()
    np.testing.assert_array_equal(Image.accept(image).array(), np.asarray(picture))


def test_a_tiff_of_several_pages_is_not_its_first():
    first, second = (PIL.Image.new("RGB", (8, 8), color) for color in ("red", "blue"))
    small = PIL.Image.new("RGB", (4, 4), "red")
    small.encoderinfo = {"tiffinfo": {254: 1}}
    for others, pages in (([], 1), ([second], 2), ([small], 1), ([small, second], 2)):
        file = io.BytesIO()
        first.save(file, "TIFF", save_all=True, append_images=others)
        with PIL.Image.open(io.BytesIO(file.getvalue())) as found:
            assert getattr(found, "n_frames", 1) == 1 + len(others)
        if pages == 1:
            assert Image.accept(file.getvalue()).array()[0, 0].tolist() == [255, 0, 0]
        else:
            with pytest.raises(BadInput, match="has several pages"):
                Image.accept(file.getvalue()).array()
    with PIL.Image.open(io.BytesIO(file.getvalue())) as found:
        found.seek(2)
        assert Image.accept(found.copy()).array()[0, 0].tolist() == [0, 0, 255]
