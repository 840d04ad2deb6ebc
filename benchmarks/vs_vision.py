"""Pictures through duomo and through `transformers.pipeline`: same checkpoint, same files, outputs compared, CPU time.

Networks of real size with random weights, saved as any trained one would be. The pipeline is shown at batch sizes 1
and 8. A figure is void when a score differs by more than its tolerance. MFU is model FLOPs over the GEMM rate of
the run.
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
import PIL.Image
import torch
from harness import arguments, contest, gemm_gflops, interleave, report, spread
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    EfficientNetConfig,
    EfficientNetForImageClassification,
    EfficientNetImageProcessor,
    MobileNetV2Config,
    MobileNetV2ForImageClassification,
    MobileNetV2ImageProcessor,
    ResNetConfig,
    ResNetForImageClassification,
    ViTImageProcessor,
    pipeline,
)

import duomo
from duomo.imaging import decode
from duomo.weights import find_package_file

SOURCES = ("sklearn/datasets/images/china.jpg", "sklearn/datasets/images/flower.jpg", "skimage/data/chelsea.png")
BATCH_SIZES = (1, 8)
NUM_LABELS = 10
TOLERANCE = {"exact": 1e-5, "scaled": 0.1}
"""Networks with random weights answer to a changed pixel more than trained ones: with scaled decoding the scores of
the trained EfficientNet-lite0 move by less than 0.05 (tests/plugins/vision/test_efficientnet.py)."""
Case = Callable[[], np.ndarray[Any, Any]]


def resnet18() -> tuple[Any, Any]:
    """11 million parameters, with the processor of ViT: 224 x 224, bilinear."""
    config = ResNetConfig(  # type: ignore[call-arg]
        hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic", num_labels=NUM_LABELS
    )
    return ResNetForImageClassification(config), ViTImageProcessor()


def resnet50() -> tuple[Any, Any]:
    """24 million parameters."""
    return ResNetForImageClassification(ResNetConfig(num_labels=NUM_LABELS)), ViTImageProcessor()  # type: ignore[call-arg]


def efficientnet_b0() -> tuple[Any, Any]:
    """4 million parameters, 224 x 224, bicubic."""
    config = EfficientNetConfig(  # type: ignore[call-arg]
        width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280, image_size=224, num_labels=NUM_LABELS
    )
    side = {"height": 224, "width": 224}
    return EfficientNetForImageClassification(config), EfficientNetImageProcessor(size=side, crop_size=side)


def mobilenet_v2() -> tuple[Any, Any]:
    """2 million parameters; the shorter side to 256, and 224 x 224 of it."""
    return MobileNetV2ForImageClassification(MobileNetV2Config(num_labels=NUM_LABELS)), MobileNetV2ImageProcessor()  # type: ignore[call-arg]


def save(folder: Path, build: Callable[[], tuple[Any, Any]], files: list[str]) -> float:
    """Write a checkpoint; its GFLOP for a picture.

    A pass over some photos in training mode gives the batch norms statistics, and the head is scaled: signals neither
    vanish nor explode then, and logits spread as those of a trained network do.
    """
    torch.manual_seed(0)
    network, processor = build()
    for module in network.train().modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)
            module.momentum = 1.0
    pixels = processor([PIL.Image.open(file) for file in files[: len(SOURCES)]], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        network(pixel_values=pixels)
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        logits = network(pixel_values=pixels[:1]).logits
    head = [module for module in network.modules() if isinstance(module, torch.nn.Linear)][-1]
    with torch.no_grad():
        head.weight.div_(logits.std())
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return counter.get_total_flops() / 1e9


def photos(folder: Path, size: tuple[int, int], count: int) -> list[str]:
    """JPEGs of quality 90 of photos that packages ship."""
    files = []
    for index in range(count):
        path = find_package_file(f"package:{SOURCES[index % len(SOURCES)]}")
        assert path is not None, "pip install -r requirements-dev.txt"
        picture = PIL.Image.open(path).convert("RGB").resize(size, PIL.Image.Resampling.BICUBIC)
        files.append(str(folder / f"{size[0]}-{index}.jpg"))
        picture.save(files[-1], quality=90)
    return files


def rows(
    name: str,
    build: Callable[[], tuple[Any, Any]],
    size: tuple[int, int],
    count: int,
    goals: dict[str, float],
    rounds: int,
) -> dict[str, Any]:
    """One network on `count` photos of a size, a row for each way of decoding in `goals` (against the pipeline's best).

    The least that a row could take: the files decoded, and the forward passes alone.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = photos(folder, size, count)
        gflop = save(folder, build, files)
        runner = duomo.load("image-classification", f"dir:{folder}", device="cpu")
        pipe = pipeline("image-classification", model=str(folder), device="cpu")
        longest = runner.executor.worker.model.resize.longest  # type: ignore[attr-defined]

        def ours(how: str) -> Case:
            def case() -> np.ndarray[Any, Any]:
                found = runner.map(files, top_k=NUM_LABELS, decode=how)  # type: ignore[arg-type]
                results = [outcome.unwrap() for outcome in found]
                return np.array([[score for _, score in sorted((x.name, x.score) for x in r.labels)] for r in results])

            return case

        def theirs(batch_size: int) -> Case:
            def case() -> np.ndarray[Any, Any]:
                results = pipe(files, batch_size=batch_size, top_k=NUM_LABELS)
                return np.array([[score for _, score in sorted((x["label"], x["score"]) for x in r)] for r in results])

            return case

        mine = {how: ours(how) for how in goals}
        peers = {f"pipeline bs {each}": theirs(each) for each in BATCH_SIZES}
        expected = peers["pipeline bs 1"]()
        differences = {how: float(np.abs(case() - expected).max()) for how, case in mine.items()}
        decoded = {f"decoding, {how}": decoding(files, longest, how) for how in goals}
        passes = {"forward passes": forward(runner.executor.worker.model, count)}  # type: ignore[attr-defined]
        times = interleave({**mine, **peers, **decoded, **passes}, rounds, clock=time.process_time, warm=0)
    rate = gemm_gflops()
    found = {}
    for how, goal in goals.items():
        least = statistics.median(times[f"decoding, {how}"]) + statistics.median(times["forward passes"])
        valid = differences[how] <= TOLERANCE[how]
        raced = {each: times[each] for each in (how, *peers)}
        floor = (least, "decoding and duomo's forward passes alone")
        found[f"{name}, {how}"] = contest(raced, valid, {"pipeline best": goal}, own=how, floor=floor) | {
            "pictures": f"{count} JPEGs of {size[0]} x {size[1]}",
            "tolerance": TOLERANCE[how],
            "largest_difference": differences[how],
            "decoding_cpu_s": spread(times[f"decoding, {how}"], 3),
            "forward_cpu_s": spread(times["forward passes"], 3),
            "gflop_a_picture": round(gflop, 2),
            "gemm_gflops": round(rate, 1),
            "mfu": {each: round(gflop * count / statistics.median(times[each]) / rate, 3) for each in raced},
        }
    return found


def forward(model: Any, count: int) -> Callable[[], None]:
    """The network on batches of random pictures, and no more."""
    batch = torch.rand(model.batch_size, 3, 224, 224)

    def case() -> None:
        with torch.inference_mode():
            for start in range(0, count, model.batch_size):
                model.forward(batch[: count - start])

    return case


def decoding(files: list[str], longest: int, how: str) -> Callable[[], None]:
    """The files to pixels and no more."""

    def case() -> None:
        for file in files:
            decode(duomo.Image.accept(file), 2 * longest if how == "scaled" else None)

    return case


def main() -> None:
    """Measure all rows."""
    args = arguments(__doc__ or "", rounds=5)
    torch.set_num_threads(1)
    large, small = (4000, 3000), (320, 240)
    both = {"exact": 3.0, "scaled": 5.0}
    report(
        "vision",
        {
            **rows("12 megapixels, ResNet-18 size", resnet18, large, 6, both, args.rounds),
            **rows("12 megapixels, EfficientNet-b0 size", efficientnet_b0, large, 6, both, args.rounds),
            **rows("small pictures, ResNet-50 size", resnet50, small, 16, {"exact": 1.4}, args.rounds),
            **rows("small pictures, MobileNetV2 size", mobilenet_v2, small, 32, {"exact": 2.0}, args.rounds),
        },
        args.out,
    )


if __name__ == "__main__":
    main()
