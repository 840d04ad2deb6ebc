"""What one call costs beyond the forward pass and the preprocessing, against ``transformers.pipeline``.

The same checkpoint on both sides, outputs compared, twice over:

replaced    preprocessing and forward pass give back what they gave before, since their noise would drown the few
            microseconds looked for; what is left of a call is accepting the input, options, grad mode,
            postprocessing and the result
subtracted  a whole call, less the bare network on the same tensors and the bare tokenizer or image processor: with
            what each side does around these, and with the noise of both

Beside it what it costs to look whether outputs and results hold only finite numbers: the same batches, prepared and
with their output known, computed with and without.
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
from harness import arguments, interleave, report, spread, target
from transformers import pipeline

import duomo
from duomo.execution import worker as worker_module

CALLS = 100
LEAST = "inference mode and postprocessing to a typed result"
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


def bare(pipe: Any, item: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The pipeline's network on its own tensors, and its tokenizer or image processor on the item."""
    tensors = dict(pipe.preprocess(item))

    def forward() -> None:
        with torch.inference_mode():
            pipe.model(**tensors)

    if pipe.tokenizer is not None:
        return forward, lambda: pipe.tokenizer(item, return_tensors="pt")
    return forward, lambda: pipe.image_processor(images=item, return_tensors="pt")


def measure(runner: duomo.Runner[Any], pipe: Any, item: Any, rounds: int, most_us: float) -> dict[str, Any]:
    """Microseconds of overhead on both sides."""
    same = abs(runner(item).top.score - pipe(item)[0]["score"]) < 1e-3
    model = runner.executor.worker.model  # type: ignore[attr-defined]
    accepted, options = runner.task.Input.accept(item), runner.task.Options.parse({})
    forward, prepare = bare(pipe, item)

    def prepare_ours() -> None:
        with torch.inference_mode():
            model.collate(model.preprocess([accepted], options))

    with torch.inference_mode():
        batch = model.collate(model.preprocess([accepted], options))

    def forward_ours() -> None:
        with torch.inference_mode():
            model.forward(batch)

    parts = {
        "duomo": lambda: runner(item),
        "duomo, forward": forward_ours,
        "duomo, preprocessing": prepare_ours,
        "pipeline": lambda: pipe(item),
        "pipeline, forward": forward,
        "pipeline, preprocessing": prepare,
    }
    whole = per_call(parts, max(3, rounds // 3))
    left = {
        side: [a - b - c for a, b, c in zip(whole[side], whole[f"{side}, forward"], whole[f"{side}, preprocessing"],
                                            strict=True)]
        for side in ("duomo", "pipeline")
    }  # fmt: skip
    with torch.inference_mode():
        features = model.preprocess([accepted], options)
        output = model.forward(batch)

    def least() -> None:
        with runner.executor.worker.no_grad():  # type: ignore[attr-defined]
            model.postprocess(output, features, options)

    us = per_call({"duomo": ours(runner, item), "pipeline": theirs(pipe, item), LEAST: least}, rounds)
    at_most = statistics.median(us["pipeline"]) / statistics.median(us[LEAST])
    ratio = statistics.median(us["pipeline"]) / statistics.median(us["duomo"])
    return {
        "same_output": bool(same),
        "targets": {
            "µs of a call of duomo, replaced": target(round(statistics.median(us["duomo"]), 1), at_most=most_us),
            "pipeline over duomo, replaced": target(round(ratio, 1), at_least=10),
        },
        "note": f"{LEAST} take {statistics.median(us[LEAST]):.1f} µs, which alone bounds the ratio by {at_most:.1f}: "
        "the pipeline's forward pass is replaced with all that surrounds it, which is where most of its time goes",
        "replaced_us": {name: spread(values, 1) for name, values in us.items()},
        "subtracted_us": {name: spread(values, 1) for name, values in left.items()},
        "whole_us": {name: spread(values, 1) for name, values in whole.items()},
    }


def checking(runner: duomo.Runner[Any], item: Any, count: int, rounds: int) -> dict[str, Any]:
    """Microseconds an item, in batches of `count`, that the checks for finite numbers take."""
    executor: Any = runner.executor
    worker: Any = worker_module
    options = runner.task.Options.parse({})
    prepared = executor.worker.prepare([runner.task.Input.accept(item)] * count, options)
    with torch.inference_mode():
        [(features, batch)] = prepared.chunks
        output = executor.worker.model.forward(batch)
        results = executor.worker.model.postprocess(output, features, options)
    executor.worker.model.forward = lambda _: output
    checks = worker.check_output, worker.check_results
    calls = max(4, CALLS // count)

    def computed(look: Callable[[Any], None], look_at_results: Callable[[Any], None]) -> Callable[[], None]:
        def run() -> None:
            worker.check_output, worker.check_results = look, look_at_results
            for _ in range(calls):
                executor.worker.compute(prepared, options)

        return run

    cases = {"checked": computed(*checks), "unchecked": computed(lambda _: None, lambda _: None)}
    try:
        times = interleave(cases, 4 * rounds, clock=time.process_time)
    finally:
        worker.check_output, worker.check_results = checks
    us = {name: [1e6 * each / calls / count for each in values] for name, values in times.items()}
    differences = [a - b for a, b in zip(us["checked"], us["unchecked"], strict=True)]
    parts = {"output": lambda: checks[0](output), "results": lambda: checks[1](results)}
    alone = {name: min(values) for name, values in per_call(parts, rounds).items()}
    return {
        "targets": {
            "µs an item of the checks for finite numbers": target(round(sum(alone.values()) / count, 2), at_most=1)
        },
        "note": f"the least of {rounds} rounds, by themselves; {alone['output']:.1f} µs are the one reduction a batch, "
        f"shared by {count}; differences of whole batches drown in noise",
        "us_per_item": {name: spread(values, 2) for name, values in us.items()},
        "difference_us": spread(differences, 2),
    }


def per_call(cases: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Microseconds a call. One alone is too short for the clock of CPU time."""
    times = interleave({name: repeated(case) for name, case in cases.items()}, rounds, clock=time.process_time)
    return {name: [1e6 * each / CALLS for each in values] for name, values in times.items()}


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
            40,
        )
        image = measure(
            duomo.load("image-classification", f"dir:{cnn}"),
            pipeline("image-classification", model=str(cnn), device="cpu"),
            picture,
            args.rounds,
            60,
        )
        checks = {
            f"{name} in batches of {count}": checking(duomo.load(task, f"dir:{model}"), item, count, args.rounds)
            for name, task, model, item, counts in (
                ("text", "text-classification", bert, TEXT, (1, 8, 256)),
                ("image", "image-classification", cnn, picture, (1, 4)),
            )
            for count in counts
        }
    report("overhead", {"text": text, "image": image, **checks}, args.out)


if __name__ == "__main__":
    main()
