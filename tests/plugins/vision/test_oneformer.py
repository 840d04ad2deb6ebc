"""OneFormer against its processor's own post-processing, each kind with its own words; nothing is fetched."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import AutoTokenizer, OneFormerForUniversalSegmentation, OneFormerImageProcessor, OneFormerProcessor

import duomo
from duomo.testing.samples import pictures

from . import tiny_oneformer

PHOTOS = [np.ascontiguousarray(each[::2, ::2]) for each in pictures()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_oneformer.oneformer(tmp_path_factory.mktemp("oneformer"))


def said(folder: Path, photo: Any, kind: str, **options: Any) -> Any:
    """What the bare network and its processor make of a photo."""
    network = OneFormerForUniversalSegmentation.from_pretrained(folder).eval()
    images: Any = OneFormerImageProcessor.from_pretrained(folder, class_info_file="")
    processor: Any = OneFormerProcessor(images, AutoTokenizer.from_pretrained(folder), task_seq_length=9)
    inputs = processor(images=[PIL.Image.fromarray(photo)], task_inputs=[kind], return_tensors="pt")
    with torch.inference_mode():
        output = network(**inputs)
    read = getattr(processor, f"post_process_{kind}_segmentation")
    return read(output, target_sizes=[photo.shape[:2]], **options)[0]


@pytest.mark.equals("OneFormer's processor, 1 pixel in 1,000", "semantic-segmentation", "person-segmentation")
def test_labels_of_pixels_are_those_of_the_processor(folder: Path) -> None:
    runner: Any = duomo.load("semantic-segmentation", f"dir:{folder}", device="cpu")
    people: Any = duomo.load("person-segmentation", f"dir:{folder}", device="cpu")
    seen = set()
    for photo, outcome in zip(PHOTOS, runner.map(PHOTOS, batch_size=3), strict=True):
        expected = said(folder, photo, "semantic").numpy()
        for result in (outcome.unwrap(), runner(photo)):
            for segment in result.segments:
                label = ["a ball", "person", "sky"].index(segment.label)
                assert (segment.array != (expected == label)).mean() < 1e-3
        seen |= {segment.label for segment in result.segments}
        assert people(photo).segments == [each for each in result.segments if each.label == "person"]
    assert len(seen) > 1


@pytest.mark.equals(
    "OneFormer's processor, scores to 1e-4, 1 pixel in 1,000", "instance-segmentation", "panoptic-segmentation"
)
@pytest.mark.parametrize("kind", ["instance", "panoptic"])
def test_masks_are_those_of_the_processor_under_the_words_of_their_kind(folder: Path, kind: str) -> None:
    runner: Any = duomo.load(f"{kind}-segmentation", f"dir:{folder}", device="cpu")
    found = 0
    for photo, outcome in zip(PHOTOS, runner.map(PHOTOS, batch_size=3, threshold=0.3), strict=True):
        expected = said(folder, photo, kind, threshold=0.3)
        wanted = sorted(expected["segments_info"], key=lambda each: -each["score"])
        for result in (outcome.unwrap(), runner(photo, threshold=0.3)):
            assert [each.score for each in result.segments] == pytest.approx(
                [each["score"] for each in wanted], abs=1e-4
            )
            for segment, each in zip(result.segments, wanted, strict=True):
                assert (segment.array != (expected["segmentation"].numpy() == each["id"])).mean() < 1e-3
        found += len(wanted)
    assert found
