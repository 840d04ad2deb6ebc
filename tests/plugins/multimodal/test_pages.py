"""What kind of document a page is: LayoutLMv3 and DiT against the bare networks, long pages and empty ones."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import BadOption, InputTooLong, WrongTask
from duomo.tasks.vision import Page, TextLine
from duomo_multimodal.layout import words_of

from . import tiny


def line(text: str, left: float, top: float, right: float, bottom: float) -> TextLine:
    return TextLine(text=text, score=1.0, corners=[(left, top), (right, top), (right, bottom), (left, bottom)])


PAGE = Page(lines=[line("a red ball", 10, 20, 110, 40), line("sky", 190, 90, 230, 120)], width=200, height=100)


def test_words_share_the_box_of_their_line_in_thousandths_of_the_page() -> None:
    words, boxes = words_of(PAGE)
    assert words == ["a", "red", "ball", "sky"]
    assert boxes == [[50, 200, 550, 400]] * 3 + [[950, 900, 1000, 1000]]
    assert words_of(Page(lines=[], width=5, height=5)) == ([], [])


class TestLayout:
    pytestmark = pytest.mark.embedded

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tiny.layout(tmp_path_factory.mktemp("layout"))

    @pytest.fixture(scope="class")
    @classmethod
    def runner(cls, folder: Path) -> Any:
        return duomo.load("document-classification", f"dir:{folder}", device="cpu")

    @pytest.fixture(scope="class")
    @classmethod
    def pages(cls) -> list[Any]:
        """Print, more print, and none."""
        from PIL import ImageDraw, ImageFont

        drawn = []
        for text in ("Dear Ada", "Invoice 42\nThe total is 100", ""):
            page = PIL.Image.new("RGB", (320, 320), "white")
            ImageDraw.Draw(page).text((20, 30), text, fill="black", font=ImageFont.load_default(30))
            drawn.append(page)
        return drawn

    def test_scores_are_those_of_the_bare_network_in_a_batch_and_alone(
        self, runner: Any, folder: Path, pages: list[Any]
    ) -> None:
        read: Any = duomo.load("optical-character-recognition", "vision/paddle-ocr")
        bare = tf.LayoutLMv3ForSequenceClassification.from_pretrained(folder).eval()
        tokenizer: Any = tf.AutoTokenizer.from_pretrained(folder)
        images: Any = tf.LayoutLMv3ImageProcessor.from_pretrained(folder, apply_ocr=False)
        outcomes = list(runner.map(pages, batch_size=3, top_k=3))
        assert not any(outcome.meta.truncated for outcome in outcomes)
        seen = set()
        for page, outcome in zip(pages, outcomes, strict=True):
            words, boxes = words_of(read(page))
            tokens = tokenizer(words or [""], boxes=boxes or [[0, 0, 0, 0]], return_tensors="pt")
            with torch.inference_mode():
                pixels = images(images=[page], return_tensors="pt")["pixel_values"]
                expected = bare(**tokens, pixel_values=pixels).logits[0].softmax(-1)
            for result in (outcome.unwrap(), runner(page, top_k=3)):
                scores = {label.name: label.score for label in result.labels}
                found = [scores[name] for name in ("letter", "invoice", "form")]
                np.testing.assert_allclose(found, expected, atol=1e-5)
            seen.add(round(float(expected[0]), 4))
        assert len(seen) == 3, "the print must count, or this test says nothing"

    def test_labels_of_a_multi_label_checkpoint_each_have_their_own_sigmoid(
        self, runner: Any, folder: Path, pages: list[Any], tmp_path: Path
    ) -> None:
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
        config = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps(config | {"problem_type": "multi_label_classification"}))
        alone: Any = duomo.load("document-classification", f"dir:{tmp_path}", device="cpu")
        together = {label.name: label.score for label in runner(pages[1], top_k=3).labels}
        apart = {label.name: label.score for label in alone(pages[1], top_k=3).labels}
        odds = {name: np.log(score / (1 - score)) for name, score in apart.items()}
        whole = sum(map(np.exp, odds.values()))
        for name, score in together.items():
            assert score == pytest.approx(np.exp(odds[name]) / whole, abs=1e-5)
        (tmp_path / "config.json").write_text(json.dumps(config | {"problem_type": "regression"}))
        with pytest.raises(WrongTask, match="does not do document-classification"):
            duomo.load("document-classification", f"dir:{tmp_path}", device="cpu")

    def test_of_a_long_page_the_beginning_is_read_and_meta_says_so(self, runner: Any) -> None:
        from PIL import ImageDraw, ImageFont

        page = PIL.Image.new("RGB", (900, 700), "white")
        words = "The quick brown fox jumps over the lazy dog again"
        ImageDraw.Draw(page).text((20, 30), words, fill="black", font=ImageFont.load_default(30))
        [outcome] = runner.map([page])
        assert outcome.ok
        assert outcome.meta.truncated
        with pytest.raises(InputTooLong, match="tokens of print"):
            runner(page, long="error")
        with pytest.raises(BadOption, match="long"):
            runner(page, long="window")


@pytest.mark.equals("the bare networks, scores to 1e-5", "document-classification")
def test_dit_looks_at_the_page_alone(tmp_path: Path) -> None:
    names: Any = {"id2label": {0: "letter", 1: "form"}, "label2id": {"letter": 0, "form": 1}}
    sizes: Any = tiny.PLAIN | {"image_size": 32, "patch_size": 16}
    torch.manual_seed(0)
    bare = tf.BeitForImageClassification(tf.BeitConfig(**sizes, **names)).eval()
    bare.save_pretrained(tmp_path)
    images: Any = tf.BeitImageProcessor(size={"height": 32, "width": 32})
    images.save_pretrained(tmp_path)
    runner: Any = duomo.load("document-classification", f"dir:{tmp_path}", device="cpu")
    page = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 60, 3), np.uint8))
    with torch.inference_mode():
        expected = bare(images(images=[page], return_tensors="pt")["pixel_values"]).logits[0].softmax(-1)
    scores = {label.name: label.score for label in runner(page).labels}
    np.testing.assert_allclose([scores["letter"], scores["form"]], expected, atol=1e-5)
    assert len(runner(page, top_k=1).labels) == 1
    with pytest.raises(WrongTask):
        duomo.load("semantic-segmentation", f"dir:{tmp_path}")
