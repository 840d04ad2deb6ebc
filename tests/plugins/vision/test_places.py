"""Poses, keypoints, matches and masks against the models' own post-processing and the pipeline; batch as alone."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import (
    AutoImageProcessor,
    AutoModelForKeypointDetection,
    AutoModelForKeypointMatching,
    AutoModelForMaskGeneration,
    Sam2Processor,
    Sam3TrackerProcessor,
    SamHQProcessor,
    SamProcessor,
    pipeline,
)
from transformers.models.vitpose.modeling_vitpose import VitPoseForPoseEstimation

import duomo
from duomo.testing.samples import pictures

from . import tiny_places as tiny

Make = Callable[[], tuple[Any, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Make], Path]:
    made: dict[Make, Path] = {}

    def get(make: Make) -> Path:
        if make not in made:
            made[make] = tiny.save(make, tmp_path_factory.mktemp(make.__name__))
        return made[make]

    return get


def pil(photo: Any) -> PIL.Image.Image:
    return PIL.Image.fromarray(photo)


@pytest.mark.equals("the model's post-processing, scores to 1e-4, places to 0.01 pixel", "pose-estimation")
@pytest.mark.parametrize("make", [tiny.vit_pose, tiny.vit_pose_plus])
def test_poses_are_those_of_the_model_itself(folder: Any, make: Make) -> None:
    runner = duomo.load("pose-estimation", f"dir:{folder(make)}", device="cpu")
    network = VitPoseForPoseEstimation.from_pretrained(folder(make)).eval()
    processor = AutoImageProcessor.from_pretrained(folder(make))
    extra = {"dataset_index": torch.tensor([0])} if make is tiny.vit_pose_plus else {}
    boxes = [[[10, 20, 120, 180]], [], [[0, 0, 80, 160], [40, 30, 160, 160]]]
    items: list[dict[str, Any]] = [
        {"image": photo, "boxes": some} for photo, some in zip(pictures(), boxes, strict=True)
    ]
    for item, outcome in zip(items, runner.map(items, batch_size=3, threshold=0), strict=True):
        photo = item["image"]
        height, width = photo.shape[:2]
        wanted = [[a, b, c - a, d - b] for a, b, c, d in item["boxes"] or [[0, 0, width, height]]]
        for result in (outcome.unwrap(), runner(item, threshold=0)):
            assert (result.width, result.height) == (width, height)
            assert len(result.poses) == len(wanted)
            for pose, box in zip(result.poses, wanted, strict=True):
                pixels = processor(images=[pil(photo)], boxes=[[box]], return_tensors="pt")["pixel_values"]
                with torch.inference_mode():
                    output = network(pixels, **extra)
                [[expected]] = processor.post_process_pose_estimation(output, boxes=[[box]])
                # Where a map is negative all over, the processor reads on in the maps beside it.
                seen = expected["scores"] > 0
                assert [e.label for e in pose.keypoints] == [tiny.POINTS[at] for at in seen.nonzero()[:, 0].tolist()]
                np.testing.assert_allclose([(e.x, e.y) for e in pose.keypoints], expected["keypoints"][seen], atol=0.01)
                np.testing.assert_allclose([e.score for e in pose.keypoints], expected["scores"][seen], atol=1e-4)
                assert [pose.xmin, pose.ymax] == [box[0], box[1] + box[3]]
                assert pose.score == pytest.approx(float(expected["scores"][seen].mean()), abs=1e-4)


def test_a_box_beside_the_picture_and_points_are_errors_of_their_item(folder: Any) -> None:
    runner = duomo.load("pose-estimation", f"dir:{folder(tiny.vit_pose)}", device="cpu")
    photo = pictures()[0]
    boxes: list[Any] = [[[0, 0, 500, 20]], [[20, 20, 10, 30]], [[1, 2, 3]], [[0, 0, float("nan"), 9]], 3]
    bad: list[dict[str, Any]] = [{"points": [[3, 4]]}, *({"boxes": each} for each in boxes)]
    said = ["not points", "not on the image", "has no area", "cannot be", "cannot be", "are lists"]
    *errors, good = runner.map([*({"image": photo, **each} for each in bad), photo])
    assert [words in outcome.error.what for words, outcome in zip(said, errors, strict=True)] == [True] * len(bad)
    assert good.ok
    with pytest.raises(duomo.BadInput, match="need the image"):
        runner({"boxes": [[0, 0, 5, 5]]})
    every = runner(photo, threshold=0).poses[0].keypoints
    for least in (0.25, 0.5, 1):
        sure = [point for pose in runner(photo, threshold=least).poses for point in pose.keypoints]
        assert sure == [point for point in every if point.score >= least]


@pytest.mark.equals("the model's post-processing, scores to 1e-5", "keypoint-detection")
def test_keypoints_are_those_of_the_model_itself(folder: Any) -> None:
    runner = duomo.load("keypoint-detection", f"dir:{folder(tiny.super_point)}", device="cpu")
    network = AutoModelForKeypointDetection.from_pretrained(folder(tiny.super_point)).eval()
    processor = AutoImageProcessor.from_pretrained(folder(tiny.super_point))
    for photo, outcome in zip(pictures(), runner.map(pictures(), batch_size=3), strict=True):
        with torch.inference_mode():
            output = network(**processor([pil(photo)], return_tensors="pt"))
        [expected] = processor.post_process_keypoint_detection(output, [photo.shape[:2]])
        scored = zip(expected["keypoints"].tolist(), expected["scores"].tolist(), strict=True)
        wanted = {tuple(place): score for place, score in scored}
        assert len(wanted) > 3
        for result in (outcome.unwrap(), runner(photo)):
            assert {(int(p.x), int(p.y)): p.score for p in result.keypoints} == pytest.approx(wanted, abs=1e-5)
            exact = output.keypoints[0] * torch.tensor([photo.shape[1], photo.shape[0]])
            apart = torch.cdist(torch.tensor([[p.x, p.y] for p in result.keypoints]), exact)
            assert apart.min(1).values.max() < 3e-3  # the processor cuts places to whole pixels
            scores = [p.score for p in result.keypoints]
            assert scores == sorted(scores, reverse=True)
    best = runner(pictures()[0]).keypoints
    assert runner(pictures()[0], top_k=2).keypoints == best[:2]
    assert all(p.score >= best[1].score for p in runner(pictures()[0], threshold=best[1].score).keypoints)


@pytest.mark.equals("the model's post-processing, scores to 1e-4", "keypoint-matching")
@pytest.mark.parametrize("make", [tiny.light_glue, tiny.super_glue, tiny.efficient_loftr])
def test_matches_are_those_of_the_model_itself(folder: Any, make: Make) -> None:
    runner = duomo.load("keypoint-matching", f"dir:{folder(make)}", device="cpu")
    network = AutoModelForKeypointMatching.from_pretrained(folder(make)).eval()
    processor = AutoImageProcessor.from_pretrained(folder(make))
    one, two, three = pictures()
    items: list[Any] = [(one, np.roll(one, 8, axis=1)), (two, three), {"image": three, "image_pair": three}]
    pairs = [items[0], items[1], (three, three)]
    found = 0
    for item, pair, outcome in zip(items, pairs, runner.map(items, batch_size=3), strict=True):
        with torch.inference_mode():
            output = network(**processor([pil(each) for each in pair], return_tensors="pt"))
        sizes = [tuple(each.shape[:2] for each in pair)]  # height first: transformers' pipeline gives width first
        [expected] = processor.post_process_keypoint_matching(output, sizes)
        wanted = sorted((round(s, 4), *map(float, (*a, *b))) for a, b, s in zip(
            expected["keypoints0"].tolist(), expected["keypoints1"].tolist(), expected["matching_scores"].tolist(),
            strict=True))  # fmt: skip
        for result in (outcome.unwrap(), runner(item)):
            ends = [(m.score, m.keypoint_image_0, m.keypoint_image_1) for m in result.matches]
            mine = sorted((round(score, 4), a.x, a.y, b.x, b.y) for score, a, b in ends)
            cut = sorted((each[0], *map(math.floor, each[1:])) for each in mine)
            np.testing.assert_allclose(np.array(cut), np.array(wanted), atol=2e-4)
            places = (output.keypoints[0] * torch.tensor(sizes[0]).flip(-1)[:, None]).tolist()
            for at, (x, y) in ((at, (end.x, end.y)) for _, *both in ends for at, end in enumerate(both)):
                assert min(math.dist((x, y), place) for place in places[at]) < 3e-3
            assert (result.width_0, result.height_1) == (pair[0].shape[1], pair[1].shape[0])
        found += len(wanted)
    assert found >= 3
    assert all(m.score > 0.5 for m in runner(items[0], threshold=0.5).matches)


@pytest.mark.equals("the pipeline, scores to 1e-4, 1 pixel in 1,000", "mask-generation")
@pytest.mark.parametrize("make", [tiny.sam, tiny.sam_hq, tiny.sam2, tiny.sam3_tracker])
def test_masks_of_everything_are_those_of_the_pipeline(folder: Any, make: Make) -> None:
    runner = duomo.load("mask-generation", f"dir:{folder(make)}", device="cpu")
    bare = pipeline("mask-generation", str(folder(make)), device="cpu")
    kept = 0
    loose: Any = {"pred_iou_thresh": 0.01, "stability_score_thresh": 0.2, "points_per_crop": 5, "points_per_batch": 64}
    options: Any = {"threshold": 0.01, "stability": 0.2, "points_per_side": 5}
    outcomes = runner.map(pictures(), batch_size=3, **options)
    for photo, outcome in zip(pictures(), outcomes, strict=True):
        expected = bare(pil(photo), **loose)
        order = torch.as_tensor(expected["scores"]).argsort(descending=True, stable=True).tolist()
        for result in (outcome.unwrap(), runner(photo, **options)):
            assert len(result.segments) == len(order)
            for segment, at in zip(result.segments, order, strict=True):
                assert segment.score == pytest.approx(min(1, float(expected["scores"][at])), abs=1e-4)
                assert (segment.array != np.asarray(expected["masks"][at])).mean() < 1e-3
        kept += len(order)
    assert kept > 0


PROMPTS: list[tuple[Make, Any]] = [
    (tiny.sam, SamProcessor),
    (tiny.sam_hq, SamHQProcessor),
    (tiny.sam2, Sam2Processor),
    (tiny.sam2_video, Sam2Processor),
    (tiny.edge_tam, Sam2Processor),
    (tiny.sam3_tracker, Sam3TrackerProcessor),
]


@pytest.mark.parametrize(("make", "prompts"), PROMPTS)
def test_a_box_and_a_point_have_a_mask_each_as_the_processor_makes_it(folder: Any, make: Make, prompts: Any) -> None:
    runner = duomo.load("mask-generation", f"dir:{folder(make)}", device="cpu")
    network = AutoModelForMaskGeneration.from_pretrained(folder(make)).eval()
    processor = prompts(AutoImageProcessor.from_pretrained(folder(make)))
    photo, boxes, points = pictures()[1], [[10, 20, 120, 180], [0, 0, 300, 90]], [[30, 40]]
    result = runner({"image": photo, "boxes": boxes, "points": points})
    assert len(result.segments) == 3
    expected = []
    for asked in ({"input_boxes": [boxes]}, {"input_points": [[points]], "input_labels": [[[1]]]}):
        inputs = processor(images=[pil(photo)], return_tensors="pt", **asked)
        inputs = {name: each.float() if each.is_floating_point() else each for name, each in inputs.items()}
        with torch.inference_mode():
            output = network(**inputs)
        [masks] = processor.image_processor.post_process_masks(
            output.pred_masks, inputs["original_sizes"], reshaped_input_sizes=inputs.get("reshaped_input_sizes")
        )
        for mask, scores in zip(masks, output.iou_scores[0], strict=True):
            expected.append((mask[scores.argmax()].numpy(), min(1.0, float(scores.max()))))
    for segment, (mask, score) in zip(result.segments, expected, strict=True):
        assert segment.score == pytest.approx(score, abs=1e-4)
        assert (segment.array != mask).mean() < 1e-3
    [alone] = runner.map([{"image": photo, "points": [[999, 3]]}])
    assert "not on the image" in alone.error.what
