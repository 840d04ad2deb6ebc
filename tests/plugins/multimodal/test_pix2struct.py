"""Pix2Struct: what its processor and `generate` give, in a batch and alone, and what cannot be shown to it."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import BadInput, InputTooLong, WeightsMissing, WrongTask

from . import tiny

QUESTIONS = ["what is on the ball", "is the sky red", "a very long question about the ball " * 4]


@pytest.fixture(scope="module")
def pictures() -> list[Any]:
    draw = np.random.default_rng(3)
    sizes = ((90, 60), (50, 200), (300, 90))
    return [PIL.Image.fromarray(draw.integers(0, 255, (*size, 3), dtype=np.uint8)) for size in sizes]


@pytest.fixture(scope="module", params=[1, 3], ids=["greedy", "beams"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    return tiny.pix2struct_asked(folder, num_beams=request.param, max_new_tokens=8)


@pytest.fixture(scope="module")
def runner(folder: Path) -> Any:
    return duomo.load("visual-question-answering", f"dir:{folder}", device="cpu")


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """What the processor itself asks the hub for is the font of the folder."""
    hub = SimpleNamespace(hf_hub_download=lambda *_: str(folder / "Arial.TTF"))
    monkeypatch.setattr("transformers.models.pix2struct.image_processing_pix2struct.hf_api", lambda: hub)


def bare(folder: Path) -> Callable[..., str]:
    """What transformers alone writes about an image."""
    network: Any = tf.Pix2StructForConditionalGeneration.from_pretrained(folder).eval()
    processor: Any = tf.Pix2StructImageProcessor.from_pretrained(folder)
    tokenizer = tf.AutoTokenizer.from_pretrained(folder)

    def write(picture: Any, **asked: Any) -> str:
        with torch.inference_mode():
            tokens = network.generate(**processor(images=[picture], return_tensors="pt", **asked))
        return str(tokenizer.decode(tokens[0], skip_special_tokens=True)).strip()

    return write


@pytest.mark.equals("`generate` of Pix2Struct, the same tokens", "visual-question-answering")
def test_answers_are_those_of_generate_in_a_batch_and_alone(
    runner: Any, folder: Path, pictures: list[Any], no_hub: None
) -> None:
    items = [(question, picture) for picture in pictures for question in QUESTIONS]
    seen, written = set(), bare(folder)
    for item, outcome in zip(items, runner.map(items, batch_size=9), strict=True):
        top, alone = outcome.unwrap().top, runner(item).top
        expected = written(item[1], header_text=item[0])
        assert top.answer == alone.answer == expected
        assert top.score == pytest.approx(alone.score, abs=1e-5)
        assert 0 < top.score <= 1
        seen.add(expected)
    assert len(seen) > 3


def test_what_cannot_be_drawn_is_said(runner: Any, pictures: list[Any]) -> None:
    long = "is the ball red " * 80
    with pytest.raises(InputTooLong, match="characters, and 1,000 are shown"):
        runner((long, pictures[0]))
    [cut] = runner.map([(long, pictures[0])], long="truncate")
    assert cut.meta.truncated
    with pytest.raises(BadInput, match="font cannot draw: 何 猫"):
        runner(("is the 猫 何 red?", pictures[0]))
    narrow = PIL.Image.new("RGB", (2, 20_000), "white")
    bad, good = runner.map([("what", narrow), ("what", pictures[0])])
    assert good.ok
    assert "too narrow" in bad.error.what
    with pytest.raises(BadInput, match="too narrow, too low or too large"):
        runner(("what", PIL.Image.new("RGB", (40_000, 4), "white")))


@pytest.mark.equals("`generate` of Pix2Struct, the same tokens", "image-captioning")
def test_captions_are_those_of_generate_in_a_batch_and_alone(tmp_path: Path, pictures: list[Any]) -> None:
    tiny.pix2struct(tmp_path, max_new_tokens=8)
    runner: Any = duomo.load("image-captioning", f"dir:{tmp_path}", device="cpu")
    captions = [outcome.unwrap().text for outcome in runner.map(pictures, batch_size=3)]
    assert captions == [runner(each).text for each in pictures] == [*map(bare(tmp_path), pictures)]
    assert len({*captions}) > 1
    with pytest.raises(WrongTask, match="does not do visual-question-answering"):
        duomo.load("visual-question-answering", f"dir:{tmp_path}", device="cpu")


def test_a_folder_without_its_font_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.pix2struct_asked(tmp_path)
    with pytest.raises(WrongTask, match="does not do image-captioning"):
        duomo.load("image-captioning", f"dir:{tmp_path}", device="cpu")
    font = (tmp_path / "Arial.TTF").rename(tmp_path / "elsewhere.ttf")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    with pytest.raises(WeightsMissing) as caught:
        duomo.load("visual-question-answering", f"dir:{tmp_path}", device="cpu")
    assert "hf download ybelkada/fonts Arial.TTF" in str(caught.value.fix)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: str(font))
    assert duomo.load("visual-question-answering", f"dir:{tmp_path}", device="cpu")
