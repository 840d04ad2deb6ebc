"""What one call costs beyond the forward pass and the preprocessing, against ``transformers.pipeline``.

The same checkpoint on both sides. Overhead is the median time of a whole call minus the medians of
its preprocessing and of its forward pass, each called alone in the same turn; outputs are compared.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from checkpoints import small_cnn, tiny_bert
from harness import arguments, interleave, report, spread
from transformers import pipeline

import duomo

TEXT = "this is a small text that was written for the benchmark"


def ours(runner: duomo.Runner[Any], item: Any) -> dict[str, Callable[[], Any]]:
    """A whole call, its preprocessing alone, its forward pass alone."""
    model = runner.executor.worker.model  # type: ignore[attr-defined]
    options = runner.task.Options.parse({})
    accepted = runner.task.Input.accept(item)
    batch = model.collate(model.preprocess([accepted], options))
    return {
        "call": lambda: runner(item),
        "preprocess": guarded(lambda: model.preprocess([accepted], options)),
        "forward": guarded(lambda: model.forward(batch)),
    }


def theirs(pipe: Any, item: Any) -> dict[str, Callable[[], Any]]:
    """The same three for a pipeline."""
    batch = pipe.preprocess(item)
    return {
        "call": lambda: pipe(item),
        "preprocess": lambda: pipe.preprocess(item),
        "forward": guarded(lambda: pipe._forward(dict(batch))),
    }


def guarded(function: Callable[[], Any]) -> Callable[[], Any]:
    """The function under ``inference_mode``, as both sides run it."""

    def call() -> Any:
        with torch.inference_mode():
            return function()

    return call


def measure(runner: duomo.Runner[Any], pipe: Any, item: Any, rounds: int) -> dict[str, Any]:
    """Microseconds of both sides and their overheads."""
    cases = {f"duomo {name}": case for name, case in ours(runner, item).items()}
    cases |= {f"pipeline {name}": case for name, case in theirs(pipe, item).items()}
    times = {name: [1e6 * each for each in values] for name, values in interleave(cases, rounds, warm=20).items()}
    middle = {name: statistics.median(values) for name, values in times.items()}
    overhead = {
        side: round(middle[f"{side} call"] - middle[f"{side} preprocess"] - middle[f"{side} forward"], 1)
        for side in ("duomo", "pipeline")
    }
    same = abs(runner(item).top.score - pipe(item)[0]["score"]) < 1e-3
    return {
        "same_output": bool(same),
        "overhead_us": overhead,
        "pipeline_over_duomo": round(overhead["pipeline"] / max(overhead["duomo"], 0.1), 1),
        "us": {name: spread(values, 1) for name, values in times.items()},
    }


def main() -> None:
    """Measure text and image."""
    args = arguments(__doc__ or "", rounds=400)
    torch.set_num_threads(1)
    picture = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        bert, cnn = tiny_bert(Path(folder) / "bert"), small_cnn(Path(folder) / "cnn")
        text = measure(
            duomo.load("text-classification", f"dir:{bert}"),
            pipeline("text-classification", model=str(bert), device="cpu"),
            TEXT,
            args.rounds,
        )
        image = measure(
            duomo.load("image-classification", f"dir:{cnn}"),
            pipeline("image-classification", model=str(cnn), device="cpu"),
            picture,
            args.rounds,
        )
    report("overhead", {"goal_us": {"text": 40, "image": 60}, "text": text, "image": image}, args.out)


if __name__ == "__main__":
    main()
