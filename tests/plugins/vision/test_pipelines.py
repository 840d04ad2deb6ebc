"""Each option of an image task against what transformers' pipeline makes of it, over mixed images."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
import transformers as tf
from transformers import pipeline

import duomo
from duomo.errors import WrongTask
from duomo.tasks.vision.detection import Box
from duomo.testing.samples import pictures
from duomo.training.starts import find_start

from . import tiny, tiny_more
from .test_dense import both, same_masks

Make = Callable[[], tuple[Any, Any]]


@pytest.fixture(scope="module")
def photos() -> list[Any]:
    """Two of one size, a grey one, a wide one and one of few pixels."""
    first, second, third = (np.ascontiguousarray(each[::4, ::4]) for each in pictures())
    grey = np.repeat(second.mean(-1, keepdims=True), 3, -1).astype(np.uint8)
    return [first, first[::-1].copy(), grey, third[:12], third[:7, :5]]


@pytest.fixture(scope="module")
def images() -> list[Any]:
    """Images of several modes and sizes."""
    chance = np.random.default_rng(0)
    colour = PIL.Image.fromarray(chance.integers(0, 255, (37, 50, 3), np.uint8))
    return [colour, *(colour.convert(mode) for mode in ("L", "P", "RGBA", "CMYK")), colour.crop((0, 0, 1, 1))]


CONVNEXT: Any = {"size": {"shortest_edge": 32}, "crop_pct": 0.8}
PROCESSORS: dict[str, Any] = {
    "vit": tf.ViTImageProcessor(size={"height": 32, "width": 32}),
    "convnext": tf.ConvNextImageProcessor(**CONVNEXT),
    "efficientnet": tf.EfficientNetImageProcessor(size={"height": 32, "width": 32}, resample=0),
    "bit": tf.BitImageProcessor(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}),
    "mobilevit": tf.MobileViTImageProcessor(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}),
    "levit": tf.LevitImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
    "clip": tf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
}


@pytest.mark.equals("the pipeline, scores to 1e-5", "image-classification")
@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("problem", ["single_label_classification", "multi_label_classification"])
def test_labels_of_images(processor: str, problem: Any, images: list[Any], tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = tf.ViTConfig(**tiny.NAMES, **tiny.PLAIN, image_size=32, patch_size=8, problem_type=problem)
    config.initializer_range = 0.3
    tf.ViTForImageClassification(config).save_pretrained(tmp_path)
    PROCESSORS[processor].save_pretrained(tmp_path)
    runner = duomo.load("image-classification", f"dir:{tmp_path}", device="cpu")
    bare: Any = pipeline("image-classification", str(tmp_path), device="cpu")
    for top_k in (1, 5):
        for image, results in zip(images, both(runner, images, top_k=top_k), strict=True):
            expected = bare(image.convert("RGB"), top_k=top_k)
            for result in results:
                assert [label.name for label in result.labels] == [each["label"] for each in expected]
                assert [label.score for label in result.labels] == pytest.approx(
                    [each["score"] for each in expected], abs=1e-5
                )


@pytest.mark.equals("the pipeline, scores to 1e-5", "image-classification")
@pytest.mark.parametrize("make", tiny_more.CLASSIFIERS)
def test_labels_of_classifiers_with_heads_of_their_own(make: Make, photos: list[Any], tmp_path: Path) -> None:
    folder = tiny.save(make, tmp_path)
    runner = duomo.load("image-classification", f"dir:{folder}", device="cpu")
    bare: Any = pipeline("image-classification", str(folder), device="cpu")
    for photo, results in zip(photos, both(runner, photos), strict=True):
        expected = {each["label"]: each["score"] for each in bare(PIL.Image.fromarray(photo))}
        for result in results:
            assert {each.name: each.score for each in result.labels} == pytest.approx(expected, abs=1e-5)
    found = find_start("image-classification", f"dir:{folder}", duomo.default_catalog())
    with pytest.raises(WrongTask, match="cannot be trained"):
        found.trainer().open(found.weights, labels=["a", "b"], device=torch.device("cpu"), dtype=torch.float32)


@pytest.mark.parametrize("make", [tiny.detr, tiny.yolos, tiny.rt_detr])
def test_thresholds_of_boxes(make: Make, photos: list[Any], tmp_path: Path) -> None:
    folder = tiny.save(make, tmp_path)
    runner = duomo.load("object-detection", f"dir:{folder}", device="cpu")
    bare: Any = pipeline("object-detection", str(folder), device="cpu")
    found = 0
    for threshold in (0.0, 0.4, 0.9):
        for photo, results in zip(photos, both(runner, photos, threshold=threshold), strict=True):
            expected = sorted(bare(PIL.Image.fromarray(photo), threshold=threshold), key=lambda each: -each["score"])
            found += len(expected)
            for result in results:
                assert [box.label for box in result.boxes] == [each["label"] for each in expected]
                assert [box.score for box in result.boxes] == pytest.approx([e["score"] for e in expected], abs=1e-4)
    assert found


def test_thresholds_of_masks(photos: list[Any], tmp_path: Path) -> None:
    """Tried for panoptic segmentation: MaskFormer reads no such thresholds for instances."""
    folder = tiny.save(tiny.mask_former, tmp_path)
    runner = duomo.load("panoptic-segmentation", f"dir:{folder}", device="cpu")
    bare: Any = pipeline("image-segmentation", str(folder), device="cpu")
    found = 0
    for threshold, mask, overlap in itertools.product((0.0, 0.3), (0.6,), (0.0, 0.5)):
        own: Any = {"threshold": threshold, "mask_threshold": mask, "overlap_threshold": overlap}
        theirs = {"threshold": threshold, "mask_threshold": mask, "overlap_mask_area_threshold": overlap}
        for photo, results in zip(photos, both(runner, photos, **own), strict=True):
            expected = bare(PIL.Image.fromarray(photo), subtask="panoptic", **theirs)
            found += len(expected)
            same_masks(results, sorted(expected, key=lambda each: -each["score"]), photo)
    assert found


def whole(box: Box) -> dict[str, int]:
    """The corners as the pipeline gives them, in whole pixels."""
    return {name: int(getattr(box, name)) for name in ("xmin", "ymin", "xmax", "ymax")}


def lies_on(box: dict[str, int], photo: Any) -> bool:
    """Whether a whole pixel of a box is on its image: a random network finds boxes beside it, which are left out."""
    height, width = photo.shape[:2]
    return max(0, box["xmin"]) < min(width, box["xmax"]) and max(0, box["ymin"]) < min(height, box["ymax"])


@pytest.mark.parametrize("make", [tiny.owl_vit, tiny.owl_v2])
def test_thresholds_and_templates_of_labels_given_on_the_spot(make: Make, photos: list[Any], tmp_path: Path) -> None:
    folder = tiny.save(make, tmp_path)
    runner = duomo.load("zero-shot-object-detection", f"dir:{folder}", device="cpu")
    bare: Any = pipeline("zero-shot-object-detection", str(folder), device="cpu")
    labels, found = ["ball", "sky", "face"], 0
    for template, threshold in itertools.product(("{}", "the {} on a ball"), (0.05, 0.6)):
        texts = {template.replace("{}", label): label for label in labels}
        options: Any = {"labels": labels, "template": template, "threshold": threshold}
        for photo, results in zip(photos, both(runner, photos, **options), strict=True):
            expected = bare(PIL.Image.fromarray(photo), candidate_labels=list(texts), threshold=threshold)
            expected = [each for each in expected if lies_on(each["box"], photo)]
            found += len(expected)
            wanted = sorted((texts[each["label"]], each["score"]) for each in expected)
            for result in results:
                got = sorted((box.label, box.score) for box in result.boxes if lies_on(whole(box), photo))
                assert [label for label, _ in got] == [label for label, _ in wanted]
                assert [score for _, score in got] == pytest.approx([score for _, score in wanted], abs=1e-4)
    assert found
