"""Face detection: the astronaut's face, small ones, and hardly any where there is none."""

from typing import Any

import numpy as np
import PIL.Image
import pytest

import duomo
from duomo_vision.faces import count_votes

pytestmark = pytest.mark.embedded


def overlap(box: Any, left: float, top: float, right: float, bottom: float) -> float:
    """Intersection over union."""
    width = max(0.0, min(box.xmax, right) - max(box.xmin, left))
    height = max(0.0, min(box.ymax, bottom) - max(box.ymin, top))
    union = (box.xmax - box.xmin) * (box.ymax - box.ymin) + (right - left) * (bottom - top) - width * height
    return width * height / union


def test_the_astronauts_face_is_found_and_nothing_else(faces: duomo.Runner[Any], photo: Any) -> None:
    result = faces(photo("skimage/data/astronaut.png"))
    assert (result.width, result.height) == (512, 512)
    (box,) = result.boxes
    assert box.label == "face"
    assert overlap(box, 176, 68, 274, 166) > 0.7
    assert box.score > 0.6


def test_boxes_are_in_the_pixels_of_the_picture_whatever_its_size(faces: duomo.Runner[Any], photo: Any) -> None:
    picture = PIL.Image.open(photo("skimage/data/astronaut.png"))
    big = PIL.Image.new("RGB", (2000, 1400), "gray")
    big.paste(picture.resize((1200, 1200)), (700, 100))
    (box,) = faces(big).boxes
    assert overlap(box, 700 + 412, 100 + 159, 700 + 642, 100 + 389) > 0.6


def test_small_faces_are_found_and_hardly_one_where_there_is_none(faces: duomo.Runner[Any], photo: Any) -> None:
    patches = np.load(photo("skimage/data/lfw_subset.npy"))[::3]  # (67, 25, 25) in [0, 1]: 34 faces, then 33 others
    pictures = []
    for patch in (patches * 255).astype(np.uint8):
        picture = PIL.Image.new("RGB", (180, 180), "gray")
        picture.paste(PIL.Image.fromarray(patch).resize((100, 100), PIL.Image.Resampling.BICUBIC), (40, 40))
        pictures.append(picture)
    found = [bool(outcome.unwrap().boxes) for outcome in faces.map(pictures)]
    assert sum(found[:34]) >= 28
    assert sum(found[34:]) <= 1


def test_landscapes_and_things_have_hardly_a_face(faces: duomo.Runner[Any], photo: Any) -> None:
    names = ("coffee.png", "rocket.jpg", "motorcycle_left.png", "coins.png", "brick.png", "page.png", "moon.png")
    boxes = [
        box for each in faces.map([photo(f"skimage/data/{name}") for name in names]) for box in each.unwrap().boxes
    ]
    assert len(boxes) <= 1


def test_the_threshold_only_leaves_boxes_out(faces: duomo.Runner[Any], photo: Any) -> None:
    path = photo("skimage/data/astronaut.png")
    everything = faces(path, threshold=0).boxes
    scores = [box.score for box in everything]
    assert len(scores) > 3
    assert scores == sorted(scores, reverse=True)
    # the boxes themselves are compared, of the same pass
    assert faces(path, threshold=0.3).boxes == [box for box in everything if box.score >= 0.3]
    assert faces(path, threshold=0.99).boxes == []


def test_windows_that_overlap_vote_together() -> None:
    windows = np.array([[10.0, 10, 50], [12, 10, 50], [200, 200, 30], [11, 13, 50]])
    assert count_votes(windows) == [(3, (11.0, 11.0, 50.0)), (1, (200.0, 200.0, 30.0))]
    assert count_votes(np.empty((0, 3))) == []
