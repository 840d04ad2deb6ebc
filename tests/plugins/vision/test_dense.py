"""Detection, segmentation and depth against transformers' pipelines: labels and pixels alike, scores within 1e-4,
boxes within a pixel (theirs are whole numbers); a batch of pictures of any size gives what one by one gives."""

import unittest.mock
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import AutoImageProcessor, pipeline

import duomo
from duomo.errors import BadOption, WrongTask
from duomo.tasks.vision import InstanceSegmentationOptions, ObjectDetectionOptions
from duomo.testing import difference_when_cut
from duomo.testing.samples import pictures
from duomo_vision.dense import Dense

from . import tiny, tiny_more, tiny_places

Make = Callable[[], tuple[Any, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Make], Path]:
    made: dict[Make, Path] = {}

    def get(make: Make) -> Path:
        if make not in made:
            made[make] = tiny.save(make, tmp_path_factory.mktemp(make.__name__))
        return made[make]

    return get


@pytest.fixture(scope="module")
def bare_pipeline(folder: Callable[[Make], Path]) -> Callable[[str, Make], Any]:
    """The pipeline of transformers for a task, loaded once a checkpoint."""
    made: dict[tuple[str, Make], Any] = {}

    def get(task: str, make: Make) -> Any:
        if (task, make) not in made:
            made[task, make] = pipeline(task, str(folder(make)), device="cpu")  # type: ignore[call-overload]
        return made[task, make]

    return get


@pytest.fixture(scope="module")
def photos() -> list[Any]:
    """Two of one size, so that they share a pass, and two others, at half their size: the networks see less anyway."""
    first, second, third = (np.ascontiguousarray(each[::2, ::2]) for each in pictures())
    return [first, first[:, ::-1].copy(), second, third]


def both(runner: duomo.Runner[Any], photos: list[Any], **options: Any) -> list[tuple[Any, Any]]:
    """Each result in a batch and alone."""
    outcomes = runner.map(photos, batch_size=len(photos), **options)
    return [(outcome.unwrap(), runner(photo, **options)) for outcome, photo in zip(outcomes, photos, strict=True)]


DETECTORS = [
    tiny.detr, tiny.yolos, tiny.rt_detr, tiny.conditional_detr, tiny.deformable_detr, tiny.dab_detr, tiny.rt_detr_v2,
    tiny.table_transformer, tiny.d_fine, *tiny_more.DETECTORS,
]  # fmt: skip


@pytest.mark.equals("the pipeline, scores to 1e-4, boxes to a pixel", "object-detection")
@pytest.mark.parametrize("make", DETECTORS)
def test_boxes_are_those_of_the_pipeline(folder: Any, bare_pipeline: Any, photos: list[Any], make: Make) -> None:
    runner = duomo.load("object-detection", f"dir:{folder(make)}", device="cpu")
    bare = bare_pipeline("object-detection", make)
    for photo, results in zip(photos, both(runner, photos, threshold=0.2), strict=True):
        expected = sorted(bare(PIL.Image.fromarray(photo), threshold=0.2), key=lambda each: -each["score"])
        assert expected
        for result in results:
            assert (result.height, result.width) == photo.shape[:2]
            assert [box.label for box in result.boxes] == [each["label"] for each in expected]
            for box, other in zip(result.boxes, expected, strict=True):
                assert box.score == pytest.approx(other["score"], abs=1e-4)
                for side, value in other["box"].items():
                    most = photo.shape[1] if side[0] == "x" else photo.shape[0]
                    assert getattr(box, side) == pytest.approx(min(max(value, 0), most), abs=1.01)


@pytest.mark.parametrize(
    ("task", "make"),
    [
        ("object-detection", tiny.yolos), ("instance-segmentation", tiny.mask_former),
        ("mask-generation", tiny_places.sam), ("super-resolution", tiny_places.swin2_sr),
        ("depth-estimation", tiny.glpn),
    ],
)  # fmt: skip
def test_an_image_of_which_resizing_leaves_nothing_is_said_to_be_too_narrow(folder: Any, task: str, make: Make) -> None:
    runner = duomo.load(task, f"dir:{folder(make)}", device="cpu")
    line = np.zeros((1, 200, 3), np.uint8)
    wide, tall, usual = runner.map([line, line.reshape(200, 1, 3), np.zeros((40, 60, 3), np.uint8)], batch_size=3)
    assert "too narrow for this model: 200 x 1 pixels" in wide.error.what
    assert "too narrow for this model: 1 x 200 pixels" in tall.error.what
    assert usual.ok


def test_an_image_smaller_than_what_a_network_divides_is_an_error_of_its_item(folder: Any) -> None:
    runner = duomo.load("depth-estimation", f"dir:{folder(tiny.glpn)}", device="cpu")
    small, least = runner.map([np.zeros((31, 33, 3), np.uint8), np.zeros((32, 33, 3), np.uint8)])
    assert "too narrow for this model: 33 x 31 pixels" in small.error.what
    assert least.ok


def test_pictures_of_one_size_share_a_pass_and_others_do_not(
    folder: Any, photos: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[list[int]] = []
    before = Dense.forward
    monkeypatch.setattr(
        Dense, "forward", lambda self, batch: (passes.append([len(g.places) for g in batch]), before(self, batch))[1]
    )
    runner = duomo.load("object-detection", f"dir:{folder(tiny.detr)}", device="cpu")
    assert len(list(runner.map(photos, batch_size=4))) == 4
    assert passes == [[2, 1, 1]]


@pytest.mark.equals("the pipeline, squeezed where it would cut, 1 pixel in 1,000", "semantic-segmentation")
@pytest.mark.parametrize(
    "make",
    [
        tiny.segformer,
        tiny.uper_net,
        tiny.mask_former,
        tiny.mask2_former,
        tiny.eomt,
        *tiny_more.SEMANTIC,
        tiny_more.detr_of_masks,
        tiny_more.eomt_dinov3,
    ],
)
def test_semantic_masks_are_those_of_the_pipeline(
    folder: Any, bare_pipeline: Any, photos: list[Any], make: Make
) -> None:
    runner = duomo.load("semantic-segmentation", f"dir:{folder(make)}", device="cpu")
    bare = bare_pipeline("image-segmentation", make)
    theirs = bare.image_processor
    if getattr(theirs, "do_center_crop", False):  # it stretches the masks of the middle over the whole image
        theirs.do_center_crop, theirs.size = False, theirs.crop_size
    for photo, results in zip(photos, both(runner, photos), strict=True):
        same_masks(results, bare(PIL.Image.fromarray(photo), subtask="semantic"), photo)
        assert sum(segment.array.sum() for segment in results[0].segments) == photo.shape[0] * photo.shape[1]


@pytest.mark.equals("the pixels of the label by semantic segmentation", "person-segmentation")
def test_people_are_the_pixels_of_their_label(folder: Any, photos: list[Any]) -> None:
    runner: Any = duomo.load("person-segmentation", f"dir:{folder(tiny.segformer_of_people)}", device="cpu")
    every = duomo.load("semantic-segmentation", f"dir:{folder(tiny.segformer_of_people)}", device="cpu")
    found = runner(photos[2])
    assert found.segments == [each for each in every(photos[2]).segments if each.label == "person"]
    assert found.segments
    with pytest.raises(BadOption, match="'threshold' has no effect"):
        runner(photos[2], threshold=0.4)
    with pytest.raises(WrongTask, match="does not know people"):
        duomo.load("person-segmentation", f"dir:{folder(tiny.segformer)}", device="cpu")


@pytest.mark.equals("the pipeline, scores to 1e-4, 1 pixel in 1,000", "panoptic-segmentation")
@pytest.mark.equals(
    "the pipeline, or the processor where the pipeline lays things over each other, scores to 1e-4, 1 pixel in 1,000",
    "instance-segmentation",
)
@pytest.mark.parametrize("make", [tiny.mask_former, tiny.mask2_former, tiny_more.detr_of_masks])
@pytest.mark.parametrize("kind", ["instance", "panoptic"])
def test_masks_of_things_are_those_of_the_pipeline(
    folder: Any, bare_pipeline: Any, photos: list[Any], kind: str, make: Make
) -> None:
    runner = duomo.load(f"{kind}-segmentation", f"dir:{folder(make)}", device="cpu")
    bare = bare_pipeline("image-segmentation", make)
    own = {"threshold": 0.1, "mask_threshold": 0.4, "overlap_threshold": 0.1}
    theirs = {"threshold": 0.1, "mask_threshold": 0.4, "overlap_mask_area_threshold": 0.1}
    if is_painted := kind == "instance" and make is not tiny_more.detr_of_masks:
        with pytest.raises(BadOption, match="has no effect on this checkpoint"):
            runner(photos[0], **own)
        own = {"threshold": 0.1}
        post_process = bare.image_processor.post_process_instance_segmentation
    for photo, results in zip(photos, both(runner, photos, **own), strict=True):
        if is_painted:  # the pipeline lays things over each other, in no order
            inputs = bare.image_processor([PIL.Image.fromarray(photo)], return_tensors="pt")
            with torch.inference_mode():
                output = bare.model(**inputs)
            [each] = post_process(output, threshold=0.1, target_sizes=[photo.shape[:2]], return_binary_maps=True)
            names = bare.model.config.id2label
            expected = [
                {"label": names[one["label_id"]], "score": one["score"], "mask": where.numpy()}
                for one, where in zip(each["segments_info"], each["segmentation"], strict=True)
            ]
        else:
            expected = bare(PIL.Image.fromarray(photo), subtask=kind, **theirs)
        assert expected
        same_masks(results, sorted(expected, key=lambda each: -each["score"]), photo)
    assert runner(photos[0], threshold=1.0).segments == []  # type: ignore[attr-defined]


class Said(dict[str, Any]):
    """What a network says, by its names."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


@pytest.mark.parametrize("make", [tiny.mask_former, tiny.mask2_former, tiny.eomt, tiny_more.rf_detr_of_masks])
def test_a_thing_behind_another_keeps_its_mask(folder: Any, make: Make) -> None:
    """Two things of one outline: each is there, and whole."""
    runner: Any = duomo.load("instance-segmentation", f"dir:{folder(make)}", device="cpu")
    model = runner.executor.worker.model
    where = torch.full((1, 2, 32, 32), -9.0)
    where[..., 8:24, 8:24] = 9.0
    sure = torch.full((1, 2, len(model.labels) + 1), -9.0)
    sure[0, 0, 0], sure[0, 1, 1] = 9.0, 8.0
    names = {"class_queries_logits": sure, "masks_queries_logits": where, "logits": sure[..., :-1], "pred_masks": where}
    [found] = model.results(Said(names), [(64, 64)], InstanceSegmentationOptions.parse({}))
    assert [segment.array.sum() for segment in found.segments] == [pytest.approx(32 * 32, rel=0.05)] * 2
    assert {segment.label for segment in found.segments} == {model.labels[0], model.labels[1]}


PROCESSED = [
    (tiny.eomt, "instance"), (tiny.eomt, "panoptic"), (tiny_more.eomt_dinov3, "instance"),
    (tiny_more.eomt_dinov3, "panoptic"), (tiny_more.rf_detr_of_masks, "instance"),
]  # fmt: skip


@pytest.mark.equals("the processor, scores to 1e-4, 1 pixel in 1,000", "instance-segmentation", "panoptic-segmentation")
@pytest.mark.parametrize(("make", "kind"), PROCESSED)
def test_masks_without_a_pipeline_are_those_of_the_processor(
    folder: Any, photos: list[Any], make: Make, kind: str
) -> None:
    network = type(make()[0]).from_pretrained(folder(make)).eval()
    processor: Any = AutoImageProcessor.from_pretrained(folder(make))
    runner: Any = duomo.load(f"{kind}-segmentation", f"dir:{folder(make)}", device="cpu")
    found = 0
    own = {"return_binary_maps": True} if make is tiny_more.rf_detr_of_masks else {}
    for photo, results in zip(photos, both(runner, photos, threshold=0.3), strict=True):
        inputs = processor([PIL.Image.fromarray(photo)], return_tensors="pt")
        with torch.inference_mode():
            output = network(inputs["pixel_values"])
        [expected] = getattr(processor, f"post_process_{kind}_segmentation")(
            output, target_sizes=[photo.shape[:2]], threshold=0.3, **own
        )
        pixels, things = expected["segmentation"].numpy(), expected["segments_info"]
        maps = pixels if own else [pixels == each["id"] for each in things]
        wanted = sorted(zip(things, maps, strict=True), key=lambda each: -each[0]["score"])
        for result in results:
            assert [each.score for each in result.segments] == pytest.approx(
                [each["score"] for each, _ in wanted], abs=1e-4
            )
            for segment, (_, where) in zip(result.segments, wanted, strict=True):
                assert (where & ~segment.array).mean() < 1e-3
                # EoMT's processor lays instances over each other.
                assert (kind == "instance" and not own) or (segment.array != where).mean() < 1e-3
        found += len(wanted)
    assert found
    if kind == "instance" and make is not tiny_more.rf_detr_of_masks:
        with pytest.raises(BadOption, match="'mask_threshold' has no effect on this checkpoint"):
            runner(photos[0], mask_threshold=0.4)


def same_masks(results: tuple[Any, Any], expected: list[dict[str, Any]], photo: Any) -> None:
    for result in results:
        assert [segment.label for segment in result.segments] == [each["label"] for each in expected]
        for segment, each in zip(result.segments, expected, strict=True):
            assert segment.array.shape == photo.shape[:2]
            assert (segment.array != (np.asarray(each["mask"]) > 0)).mean() < 1e-3
            score = each["score"]
            assert segment.score == (None if score is None else pytest.approx(score, abs=1e-4))


@pytest.mark.equals("the pipeline, 1e-4 of the range", "depth-estimation")
@pytest.mark.parametrize("make", [tiny.dpt, tiny.depth_anything, tiny.glpn, tiny_more.zoe_depth, tiny_more.depth_pro])
def test_depths_are_those_of_the_pipeline(folder: Any, bare_pipeline: Any, photos: list[Any], make: Make) -> None:
    runner = duomo.load("depth-estimation", f"dir:{folder(make)}", device="cpu")
    bare = bare_pipeline("depth-estimation", make)
    for photo, results in zip(photos, both(runner, photos), strict=True):
        expected = bare(PIL.Image.fromarray(photo))
        depths = expected["predicted_depth"].numpy()
        for result in results:
            assert result.array.shape == depths.shape == photo.shape[:2]
            np.testing.assert_allclose(result.array, depths, atol=1e-4 * max(1.0, float(np.ptp(depths))))
            assert result.minimum == pytest.approx(float(depths.min()), abs=1e-5)
            apart = np.abs(np.asarray(result.image, dtype=int) - np.asarray(expected["depth"], dtype=int))
            assert apart.max() <= 1


def test_an_image_of_one_row_has_depths(folder: Any) -> None:
    runner = duomo.load("depth-estimation", f"dir:{folder(tiny.dpt)}", device="cpu")
    for size in ((1, 1), (1, 9), (9, 1)):
        assert runner(np.full((*size, 3), 90, np.uint8)).array.shape == size


@pytest.mark.equals("the pipeline, scores to 1e-4, boxes to a pixel", "zero-shot-object-detection")
@pytest.mark.parametrize("make", [tiny.owl_vit, tiny.owl_v2])
def test_labels_on_the_spot_have_the_boxes_of_the_pipeline(
    folder: Any, bare_pipeline: Any, photos: list[Any], make: Make
) -> None:
    runner = duomo.load("zero-shot-object-detection", f"dir:{folder(make)}", device="cpu")
    bare = bare_pipeline("zero-shot-object-detection", make)
    labels = ["a ball", "the red face", "sky"]
    for photo, results in zip(photos, both(runner, photos, labels=labels, threshold=0.3), strict=True):
        picture = PIL.Image.fromarray(photo)
        # The pipeline pads no text, and the network reads at the last token: so must the lengths be alike.
        expected = bare(picture, candidate_labels=labels, threshold=0.3)
        assert expected
        boxes = [(each["label"], each["score"], each["box"]) for each in expected]
        wanted = sorted(
            (label, score, max(box["xmin"], 0), min(box["ymax"], picture.height))
            for label, score, box in boxes
            if box["xmin"] < picture.width and box["ymin"] < picture.height  # OWLv2 sees things on what it pads
        )
        for result in results:
            found = sorted((box.label, box.score, box.xmin, box.ymax) for box in result.boxes)
            assert [each[0] for each in found] == [each[0] for each in wanted]
            for mine, theirs in zip(found, wanted, strict=True):
                assert mine[1] == pytest.approx(theirs[1], abs=1e-4)
                assert mine[2:] == pytest.approx(theirs[2:], abs=1.01)


@pytest.mark.parametrize("make", [tiny.owl_vit, tiny.owl_v2])
def test_labels_on_the_spot_are_read_once_for_a_batch(folder: Any, photos: list[Any], make: Make) -> None:
    network, _ = make()
    model = duomo.load("zero-shot-object-detection", f"dir:{folder(make)}", device="cpu")
    read: list[int] = []
    text_model = type(network.base_model.text_model)
    forward = text_model.forward

    def counted(self: Any, input_ids: Any, **settings: Any) -> Any:
        read.append(len(input_ids))
        return forward(self, input_ids, **settings)

    with unittest.mock.patch.object(text_model, "forward", counted):
        found = [each.unwrap() for each in model.map(photos[:3], batch_size=3, labels=["a ball", "sky"], threshold=0.3)]
    assert read == [2]
    assert any(each.boxes for each in found)


def test_a_label_of_too_many_tokens_and_a_template_without_a_place_are_refused(folder: Any, photos: list[Any]) -> None:
    runner = duomo.load("zero-shot-object-detection", f"dir:{folder(tiny.owl_vit)}", device="cpu")
    with pytest.raises(BadOption, match="'labels' holds a text of 32 tokens"):
        runner(photos[0], labels=["the sky " * 15])
    with pytest.raises(BadOption, match="template"):
        runner(photos[0], labels=["sky"], template="a photo")


def test_a_detector_of_transformers_leaves_out_what_its_pipeline_does(folder: Any, photos: list[Any]) -> None:
    runner = duomo.load("object-detection", f"dir:{folder(tiny.detr)}", device="cpu")
    assert ObjectDetectionOptions.parse({}).threshold_or() == 0.5
    for photo in photos:
        assert runner(photo).boxes == [box for box in runner(photo, threshold=0.0).boxes if box.score > 0.5]


def test_a_damaged_picture_costs_no_other_its_boxes(folder: Any, photos: list[Any]) -> None:
    runner = duomo.load("object-detection", f"dir:{folder(tiny.detr)}", device="cpu")
    bad, good = runner.map([b"no picture", photos[0]], batch_size=2)
    assert "not a picture" in bad.error.what or "not an image" in bad.error.what
    assert good.ok


def test_boxes_and_masks_are_drawn_on_the_picture_they_are_of(folder: Any, photos: list[Any]) -> None:
    photo = photos[2]
    boxes = duomo.run("object-detection", photo, model=f"dir:{folder(tiny.detr)}", device="cpu", threshold=0.2)
    drawn = np.asarray(boxes.draw(photo))
    assert drawn.shape == photo.shape
    assert (drawn != photo).any(-1).mean() > 0.001
    masks = duomo.run("semantic-segmentation", photo, model=f"dir:{folder(tiny.segformer)}", device="cpu")
    drawn = np.asarray(masks.draw(photo)).astype(int)
    colors = {tuple(np.round(2 * drawn[m] - photo[m]).mean(0).round()) for m in (s.array for s in masks.segments)}
    assert len(colors) == len(masks.segments)
    with pytest.raises(duomo.BadInput, match="the result is of one of"):
        boxes.draw(photos[3])


@pytest.mark.parametrize(
    "make",
    [
        tiny.detr, tiny.conditional_detr, tiny.deformable_detr, tiny.table_transformer, tiny.rt_detr, tiny.rt_detr_v2,
        tiny.d_fine, tiny.mask_former, tiny.mask2_former, tiny_more.lw_detr, tiny_more.rf_detr,
        tiny_more.detr_of_masks,
    ],
)  # fmt: skip
def test_what_lies_behind_the_backbone_is_cut_over_two_devices(make: Make) -> None:
    def build() -> Any:
        torch.manual_seed(0)
        network = make()[0]
        with torch.no_grad():
            for each in network.parameters():
                if each.dim() == 2 and each.std() < 0.2:
                    each.normal_(0, 0.2)  # or queries would be told apart by nothing
        return network.requires_grad_(False)

    def call(network: Any) -> torch.Tensor:
        output = network(pixel_values=pixels)
        names = ("logits", "pred_boxes", "class_queries_logits", "masks_queries_logits", "pred_masks")
        return torch.cat([output[name].flatten() for name in names if name in output])

    torch.manual_seed(1)
    pixels = torch.randn(2, 3, *(2 * (160 if make is tiny.deformable_detr else 64,)))
    moved = difference_when_cut(build, call, tensor_plan=Dense.tensor_plan(build().config), tp=2)
    assert moved < 2e-5, "of numbers up to 2 to 7"


def test_a_segmenter_of_pixels_does_not_do_instances(folder: Any) -> None:
    with pytest.raises(WrongTask, match="instance-segmentation"):
        duomo.load("instance-segmentation", f"dir:{folder(tiny.segformer)}", device="cpu")
