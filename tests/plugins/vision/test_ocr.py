"""Reading print: letter for letter on drawn pages, quietly, and in the order a person reads."""

import os
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest
import torch

import duomo
from duomo.tasks.vision.reading import CharacterRecognitionOptions, TextLine

pytestmark = pytest.mark.embedded

LINES = [
    "Invoice No. 2024-0815",
    "Total amount due: 1,234.56 EUR",
    "The quick brown fox jumps over the lazy dog.",
    "Please pay within 30 days of receipt.",
    "Dr. Maria Lopez, Mayo Clinic, Boston MA 02114",
    "Nothing here was read over a network!",
]


def page(size: int, background: str = "white", ink: str = "black") -> PIL.Image.Image:
    """`LINES` in Pillow's own font, `size` pixels high, on a square: a reader enlarges what is low, at a price."""
    picture = PIL.Image.new("RGB", (60 + 24 * size, 60 + 24 * size), background)
    pen, font = PIL.ImageDraw.Draw(picture), PIL.ImageFont.load_default(size)
    for row, line in enumerate(LINES):
        pen.text((30, 20 + 2 * size * row), line, fill=ink, font=font)
    return picture


def edits(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[len(b)]


@pytest.mark.parametrize(
    ("size", "background", "ink"), [(16, "white", "black"), (30, "ivory", "navy"), (24, "black", "white")]
)
def test_at_most_two_letters_in_a_hundred_are_wrong(
    ocr: duomo.Runner[Any], size: int, background: str, ink: str
) -> None:
    result = ocr(page(size, background, ink))
    truth = "\n".join(LINES)
    assert edits(result.text, truth) / len(truth) <= 0.02, result.text


@pytest.mark.equals("the package's own reading, the same lines, scores to 1e-5", "optical-character-recognition")
def test_lines_are_those_of_the_package(ocr: duomo.Runner[Any]) -> None:
    picture = page(24)
    from rapidocr import RapidOCR  # comes with the weights

    package = RapidOCR(params={"Global.log_level": "critical", "Global.use_cls": False})
    found: Any = package(np.ascontiguousarray(np.asarray(picture)[..., ::-1]))
    lines = ocr(picture, threshold=0.5).lines
    assert [each.text for each in lines] == list(found.txts)
    assert [each.score for each in lines] == pytest.approx(list(found.scores), abs=1e-5)
    np.testing.assert_allclose([each.corners for each in lines], found.boxes, atol=1e-3)


def test_a_line_lies_where_it_was_drawn(ocr: duomo.Runner[Any]) -> None:
    picture = PIL.Image.new("RGB", (900, 500), "white")
    font = PIL.ImageFont.load_default(40)
    pen = PIL.ImageDraw.Draw(picture)
    pen.text((310, 220), "somewhere here", fill="black", font=font)
    (line,) = ocr(picture).lines
    (left, top), (right, _), (_, bottom), _ = line.corners
    wanted = pen.textbbox((310, 220), "somewhere here", font=font)
    assert (left, top, right, bottom) == pytest.approx(wanted, abs=15)
    assert line.score > 0.9


def test_a_photographed_page_is_readable(ocr: duomo.Runner[Any], photo: Any) -> None:
    result = ocr(photo("skimage/data/page.png"))
    assert (result.width, result.height) == (384, 191)
    truth = (
        "Region-based segmentation\n"
        "Let us first determine markers of the coins and the\n"
        "background. These markers are pixels that we can label\n"
        "unambiguously as either object or background. Here,\n"
        "the markers are found at the two extreme parts of the\n"
        "histogram of grey values:"
    )
    assert edits(result.text[: len(truth)], truth) / len(truth) <= 0.05, result.text


def test_a_picture_without_print_has_no_lines(ocr: duomo.Runner[Any]) -> None:
    assert ocr(PIL.Image.new("RGB", (300, 200), "white")).lines == []


@pytest.mark.parametrize("size", [(1, 4000), (900, 2)])
def test_a_picture_like_a_thread_has_no_lines(ocr: duomo.Runner[Any], size: tuple[int, int]) -> None:
    page = ocr(PIL.Image.new("RGB", size, "white"))
    assert (page.lines, page.width, page.height) == ([], *size)


def test_a_low_strip_is_read_where_it_was_drawn(ocr: duomo.Runner[Any]) -> None:
    picture = PIL.Image.new("RGB", (4000, 30), "white")
    PIL.ImageDraw.Draw(picture).text((1500, 2), LINES[2], fill="black", font=PIL.ImageFont.load_default(22))
    (line,) = ocr(picture).lines
    assert edits(line.text, LINES[2]) <= 2
    assert line.corners[0] == pytest.approx((1500, 2), abs=15)
    assert max(y for _, y in line.corners) <= 30


def test_the_threshold_leaves_unsure_lines_out(ocr: duomo.Runner[Any], photo: Any) -> None:
    path = photo("skimage/data/coins.png")  # circles that could be letters
    everything, sure = ocr(path, threshold=0).lines, ocr(path).lines
    assert sure == [line for line in everything if line.score >= CharacterRecognitionOptions.parse({}).threshold]
    assert 0 < len(sure) < len(everything)


def test_loading_and_reading_are_quiet_offline_and_leave_no_trace(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import cv2
    import rapidocr

    def forbidden(*_: Any) -> None:
        raise AssertionError("it reached for the network")

    package = Path(rapidocr.__file__).parent
    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads(), torch.get_num_interop_threads(), cv2.getNumThreads(), dict(os.environ)
    files = sorted(path for path in package.rglob("*") if path.suffix != ".pyc")

    runner = duomo.load("optical-character-recognition", "vision/paddle-ocr")
    assert runner(page(20)).lines
    assert runner(PIL.Image.new("RGB", (40, 40))).lines == []

    assert (torch.get_num_threads(), torch.get_num_interop_threads(), cv2.getNumThreads(), dict(os.environ)) == before
    assert sorted(path for path in package.rglob("*") if path.suffix != ".pyc") == files
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_the_engine_takes_as_many_threads_as_torch_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    from duomo_vision import ocr

    assert ocr._num_threads() == torch.get_num_threads()  # onnxruntime does not say how many threads it has
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert ocr._num_threads() == 3  # the same
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert ocr._num_threads() == -1  # the same


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_page_that_lies_on_its_side_or_head_is_read_as_it_was_printed(ocr: duomo.Runner[Any], turned: int) -> None:
    lines = ["Total amount due: 1,234.56 EUR", "Please pay within 30 days."]
    picture, font = PIL.Image.new("RGB", (440, 440), "white"), PIL.ImageFont.load_default(22)
    for row, text in enumerate(lines):
        PIL.ImageDraw.Draw(picture).text((20, 10 + 36 * row), text, fill="black", font=font)
    found = ocr(picture.rotate(-turned, expand=True))  # clockwise
    assert found.text == "\n".join(lines)
    x, y = {90: (440 - 10, 20), 180: (440 - 20, 440 - 10), 270: (10, 440 - 20)}[turned]
    assert min(np.hypot(x - a, y - b) for a, b in found.lines[0].corners) < 15, "the first letter is where it was drawn"


def test_one_digit_alone_is_read_as_it_stands(ocr: duomo.Runner[Any]) -> None:
    """The package's step that turns lines over made ``>`` and ``L`` of a 7."""
    for size in (30, 40, 50):
        picture = PIL.Image.new("RGB", (80, 80), "white")
        font = PIL.ImageFont.load_default(size)
        PIL.ImageDraw.Draw(picture).text((40, 40), "7", fill="black", font=font, anchor="mm")
        assert ocr(picture).text == "7"


def test_rows_are_read_from_left_to_right_and_then_downwards() -> None:
    from duomo_vision.ocr import in_reading_order  # which needs the package that has the weights

    def line(text: str, x: float, y: float) -> TextLine:
        corners = [(x, y), (x + 50, y), (x + 50, y + 20), (x, y + 20)]
        return TextLine(text=text, score=1.0, corners=corners)

    # The right-hand part of a row may lie a little higher than the left-hand part.
    lines = [
        line("4.50", 300, 36),
        line("tea", 10, 40),
        line("cake", 10, 70),
        line("Bill", 120, 0),
        line("6.20", 300, 72),
    ]
    assert [each.text for each in in_reading_order(lines)] == ["Bill", "tea", "4.50", "cake", "6.20"]
    assert in_reading_order([]) == []


@pytest.mark.parametrize("slant", [0, 4, 12, 45, 83, 97, 135, 180, -20, -97])
def test_rows_of_a_slanted_page_are_read_as_its_print_runs(slant: float) -> None:
    from duomo_vision.ocr import in_reading_order

    cos, sin = np.cos(np.radians(slant)), np.sin(np.radians(slant))

    def line(text: str, x: float, y: float) -> TextLine:
        corners = [(x, y), (x + 150, y), (x + 150, y + 20), (x, y + 20)]
        if text == "cake":  # the engine calls print that runs down the page by its corners on the right
            corners = [corners[1], corners[2], corners[3], corners[0]] if 45 < slant < 135 else corners
        return TextLine(text=text, score=1.0, corners=[(a * cos - b * sin, a * sin + b * cos) for a, b in corners])

    lines = [
        line("4.50", 600, 40),
        line("6.20", 600, 70),
        line("cake", 10, 70),
        line("Bill", 120, 0),
        line("tea", 10, 40),
    ]
    assert [each.text for each in in_reading_order(lines)] == ["Bill", "tea", "4.50", "cake", "6.20"]
