"""EfficientNet-lite0: equal to a second writing of the paper, strict about its checkpoint, right about photos."""

import copy
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import duomo
from duomo.errors import WeightsMismatch
from duomo.folders import load_state
from duomo.imaging import decode
from duomo.weights import WeightsRef, locate
from duomo_vision.efficientnet import LABELS, Classifier, Network, read_checkpoint, resize
from duomo_vision.fusing import fuse_for_inference
from duomo_vision.plugin import EFFICIENTNET_LITE0

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def checkpoint() -> Path:
    path = locate(EFFICIENTNET_LITE0).path
    assert path is not None
    return path


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> Network:
    return read_checkpoint(checkpoint, "test")


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1


def reference(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """The logits by functional calls on the checkpoint in float64, shapes read off the tensors.

    Only the strides are written down here (table 1 of the paper: blocks 1, 3, 5 and 11 halve the picture),
    and the padding by the formula in TensorFlow's guide, which differs from ours in form.
    """
    state = {name: tensor.double() for name, tensor in state.items()}

    def conv_norm(x: Tensor, conv: str, norm: str, stride: int = 1) -> Tensor:
        weight = state[f"{conv}.weight"]
        kernel, size = weight.shape[-1], x.shape[-1]
        total = max(kernel - stride, 0) if size % stride == 0 else max(kernel - size % stride, 0)
        before = total // 2
        x = F.pad(x, (before, total - before, before, total - before))
        x = F.conv2d(x, weight, stride=stride, groups=x.shape[1] // weight.shape[1])
        mean, var, scale, shift = (
            state[f"{norm}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-3).sqrt() * scale + shift

    x = conv_norm(x.double(), "_conv_stem", "_bn0", 2).clamp(0, 6)
    for index in range(16):
        block, skip = f"_blocks.{index}", x
        if f"{block}._expand_conv.weight" in state:
            x = conv_norm(x, f"{block}._expand_conv", f"{block}._bn0").clamp(0, 6)
        x = conv_norm(x, f"{block}._depthwise_conv", f"{block}._bn1", 2 if index in (1, 3, 5, 11) else 1).clamp(0, 6)
        x = conv_norm(x, f"{block}._project_conv", f"{block}._bn2")
        x = x + skip if x.shape == skip.shape else x
    x = conv_norm(x, "_conv_head", "_bn1").clamp(0, 6)
    return x.flatten(2).mean(2) @ state["_fc.weight"].T + state["_fc.bias"]


@pytest.mark.parametrize("size", [224, 97])
def test_the_network_equals_a_second_writing_in_double_precision(
    network: Network, checkpoint: Path, pixels: Tensor, size: int
) -> None:
    x = pixels[:, :, :size, :size]
    state = torch.load(checkpoint, weights_only=True)
    with torch.inference_mode():
        ours, theirs = network(x), reference(state, x)
    assert (ours - theirs).abs().max() < 1e-4
    assert (ours.softmax(-1) - theirs.softmax(-1)).abs().max() < 1e-6


def test_making_the_network_quicker_changes_nothing(network: Network, pixels: Tensor) -> None:
    fast = copy.deepcopy(network)
    fuse_for_inference(fast, 224)
    with torch.inference_mode():
        assert (network(pixels).softmax(-1) - fast(pixels).softmax(-1)).abs().max() < 1e-5
    assert not any(isinstance(module, torch.nn.BatchNorm2d | torch.nn.ReLU6) for module in fast.modules())


def test_the_labels_are_those_of_torchvision_in_the_same_order() -> None:
    from torchvision.models import EfficientNet_B0_Weights

    assert LABELS.read_text("utf-8").splitlines() == EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]


def test_a_checkpoint_that_does_not_fit_is_refused(network: Network) -> None:
    state = dict(network.state_dict())
    state["surplus"] = torch.zeros(1)
    state["_fc.bias"] = torch.zeros(7)
    del state["_blocks.3._bn1.running_var"]
    with pytest.raises(WeightsMismatch) as caught:
        load_state(Network(), state, "vision/efficientnet-lite0")
    for word in ("1 missing (_blocks.3._bn1.running_var)", "1 unexpected (surplus)", "wrong shape (_fc.bias)"):
        assert word in caught.value.why


def test_weights_with_another_digest_are_refused_before_they_are_read(checkpoint: Path) -> None:
    spec = EFFICIENTNET_LITE0._replace(sha256="0" * 64)
    with pytest.raises(WeightsMismatch, match="not the ones duomo was tested with"):
        Classifier.load(WeightsRef(spec, checkpoint), device=torch.device("cpu"), dtype=torch.float32)


def test_the_spec_tells_the_truth(network: Network, checkpoint: Path) -> None:
    assert EFFICIENTNET_LITE0.params == sum(each.numel() for each in network.parameters())
    assert EFFICIENTNET_LITE0.size == checkpoint.stat().st_size


def test_the_crop_is_seven_eighths_of_the_shorter_side_and_central() -> None:
    picture = PIL.Image.new("RGB", (512, 256), "red")
    picture.paste("blue", (144, 16, 368, 240))  # exactly what is left of it: 224 of 256
    assert (resize(decode(duomo.Image(picture))) == torch.tensor([0, 0, 255], dtype=torch.uint8)).all()


def test_pixels_are_scaled_as_the_tf_lite_models_were_trained(classifier: duomo.Runner[Any]) -> None:
    model: Any = classifier.executor.worker.model  # type: ignore[attr-defined]
    bytes_ = torch.tensor([[[[0, 127, 255]]]], dtype=torch.uint8)
    assert model.normalize(bytes_).flatten().tolist() == [-127 / 128, 0.0, 1.0]


PHOTOS = {
    # All photos in scikit-image and scikit-learn of something that is an ImageNet class, and what would be right.
    "skimage/data/chelsea.png": {"tabby", "tiger cat", "Egyptian cat"},
    "skimage/data/coffee.png": {"espresso", "cup", "coffee mug"},
    "skimage/data/camera.png": {"tripod"},
    "skimage/data/rocket.jpg": {"missile", "projectile"},
    "skimage/data/motorcycle_left.png": {"moped", "motor scooter"},
    "skimage/data/motorcycle_right.png": {"moped", "motor scooter"},
    "skimage/data/clock_motion.png": {"wall clock", "analog clock"},
    "skimage/data/brick.png": {"stone wall"},
    "skimage/data/horse.png": {"sorrel"},
    "skimage/data/page.png": {"book jacket", "menu"},
    "sklearn/datasets/images/china.jpg": {"palace"},
    "sklearn/datasets/images/flower.jpg": {"daisy"},
}


def test_at_least_nine_of_twelve_photos_are_right_in_the_top_five(classifier: duomo.Runner[Any], photo: Any) -> None:
    results = [outcome.unwrap() for outcome in classifier.map([photo(inside) for inside in PHOTOS])]
    right = [
        inside
        for (inside, names), result in zip(PHOTOS.items(), results, strict=True)
        if names & {label.name for label in result.labels}
    ]
    assert len(right) >= 9, right


def test_the_cat_is_a_cat(classifier: duomo.Runner[Any], photo: Any) -> None:
    result = classifier(photo("skimage/data/chelsea.png"), top_k=3)
    assert {label.name for label in result.labels} == {"tabby", "tiger cat", "Egyptian cat"}


def test_scaled_decoding_moves_scores_by_less_than_five_hundredths_and_no_best_label(
    classifier: duomo.Runner[Any], photo: Any
) -> None:
    for inside in (
        "sklearn/datasets/images/china.jpg",
        "sklearn/datasets/images/flower.jpg",
        "skimage/data/rocket.jpg",
    ):
        file = io.BytesIO()
        big = PIL.Image.open(photo(inside)).convert("RGB").resize((4000, 3000), PIL.Image.Resampling.LANCZOS)
        big.save(file, "JPEG", quality=90)
        exact, scaled = (classifier(file.getvalue(), top_k=1000, decode=how) for how in ("exact", "scaled"))
        assert scaled.top.name == exact.top.name
        scores = {label.name: label.score for label in scaled.labels}
        assert 0 < max(abs(scores[label.name] - label.score) for label in exact.labels) < 0.05


def test_top_k_beyond_the_labels_gives_them_all_and_they_sum_to_one(classifier: duomo.Runner[Any]) -> None:
    result = classifier(np.zeros((30, 40, 3), np.uint8), top_k=5000)
    scores = [label.score for label in result.labels]
    assert len(scores) == 1000
    assert sum(scores) == pytest.approx(1, abs=1e-5)
    assert scores == sorted(scores, reverse=True)


def test_embeddings_are_near_for_like_pictures_and_unit_length_unless_asked(
    embedder: duomo.Runner[Any], photo: Any
) -> None:
    left, right, cat = (
        embedder(photo(f"skimage/data/{name}.png")) for name in ("motorcycle_left", "motorcycle_right", "chelsea")
    )
    assert left.dim == 1280
    assert np.linalg.norm(left.array) == pytest.approx(1, abs=1e-5)
    assert left.similarity(right) > 0.8 > left.similarity(cat)
    raw = embedder(photo("skimage/data/chelsea.png"), normalize=False)
    assert np.linalg.norm(raw.array) > 2
    assert raw.similarity(cat) == pytest.approx(1, abs=1e-5)


def test_neither_torchvision_nor_transformers_is_imported(photo: Any) -> None:
    code = (
        "import sys, duomo\n"
        "for task in ('image-classification', 'image-feature-extraction'):\n"
        f"    duomo.run(task, {str(photo('skimage/data/rocket.jpg'))!r})\n"
        "print([name for name in ('torchvision', 'transformers', 'torch._dynamo') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
