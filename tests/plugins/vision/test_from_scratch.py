"""Images from random numbers: a network to read, one of torchvision, and varied as asked."""

import numpy as np
import pytest
import torch

import duomo
from duomo import Recipe
from duomo.training import check
from duomo.training.request import Request
from duomo_vision.augmenting import VARIETIES, varied


def stripes(turned: bool, seed: int) -> np.ndarray:
    """Noisy stripes, upright or lying."""
    noise = np.random.default_rng(seed)
    image = np.zeros((32, 32, 3))
    image[:, ::4] = image[:, 1::4] = 200
    image = np.roll(image, seed % 4, axis=1)
    image = image.transpose(1, 0, 2) if turned else image
    return np.clip(image + noise.normal(0, 30, image.shape), 0, 255).astype(np.uint8)


ROWS = [(stripes(turned, seed), "lying" if turned else "upright") for seed in range(20) for turned in (False, True)]


@pytest.mark.parametrize(
    ("architecture", "augment"), [("cnn", ()), ("cnn", ("flip", "crop")), ("mobilenet_v3_small", ())]
)
def test_labels_are_learnt_and_the_folder_runs(tmp_path, architecture, augment):
    fit = duomo.pretrain(
        "image-classification", ROWS, architecture=architecture, out=tmp_path / "out", validation=0.25,
        recipe=Recipe(epochs=15, batch=8, lr=5e-3, augment=augment),
    )  # fmt: skip
    losses = [line["loss"] for line in fit.curves if "loss" in line]
    assert losses[-1] < 0.7 * losses[0]
    if architecture == "cnn":
        assert fit.metrics["accuracy"].value > 0.8
        assert fit.load()(stripes(True, 77)).top.name == "lying"
    assert fit.record["base"].startswith(architecture)


def test_images_of_one_colour_are_reported(tmp_path):
    flat = np.full((32, 32, 3), (9, 200, 30), np.uint8)
    rows = [*ROWS[:10], (flat, "lying")]
    for scratch in (None, ("cnn", "small")):
        request = Request(task="image-classification", data=rows, out=tmp_path, scratch=scratch)
        (found,) = [each for each in check(request).findings if "one colour" in each.what]
        assert (found.level, found.num_rows) == ("warning", 1)


def test_a_varied_training_that_is_stopped_goes_on_bit_for_bit(tmp_path):
    def train(out, **more):
        recipe = Recipe(epochs=2, batch=8, checkpoint_s=0.0, augment=VARIETIES)
        return duomo.pretrain("image-classification", ROWS, out=tmp_path / out, validation=0, recipe=recipe, **more)

    def stop(at):
        if at.step == 3:
            raise KeyboardInterrupt

    whole = train("whole")
    with pytest.raises(KeyboardInterrupt):
        train("cut", on_step=stop)
    cut = train("cut", resume=True)
    assert (whole.folder / "model.safetensors").read_bytes() == (cut.folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("name", VARIETIES)
def test_an_augmentation_is_a_function_of_its_generator_and_leaves_torch_alone(name):
    pixels = torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    many = [varied(pixels, [name], torch.Generator().manual_seed(seed)) for seed in (*range(8), 3)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(many[3], many[8])
    assert all(each.shape == pixels.shape for each in many)
    assert any(not torch.equal(each, pixels) for each in many)
