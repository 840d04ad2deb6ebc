"""Curves and confusion as SVG: every number in its place, whatever the labels and the losses are."""

import math
import re
from xml.etree import ElementTree

import pytest

from duomo.training.pictures import MOST_CLASSES, draw

SVG = "{http://www.w3.org/2000/svg}"


def texts(path) -> list[str]:
    return [each.text or "" for each in ElementTree.parse(path).iter(f"{SVG}text")]


def lines(path) -> list[list[list[tuple[float, float]]]]:
    """The strokes of each line that has a colour of its own."""
    found = [each for each in ElementTree.parse(path).iter(f"{SVG}path") if each.get("fill") == "none"]
    strokes = [re.findall(r"M[^M]+", each.get("d", "")) for each in found]
    return [[[place(each) for each in re.split("[ML]", stroke)[1:]] for stroke in line] for line in strokes]


def place(words: str) -> tuple[float, float]:
    x, y = words.split()
    return float(x), float(y)


def steps(losses):
    return [{"step": at, "loss": loss, "lr": 0.1} for at, loss in enumerate(losses, 1)]


def test_losses_and_scores_lie_where_their_numbers_say(tmp_path):
    epochs = [{"step": at, "scores": {"loss": 1.5, "accuracy": at / 4}} for at in (2, 4)]
    draw(tmp_path, [*steps([4.0, 3.0, 1.0, 2.0]), *epochs, {"step": 3, "resumed": True}], None)
    training, held, accuracy, rate = (line[0] for line in lines(tmp_path / "curves.svg"))
    (_, four), (_, three), (_, one), (_, two) = training
    assert [x - training[0][0] for x, _ in training] == pytest.approx([0, 57.5, 115, 172.5], abs=0.2)
    assert (three - four, two - four, one - four) == pytest.approx(
        [each * (one - four) / 3 for each in (1, 2, 3)], abs=0.2
    )
    assert held[0][1] == held[1][1] == pytest.approx((one + two) / 2, abs=0.2)
    assert accuracy[0][1] > accuracy[1][1], "up is more"
    assert len({y for _, y in rate}) == 1
    said = texts(tmp_path / "curves.svg")
    assert {"training", "held out", "accuracy", "learning rate", "step"} <= set(said)
    assert 'id="resumed-3"' in (tmp_path / "curves.svg").read_text("utf-8")


def test_a_number_that_is_not_finite_is_a_gap(tmp_path):
    draw(tmp_path, steps([1.0, 2.0, math.nan, 4.0, math.inf, 6.0]), None)
    assert [len(each) for each in lines(tmp_path / "curves.svg")[0]] == [2, 1, 1]


@pytest.mark.parametrize(
    "losses", [[], [math.nan], [0.0], [3.0, 3.0], [0.0, 5e-324], [1.0, 1.0 + 2**-52], [-1.7e308, 1.7e308], [-5.0, -5.0]]
)
def test_no_numbers_and_equal_ones_make_a_drawing(tmp_path, losses):
    draw(tmp_path, steps(losses), None)
    assert "nan" not in (tmp_path / "curves.svg").read_text("utf-8").lower()
    assert "loss" in texts(tmp_path / "curves.svg")


def test_a_long_line_keeps_its_peak(tmp_path):
    losses = [1.0] * 100_000
    losses[77_777] = 9.0
    draw(tmp_path, steps(losses), None)
    [stroke] = lines(tmp_path / "curves.svg")[0]
    heights = [y for _, y in stroke]
    assert len(stroke) <= 1000
    assert sum(y < max(heights) - 100 for y in heights) == 1


def test_each_count_has_a_cell_as_dark_as_its_share(tmp_path):
    labels = ["<b> & co", "a\x00b \ud83d", "long " * 20]
    draw(tmp_path, [], {"labels": labels, "counts": [[8, 2, 0], [0, 5, 5], [0, 0, 0]]})
    said = texts(tmp_path / "confusion.svg")
    assert [each for each in said if each.isdigit()] == ["8", "2", "0", "0", "5", "5", "0", "0", "0"]
    assert said.count("<b> & co") == said.count("a\ufffdb \ufffd") == 2
    assert said.count("long " * 6 + "…") == 2
    fills = [each.get("fill", "") for each in ElementTree.parse(tmp_path / "confusion.svg").iter(f"{SVG}rect")][1:]
    red = [int(re.findall(r"\d+", each)[0]) for each in fills]
    assert red == [57, 206, 255, 255, 132, 132, 255, 255, 255]


def test_a_matrix_too_large_to_read_is_not_drawn(tmp_path):
    labels = [str(at) for at in range(MOST_CLASSES + 1)]
    draw(tmp_path, [], {"labels": labels, "counts": [[0] * len(labels)] * len(labels)})
    assert [each.name for each in tmp_path.iterdir()] == ["curves.svg"]
