"""Arrays and tensors that could mean several things, or nothing, are the item's own error and say why."""

import numpy as np
import PIL.Image
import pytest
import torch

from duomo.errors import BadInput
from duomo.inputs import Audio, Image

RATE = 16_000


class Sulking:
    """An array of somebody's own making that cannot be read."""

    def __array__(self, *args, **kwargs):
        raise RuntimeError("chunk 3 is damaged")


def refusal(item) -> BadInput:
    with pytest.raises(BadInput) as caught:
        item.array() if isinstance(item, Image) else item.samples()
    assert caught.value.fix
    return caught.value


UNREADABLE = {
    "bfloat16": (torch.zeros(4, 8, 3, dtype=torch.bfloat16), "bfloat16"),
    "float8": (torch.zeros(4, 8, 3).to(torch.float8_e4m3fn), "float8"),
    "sparse": (torch.zeros(4, 8, 3).to_sparse(), "sparse"),
    "meta": (torch.zeros(4, 8, 3, device="meta"), "meta"),
    "complex": (torch.zeros(4, 8, 3, dtype=torch.complex64), "complex64"),
    "objects": (np.array([[None]]), "object"),
    "an error of its own": (Sulking(), "Sulking"),
    "masked": (np.ma.masked_equal(np.zeros((4, 8, 3), np.uint8), 0), "masked"),
}


@pytest.mark.parametrize(("value", "word"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_has_no_elements_to_read_is_an_error_of_its_item(value, word):
    assert word in refusal(Image.accept(value)).what
    assert word in refusal(Audio.accept((value, RATE))).what


def test_an_array_with_an_error_of_its_own_is_quoted():
    assert refusal(Image.accept(Sulking())).why == "RuntimeError: chunk 3 is damaged"


@pytest.mark.parametrize("size", [(0, 0), (0, 4), (4, 0)])
def test_an_image_without_pixels_is_refused(size):
    assert "has no pixels" in refusal(Image.accept(PIL.Image.new("RGB", size))).what


@pytest.mark.parametrize("shape", [(3, 40, 3), (3, 40, 1), (3, 3, 3), (1, 40, 3), (1, 1, 1)])
def test_a_tensor_that_does_not_say_where_its_colours_are_is_refused(shape):
    error = refusal(Image.accept(torch.zeros(shape)))
    assert "which axis" in error.what
    assert "permute(1, 2, 0)" in error.fix


def test_an_array_of_numpy_has_its_colours_last_and_a_tensor_may_have_them_first():
    assert Image.accept(np.zeros((3, 40, 3), np.uint8)).array().shape == (3, 40, 3)
    assert Image.accept(torch.zeros(3, 40, 50)).array().shape == (40, 50, 3)
    assert Image.accept(torch.zeros(40, 50, 3)).array().shape == (40, 50, 3)


@pytest.mark.parametrize(("least", "most"), [(0, 1 + 1e-6), (-1e-7, 1), (-0.004, 1.004)])
def test_floats_that_are_off_by_a_rounding_are_told_to_clip(least, most):
    pixels = np.full((2, 2, 3), float(least))
    pixels[0] = most
    error = refusal(Image.accept(pixels))
    assert error.fix == "clip them: array.clip(0, 1)"
    assert f"{most:.9g}" in error.what, "in enough digits to see it"


@pytest.mark.parametrize(("value", "words"), [(255.0, "divide by 255"), (2.0, "divide by 255"), (-1.0, "normalised")])
def test_floats_of_another_scale_are_told_to_scale_or_not_to(value, words):
    assert words in refusal(Image.accept(np.full((2, 2, 3), value))).fix


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_floats_that_are_no_numbers_are_told_to_be_replaced(value):
    assert "nan_to_num" in refusal(Image.accept(np.full((2, 2, 3), value))).fix


@pytest.mark.parametrize("kind", ["float32", "float64", "a tensor", "two channels", "a file of floats", "int8"])
def test_integers_cast_to_float_are_refused_as_sound(kind, tmp_path):
    tone = 3000 * np.sin(np.arange(RATE) / 20)
    if kind == "a file of floats":
        import soundfile

        soundfile.write(tmp_path / "a.wav", tone, RATE, subtype="FLOAT")
        error = refusal(Audio.accept(tmp_path / "a.wav"))
        assert "a.wav" in error.what
    else:
        values = {
            "float32": tone.astype(np.float32),
            "float64": tone,
            "a tensor": torch.from_numpy(tone),
            "two channels": np.stack([tone, tone]),
            "int8": tone / 3000 * 127,
        }
        error = refusal(Audio.accept((values[kind], RATE)))
    assert "must lie in [-1, 1]" in error.what
    assert "32768" in error.fix


def test_a_mix_that_goes_a_little_beyond_one_is_heard_as_it_is():
    loud = np.float32(2.5) * np.sin(np.arange(RATE, dtype=np.float32) / 20)
    np.testing.assert_array_equal(Audio.accept((loud, RATE)).samples(), loud)
