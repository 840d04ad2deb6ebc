"""Text through duomo and through its peers: same checkpoint, same texts, outputs compared, CPU time.

The pipeline is shown at its usual batch size of 32 and at smaller ones, of which the best counts. A row is
void when outputs differ by more than its tolerance. MFU is model FLOPs over the GEMM rate of the same run.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import importlib.metadata
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from checkpoints import tiny_bert
from corpus import COMMON, lognormal_texts
from harness import arguments, contest, gemm_gflops, interleave, report, target
from transformers import BertForMaskedLM, BertForSequenceClassification, BertForTokenClassification, pipeline

import duomo
from duomo.testing.fakes import fake_catalog

BATCH_SIZES = (1, 8, 32)
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
TOPICS = COMMON[40:60]
SMALL = {"layers": 6, "hidden": 384, "heads": 12}
"""MiniLM's size."""
BASE = {"layers": 12, "hidden": 768, "heads": 12}
TEMPERATURE = 0.05
"""What divides the cosines of `duomo_nlp.embedding.ZeroShotClassification`."""
TINY = {"layers": 2, "hidden": 128, "heads": 2}
Case = Callable[[Sequence[str]], np.ndarray[Any, Any]]


def encoder_gflop(network: Any, lengths: Sequence[int]) -> float:
    """2 x parameters x tokens for the linear layers, 4 x layers x length^2 x width for attention."""
    config = network.config
    linear = sum(p.numel() for name, p in network.named_parameters() if "layer." in name and p.ndim == 2)
    return sum(2 * linear * n + 4 * config.num_hidden_layers * n * n * config.hidden_size for n in lengths) / 1e9


def compare(
    ours: Case,
    peers: dict[str, Case],
    texts: Sequence[str],
    rounds: int,
    *,
    tolerance: float,
    goals: Mapping[str, float],
    gflop: float,
    tokens: int,
    mfu_goal: float = 0.0,
    note: str = "",
) -> dict[str, Any]:
    """CPU seconds of all, their ratio to ours beside the goals, MFU, and whether the outputs agree.

    Args:
        ours: texts to an array.
        peers: the same by others.
        texts: what is timed; the first eight warm up.
        rounds: turns of each.
        tolerance: largest absolute difference of outputs.
        goals: as in `contest`.
        gflop: of the model on the texts.
        tokens: of the texts.
        mfu_goal: the least MFU; 0 for no such goal.
        note: as in `contest`.
    """
    outputs: dict[str, list[np.ndarray[Any, Any]]] = {}
    cases = {"duomo": ours, **peers}
    for case in cases.values():
        case(texts[:8])

    def turn(name: str) -> Callable[[], None]:
        return lambda: outputs.setdefault(name, []).append(cases[name](texts))

    rates, packed = [gemm_gflops()], [gemm_gflops(packed=True)]
    times = interleave({name: turn(name) for name in cases}, rounds, clock=time.process_time, warm=0)
    rates.append(gemm_gflops())
    packed.append(gemm_gflops(packed=True))
    differences = {name: float(np.abs(outputs[name][0] - outputs["duomo"][0]).max()) for name in peers}
    rate, packed_rate = statistics.mean(rates), statistics.mean(packed)
    mfu = round(gflop / statistics.median(times["duomo"]) / rate, 3)
    of_packed = round(gflop / statistics.median(times["duomo"]) / packed_rate, 3)
    floor = (gflop / max(rate, packed_rate), "all of its FLOPs at the best GEMM rate of this run")
    row = contest(times, all(each <= tolerance for each in differences.values()), goals, floor=floor, note=note)
    return row | {
        "tolerance": tolerance,
        "largest_difference": differences,
        "targets": {
            "MFU, of torch.mm": target(mfu, at_least=mfu_goal),
            "MFU, of oneDNN with a packed weight": target(of_packed, at_least=mfu_goal),
        }
        if mfu_goal
        else {},
        "texts": len(texts),
        "tokens": tokens,
        "gemm_gflops": {"torch.mm": round(rate, 1), "oneDNN, packed weight": round(packed_rate, 1)},
        "mfu": {"of torch.mm": mfu, "of oneDNN with a packed weight": of_packed},
    }


def embeddings(count: int, rounds: int) -> dict[str, Any]:
    """MiniLM sentence vectors."""
    texts = lognormal_texts(count)
    runner = duomo.load("feature-extraction", "nlp/minilm", device="cpu")
    folder = str(runner.executor.worker.model.network.name_or_path)  # type: ignore[attr-defined]
    pipe = pipeline("feature-extraction", model=folder, device="cpu")

    def ours(texts: Sequence[str]) -> np.ndarray[Any, Any]:
        return np.array([outcome.unwrap().vector for outcome in runner.map(texts)])

    def theirs(size: int) -> Case:
        def case(texts: Sequence[str]) -> np.ndarray[Any, Any]:
            # The pipeline pads with the batch; its rows hold padding vectors, which the mean must leave out.
            lengths = [len(ids) for ids in pipe.tokenizer(texts)["input_ids"]]
            hidden = pipe(list(texts), batch_size=size, return_tensors=True)
            vectors = np.stack([h[0, :n].mean(0).numpy() for h, n in zip(hidden, lengths, strict=True)])
            return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

        return case

    peers = {f"pipeline bs {size}": theirs(size) for size in BATCH_SIZES}
    sentence_transformers = importlib.util.find_spec("sentence_transformers") is not None
    if sentence_transformers:
        from sentence_transformers import SentenceTransformer

        encoder = SentenceTransformer(folder, device="cpu")
        peers["sentence-transformers encode"] = lambda texts: encoder.encode(list(texts), normalize_embeddings=True)
    lengths = [len(ids) for ids in pipe.tokenizer(texts)["input_ids"]]
    gflop = encoder_gflop(pipe.model, lengths)
    goals = {"pipeline bs 32": 5, "pipeline best": 1.8}
    if sentence_transformers:
        goals["sentence-transformers encode"] = 1.75
    row = compare(
        ours, peers, texts, rounds, tolerance=1e-5, goals=goals, gflop=gflop, tokens=sum(lengths), mfu_goal=0.9
    )
    if sentence_transformers:
        row["sentence_transformers"] = importlib.metadata.version("sentence-transformers")
    return row


def against_pipeline(
    task: str,
    checkpoint: str,
    texts: Sequence[str],
    rounds: int,
    read: Callable[[Any], list[float]],
    read_theirs: Callable[[Any], list[float]],
    *,
    goals: Mapping[str, float],
    ours_options: dict[str, Any],
    their_options: dict[str, Any],
    passes: Sequence[str] = ("",),
    mfu_goal: float = 0.0,
    note: str = "",
) -> dict[str, Any]:
    """Any task of `transformers.pipeline`; `read` and `read_theirs` turn a result into numbers that should agree."""
    runner = duomo.load(task, f"dir:{checkpoint}", device="cpu")
    pipe = pipeline(task, model=checkpoint, device="cpu")  # type: ignore[call-overload]

    def ours(texts: Sequence[str]) -> np.ndarray[Any, Any]:
        return np.concatenate([read(outcome.unwrap()) for outcome in runner.map(texts, **ours_options)])

    def theirs(size: int) -> Case:
        return lambda texts: np.concatenate(
            [read_theirs(each) for each in pipe(list(texts), batch_size=size, **their_options)]
        )

    lengths = [
        len(ids) for extra in passes for ids in pipe.tokenizer([f"{text} {extra}" for text in texts])["input_ids"]
    ]
    return compare(
        ours,
        {f"pipeline bs {size}": theirs(size) for size in BATCH_SIZES},
        texts,
        rounds,
        tolerance=1e-4,
        goals=goals,
        gflop=encoder_gflop(pipe.model, lengths),
        tokens=sum(lengths),
        mfu_goal=mfu_goal,
        note=note,
    )


def classification(
    count: int, rounds: int, *, goals: tuple[float, float], mfu_goal: float = 0.0, **size: int
) -> dict[str, Any]:
    """The score of the best label, by a BERT with random weights."""
    with tempfile.TemporaryDirectory() as folder:
        return against_pipeline(
            "text-classification",
            str(tiny_bert(Path(folder), words=COMMON, **size)),
            lognormal_texts(count),
            rounds,
            lambda result: [result.top.score],
            lambda result: [result["score"]],
            goals={"pipeline bs 32": goals[0], "pipeline best": goals[1]},
            ours_options={},
            their_options={},
            mfu_goal=mfu_goal,
        )


def tags(count: int, rounds: int, **size: int) -> dict[str, Any]:
    """Place and score of each token that is not outside, by a BERT with random weights."""
    with tempfile.TemporaryDirectory() as folder:
        return against_pipeline(
            "token-classification",
            str(tiny_bert(Path(folder), words=COMMON, kind=BertForTokenClassification, labels=TAGS, **size)),
            lognormal_texts(count),
            rounds,
            lambda result: [each for span in result.spans for each in (span.start, span.end, span.score)],
            lambda result: [each for span in result for each in (span["start"], span["end"], span["score"])],
            goals={"pipeline bs 32": 4, "pipeline best": 1.4},
            ours_options={"aggregate": False},
            their_options={},
        )


def masks(count: int, rounds: int, **size: int) -> dict[str, Any]:
    """Scores of the five likeliest tokens of a mask, by a BERT with random weights."""
    texts = [f"[MASK] {text}" for text in lognormal_texts(count)]
    with tempfile.TemporaryDirectory() as folder:
        return against_pipeline(
            "fill-mask",
            str(tiny_bert(Path(folder), words=["[MASK]", *COMMON], kind=BertForMaskedLM, **size)),
            texts,
            rounds,
            lambda result: [token.score for token in result.masks[0].fillings],
            lambda result: [token["score"] for token in result],
            goals={"pipeline bs 32": 5, "pipeline best": 1.5},
            ours_options={},
            their_options={},
        )


def pairs(count: int, rounds: int, **size: int) -> dict[str, Any]:
    """The score of the best label of two texts, by a BERT with random weights."""
    texts = lognormal_texts(2 * count)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = str(tiny_bert(Path(folder), words=COMMON, **size))
        runner = duomo.load("text-pair-classification", f"dir:{checkpoint}", device="cpu")
        pipe = pipeline("text-classification", model=checkpoint, device="cpu")
        both = dict(zip(texts[:count], texts[count:], strict=True))

        def ours(texts: Sequence[str]) -> np.ndarray[Any, Any]:
            found = runner.map([(text, both[text]) for text in texts])
            return np.array([outcome.unwrap().top.score for outcome in found])

        def theirs(size: int) -> Case:
            return lambda texts: np.array(
                [each["score"] for each in pipe([{"text": t, "text_pair": both[t]} for t in texts], batch_size=size)]
            )

        lengths = [len(pipe.tokenizer(text, both[text])["input_ids"]) for text in texts[:count]]
        return compare(
            ours,
            {f"pipeline bs {size}": theirs(size) for size in BATCH_SIZES},
            texts[:count],
            rounds,
            tolerance=1e-4,
            goals={"pipeline bs 32": 5, "pipeline best": 1.5},
            gflop=encoder_gflop(pipe.model, lengths),
            tokens=sum(lengths),
            note="the sum of two lengths is less spread than one, so that the pipeline pads less",
        )


def zero_shot(count: int, rounds: int, **size: int) -> dict[str, Any]:
    """Scores of 20 labels by entailment, by a BERT with random weights: 20 pairs a text."""
    labels = ("contradiction", "neutral", "entailment")
    template = "This example is {}."
    with tempfile.TemporaryDirectory() as folder:
        words = [*COMMON, "example", "."]
        return against_pipeline(
            "zero-shot-classification",
            str(tiny_bert(Path(folder), words=words, kind=BertForSequenceClassification, labels=labels, **size)),
            lognormal_texts(count),
            rounds,
            lambda result: [label.score for label in sorted(result.labels, key=lambda label: label.name)],
            lambda result: [score for _, score in sorted(zip(result["labels"], result["scores"], strict=True))],
            goals={"pipeline bs 32": 4, "pipeline best": 1.4},
            note="the 20 pairs of a text are of nearly one length, so that the pipeline pads little here",
            ours_options={"labels": list(TOPICS), "template": template},
            their_options={"candidate_labels": list(TOPICS), "hypothesis_template": template},
            passes=[f"{template.replace('{}', topic)} [SEP]" for topic in TOPICS],
        )


def cached_labels(count: int, rounds: int) -> dict[str, Any]:
    """20 labels by cosine: their vectors are kept, against reading them again with each text by the same model."""
    texts = lognormal_texts(count)
    runner = duomo.load("zero-shot-classification", "nlp/minilm", device="cpu")
    folder = str(runner.executor.worker.model.network.name_or_path)  # type: ignore[attr-defined]
    pipe = pipeline("feature-extraction", model=folder, device="cpu")

    def ours(texts: Sequence[str]) -> np.ndarray[Any, Any]:
        results = [outcome.unwrap() for outcome in runner.map(texts, labels=list(TOPICS))]
        return np.array([[x.score for x in sorted(r.labels, key=lambda x: TOPICS.index(x.name))] for r in results])

    def vectors(texts: list[str], size: int) -> np.ndarray[Any, Any]:
        lengths = [len(ids) for ids in pipe.tokenizer(texts)["input_ids"]]
        hidden = pipe(texts, batch_size=size, return_tensors=True)
        found = np.stack([h[0, :n].mean(0).numpy() for h, n in zip(hidden, lengths, strict=True)])
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def theirs(size: int) -> Case:
        def case(texts: Sequence[str]) -> np.ndarray[Any, Any]:
            rows = []
            for text in texts:
                text_vector, *labels = vectors([text, *TOPICS], size)
                scores = np.exp(np.array(labels) @ text_vector / TEMPERATURE)
                rows.append(scores / scores.sum())
            return np.array(rows)

        return case

    lengths = [len(ids) for ids in pipe.tokenizer(texts)["input_ids"]]
    return compare(
        ours,
        {f"pipeline of embeddings, labels with each text, bs {size}": theirs(size) for size in (1, 32)},
        texts,
        rounds,
        tolerance=1e-5,
        goals={"pipeline best": 10},
        gflop=encoder_gflop(pipe.model, lengths),
        tokens=sum(lengths),
        note="a label has 3 tokens and a text 49 on average: 20 labels cost little more than a text",
    )


def resident_mib() -> float:
    """Memory this process holds now; 0 where the system does not say."""
    path = Path("/proc/self/statm")
    return (
        int(path.read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if path.exists() else 0.0
    )


def many_short_texts(count: int) -> dict[str, Any]:
    """What `map` itself costs: a model that does next to nothing, texts from a generator, results thrown away."""
    runner = duomo.load("text-classification", catalog=fake_catalog())
    for _ in runner.map(f"text {i}" for i in range(2000)):
        pass
    memory = {}
    start = time.process_time()
    for outcome in runner.map((f"text {i}" for i in range(count)), batch_size=32):
        if outcome.index in (count // 10, count - 1):
            memory[outcome.index] = round(resident_mib(), 1)
    seconds = time.process_time() - start
    return {
        "items": count,
        "targets": {
            "µs an item": target(round(seconds / count * 1e6, 1), at_most=20),
            "MiB gained after the first tenth": target(round(memory[count - 1] - memory[count // 10], 1), at_most=16),
        },
        "mib_at_the_end": memory[count - 1],
    }


def main() -> None:
    """Measure all rows."""
    args = arguments(__doc__ or "", rounds=5)
    torch.set_num_threads(1)
    rounds = args.rounds
    report(
        "text",
        {
            "embeddings, MiniLM": embeddings(96, rounds),
            "text classification, BERT-base size": classification(32, rounds, goals=(5, 1.5), mfu_goal=0.95, **BASE),
            "text classification, tiny model": classification(512, rounds, goals=(6, 3.5), **TINY),
            "token classification, MiniLM size": tags(96, rounds, **SMALL),
            "fill-mask, MiniLM size": masks(96, rounds, **SMALL),
            "text pairs, MiniLM size": pairs(48, rounds, **SMALL),
            "zero-shot, 20 labels by entailment, MiniLM size": zero_shot(5, rounds, **SMALL),
            "zero-shot, 20 labels by cosine, MiniLM": cached_labels(24, rounds),
            "short texts through map, fake model": many_short_texts(1_000_000),
        },
        args.out,
    )


if __name__ == "__main__":
    main()
