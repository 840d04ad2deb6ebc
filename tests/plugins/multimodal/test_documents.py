"""Questions on pages: what is read is what is asked about, and the answer has its place."""

import numpy as np
import pytest

import duomo
from duomo.tasks.vision.reading import Page, TextLine
from duomo.testing.samples import pages
from duomo_multimodal.documents import touched
from tests.plugins import answerer


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    answerer.save(folder)
    with duomo.load("document-question-answering", f"dir:{folder}") as runner:
        yield runner


@pytest.mark.embedded
def test_an_answer_is_that_of_the_text_that_was_read_and_lies_on_its_lines(runner):
    invoice = pages()[1]
    read = duomo.run("optical-character-recognition", invoice)
    with duomo.load("question-answering", runner.meta.model) as model:
        expected = model(("which total?", read.text)).top
    found = runner(("which total?", invoice)).top
    assert (found.text, found.start, found.end) == (expected.text, expected.start, expected.end)
    assert found.score == pytest.approx(expected.score, abs=1e-5)
    assert found.corners == touched(read, found.start, found.end)
    assert found.corners


@pytest.mark.embedded
def test_a_page_without_print_fails_alone(runner):
    blank = np.full((200, 200, 3), 255, np.uint8)
    outcomes = list(runner.map([("which total?", page) for page in (pages()[1], blank, pages()[0])]))
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert "no print was found" in outcomes[1].error.what


def test_an_answer_over_a_line_break_lies_on_both_lines():
    boxes = [[(0.0, float(y)), (9.0, float(y)), (9.0, y + 5.0), (0.0, y + 5.0)] for y in (0, 10, 20)]
    texts = zip(["one", "two", "six"], boxes, strict=True)
    page = Page(lines=[TextLine(text=text, score=1, corners=box) for text, box in texts], width=9, height=30)
    assert touched(page, page.text.index("ne"), page.text.index("wo") + 2) == boxes[:2]
    assert touched(page, page.text.index("six"), page.text.index("six") + 3) == boxes[2:]
