"""Faults in pictures of one kind: found and placed, by the distance to patches of good ones."""

from typing import Any

import numpy as np
import PIL.Image
import pytest

import duomo
from duomo.errors import BadOption

pytestmark = pytest.mark.embedded


def fabric(seed: int, fault: tuple[int, int] | None = None) -> Any:
    """A weave of 240 x 320 pixels, a little different each time; with a stain of 40 pixels at a place."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:240, :320]
    weave = 120 + 40 * np.sin((x + rng.integers(16)) / 2.5) + 40 * np.sin((y + rng.integers(16)) / 2.5)
    weave = weave[..., None] * [1.0, 0.9, 0.7] + rng.normal(0, 6, (240, 320, 3))
    if fault is not None:
        top, left = fault
        weave[top : top + 40, left : left + 40] = [40, 30, 90]
    return weave.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def detector() -> Any:
    return duomo.load("image-anomaly-detection", "vision/patches-lite0", device="cpu")


def test_a_stain_is_found_where_it_is_and_good_fabric_passes(detector: Any) -> None:
    good = [fabric(seed) for seed in range(6)]
    items = [fabric(20), fabric(21, (30, 40)), fabric(22, (170, 240)), fabric(23)]
    results = [outcome.unwrap() for outcome in detector.map(items, batch_size=4, good=good, threshold=1.5)]
    assert [each.is_anomalous for each in results] == [False, True, True, False]
    for result, (top, left) in zip(results[1:3], [(30, 40), (170, 240)], strict=True):
        assert result.array.shape == (240, 320)
        y, x = np.argwhere(result.array == result.array.max()).mean(0)
        assert abs(y - top - 20) < 12
        assert abs(x - left - 20) < 12
    alone = detector(items[1], good=good, threshold=1.5)
    assert alone.score == pytest.approx(results[1].score, rel=1e-3)
    assert not detector(items[1], good=good, threshold=100).is_anomalous


def test_the_score_is_a_multiple_of_the_worst_good_picture(detector: Any) -> None:
    first, second = fabric(0), fabric(1)
    scores = [detector(each, good=[first, second]).score for each in (first, second)]
    assert max(scores) < 0.2  # each is in the bank itself
    assert detector(PIL.Image.new("RGB", (320, 240), "red"), good=[first, second]).score > 1.5


@pytest.mark.parametrize("good", [5, b"bytes", np.zeros((8, 8, 3), np.uint8), {"a": 1}, PIL.Image.new("RGB", (8, 8))])
def test_what_is_not_a_list_of_images_is_refused(detector: Any, good: Any) -> None:
    with pytest.raises(duomo.errors.BadOption, match="option 'good' cannot be") as caught:
        detector(PIL.Image.new("RGB", (32, 24)), good=good)
    assert "a folder or a list of images is expected" in caught.value.why


def test_good_pictures_must_be_readable_and_two(detector: Any) -> None:
    with pytest.raises(BadOption, match="good image 1 cannot be used"):
        detector(fabric(0), good=[fabric(1), b"no image"])
    with pytest.raises(BadOption, match="'good'"):
        detector(fabric(0), good=[fabric(1)])
    [bad] = detector.map([b"no image"], good=[fabric(0), fabric(1)])
    assert not bad.ok
