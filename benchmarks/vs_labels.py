"""Labels for images and audio clips through duomo and through `transformers.pipeline`: outputs compared, CPU time.

Networks as wide as the usual ones with random weights and few layers, so that a run takes minutes. Images are JPEGs of
four sizes; audio clips have 1 to 9 s. The pipeline is shown one by one and at batch size 8. A figure is void when a
score differs by more than its tolerance.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from checkpoints import tiny_bert
from harness import arguments, contest, interleave, report
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForSequenceClassification,
    pipeline,
)
from vs_vision import photos

import duomo

BATCH_SIZES = (1, 8)
GOALS = {"pipeline best": 1.0}
TOLERANCE = 1e-5
LABELS = ["a", "the of", "to and", "in it is", "on with", "as at by"]
SIZES = ((640, 480), (480, 640), (1280, 720), (500, 375))
LAYERS = 2
TEXT: Any = {"vocab_size": 64, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0, "num_hidden_layers": LAYERS}
CLASSES: Any = {"num_labels": 10, "num_hidden_layers": LAYERS}
Scores = list[dict[str, float]]
Network = tuple[Any, Any]


def clip(vision: dict[str, Any]) -> Network:
    """CLIP with patches of 32 pixels."""
    config: Any = CLIPConfig(text_config=TEXT, vision_config={"patch_size": 32, "num_hidden_layers": LAYERS} | vision)
    return CLIPModel(config), CLIPImageProcessor()


def small_clip() -> Network:
    """As narrow as networks are that take less time than the decoding of their images."""
    return clip({"hidden_size": 64, "intermediate_size": 256, "num_attention_heads": 2})


def base_clip() -> Network:
    """As wide as ViT-B/32."""
    return clip({})


def clap() -> Network:
    """The whole of its usual sound encoder, two layers of its text encoder."""
    text: Any = {"num_hidden_layers": LAYERS}
    network = ClapModel(ClapConfig(text_config=text))
    return network, ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad")


def ast() -> Network:
    """As wide as the usual one."""
    extractor: Any = ASTFeatureExtractor
    return ASTForAudioClassification(ASTConfig(**CLASSES)), extractor()


def wav2vec() -> Network:
    """As wide as the base model."""
    extractor: Any = Wav2Vec2FeatureExtractor
    network = Wav2Vec2ForSequenceClassification(Wav2Vec2Config(**CLASSES))
    return network, extractor(return_attention_mask=False)


def row(
    task: str, build: Callable[[], Network], items: Sequence[Any], given: Sequence[Any], rounds: int
) -> dict[str, Any]:
    """One network on `items`, `given` to duomo in its own way, in turns."""
    is_zero_shot = task.startswith("zero-shot")
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        network, processor = build()
        if is_zero_shot:
            tiny_bert(Path(folder))  # for its tokenizer
        network.eval().save_pretrained(folder)
        processor.save_pretrained(folder)
        runner: Any = duomo.load(task, f"dir:{folder}", device="cpu")
        pipe: Any = pipeline(task, model=folder, device="cpu")  # type: ignore[call-overload]
    own: Any = {"labels": LABELS} if is_zero_shot else {"top_k": 10}
    their: Any = {"candidate_labels": LABELS} if is_zero_shot else {"top_k": 10}

    def ours() -> Scores:
        results = [outcome.unwrap() for outcome in runner.map(given, **own)]
        return [{label.name: label.score for label in result} for result in results]

    def theirs(batch_size: int) -> Callable[[], Scores]:
        return lambda: [
            {each["label"]: each["score"] for each in result}
            for result in pipe(list(items), batch_size=batch_size, **their)
        ]

    cases = {"duomo": ours} | {f"pipeline bs {size}": theirs(size) for size in BATCH_SIZES}
    pairs = zip(ours(), cases["pipeline bs 1"](), strict=True)
    apart = max(abs(a[name] - b[name]) for a, b in pairs for name in b)
    times = interleave(cases, rounds, clock=time.process_time, warm=1)
    found: dict[str, Any] = contest(times, apart <= TOLERANCE, GOALS)
    return found | {"tolerance": TOLERANCE, "largest_difference": apart}


def sounds(rate: int, seconds: Sequence[int]) -> tuple[list[np.ndarray[Any, Any]], list[tuple[Any, int]]]:
    """Noise of these lengths, for the pipeline and for duomo."""
    chance = np.random.default_rng(0)
    waves = [(0.1 * chance.standard_normal(rate * each)).astype(np.float32) for each in seconds]
    return waves, [(wave, rate) for wave in waves]


def main() -> None:
    """Measure all rows."""
    args = arguments(__doc__ or "", rounds=5)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        files = [file for size in SIZES for file in photos(Path(folder), size, 2)]
        images = {
            f"zero-shot, 6 labels, {name}": row("zero-shot-image-classification", build, files, files, args.rounds)
            for name, build in (("small CLIP", small_clip), ("CLIP of 2 layers", base_clip))
        }
    clips = {
        "zero-shot, 6 labels, CLAP": ("zero-shot-audio-classification", clap, *sounds(48_000, (2, 9))),
        "audio classes, AST of 2 layers": ("audio-classification", ast, *sounds(16_000, (2, 9))),
        "audio classes, wav2vec 2.0 of 2 layers": ("audio-classification", wav2vec, *sounds(16_000, (2, 3, 5))),
        "audio classes, wav2vec 2.0, clips of 1 s": ("audio-classification", wav2vec, *sounds(16_000, (1,) * 8)),
    }
    audio = {name: row(*given, args.rounds) for name, given in clips.items()}
    report("labels", {**images, **audio}, args.out)


if __name__ == "__main__":
    main()
