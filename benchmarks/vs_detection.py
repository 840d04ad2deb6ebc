"""Detection, segmentation and depth through duomo and through `transformers.pipeline`: mixed sizes, CPU time.

Networks of real shape with random weights, narrower than the usual ones so that a run takes minutes.
Pictures are JPEGs of four sizes. The pipeline is shown one by one and at batch size 8, where it fails for
networks that take pictures in their own shape. A figure is void when a result differs by more than its tolerance.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import arguments, contest, interleave, report, spread
from transformers import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTImageProcessor,
    RTDetrConfig,
    RTDetrForObjectDetection,
    RTDetrImageProcessor,
    RTDetrResNetConfig,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SegformerImageProcessor,
    YolosConfig,
    YolosForObjectDetection,
    YolosImageProcessor,
    pipeline,
)
from vs_vision import photos

import duomo
from duomo.imaging import decode

SIZES = ((640, 480), (480, 640), (1280, 720), (500, 375))
GOALS = {"pipeline best": 1.3, "pipeline bs 8": 2.0}
LABELS: Any = {"id2label": {at: f"thing {at}" for at in range(20)}, "label2id": {f"thing {at}": at for at in range(20)}}
Network = tuple[Any, Any]
Case = Callable[[], list[np.ndarray[Any, Any]]]


def rt_detr() -> Network:
    """Every picture is resized to one square: the pipeline can batch it."""
    sizes: Any = {"hidden_sizes": [32, 64, 128, 256], "depths": [2, 2, 2, 2], "embedding_size": 16}
    backbone = RTDetrResNetConfig(**sizes, out_features=["stage2", "stage3", "stage4"])  # type: ignore[call-arg]
    hybrid: Any = {"d_model": 64, "encoder_hidden_dim": 64, "encoder_in_channels": [64, 128, 256], "num_queries": 100}
    hybrid |= {"decoder_in_channels": [64] * 3, "decoder_layers": 2, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128}
    config = RTDetrConfig(**LABELS, **hybrid, backbone_config=backbone, anchor_image_size=None)
    return RTDetrForObjectDetection(config), RTDetrImageProcessor(size={"height": 320, "width": 320})


def yolos() -> Network:
    """Every picture keeps its shape: the pipeline cannot batch sizes that differ."""
    config = YolosConfig(**LABELS, hidden_size=96, num_hidden_layers=4, num_attention_heads=3, intermediate_size=384)
    return YolosForObjectDetection(config), YolosImageProcessor(size={"shortest_edge": 256, "longest_edge": 448})


def segformer() -> Network:
    """The size of SegFormer-b0, at 256 pixels a side."""
    return SegformerForSemanticSegmentation(SegformerConfig(**LABELS)), SegformerImageProcessor(
        size={"height": 256, "width": 256}
    )


def depth_anything() -> Network:
    """Every picture keeps its shape."""
    sizes: Any = {"hidden_size": 96, "num_hidden_layers": 4, "num_attention_heads": 3, "image_size": 224}
    backbone = Dinov2Config(  # type: ignore[call-arg]
        **sizes, patch_size=14, out_features=[f"stage{at}" for at in range(1, 5)], reshape_hidden_states=False
    )
    necks: Any = {"neck_hidden_sizes": [24, 48, 96, 96], "fusion_hidden_size": 32, "reassemble_hidden_size": 96}
    config = DepthAnythingConfig(backbone_config=backbone, **necks, patch_size=14, head_hidden_size=16)
    side: Any = {"size": {"height": 224, "width": 224}, "keep_aspect_ratio": True, "ensure_multiple_of": 14}
    return DepthAnythingForDepthEstimation(config), DPTImageProcessor(**side)


def boxes_of(result: Any) -> np.ndarray[Any, Any]:
    """Scores of a duomo result or of the pipeline's, the surest first."""
    scores = [box.score for box in result.boxes] if hasattr(result, "boxes") else [each["score"] for each in result]
    return np.array(sorted(scores, reverse=True))


def masks_of(result: Any) -> np.ndarray[Any, Any]:
    """Share of the picture that each label has, by the labels' names."""
    if hasattr(result, "segments"):
        found = {each.label: each.array.mean() for each in result.segments}
    else:
        found = {each["label"]: (np.asarray(each["mask"]) > 0).mean() for each in result}
    return np.array([found.get(label, 0.0) for label in LABELS["label2id"]])


def depths_of(result: Any) -> np.ndarray[Any, Any]:
    """Depths, every sixteenth, scaled to the largest."""
    depths = result.array if hasattr(result, "array") else result["predicted_depth"].numpy()
    return np.asarray(depths[::16, ::16] / max(1e-6, np.abs(depths).max()))


def row(
    task: str, their_task: str, build: Callable[[], Network], read: Callable[[Any], Any], options: Any, rounds: int
) -> dict[str, Any]:
    """One network on 16 pictures of four sizes, in turns."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = [file for size in SIZES for file in photos(folder, size, 4)]
        files = [files[at % 4 * 4 + at // 4] for at in range(len(files))]  # sizes in turns
        torch.manual_seed(0)
        network, processor = build()
        network.eval().save_pretrained(folder)
        processor.save_pretrained(folder)
        runner: Any = duomo.load(task, f"dir:{folder}", device="cpu")
        pipe: Any = pipeline(their_task, model=str(folder), device="cpu")  # type: ignore[call-overload]

        def ours() -> list[Any]:
            return [read(outcome.unwrap()) for outcome in runner.map(files, **options)]

        def theirs(batch_size: int) -> Callable[[], list[Any]]:
            return lambda: [read(result) for result in pipe(files, batch_size=batch_size, **options)]

        cases = {"duomo": ours, "pipeline bs 1": theirs(1), "pipeline bs 8": theirs(8)}
        expected = cases["pipeline bs 1"]()
        apart = max(
            float(np.abs(a - b).max(initial=0)) if a.shape == b.shape else np.inf
            for a, b in zip(ours(), expected, strict=True)
        )
        fails = ""
        try:
            cases["pipeline bs 8"]()
        except Exception as error:
            fails = f"pipeline bs 8 fails: {str(error).splitlines()[0][:80]}"
            del cases["pipeline bs 8"]
        alone = parts(runner, files, options)
        times = interleave({**cases, **alone}, rounds, clock=time.process_time, warm=0)
    goals = {name: goal for name, goal in GOALS.items() if name in (*cases, "pipeline best")}
    least = sum(statistics.median(times[name]) for name in alone)
    raced = {name: times[name] for name in cases}
    found: dict[str, Any] = contest(raced, apart <= 1e-3, goals, floor=(least, " and ".join(alone)), note=fails)
    return found | {
        "largest_difference": apart,
        "alone_cpu_s": {name: spread(times[name], 3) for name in alone},
        "speedup_of_what_is_alone": {
            name: round(statistics.median(times[name]) / least, 2) for name in cases if name != "duomo"
        },
    }


def parts(runner: Any, files: list[str], options: Any) -> dict[str, Callable[[], object]]:
    """What no other code of ours could leave out: the files decoded, the network, the processor's post-processing.

    Images are prepared before, and in groups as `map` makes them.
    """
    model = runner.executor.worker.model
    items, parsed = [duomo.Image.accept(file) for file in files], runner.task.Options.parse(options)
    features = [
        model.preprocess(items[at : at + model.batch_size], parsed) for at in range(0, len(items), model.batch_size)
    ]
    batches = [model.collate(each) for each in features]
    outputs: list[Any] = []

    def forward() -> None:
        with torch.inference_mode():
            outputs[:] = [model.forward(batch) for batch in batches]

    forward()
    return {
        "decoding": lambda: [decode(duomo.Image.accept(file)) for file in files],
        "forward passes": forward,
        "post-processing": lambda: [
            model.postprocess(output, each, parsed) for output, each in zip(outputs, features, strict=True)
        ],
    }


def main() -> None:
    """Measure all rows."""
    args = arguments(__doc__ or "", rounds=5)
    torch.set_num_threads(1)
    named = {"threshold": 0.0}
    found = {
        "detection, RT-DETR": ("object-detection", "object-detection", rt_detr, boxes_of, named),
        "detection, YOLOS": ("object-detection", "object-detection", yolos, boxes_of, named),
        "segmentation, SegFormer": ("semantic-segmentation", "image-segmentation", segformer, masks_of, {}),
        "depth, Depth Anything": ("depth-estimation", "depth-estimation", depth_anything, depths_of, {}),
    }
    report("detection", {name: row(*what, args.rounds) for name, what in found.items()}, args.out)


if __name__ == "__main__":
    main()
