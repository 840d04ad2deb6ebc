"""Text through duomo and through its peers: same checkpoint, same texts, outputs compared, CPU time.

Each peer is shown at its usual batch size of 32 and at the best of several. A row is void when
outputs differ by more than its tolerance. MFU is model FLOPs over the GEMM rate of the same run.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from checkpoints import tiny_bert
from corpus import lognormal_texts
from harness import arguments, interleave, report, spread
from transformers import pipeline

import duomo

BATCH_SIZES = (1, 8, 32)
Case = Callable[[], np.ndarray[Any, Any]]


def gemm_gflops() -> float:
    """The machine's own rate on a 1024-cube matrix product, one thread."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    rates = []
    for _ in range(7):
        start = time.process_time()
        torch.mm(a, b)
        rates.append(2 * 1024**3 / (time.process_time() - start) / 1e9)
    return statistics.median(rates)


def encoder_gflop(network: Any, lengths: Sequence[int]) -> float:
    """2 x parameters x tokens for the linear layers, 4 x layers x length^2 x width for attention."""
    config = network.config
    linear = sum(p.numel() for name, p in network.named_parameters() if "layer" in name and p.ndim == 2)
    return sum(2 * linear * n + 4 * config.num_hidden_layers * n * n * config.hidden_size for n in lengths) / 1e9


def compare(ours: Case, peers: dict[str, Case], rounds: int, tolerance: float) -> dict[str, Any]:
    """CPU seconds of all, ratios to ours, and whether the outputs agree."""
    expected = ours()
    differences = {name: float(np.abs(case() - expected).max()) for name, case in peers.items()}
    times = interleave({"duomo": ours, **peers}, rounds, clock=time.process_time, warm=0)
    middle = {name: statistics.median(values) for name, values in times.items()}
    return {
        "valid": all(difference <= tolerance for difference in differences.values()),
        "tolerance": tolerance,
        "largest_difference": differences,
        "speedup": {name: round(middle[name] / middle["duomo"], 2) for name in peers},
        "cpu_s": {name: spread(values, 3) for name, values in times.items()},
    }


def embeddings(count: int, rounds: int) -> dict[str, Any]:
    """MiniLM sentence vectors of log-normal lengths."""
    texts = lognormal_texts(count)
    runner = duomo.load("feature-extraction", "nlp/minilm")
    folder = str(runner.executor.worker.model.network.name_or_path)  # type: ignore[attr-defined]
    pipe = pipeline("feature-extraction", model=folder, device="cpu")

    def ours() -> np.ndarray[Any, Any]:
        return np.array([outcome.unwrap().vector for outcome in runner.map(texts)])

    def theirs(size: int) -> Case:
        def case() -> np.ndarray[Any, Any]:
            # The pipeline pads with the batch; its rows hold padding vectors, which the mean must leave out.
            lengths = [len(ids) for ids in pipe.tokenizer(texts)["input_ids"]]
            hidden = pipe(texts, batch_size=size, return_tensors=True)
            vectors = np.stack([h[0, :n].mean(0).numpy() for h, n in zip(hidden, lengths, strict=True)])
            return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

        return case

    peers = {f"pipeline bs {size}": theirs(size) for size in BATCH_SIZES}
    if importlib.util.find_spec("sentence_transformers") is not None:
        from sentence_transformers import SentenceTransformer

        encoder = SentenceTransformer(folder, device="cpu")
        peers["sentence-transformers encode"] = lambda: encoder.encode(texts, normalize_embeddings=True)
    result = compare(ours, peers, rounds, 1e-5)
    lengths = [len(ids) for ids in pipe.tokenizer(texts)["input_ids"]]
    rate = gemm_gflops()
    gflop = encoder_gflop(pipe.model, lengths)
    return result | {
        "texts": count,
        "tokens": sum(lengths),
        "gemm_gflops": round(rate, 1),
        "mfu": round(gflop / result["cpu_s"]["duomo"]["median"] / rate, 3),
    }


def classification(count: int, rounds: int, *, layers: int, hidden: int, heads: int) -> dict[str, Any]:
    """A BERT classifier with random weights."""
    texts = lognormal_texts(count)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = str(
            tiny_bert(
                Path(folder), layers=layers, hidden=hidden, heads=heads, words=sorted(set(" ".join(texts).split()))
            )
        )
        runner = duomo.load("text-classification", f"dir:{checkpoint}")
        pipe = pipeline("text-classification", model=checkpoint, device="cpu")

    def ours() -> np.ndarray[Any, Any]:
        return np.array([outcome.unwrap().top.score for outcome in runner.map(texts)])

    def theirs(size: int) -> Case:
        return lambda: np.array([each["score"] for each in pipe(texts, batch_size=size)])

    result = compare(ours, {f"pipeline bs {size}": theirs(size) for size in BATCH_SIZES}, rounds, 1e-4)
    lengths = [len(ids) for ids in pipe.tokenizer(texts)["input_ids"]]
    rate = gemm_gflops()
    gflop = encoder_gflop(pipe.model, lengths)
    return result | {
        "texts": count,
        "tokens": sum(lengths),
        "gemm_gflops": round(rate, 1),
        "mfu": round(gflop / result["cpu_s"]["duomo"]["median"] / rate, 3),
    }


def main() -> None:
    """Measure all rows."""
    args = arguments(__doc__ or "", rounds=5)
    torch.set_num_threads(1)
    report(
        "text",
        {
            "embeddings, MiniLM": embeddings(512, args.rounds),
            "text classification, BERT-base size": classification(64, args.rounds, layers=12, hidden=768, heads=12),
            "text classification, tiny model": classification(512, args.rounds, layers=2, hidden=128, heads=2),
        },
        args.out,
    )


if __name__ == "__main__":
    main()
