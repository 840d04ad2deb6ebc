"""Answers on pages by LayoutLM and LayoutLMv3: seventeen pages, alone and together, beside the pipeline."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import DuomoError, InputTooLong, WrongTask
from duomo.tasks.vision import Page, TextLine
from duomo_multimodal.layout import words_of

from . import tiny

pytestmark = pytest.mark.embedded  # what reads is loaded, and then pages with known print take its place
TASK = "document-question-answering"
WORDS = "a red ball the sky is blue one dog and two cats on it".split()
QUESTION = "is the ball red"


def page(at: int) -> Page:
    """One line, or several: the pages of a third of all numbers are longer than a window."""
    lines = []
    for row in range(1 + at % 3 * 4):
        words = [WORDS[(at * 5 + row * 3 + step) % len(WORDS)] for step in range(1 + (at + row) % 4)]
        left, top, right, bottom = 10 + at, 5 + 9 * row, 20 + at + 20 * len(words), 12 + 9 * row
        corners: Any = [(left, top), (right, top), (right, bottom), (left, bottom)]
        lines.append(TextLine(text=" ".join(words), score=1.0, corners=corners))
    return Page(lines=lines, width=200, height=100)


class Read(NamedTuple):
    page: Page

    def unwrap(self) -> Page:
        return self.page


class Reader:
    """Knows its pages by their first pixel."""

    def map(self, images: list[Any]) -> list[Read]:
        return [Read(page(int(np.asarray(image.pil())[0, 0, 0]))) for image in images]


def picture(at: int) -> Any:
    pixels = np.random.default_rng(at).integers(0, 256, (100, 200, 3), np.uint8)
    pixels[0, 0] = at
    return PIL.Image.fromarray(pixels)


def loaded(folder: Path) -> Any:
    runner: Any = duomo.load(TASK, f"dir:{folder}", device="cpu")
    runner.executor.worker.model.reader = Reader()
    return runner


@pytest.mark.equals("the pipeline by LayoutLM, the same answers", "document-question-answering")
@pytest.mark.parametrize("make", [tiny.layout_lm, tiny.layout_answering])
def test_answers_on_seventeen_pages(tmp_path: Path, make: Any) -> None:
    folder = make(tmp_path)
    runner = loaded(folder)
    items = [(QUESTION, picture(at)) for at in range(17)]
    outcomes = list(runner.map(items, batch_size=17, top_k=3))
    windows = {outcome.meta.windows or 1 for outcome in outcomes}
    assert len(windows) > 1
    for at, (outcome, item) in enumerate(zip(outcomes, items, strict=True)):
        found = outcome.unwrap().answers
        for one, other in zip(found, runner(item, top_k=3).answers, strict=True):
            assert (one.text, one.start, one.end, one.corners) == (other.text, other.start, other.end, other.corners)
            assert one.score == pytest.approx(other.score, abs=1e-5)
        read = page(at)
        for answer in found:
            assert read.text[answer.start : answer.end] == answer.text
            assert answer.corners
        if (outcome.meta.windows or 1) == 1:
            expected = theirs(folder, item[1], read)
            assert [each.text.split() for each in found] == [each["answer"].split() for each in expected]
            assert [each.score for each in found] == pytest.approx([each["score"] for each in expected], abs=1e-5)
    assert len({outcome.unwrap().top.text for outcome in outcomes}) > 5


def theirs(folder: Path, image: Any, read: Page) -> list[dict[str, Any]]:
    """What transformers' pipeline answers; it shows LayoutLMv3 no page, whose bare network stands for it."""
    config = tf.AutoConfig.from_pretrained(folder)
    if config.model_type == "layoutlm":
        words, boxes = words_of(read, apart=True)
        make: Any = tf.pipeline
        pipeline = make(TASK, model=str(folder))
        asked = {"question": QUESTION, "word_boxes": list(zip(words, boxes, strict=True))}
        answers: list[dict[str, Any]] = pipeline(asked, top_k=3, max_answer_len=30)
        return answers
    words, boxes = words_of(read)
    tokenizer: Any = tf.AutoTokenizer.from_pretrained(folder)
    network = tf.LayoutLMv3ForQuestionAnswering.from_pretrained(folder).eval()
    pixels = tf.LayoutLMv3ImageProcessor.from_pretrained(folder, apply_ocr=False)(images=[image], return_tensors="pt")
    tokens = tokenizer(QUESTION, words, boxes=boxes, return_tensors="pt")
    with torch.inference_mode():
        output = network(**tokens, pixel_values=pixels["pixel_values"])
    parts, ids = tokens.sequence_ids(0), tokens.word_ids(0)
    inside = [0, *[at for at, part in enumerate(parts) if part == 1]]
    start, end = (each[0, inside].softmax(-1) for each in (output.start_logits, output.end_logits))
    chances: dict[tuple[int, int], float] = {}
    for first in range(1, len(inside)):
        for last in range(first, min(first + 30, len(inside))):
            place = ids[inside[first]], ids[inside[last]]
            chances[place] = max(chances.get(place, 0), float(start[first] * end[last]))
    best = sorted(chances.items(), key=lambda each: -each[1])[:3]
    return [{"answer": " ".join(words[one : two + 1]), "score": score} for (one, two), score in best]


def test_what_is_too_long_and_what_is_not_for_pages_is_said(tmp_path: Path) -> None:
    runner = loaded(tiny.layout_lm(tmp_path))
    with pytest.raises(InputTooLong, match="question is too long"):
        runner(("is it " * 20, picture(0)))
    with pytest.raises(InputTooLong, match="more print than the 24 tokens"):
        runner((QUESTION, picture(2)), long="error")
    [outcome] = runner.map([(QUESTION, picture(2))], long="truncate")
    assert outcome.meta.truncated
    with pytest.raises(WrongTask) as caught:
        duomo.load("question-answering", f"dir:{tmp_path}")
    assert TASK in str(caught.value.fix)


def test_a_checkpoint_for_other_questions_is_told_what_it_does(tmp_path: Path) -> None:
    tiny.vilt(tmp_path)
    with pytest.raises(DuomoError) as caught:
        duomo.load(TASK, f"dir:{tmp_path}")
    assert "duomo run visual-question-answering" in str(caught.value.fix)
