"""Faults in pictures of one kind: found and placed, by the distance to patches of good ones."""

from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from scipy.ndimage import uniform_filter
from skimage.transform import resize
from sklearn.neighbors import NearestNeighbors

import duomo
from duomo.errors import BadOption
from duomo_vision.anomalies import COARSE, FINE, whole

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


@pytest.mark.equals("scikit-learn's nearest neighbours of the network's features, to 1e-3", "image-anomaly-detection")
def test_distances_are_those_of_nearest_neighbours(detector: Any) -> None:
    model = detector.executor.worker.model

    def patches(picture: Any) -> Any:
        """(784, 152): both stages, averaged over their neighbours, the coarse one stretched over the fine one."""
        pixels = whole(torch.from_numpy(picture).permute(2, 0, 1))[None]
        with torch.inference_mode():
            stages = [each[0].numpy() for each in model.network.middle(model.normalize(pixels), (FINE, COARSE))]
        fine, coarse = (uniform_filter(each, (0, 3, 3), mode="constant") for each in stages)
        large = resize(coarse, (len(coarse), *fine.shape[1:]), order=1, mode="edge", anti_aliasing=False)
        return np.concatenate([fine, large]).reshape(len(fine) + len(coarse), -1).T

    def far(picture: Any, bank: list[Any]) -> Any:
        return NearestNeighbors(n_neighbors=1).fit(np.concatenate(bank)).kneighbors(patches(picture))[0][:, 0]

    good = [fabric(0), fabric(1), fabric(2)]
    banks = [patches(each) for each in good]
    limit = max(far(each, banks[:at] + banks[at + 1 :]).max() for at, each in enumerate(good))
    result, distances = detector(fabric(21, (30, 40)), good=good), far(fabric(21, (30, 40)), banks) / limit
    assert result.score == pytest.approx(distances.max(), rel=1e-3)
    stretched = resize(distances.reshape(28, 28), (240, 320), order=1, mode="edge", anti_aliasing=False)
    np.testing.assert_allclose(result.array, (stretched * 128).clip(0, 255), atol=1.5)
