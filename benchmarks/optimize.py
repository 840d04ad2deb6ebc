"""Speed modes against the exact model: CPU time of whole runs, and how far the output moves.

A mode may be slower on the machine at hand, or be refused: then that is what the row says. ``compile`` has a time
of its own, that of building, and packed models refuse it.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from checkpoints import tiny_bert
from corpus import lognormal_texts
from harness import arguments, interleave, report, spread

import duomo
from duomo.execution.base import MODES


def modes(task: str, model: str, items: Sequence[Any], rounds: int) -> dict[str, Any]:
    """Each mode: its speed-up over the exact model, or why it was refused."""
    runners: dict[str, duomo.Runner[Any]] = {}
    rows: dict[str, dict[str, Any]] = {}
    for mode in MODES:
        start = time.process_time()
        try:
            runner = duomo.load(task, model, optimize=mode)
            meta = [outcome.meta for outcome in runner.map(items) if outcome.unwrap()][-1]
        except duomo.DuomoError as error:
            rows[mode] = {"refused": error.why}
            continue
        runners[mode] = runner
        rows[mode] = {"difference": meta.difference, "first_run_cpu_s": round(time.process_time() - start, 2)}
    cases = {mode: lambda runner=runner: list(runner.map(items)) for mode, runner in runners.items()}
    times = interleave(cases, rounds, clock=time.process_time, warm=1)
    for mode, values in times.items():
        speedup = statistics.median(exact / each for exact, each in zip(times["none"], values, strict=True))
        rows[mode] |= {"cpu_s": spread(values, 3), "speedup": round(speedup, 2)}
    return rows


def pictures(count: int) -> list[PIL.Image.Image]:
    """Smooth random pictures of 320 x 240."""
    dice = np.random.default_rng(0)
    coarse = dice.integers(0, 255, (count, 6, 8, 3), dtype=np.uint8)
    return [PIL.Image.fromarray(each).resize((320, 240), PIL.Image.Resampling.BICUBIC) for each in coarse]


def main() -> None:
    """Measure all models."""
    args = arguments(__doc__ or "", rounds=5)
    torch.set_num_threads(1)
    texts = lognormal_texts(32)
    with tempfile.TemporaryDirectory() as folder:
        words = sorted(set(" ".join(texts).split()))
        bert = tiny_bert(Path(folder), layers=12, hidden=768, heads=12, words=words)
        work = {
            "EfficientNet-lite0": ("image-classification", "vision/efficientnet-lite0", pictures(16)),
            "MiniLM embeddings": ("feature-extraction", "nlp/minilm", texts),
            "BERT-base classifier, random weights": ("text-classification", f"dir:{bert}", texts),
        }
        rows = {name: modes(*each, args.rounds) for name, each in work.items()}
    report("optimize", {"cpu_capability": torch.backends.cpu.get_cpu_capability(), **rows}, args.out)


if __name__ == "__main__":
    main()
