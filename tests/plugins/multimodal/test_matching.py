"""Matching texts, named outlines and lines of writing against the bare networks; a batch as one by one."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    BlipForImageTextRetrieval,
    CLIPSegForImageSegmentation,
    Sam3ImageProcessor,
    Sam3Model,
    VisionEncoderDecoderModel,
)

import duomo
from duomo.errors import BadOption
from duomo.testing.samples import pictures

from . import tiny

THRESHOLD = 0.45
TEXTS = ["a ball", "the red sky is on a face", "what"]


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.blip_matching(tmp_path_factory.mktemp("blip"))


@pytest.fixture(scope="module")
def clip_seg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.clip_seg(tmp_path_factory.mktemp("clipseg"))


@pytest.mark.equals("the bare network, scores to 1e-5", "image-text-retrieval")
def test_texts_have_the_scores_of_the_matching_head(blip: Path) -> None:
    network = BlipForImageTextRetrieval.from_pretrained(blip).eval()
    processor, tokenizer = AutoImageProcessor.from_pretrained(blip), AutoTokenizer.from_pretrained(blip)
    runner = duomo.load("image-text-retrieval", f"dir:{blip}", device="cpu")
    items = [(photo, TEXTS) for photo in pictures()]
    for (photo, _), outcome in zip(items, runner.map(items, batch_size=3), strict=True):
        pixels = processor([PIL.Image.fromarray(photo)], return_tensors="pt")["pixel_values"]
        expected = []
        for text in TEXTS:
            tokens = tokenizer(text, return_tensors="pt")
            names = ("input_ids", "attention_mask")
            with torch.inference_mode():
                logits = network(pixel_values=pixels, **{name: tokens[name] for name in names}).itm_score
            expected.append(float(logits.softmax(-1)[0, 1]))
        for result in (outcome.unwrap(), runner({"image": photo, "texts": TEXTS})):
            scores = {hit.index: hit.score for hit in result.hits}
            assert [scores[at] for at in range(3)] == pytest.approx(expected, abs=1e-5)
            assert result.top.item == TEXTS[int(np.argmax(expected))]
    assert len(runner(items[0], top_k=2).hits) == 2


def test_a_text_that_is_too_long_and_no_texts_are_errors_of_their_items(blip: Path) -> None:
    runner = duomo.load("image-text-retrieval", f"dir:{blip}", device="cpu")
    photo = pictures()[0]
    long, none, good = runner.map([(photo, ["the sky " * 9, "a ball"]), (photo, []), (photo, TEXTS)], batch_size=3)
    assert "20 tokens" in long.error.what
    assert "at least one text" in none.error.what
    assert good.ok
    [cut] = runner.map([(photo, ["the sky " * 9])], long="truncate")
    assert cut.meta.truncated


@pytest.mark.equals("the bare network, 1 pixel in 1,000", "text-image-segmentation")
def test_outlines_are_those_of_the_network(clip_seg: Path) -> None:
    network = CLIPSegForImageSegmentation.from_pretrained(clip_seg).eval()
    processor, tokenizer = AutoImageProcessor.from_pretrained(clip_seg), AutoTokenizer.from_pretrained(clip_seg)
    runner = duomo.load("text-image-segmentation", f"dir:{clip_seg}", device="cpu")
    labels = ["a ball", "the red sky"]
    outcomes = runner.map(pictures(), batch_size=3, labels=labels, threshold=THRESHOLD)
    covered = []
    for photo, outcome in zip(pictures(), outcomes, strict=True):
        pixels = processor([PIL.Image.fromarray(photo)] * 2, return_tensors="pt")["pixel_values"]
        tokens = tokenizer(labels, padding=True, return_tensors="pt")
        with torch.inference_mode():
            output = network(tokens["input_ids"], pixels, attention_mask=tokens["attention_mask"])
        size = photo.shape[:2]
        maps = torch.nn.functional.interpolate(output.logits[:, None].sigmoid(), size, mode="bilinear")[:, 0]
        for result in (outcome.unwrap(), runner(photo, labels=labels, threshold=THRESHOLD)):
            assert [segment.label for segment in result.segments] == labels
            for segment, expected in zip(result.segments, maps, strict=True):
                assert (segment.array != (expected.numpy() >= THRESHOLD)).mean() < 1e-3
                covered.append(segment.array.mean())
    assert 0 < np.mean(covered) < 1
    with pytest.raises(BadOption, match="this model reads 12"):
        runner(pictures()[0], labels=["the sky " * 9])


@pytest.mark.equals("SAM 3 by its processor, 1 pixel in 1,000", "text-image-segmentation")
def test_seventeen_images_outlined_by_sam_3_as_it_is_published(tmp_path: Path) -> None:
    folder = tiny.sam3(tmp_path)
    network = Sam3Model.from_pretrained(folder).eval()
    processor, tokenizer = Sam3ImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    runner: Any = duomo.load("text-image-segmentation", f"dir:{folder}", device="cpu")
    chance, labels = np.random.default_rng(0), ["a ball", "the red sky"]
    photos = [chance.integers(0, 256, (20 + 7 * at % 31, 64 - 3 * at % 29, 3), np.uint8) for at in range(17)]
    covered = []
    for photo, outcome in zip(photos, runner.map(photos, batch_size=17, labels=labels), strict=True):
        images = processor(images=[PIL.Image.fromarray(photo)], return_tensors="pt")
        alone = runner(photo, labels=labels).segments
        for at, segment in enumerate(outcome.unwrap().segments):
            tokens = tokenizer(labels[at], padding="max_length", max_length=12, return_tensors="pt")
            with torch.inference_mode():
                output = network(images["pixel_values"], **{n: tokens[n] for n in ("input_ids", "attention_mask")})
            [expected] = processor.post_process_semantic_segmentation(output, target_sizes=[photo.shape[:2]])
            for found in (segment, alone[at]):
                assert found.label == labels[at]
                assert (found.array != expected.bool().numpy()).mean() < 1e-3
            covered.append(segment.array.mean())
    assert 0.1 < np.mean(covered) < 0.9
    assert len({*covered}) > 20


@pytest.mark.equals("`generate`, the same tokens", "handwriting-recognition")
def test_a_line_of_writing_is_what_generate_reads(tmp_path: Path) -> None:
    folder = tiny.vision_encoder_decoder(tmp_path)
    network = VisionEncoderDecoderModel.from_pretrained(folder).eval()
    processor, tokenizer = AutoImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    runner = duomo.load("handwriting-recognition", f"dir:{folder}", device="cpu")
    for photo, outcome in zip(pictures(), runner.map(pictures(), batch_size=3, max_new_tokens=5), strict=True):
        pixels = processor([PIL.Image.fromarray(photo)], return_tensors="pt")["pixel_values"]
        with torch.inference_mode():
            tokens = network.generate(pixel_values=pixels, max_new_tokens=5)
        expected = str(tokenizer.decode(tokens[0], skip_special_tokens=True)).strip()
        for result in (outcome.unwrap(), runner(photo, max_new_tokens=5)):
            assert result.text == expected
            assert result.finish_reason == ("stop" if 3 in tokens[0].tolist()[1:] else "length")
