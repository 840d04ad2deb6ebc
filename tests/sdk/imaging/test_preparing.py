"""Images prepared by the shorter way are what the image processor itself makes of them, to the last bit."""

import io
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import BadInput
from duomo.imaging import Preparation

SQUARE = {"height": 32, "width": 32}
SHORTER: Any = {"size": {"shortest_edge": 32}}
DIVISOR: Any = {"size_divisor": 8}
PROCESSORS = {
    "CLIP, the shorter side and a cut": tf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32),
    "SigLIP, one square": tf.SiglipImageProcessor(size=SQUARE),
    "SigLIP 2, patches": tf.Siglip2ImageProcessor(patch_size=8, max_num_patches=16),
    "BLIP": tf.BlipImageProcessor(size=SQUARE),
    "ViT, for handwriting": tf.ViTImageProcessor(size=SQUARE),
    "LayoutLMv3": tf.LayoutLMv3ImageProcessor(size=SQUARE, apply_ocr=False),
    "EfficientNet, for ALIGN": tf.EfficientNetImageProcessor(size=SQUARE, crop_size=SQUARE),
    "nothing resized": tf.CLIPImageProcessor(do_resize=False, crop_size=32),
}


@pytest.fixture(scope="module")
def images() -> list[duomo.Image]:
    """JPEGs, a PNG and arrays: wide, high, large, and smaller than what the network takes."""
    chance = np.random.default_rng(0)
    found: list[object] = []
    for at, (height, width) in enumerate([(40, 60), (70, 33), (301, 500), (20, 24), (90, 90)]):
        rough = chance.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        picture, file = PIL.Image.fromarray(rough).resize((width, height)), io.BytesIO()
        if at < 4:
            picture.save(file, "PNG" if at == 1 else "JPEG")
        found.append(file.getvalue() or np.asarray(picture))
    return [duomo.Image.accept(each) for each in found]


@pytest.mark.parametrize("name", PROCESSORS)
def test_images_are_prepared_as_by_the_processor(name: str, images: list[duomo.Image]) -> None:
    processor = PROCESSORS[name]
    wanted = processor(images=[image.pil() for image in images], return_tensors="pt")
    prepared = Preparation(processor)
    together, alone = prepared(images), [prepared([image]) for image in images]
    assert set(together) == set(wanted)
    for key, tensor in wanted.items():
        assert torch.equal(together[key], tensor), key
        assert torch.equal(torch.cat([each[key] for each in alone]), tensor), key


def test_padded_images_have_the_mask_of_their_own_processor(images: list[duomo.Image]) -> None:
    processor = tf.ViltImageProcessor(**SHORTER, **DIVISOR)
    prepared = Preparation(processor)
    for image in images:
        wanted, own = processor(images=[image.pil()], return_tensors="pt"), prepared([image])
        assert set(own) == set(wanted) == {"pixel_values", "pixel_mask"}
        assert all(torch.equal(own[key], wanted[key]) for key in own)


def test_an_image_of_which_resizing_leaves_nothing_is_said_to_be_too_narrow() -> None:
    narrow = duomo.Image.accept(np.zeros((1, 200, 3), np.uint8))
    with pytest.raises(BadInput, match="too narrow for this model: 200 x 1 pixels"):
        Preparation(tf.ViltImageProcessor(**SHORTER, **DIVISOR))([narrow])
