"""Things, bodies, faces and people by the networks of the pack ``seeing``: outputs pinned, and figures as floors."""

import importlib.util
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from scipy.special import expit

import duomo
from duomo.errors import BadInput
from duomo.weights import find_package_file
from duomo_vision import tfjs
from duomo_vision.cutting import Square, surest

embedded = [
    pytest.mark.embedded,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None
            for name in ("npm_vladmandic_human", "npm_mediapipe_selfie_segmentation", "tflite")),
        reason="duomo models add seeing",
    ),
]  # fmt: skip


def ramp(side: int) -> torch.Tensor:
    """Pixels that are the same on every machine: (1, side, side, 3) in [0, 1]."""
    row = torch.linspace(0, 1, side)
    return torch.stack([row.expand(side, side), row.expand(side, side).T, 1 - row.expand(side, side)], -1)[None]


def graph_of(name: str, outputs: tuple[str, ...]) -> tfjs.Graph:
    path = find_package_file(f"package:npm_vladmandic_human/models/{name}.json")
    assert path is not None
    return tfjs.read(path, outputs)


class TestGraphs:
    """The numbers were written down when the results on photos had been looked at."""

    pytestmark = embedded

    @pytest.mark.parametrize(
        ("name", "output", "side", "scale", "shape", "mean", "deviation"),
        [
            ("centernet", "tower_0/keypoints", 512, 255.0, (1, 128, 128, 80), 0.00149332, 0.00158228),
            ("movenet-lightning", "Identity", 192, 255.0, (1, 1, 17, 3), 0.351328, 0.250167),
            ("blazeface", "Identity_2", 256, 2.0, (1, 512, 16), -4.12951, 16.9729),
            ("facemesh", "Identity_2", 192, 1.0, (1, 1404), 64.2546, 52.956),
        ],
    )  # fmt: skip
    def test_outputs_are_pinned(self, name, output, side, scale, shape, mean, deviation) -> None:
        found = graph_of(name, (output,))(ramp(side) * scale)[output]
        assert tuple(found.shape) == shape
        assert float(found.mean()) == pytest.approx(mean, rel=1e-3)
        assert float(found.std()) == pytest.approx(deviation, rel=1e-3)

    def test_the_output_for_people_is_pinned(self) -> None:
        from duomo_vision import tflite

        path = find_package_file("package:npm_mediapipe_selfie_segmentation/selfie_segmentation.tflite")
        assert path is not None
        found = tflite.read(path)(ramp(256))
        assert tuple(found.shape) == (1, 256, 256, 1)
        assert float(found.mean()) == pytest.approx(0.000643523, rel=1e-3)


@pytest.fixture(scope="module")
def things() -> duomo.Runner[Any]:
    return duomo.load("object-detection", "vision/centernet", device="cpu")


class TestThings:
    pytestmark = embedded

    def test_five_things_are_named_and_five_photos_of_other_things_left_alone(self, things, photo) -> None:
        there = {
            "astronaut.png": "person", "camera.png": "person", "coffee.png": "cup", "motorcycle_left.png": "motorcycle",
            "horse.png": "horse",
        }  # fmt: skip
        nothing = ("page.png", "coins.png", "brick.png", "rocket.jpg", "color.png")
        names = [name for name in (*there, *nothing) if find_package_file(f"package:skimage/data/{name}") is not None]
        paths = [photo(f"skimage/data/{name}") for name in names]
        found = dict(zip(names, [each.unwrap().boxes for each in things.map(paths)], strict=True))
        assert all(there[name] == found[name][0].label for name in names if name in there)
        assert sum(bool(found[name]) for name in names if name in nothing) == 0

    def test_boxes_lie_in_pixels_of_the_picture_and_the_surest_comes_first(self, things, photo) -> None:
        picture = PIL.Image.open(photo("skimage/data/astronaut.png")).resize((300, 700))
        result = things(picture, threshold=0.1)
        scores = [box.score for box in result.boxes]
        assert scores == sorted(scores, reverse=True)
        assert (result.width, result.height) == (300, 700)
        person = result.boxes[0]
        assert person.label == "person"
        assert person.xmax - person.xmin > 150
        assert 0 <= person.ymin < 100
        assert 600 < person.ymax <= 700
        assert things(picture, threshold=0.99).boxes == []

    def test_its_scores_are_low_so_it_has_a_threshold_of_its_own(self, things, photo) -> None:
        """A cup has 0.47: at 0.5, which other detectors begin with, nothing is found."""
        cup = photo("skimage/data/coffee.png")
        assert [box.label for box in things(cup).boxes] == ["cup", "dining table"]
        assert things(cup) == things(cup, threshold=0.4)
        assert things(cup, threshold=0.5).boxes == []


def mediapipe_faces(picture: PIL.Image.Image) -> list[tuple[float, list[float], Any, Any]]:
    """Score, box, six points and mesh of each face on an image that is wider than high, the surest first."""
    blaze = graph_of("blazeface", ("Identity", "Identity_1", "Identity_2", "Identity_3"))
    mesh = graph_of("facemesh", ("Identity_1", "Identity_2"))
    scale = picture.width / 256
    square = PIL.Image.new("RGB", (256, 256))
    top = (256 - round(picture.height / scale)) // 2
    square.paste(picture.resize((256, round(picture.height / scale)), PIL.Image.Resampling.BILINEAR), (0, top))
    said = {name: each[0].numpy() for name, each in blaze(pixels_of(square) / 127.5 - 1).items()}
    fine = [((x + 0.5) * 16, (y + 0.5) * 16) for y in range(16) for x in range(16) for _ in range(2)]
    coarse = [((x + 0.5) * 32, (y + 0.5) * 32) for y in range(8) for x in range(8) for _ in range(6)]
    rows = [(float(expit(score)), anchor, row)
            for scores, places, anchors in (("Identity", "Identity_2", fine), ("Identity_1", "Identity_3", coarse))
            for score, anchor, row in zip(said[scores][:, 0], anchors, said[places], strict=True)]  # fmt: skip
    faces: list[tuple[float, list[float], Any, Any]] = []
    for score, (x, y), row in sorted(rows, key=lambda each: -each[0]):
        middle, size = np.array([x + row[0], y + row[1]]) * scale - (0, top * scale), row[2:4] * scale
        box = [*(middle - size / 2), *(middle + size / 2)]
        if score < 0.5 or any(shared(box, other) > 0.3 for _, other, *_ in faces):
            continue
        points = np.add(row[4:].reshape(6, 2), (x, y)) * scale - (0, top * scale)
        side = 1.5 * max(size)
        corner = middle - side / 2
        cut = picture.resize((192, 192), PIL.Image.Resampling.BILINEAR, box=(*corner, *(corner + side)))
        read = mesh(pixels_of(cut) / 255)
        assert float(read["Identity_1"]) > 0.5
        depths = read["Identity_2"].numpy().reshape(468, 3) * side / 192
        faces.append((score, box, points, np.add(depths, (*corner, 0))))
    return faces


def pixels_of(picture: PIL.Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(picture))[None].float()


def shared(one: list[float], other: list[float]) -> float:
    """Intersection over union of two boxes."""
    width, height = (min(one[at + 2], other[at + 2]) - max(one[at], other[at]) for at in (0, 1))
    both = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


@pytest.fixture(scope="module")
def landmarks() -> duomo.Runner[Any]:
    return duomo.load("face-landmarks", device="cpu")


class TestFaces:
    pytestmark = embedded

    def test_faces_of_a_known_set_are_found_and_nothing_else(self, photo) -> None:
        faces = duomo.load("face-detection", "vision/blazeface", device="cpu")
        patches = np.load(photo("skimage/data/lfw_subset.npy"))[::3]  # 34 faces, then 33 others
        pictures = []
        for patch in (patches * 255).astype(np.uint8):
            picture = PIL.Image.new("RGB", (180, 180), "gray")
            picture.paste(PIL.Image.fromarray(patch).resize((100, 100), PIL.Image.Resampling.BICUBIC), (40, 40))
            pictures.append(picture)
        found = [bool(outcome.unwrap().boxes) for outcome in faces.map(pictures)]
        assert sum(found[:34]) >= 31
        assert sum(found[34:]) == 0

    @pytest.mark.equals(
        "MediaPipe's decoding in NumPy of the bare graphs, to 1e-3 pixel", "face-detection", "face-landmarks"
    )
    def test_boxes_and_points_are_those_that_the_graphs_say(self, landmarks, photo) -> None:
        """Anchors, suppression, cropping and mapping back are written a second time here, for an image of two faces."""
        face = PIL.Image.open(photo("skimage/data/astronaut.png")).convert("RGB")
        wide = PIL.Image.new("RGB", (1024, 512), "gray")
        wide.paste(face, (0, 0))
        wide.paste(face, (512, 0))
        expected = mediapipe_faces(wide)
        assert len(expected) == 2
        found = landmarks(wide).faces
        boxes = duomo.load("face-detection", "vision/blazeface", device="cpu")(wide).boxes
        for each, box, (score, corners, points, mesh) in zip(found, boxes, expected, strict=True):
            for one in (each, box):
                assert one.score == pytest.approx(score, abs=1e-5)
                np.testing.assert_allclose([one.xmin, one.ymin, one.xmax, one.ymax], corners, atol=1e-3)
            np.testing.assert_allclose([(point.x, point.y) for point in each.keypoints], points, atol=1e-3)
            np.testing.assert_allclose(each.mesh, mesh, atol=1e-3)

    def test_points_lie_on_eyes_nose_and_mouth(self, landmarks, photo) -> None:
        result = landmarks(photo("skimage/data/astronaut.png"))
        [face] = result.faces
        assert face.score > 0.8
        places = {point.label: (point.x, point.y) for point in face.keypoints}
        truth = {"right_eye": (203, 101), "left_eye": (248, 103), "nose": (224, 128), "mouth": (222, 149)}
        for name, place in truth.items():
            assert np.hypot(*np.subtract(places[name], place)) < 5, name
        mesh = np.array(face.mesh)
        assert mesh.shape == (468, 3)
        # Landmark 1 of the mesh is the tip of the nose, 152 the chin; the nose is nearest to the camera.
        assert np.hypot(*(mesh[1, :2] - (224, 130))) < 6
        assert 165 < mesh[152, 1] < 185
        assert mesh[1, 2] < mesh[152, 2]

    def test_points_move_with_the_picture(self, landmarks, photo) -> None:
        picture = PIL.Image.open(photo("skimage/data/astronaut.png"))
        wide = PIL.Image.new("RGB", (1400, 600), "gray")
        wide.paste(picture, (700, 50))
        [face], [moved] = landmarks(picture).faces, landmarks(wide).faces
        off = np.array(moved.mesh)[:, :2] - np.array(face.mesh)[:, :2] - (700, 50)
        assert np.abs(off).mean() < 3
        assert moved.xmin == pytest.approx(face.xmin + 700, abs=12)

    def test_a_picture_without_faces_has_none(self, landmarks, photo) -> None:
        for name in ("coffee.png", "chelsea.png", "page.png"):
            result = landmarks(photo(f"skimage/data/{name}"))
            assert result.faces == []
            assert result.draw(photo(f"skimage/data/{name}")).size == (result.width, result.height)

    def test_it_draws_each_point_and_shows_them_in_html(self, landmarks, photo) -> None:
        path = photo("skimage/data/astronaut.png")
        result = landmarks(path)
        drawn, plain = np.asarray(result.draw(path)), np.asarray(PIL.Image.open(path).convert("RGB"))
        changed = (drawn != plain).any(-1)
        assert changed[70:180, 170:280].mean() > 0.05
        assert not changed[300:].any()
        assert result._repr_html_().count("<circle") == 468 + 6  # what a notebook calls


class TestPoses:
    pytestmark = embedded

    def test_eyes_and_shoulders_are_where_they_are(self, photo) -> None:
        runner = duomo.load("pose-estimation", "vision/movenet", device="cpu")
        path = photo("skimage/data/astronaut.png")
        [pose] = runner(path).poses
        places = {joint.label: (joint.x, joint.y) for joint in pose.keypoints}
        truth = {"left_eye": (248, 101), "right_eye": (203, 100), "left_shoulder": (318, 271)}
        for name, place in truth.items():
            assert np.hypot(*np.subtract(places[name], place)) < 10, name
        assert {joint.label for joint in runner(path, threshold=0.6).poses[0].keypoints} < set(places)
        boxed = runner({"image": path, "boxes": [[20, 0, 400, 512], [180, 60, 270, 180]]})
        assert len(boxed.poses) == 2
        assert (boxed.poses[0].xmin, boxed.poses[0].ymax) == (20, 512)
        with pytest.raises(BadInput, match="not points"):
            runner({"image": path, "points": [[10, 10]]})
        coffee, black = photo("skimage/data/coffee.png"), np.zeros((90, 120, 3), np.uint8)
        assert [runner(each).poses for each in (coffee, black)] == [[], []], "nobody is no pose"
        [beside] = runner({"image": black, "boxes": [[0, 0, 60, 60]]}).poses
        assert (beside.keypoints, beside.score, beside.xmax) == ([], 0.0, 60), "each box keeps its place"
        assert len(runner(black, threshold=0).poses[0].keypoints) == 17


class TestPeople:
    pytestmark = embedded

    def test_a_person_is_foreground_and_a_rocket_is_not(self, photo) -> None:
        runner = duomo.load("person-segmentation", "vision/selfie", device="cpu")
        result = runner(photo("skimage/data/astronaut.png"))
        [mask] = result.segments
        assert mask.label == "person"
        assert mask.score > 0.9
        assert mask.array.mean() == pytest.approx(0.546, abs=0.01)
        assert mask.array[100:160, 190:260].all(), "the face"
        assert not mask.array[:200, 400:].any(), "the rocket behind her"
        assert runner(photo("skimage/data/rocket.jpg")).segments == []
        wide = runner(photo("skimage/data/astronaut.png"), threshold=0.01).segments[0].array
        assert wide[mask.array].all()
        assert wide.sum() > mask.array.sum()


def test_a_square_of_a_picture_keeps_its_places() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[40:44, 150:154] = 255
    square = Square.whole(PIL.Image.fromarray(pixels), 100)
    assert square.pixels.shape == (100, 100, 3)
    row, column = np.argwhere(square.pixels[..., 0] > 128).mean(0)
    assert square.place(column + 0.5, row + 0.5) == pytest.approx((152, 42), abs=1.5)
    over = Square.around(PIL.Image.fromarray(pixels), 200, 100, 50, 50)
    assert not over.pixels[30:].any(), "below the picture it is black"


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1)])
def test_a_square_around_a_slender_picture_is_small(size: tuple[int, int]) -> None:
    square = Square.whole(PIL.Image.new("RGB", size, "white"), 64)
    assert square.pixels.shape == (64, 64, 3)
    assert square.pixels.any()
    off = Square.around(PIL.Image.new("RGB", size, "white"), -500, -500, 20, 16)
    assert not off.pixels.any()


def test_of_boxes_that_cover_each_other_the_surest_stays() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30], [0, 0, 0, 0]])
    scores = torch.tensor([0.5, 0.9, 0.7, 0.1])
    assert surest(boxes, scores, 0.5) == [1, 2, 3]
    assert surest(boxes[:0], scores[:0], 0.5) == []
    everything = surest(boxes, scores, 1.0)
    assert everything == [1, 2, 0, 3]


def test_places_of_names_are_those_of_the_papers() -> None:
    from duomo_vision import centernet, movenet

    assert (len(centernet.NAMES), centernet.NAMES[16], centernet.NAMES[79]) == (80, "dog", "toothbrush")
    assert len(movenet.NAMES) == 17
