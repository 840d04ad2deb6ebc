"""Larger images and mattes with the pixels that the bare networks give by their documented recipe; batch as alone."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import AutoImageProcessor, AutoModelForImageMatting, AutoModelForImageToImage

import duomo
from duomo.testing.samples import pictures, trimaps

from . import tiny_places as tiny


@pytest.fixture(scope="module")
def swin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tiny.swin2_sr, tmp_path_factory.mktemp("swin2sr"))


@pytest.fixture(scope="module")
def matte(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tiny.vit_matte, tmp_path_factory.mktemp("vitmatte"))


@pytest.mark.equals("the bare network, each pixel to 1 of 255", "super-resolution")
def test_pixels_are_those_of_the_network_without_its_padding(swin: Path) -> None:
    runner = duomo.load("super-resolution", f"dir:{swin}", device="cpu")
    network, processor = AutoModelForImageToImage.from_pretrained(swin).eval(), AutoImageProcessor.from_pretrained(swin)
    photos = [photo[: 41 + at, : 50 + 3 * at].copy() for at, photo in enumerate(pictures())]
    photos.append(photos[0][::-1].copy())
    for photo, outcome in zip(photos, runner.map(photos, batch_size=4), strict=True):
        with torch.inference_mode():
            output = network(**processor(PIL.Image.fromarray(photo), return_tensors="pt")).reconstruction
        height, width = photo.shape[:2]
        pixels = output[0].clamp(0, 1).numpy().transpose(1, 2, 0)[: 2 * height, : 2 * width]
        expected = (pixels * 255).round().astype(int)
        for result in (outcome.unwrap(), runner(photo)):
            assert (result.width, result.height) == (2 * width, 2 * height)
            assert np.abs(result.array.astype(int) - expected).max() <= 1
    assert np.ptp(expected) > 20


def test_a_larger_picture_is_written_to_a_file(swin: Path, tmp_path: Path) -> None:
    result = duomo.run("super-resolution", pictures()[0][:32, :32].copy(), model=f"dir:{swin}", device="cpu")
    with PIL.Image.open(result.save(tmp_path / "large.png")) as picture:
        assert picture.size == (64, 64) == result.image.size


@pytest.mark.equals("the bare network, each pixel to 1 of 255", "image-matting")
def test_mattes_are_those_of_the_network(matte: Path) -> None:
    runner = duomo.load("image-matting", f"dir:{matte}", device="cpu")
    network = AutoModelForImageMatting.from_pretrained(matte).eval()
    processor = AutoImageProcessor.from_pretrained(matte)
    items = list(zip(pictures(), trimaps(), strict=True))
    for (photo, trimap), outcome in zip(items, runner.map(items, batch_size=3), strict=True):
        inputs = processor(PIL.Image.fromarray(photo), trimaps=PIL.Image.fromarray(trimap), return_tensors="pt")
        with torch.inference_mode():
            alphas = network(**inputs).alphas[0, 0, : photo.shape[0], : photo.shape[1]]
        expected = (alphas.clamp(0, 1).numpy() * 255).round().astype(int)
        for result in (outcome.unwrap(), runner({"image": photo, "trimap": trimap})):
            assert result.array.shape == photo.shape[:2]
            assert np.abs(result.array.astype(int) - expected).max() <= 1
    [bad, good] = runner.map([(items[0][0], items[1][1]), items[0]])
    assert "the trimap is 320 x 200 pixels" in bad.error.what
    assert good.ok


@pytest.mark.parametrize("value", [pictures()[0], (b"one",), {"image": b"no trimap"}])
def test_a_matte_needs_two_pictures(matte: Path, value: Any) -> None:
    with pytest.raises(duomo.BadInput, match="an image and its trimap is expected"):
        duomo.run("image-matting", value, model=f"dir:{matte}", device="cpu")
