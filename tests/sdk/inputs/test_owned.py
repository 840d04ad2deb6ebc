"""What is read ahead is what was given, also where the source fills one buffer again for each item."""

import io
import time
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageSequence
import pytest
import torch

import duomo
from duomo.inputs import Image
from duomo.inputs.owned import owned

FRAMES = [np.full((8, 8, 3), level, np.uint8) for level in range(0, 250, 25)]


def one_array():
    buffer = np.empty_like(FRAMES[0])
    for frame in FRAMES:
        buffer[:] = frame
        yield buffer


def one_tensor():
    buffer = torch.empty(3, 8, 8, dtype=torch.uint8)
    for frame in FRAMES:
        buffer[:] = torch.from_numpy(frame).permute(2, 0, 1)
        yield buffer


def one_loaded_image():
    image = PIL.Image.new("RGB", (8, 8))
    for frame in FRAMES:
        image.paste(PIL.Image.fromarray(frame))
        yield image


def frames_of_a_file():
    file = io.BytesIO()
    first, *others = map(PIL.Image.fromarray, FRAMES)
    first.save(file, "PNG", save_all=True, append_images=others)
    return PIL.ImageSequence.Iterator(PIL.Image.open(file))


SOURCES = [one_array, one_tensor, one_loaded_image, frames_of_a_file]


@pytest.mark.embedded
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("within", [lambda frame: frame, lambda frame: {"image": frame}], ids=["alone", "mapping"])
def test_frames_of_a_reused_buffer_are_each_their_own_item(source, within):
    with duomo.load("image-feature-extraction", device="cpu") as model:
        expected = [outcome.result.vector for outcome in model.map(list(FRAMES))]
        found = [outcome.result.vector for outcome in model.map(within(frame) for frame in source())]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.embedded
def test_a_submitted_array_may_be_filled_again_at_once():
    with duomo.load("image-feature-extraction", device="cpu") as model:
        expected = [outcome.result.vector for outcome in model.map(list(FRAMES))]
        futures = [model.submit(frame) for frame in one_array()]
        np.testing.assert_allclose([future.result().result.vector for future in futures], expected, atol=1e-5)


def test_samples_parts_of_chats_and_frames_of_videos_are_copied():
    samples = np.zeros(4, np.float32)
    chat = {"messages": [{"role": "user", "content": [{"type": "image", "image": samples}]}]}
    kept: Any = owned([(samples, 16_000), chat])
    samples[:] = 1
    assert not kept[0][0].any()
    assert not kept[1]["messages"][0]["content"][0]["image"].any()


def test_an_image_on_its_side_is_turned_once_and_keeps_its_name(tmp_path):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.new("RGB", (20, 30)).save(tmp_path / "side.jpg", exif=exif)
    with PIL.Image.open(tmp_path / "side.jpg") as image:
        assert owned(image) is image, "what is not loaded yet is decoded where it is needed"
        image.load()
        kept = Image.accept(owned(image))
    assert kept.pil().size == (30, 20)
    assert kept.name.endswith("side.jpg")


def test_texts_cost_next_to_nothing():
    texts = ["a text"] * 100_000
    before = time.process_time()
    assert owned(texts) is texts
    assert time.process_time() - before < 0.1
