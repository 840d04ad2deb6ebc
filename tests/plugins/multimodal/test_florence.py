"""Florence-2: what its processor reads in the tokens of `generate`, alone and in a batch; what cannot be read."""

import json
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

import duomo
from duomo.errors import BadOption, WeightsMissing
from duomo.testing import difference_when_cut
from duomo.testing.samples import pictures
from duomo_multimodal.florence import FlorenceDetector

from . import tiny_florence


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_florence.florence2(tmp_path_factory.mktemp("florence"))


def both(folder: Path, task: str, mark: str, **options: Any) -> Any:
    """Each photo, what is said of it alone and in a batch, and what the processor reads in the bare network's text."""
    network: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor: Any = AutoProcessor.from_pretrained(folder)
    runner: Any = duomo.load(task, f"dir:{folder}", device="cpu")
    for photo, outcome in zip(pictures(), runner.map(pictures(), batch_size=3, **options), strict=True):
        image = PIL.Image.fromarray(photo)
        with torch.inference_mode():
            tokens = network.generate(**processor(images=image, text=mark, return_tensors="pt"), **options)
        [text] = processor.batch_decode(tokens[:, 1:], skip_special_tokens=False)
        read = processor.post_process_generation(text, task=mark, image_size=image.size)[mark]
        alone = runner(photo, **options)
        assert alone == outcome.unwrap()
        yield alone, read, photo.shape


@pytest.mark.equals("the processor of Florence-2 on `generate`, the same boxes", "object-detection")
def test_boxes_are_those_that_the_processor_reads(folder: Path) -> None:
    found = 0
    for result, read, (height, width, _) in both(folder, "object-detection", "<OD>"):
        assert [each.label for each in result.boxes] == read["labels"]
        assert [[each.xmin, each.ymin, each.xmax, each.ymax] for each in result.boxes] == read["bboxes"]
        assert (result.width, result.height) == (width, height)
        assert {each.score for each in result.boxes} <= {1.0}
        found += len(result.boxes)
    assert found


@pytest.mark.equals("the processor of Florence-2 on `generate`, the same lines", "optical-character-recognition")
def test_lines_are_those_that_the_processor_reads(folder: Path) -> None:
    found = 0
    for result, read, (height, width, _) in both(folder, "optical-character-recognition", "<OCR_WITH_REGION>"):
        assert [each.text for each in result.lines] == read["labels"]
        assert [[side for corner in each.corners for side in corner] for each in result.lines] == read["quad_boxes"]
        assert (result.width, result.height) == (width, height)
        found += len(result.lines)
    assert found


@pytest.mark.equals("Florence-2 by `generate`, the same text", "image-captioning")
@pytest.mark.parametrize("beams", [1, 3])
def test_captions_are_those_of_generate(folder: Path, beams: int) -> None:
    for result, read, _ in both(folder, "image-captioning", "<CAPTION>", num_beams=beams, max_new_tokens=9):
        assert result.text == read
        assert 1 <= result.num_new_tokens <= 9


def test_too_many_tokens_and_a_processor_that_reads_no_places_are_refused(folder: Path, tmp_path: Path) -> None:
    photo = pictures()[0]
    with pytest.raises(BadOption, match="'max_new_tokens' cannot be 128"):
        duomo.load("image-captioning", f"dir:{folder}", device="cpu")(photo, max_new_tokens=128)
    tiny_florence.florence2(tmp_path)
    processor: Any = AutoProcessor.from_pretrained(tmp_path)
    processor.post_processor_config = {"pure_text": {}}
    processor.save_pretrained(tmp_path)
    with pytest.raises(WeightsMissing, match="answers to <OD> are read"):
        duomo.load("object-detection", f"dir:{tmp_path}", device="cpu")


@pytest.mark.parametrize("ends", [{}, {"forced_eos_token_id": 3, "min_new_tokens": 11}], ids=["open", "forced"])
def test_what_the_bound_cuts_is_said_to_be_cut(tmp_path: Path, ends: dict[str, int]) -> None:
    """Many checkpoints have an end written at the bound, whether they are done or not."""
    photo, folder = pictures()[0], tiny_florence.florence2(tmp_path)
    said_so = folder / "generation_config.json"
    settings = json.loads(said_so.read_text())
    if ends:
        settings["suppress_tokens"].remove(3)
    said_so.write_text(json.dumps(settings | {"max_new_tokens": 12} | ends))
    for task in ("object-detection", "optical-character-recognition"):
        [outcome] = duomo.load(task, f"dir:{folder}", device="cpu").map([photo])
        assert outcome.meta.truncated
    caption: Any = duomo.load("image-captioning", f"dir:{folder}", device="cpu")(photo)
    assert (caption.finish_reason, caption.num_new_tokens) == ("length", 12)
    every = sorted({*range(len(tiny_florence.VOCABULARY))} - {3})
    said_so.write_text(json.dumps(settings | {"suppress_tokens": every}))
    [outcome] = duomo.load("object-detection", f"dir:{folder}", device="cpu").map([photo])
    assert not outcome.meta.truncated


def test_places_are_written_alike_over_two_devices(folder: Path) -> None:
    def build() -> Any:
        return AutoModelForImageTextToText.from_pretrained(folder)

    def call(network: Any) -> torch.Tensor:
        written = network.generate(**inputs, max_new_tokens=6, output_scores=True, return_dict_in_generate=True)
        return torch.stack(written.scores, 1).clamp(-50)

    image = PIL.Image.fromarray(pictures()[0])
    inputs = AutoProcessor.from_pretrained(folder)(images=image, text="<OD>", return_tensors="pt")
    plan = FlorenceDetector.tensor_plan(build().config)
    assert difference_when_cut(build, call, tensor_plan=plan, tp=2) < 1e-4, "of scores down to -50"
