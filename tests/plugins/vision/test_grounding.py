"""Grounding DINO against its processor's own post-processing: scores within 1e-4, boxes within a pixel's hundredth."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

import duomo
from duomo.errors import BadOption
from duomo.testing.samples import pictures

from . import tiny_grounding

LABELS = ["a ball", "the red Face", "sky"]
PHOTOS = [np.ascontiguousarray(each[::2, ::2]) for each in pictures()]


@pytest.mark.equals("the processor's post-processing, scores to 1e-4", "zero-shot-object-detection")
@pytest.mark.parametrize("make", [tiny_grounding.grounding_dino, tiny_grounding.mm_grounding_dino])
def test_boxes_and_scores_are_those_of_the_processor(make: Callable[[Path], Path], tmp_path: Path) -> None:
    make(tmp_path)
    network = AutoModelForZeroShotObjectDetection.from_pretrained(tmp_path).eval()
    processor: Any = AutoProcessor.from_pretrained(tmp_path)
    runner = duomo.load("zero-shot-object-detection", f"dir:{tmp_path}", device="cpu")
    photos = [PHOTOS[0], PHOTOS[0][:, ::-1].copy(), *PHOTOS[1:]]
    options: Any = {"labels": LABELS, "threshold": 0.3}
    seen = set()
    for photo, outcome in zip(photos, runner.map(photos, batch_size=4, **options), strict=True):
        inputs = processor(images=PIL.Image.fromarray(photo), text=[LABELS], return_tensors="pt")
        with torch.inference_mode():
            output = network(**inputs)
        [expected] = processor.post_process_grounded_object_detection(output, threshold=0.3, target_sizes=[photo.shape])
        scores, order = expected["scores"].sort(descending=True, stable=True)
        assert len(scores) > 1
        for result in (outcome.unwrap(), runner(photo, **options)):
            assert [box.score for box in result.boxes] == pytest.approx(scores.tolist(), abs=1e-4)
            boxes = [[box.xmin, box.ymin, box.xmax, box.ymax] for box in result.boxes]
            edges = torch.tensor([photo.shape[1], photo.shape[0]] * 2)
            inside = torch.minimum(expected["boxes"][order].clamp(min=0), edges)
            np.testing.assert_allclose(boxes, inside.numpy(), atol=2e-2)
            assert {box.label for box in result.boxes} <= set(LABELS)
        seen |= {box.label for box in result.boxes}
        # [CLS] a ball . the red face . sky . [SEP]
        best = output.logits[0][:, [1, 2, 4, 5, 6, 8]].argmax(dim=-1)[output.logits[0].sigmoid().amax(dim=-1) > 0.3]
        named = [LABELS[[0, 0, 1, 1, 1, 2][at]] for at in best[order].tolist()]
        assert [box.label for box in result.boxes] == named
    assert len(seen) > 1


def test_labels_that_the_sentence_cannot_hold_are_refused(tmp_path: Path) -> None:
    tiny_grounding.grounding_dino(tmp_path)
    runner = duomo.load("zero-shot-object-detection", f"dir:{tmp_path}", device="cpu")
    with pytest.raises(BadOption, match=r"cannot hold 'mr\. ball'"):
        runner(PHOTOS[0], labels=["sky", "Mr. ball"])
    with pytest.raises(BadOption, match="'labels' holds a text of 48 tokens"):
        runner(PHOTOS[0], labels=["the sky " * 15, "a ball " * 7])


@pytest.mark.equals("OmDet-Turbo's processor, scores to 1e-4", "zero-shot-object-detection")
def test_boxes_of_omdet_are_those_of_its_processor(tmp_path: Path) -> None:
    tiny_grounding.omdet_turbo(tmp_path)
    network = AutoModelForZeroShotObjectDetection.from_pretrained(tmp_path).eval()
    processor: Any = AutoProcessor.from_pretrained(tmp_path)
    runner = duomo.load("zero-shot-object-detection", f"dir:{tmp_path}", device="cpu")
    options: Any = {"labels": LABELS, "threshold": 0.05}
    for photo, outcome in zip(PHOTOS, runner.map(PHOTOS, batch_size=3, **options), strict=True):
        image = PIL.Image.fromarray(photo)
        inputs = processor(images=image, text=[LABELS], max_length=24, return_tensors="pt")
        with torch.inference_mode():
            output = network(**inputs)
        [expected] = processor.post_process_grounded_object_detection(
            output, text_labels=[LABELS], threshold=0.05, target_sizes=[photo.shape[:2]]
        )
        assert len(expected["scores"]) > 1
        for result in (outcome.unwrap(), runner(photo, **options)):
            assert [box.score for box in result.boxes] == pytest.approx(expected["scores"].tolist(), abs=1e-4)
            assert [box.label for box in result.boxes] == expected["text_labels"]
            boxes = [[box.xmin, box.ymin, box.xmax, box.ymax] for box in result.boxes]
            np.testing.assert_allclose(boxes, expected["boxes"].numpy(), atol=2e-2)
    with pytest.raises(BadOption, match="'labels' holds a text of"):
        runner(PHOTOS[0], labels=["the sky " * 15])
