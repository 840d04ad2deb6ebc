"""Video classification against transformers' pipeline on the same file, and which frames are looked at."""

import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import PIL.ImageSequence
import pytest
import torch
from transformers import AutoImageProcessor, AutoModelForVideoClassification, AutoVideoProcessor
from transformers.pipelines.video_classification import VideoClassificationPipeline

import duomo
from duomo.errors import BadInput
from duomo.inputs import Video
from duomo.testing.samples import clips

from . import tiny_places as tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Path]:
    made: dict[Any, Path] = {}

    def get(make: Any) -> Path:
        if make not in made:
            made[make] = tiny.save(make, tmp_path_factory.mktemp(make.__name__))
        return made[make]

    return get


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The clips at ten frames a second."""
    paths = []
    for at, clip in enumerate(clips()):
        path = tmp_path_factory.mktemp("videos") / f"{at}.mp4"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for frame in clip:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            out.mux(stream.encode())
        paths.append(path)
    return paths


@pytest.mark.equals("the pipeline with `sampling=start`, scores to 1e-5", "video-classification")
@pytest.mark.parametrize("make", [tiny.video_mae, tiny.timesformer, tiny.vivit])
def test_scores_are_those_of_the_pipeline(folder: Any, files: list[Path], make: Any) -> None:
    runner = duomo.load("video-classification", f"dir:{folder(make)}", device="cpu")
    # With a video processor of its own the pipeline wants torchcodec; without, it takes the first frames by PyAV.
    bare: Any = VideoClassificationPipeline(
        model=AutoModelForVideoClassification.from_pretrained(folder(make)),
        image_processor=AutoImageProcessor.from_pretrained(folder(make)),
    )
    for file, outcome in zip(files, runner.map(files, batch_size=2, sampling="start"), strict=True):
        expected = {each["label"]: each["score"] for each in bare(str(file), top_k=4)}
        for result in (outcome.unwrap(), runner(file, sampling="start")):
            assert {each.name: each.score for each in result.labels} == pytest.approx(expected, abs=1e-5)
            assert result.times == pytest.approx([0, 0.1, 0.2, 0.3])
        assert outcome.meta.truncated
    assert len(runner(files[0], top_k=None, sampling="start").labels) == len(bare.model.config.id2label)
    frames = clips()[0][[0, 2, 4, 6]]  # every second one; the pipeline's own steps are uneven
    assert runner(clips()[0], sampling="start", step=2).labels == runner(frames).labels


@pytest.mark.equals("the bare network, scores to 1e-5", "video-classification")
def test_scores_of_a_network_with_a_video_processor_are_those_of_the_bare_network(
    folder: Any, files: list[Path]
) -> None:
    runner = duomo.load("video-classification", f"dir:{folder(tiny.vjepa2)}", device="cpu")
    network = AutoModelForVideoClassification.from_pretrained(folder(tiny.vjepa2)).eval()
    processor: Any = AutoVideoProcessor.from_pretrained(folder(tiny.vjepa2))
    seen = set()
    for file, outcome in zip(files, runner.map(files, batch_size=2, sampling="start"), strict=True):
        with av.open(str(file)) as video:
            frames = [each.to_ndarray(format="rgb24") for each in itertools.islice(video.decode(video=0), 4)]
        with torch.inference_mode():
            logits = network(**processor(frames, return_tensors="pt", do_sample_frames=False)).logits
        expected = dict(zip(tiny.POINTS.values(), logits.softmax(-1)[0].tolist(), strict=True))
        for result in (outcome.unwrap(), runner(file, sampling="start")):
            assert {each.name: each.score for each in result.labels} == pytest.approx(expected, abs=1e-5)
        seen.add(round(logits[0, 0].item(), 4))
    assert len(seen) == len(files)


def test_frames_are_spread_over_the_whole_video(folder: Any, files: list[Path]) -> None:
    runner = duomo.load("video-classification", f"dir:{folder(tiny.video_mae)}", device="cpu")
    short, long = runner.map(files, batch_size=2)
    assert short.unwrap().times == pytest.approx([0, 0.4, 0.7, 1.1])
    assert long.unwrap().times == pytest.approx([0, 0.6, 1.3, 1.9])
    assert not short.meta.truncated
    in_memory = clips()[0]
    assert runner(in_memory).times == [0, 4, 7, 11]
    assert runner(list(in_memory)).labels == runner(in_memory).labels
    assert runner(in_memory[:2]).times == [0, 0, 1, 1]


def test_bad_videos_are_errors_of_their_items(folder: Any, files: list[Path], tmp_path: Path) -> None:
    runner = duomo.load("video-classification", f"dir:{folder(tiny.video_mae)}", device="cpu")
    sound = tmp_path / "sound.wav"
    sound.write_bytes(b"RIFF" + bytes(40))
    bad: list[Any] = [b"no video", sound, tmp_path / "none.mp4", 3, np.zeros((0, 8, 8, 3), np.uint8), files[0]]
    *errors, good = runner.map([*bad[:-1], files[0]], batch_size=6)
    assert not any(each.ok for each in errors)
    assert "no frames" in errors[4].error.what
    assert good.ok
    [few] = runner.map([clips()[0][:3]], sampling="start")
    assert "has 3 frames and the model looks at 4" in few.error.what


def test_frames_of_unlike_size_and_a_single_frame_are_errors_of_their_items(folder: Any) -> None:
    runner = duomo.load("video-classification", f"dir:{folder(tiny.video_mae)}", device="cpu")
    frames = list(clips()[0])
    unlike = [*frames[:3], np.ascontiguousarray(frames[3][:-8])]
    sizes, still, good = runner.map([unlike, frames[:1], frames[:2]], batch_size=3)
    assert sizes.error.what == "the frames of this video are not of one size"
    assert sizes.error.why == "frame 0 is 64 x 48 pixels and frame 3 is 64 x 40"
    assert still.error.what == "this video has one frame"
    assert "image-classification" in still.error.fix
    assert good.ok


def test_a_list_of_pillow_images_is_a_video_unless_all_are_one_object(folder: Any) -> None:
    runner = duomo.load("video-classification", f"dir:{folder(tiny.video_mae)}", device="cpu")
    frames = list(clips()[0])
    images = [PIL.Image.fromarray(frame) for frame in frames]
    file = io.BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:])
    moving = PIL.Image.open(file)
    one_object = list(PIL.ImageSequence.Iterator(moving))
    apart = [frame.convert("RGB") for frame in PIL.ImageSequence.Iterator(moving)]
    arrays = [np.asarray(frame) for frame in apart]
    expected, found, coloured, copied, refused = runner.map([frames, images, arrays, apart, one_object])
    assert found.result == expected.result
    assert copied.result == coloured.result
    assert refused.error.what == "the frames of a list are one image object"
    with pytest.raises(BadInput, match="one image object"):
        runner(one_object)


def test_a_low_video_is_read_by_rows_not_by_channels(folder: Any) -> None:
    runner = duomo.load("video-classification", f"dir:{folder(tiny.video_mae)}", device="cpu")
    network = AutoModelForVideoClassification.from_pretrained(folder(tiny.video_mae)).eval()
    processor = AutoImageProcessor.from_pretrained(folder(tiny.video_mae))
    for height in (1, 3):
        low = np.ascontiguousarray(clips()[0][:4, :height, :3])
        pixels = processor([PIL.Image.fromarray(frame) for frame in low], return_tensors="pt")["pixel_values"]
        with torch.inference_mode():
            expected = network(pixels).logits.softmax(-1)[0].sort(descending=True).values.tolist()
        assert [label.score for label in runner(low, top_k=len(expected)).labels] == pytest.approx(expected, abs=1e-5)


def test_a_video_longer_than_the_limit_is_refused(files: list[Path], config: Callable[[str], Path]) -> None:
    config("[limits]\nvideo_seconds = 1\n")
    with pytest.raises(duomo.errors.InputTooLarge, match="lasts 1 seconds"):
        Video.accept(files[0]).first(2)


@pytest.mark.parametrize(
    "wrap", [lambda p: p.read_bytes(), lambda p: {"video": p}, lambda p: io.BytesIO(p.read_bytes()), str]
)
def test_a_video_is_taken_in_every_shape(files: list[Path], wrap: Callable[[Path], object]) -> None:
    clip = Video.accept(wrap(files[1])).spread(3)
    assert clip.total == 20
    assert clip.times == pytest.approx([0, 1.0, 1.9], abs=0.11)
    assert clip.frames[0].shape == (48, 64, 3)
