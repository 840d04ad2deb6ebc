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
from harness import arguments, gemm_gflops, interleave, report, spread
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
from duomo.weights import find_package_file

SOURCES = ("sklearn/datasets/images/china.jpg", "sklearn/datasets/images/flower.jpg", "skimage/data/chelsea.png")
BATCH_SIZES = (1, 8)
NUM_LABELS = 10
TOLERANCE = {"exact": 1e-5, "scaled": 0.05}
Case = Callable[[], np.ndarray[Any, Any]]


def resnet18() -> tuple[Any, Any]:
    """11 million parameters, with the processor of ViT: 224 x 224, bilinear."""
    config = ResNetConfig(
        hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic", num_labels=NUM_LABELS
    )
    return ResNetForImageClassification(config), ViTImageProcessor()


def resnet50() -> tuple[Any, Any]:
    """24 million parameters."""
    return ResNetForImageClassification(ResNetConfig(num_labels=NUM_LABELS)), ViTImageProcessor()


def efficientnet_b0() -> tuple[Any, Any]:
    """4 million parameters, 224 x 224, bicubic."""
    config = EfficientNetConfig(
        width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280, image_size=224, num_labels=NUM_LABELS
    )
    side = {"height": 224, "width": 224}
    return EfficientNetForImageClassification(config), EfficientNetImageProcessor(size=side, crop_size=side)


def mobilenet_v2() -> tuple[Any, Any]:
    """2 million parameters; the shorter side to 256, and 224 x 224 of it."""
    return MobileNetV2ForImageClassification(MobileNetV2Config(num_labels=NUM_LABELS)), MobileNetV2ImageProcessor()


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


def row(
    build: Callable[[], tuple[Any, Any]], size: tuple[int, int], count: int, decodes: tuple[str, ...], rounds: int
) -> dict[str, Any]:
    """One network on `count` photos of a size: CPU seconds, ratios to the pipeline, and how far scores differ."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = photos(folder, size, count)
        gflop = save(folder, build, files)
        runner = duomo.load("image-classification", f"dir:{folder}", device="cpu")
        pipe = pipeline("image-classification", model=str(folder), device="cpu")

        def ours(decode: str) -> Case:
            def case() -> np.ndarray[Any, Any]:
                results = [outcome.unwrap() for outcome in runner.map(files, top_k=NUM_LABELS, decode=decode)]
                return np.array([[score for _, score in sorted((x.name, x.score) for x in r.labels)] for r in results])

            return case

        def theirs(batch_size: int) -> Case:
            def case() -> np.ndarray[Any, Any]:
                results = pipe(files, batch_size=batch_size, top_k=NUM_LABELS)
                return np.array([[score for _, score in sorted((x["label"], x["score"]) for x in r)] for r in results])

            return case

        mine = {decode: ours(decode) for decode in decodes}
        peers = {f"pipeline bs {each}": theirs(each) for each in BATCH_SIZES}
        expected = peers["pipeline bs 1"]()
        differences = {name: float(np.abs(case() - expected).max()) for name, case in mine.items()}
        times = interleave({**mine, **peers}, rounds, clock=time.process_time, warm=0)
    middle = {name: statistics.median(values) for name, values in times.items()}
    rate = gemm_gflops()
    return {
        "pictures": f"{count} JPEGs of {size[0]} x {size[1]}",
        "valid": {name: difference <= TOLERANCE[name] for name, difference in differences.items()},
        "tolerance": {name: TOLERANCE[name] for name in mine},
        "largest_difference": differences,
        "speedup": {name: {peer: round(middle[peer] / middle[name], 2) for peer in peers} for name in mine},
        "cpu_s": {name: spread(values, 3) for name, values in times.items()},
        "gflop_a_picture": round(gflop, 2),
        "gemm_gflops": round(rate, 1),
        "mfu": {name: round(gflop * count / middle[name] / rate, 3) for name in (*mine, *peers)},
    }


def main() -> None:
    """Measure all rows."""
    args = arguments(__doc__ or "", rounds=3)
    torch.set_num_threads(1)
    both: tuple[str, ...] = ("exact", "scaled")
    report(
        "vision",
        {
            "12 megapixels, ResNet-18 size": row(resnet18, (4000, 3000), 6, both, args.rounds),
            "12 megapixels, EfficientNet-b0 size": row(efficientnet_b0, (4000, 3000), 6, both, args.rounds),
            "small pictures, ResNet-50 size": row(resnet50, (320, 240), 16, ("exact",), args.rounds),
            "small pictures, MobileNetV2 size": row(mobilenet_v2, (320, 240), 32, ("exact",), args.rounds),
        },
        args.out,
    )


if __name__ == "__main__":
    main()
