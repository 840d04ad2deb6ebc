"""What one call costs beyond the forward pass and the preprocessing, against ``transformers.pipeline``.

The same checkpoint on both sides, outputs compared. Preprocessing and forward pass are replaced by
their own recorded outputs, since their noise would drown the few microseconds looked for; what is
left of a call is accepting the input, options, grad mode, postprocessing and the result.
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
from checkpoints import small_cnn, tiny_bert
from harness import arguments, interleave, report, spread
from transformers import pipeline

import duomo

CALLS = 100
TEXT = "this is a small text that was written for the benchmark"


def ours(runner: duomo.Runner[Any], item: Any) -> Callable[[], Any]:
    """A call whose preprocessing and forward pass give back what they gave before."""
    model = runner.executor.worker.model  # type: ignore[attr-defined]
    with torch.inference_mode():
        features = model.preprocess([runner.task.Input.accept(item)], runner.task.Options.parse({}))
        batch = model.collate(features)
        output = model.forward(batch)
    model.preprocess = lambda *_: features
    model.collate = lambda _: batch  # the pipeline's preprocessing makes tensors, too
    model.forward = lambda _: output
    return lambda: runner(item)


def theirs(pipe: Any, item: Any) -> Callable[[], Any]:
    """The same for a pipeline, which takes its features apart and so gets a new dict each time."""
    features = pipe.preprocess(item)
    kind = type(features)
    with torch.inference_mode():
        output = pipe._forward(pipe.preprocess(item))
    pipe.preprocess = lambda *_, **__: kind(features)
    pipe._forward = lambda *_, **__: output
    return lambda: pipe(item)


def measure(runner: duomo.Runner[Any], pipe: Any, item: Any, rounds: int) -> dict[str, Any]:
    """Microseconds of overhead on both sides."""
    same = abs(runner(item).top.score - pipe(item)[0]["score"]) < 1e-3
    # One call alone is too short for the clock of CPU time.
    cases = {"duomo": repeated(ours(runner, item)), "pipeline": repeated(theirs(pipe, item))}
    times = interleave(cases, rounds, clock=time.process_time)
    us = {name: [1e6 * each / CALLS for each in values] for name, values in times.items()}
    return {
        "same_output": bool(same),
        "overhead_us": {name: spread(values, 1) for name, values in us.items()},
        "pipeline_over_duomo": round(statistics.median(us["pipeline"]) / statistics.median(us["duomo"]), 1),
    }


def repeated(case: Callable[[], Any]) -> Callable[[], None]:
    """The case `CALLS` times over."""

    def run() -> None:
        for _ in range(CALLS):
            case()

    return run


def main() -> None:
    """Measure text and image."""
    args = arguments(__doc__ or "", rounds=25)
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
