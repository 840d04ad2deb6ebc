"""Training on a GPU: the weights of a CPU, in bfloat16 near them, and two GPUs as one."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

import duomo

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")]
ROWS = [
    {"text": f"{'It rained, and the river rose. ' * (at % 5)}Number {at} {verb}.", "label": verb}
    for at, verb in enumerate(["rose", "fell"] * 24)
]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "It", "rained", ",", "and", "the", "river", "rose", "fell", ".", "Number"]
SIZES: Any = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
STILL: Any = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
DEVICE = "cuda"


@pytest.fixture(scope="module", autouse=True)
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small BERT without dropout, whose draws are others on each kind of device."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    words = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    special: Any = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(folder)
    config = BertConfig(**SIZES, **STILL, vocab_size=len(WORDS), label2id={"fell": 0, "rose": 1})
    BertForSequenceClassification(config).save_pretrained(folder)
    BASE.append(f"dir:{folder}")
    return BASE[-1]


BASE: list[str] = []


def train(out: Path, device: str = DEVICE, *, train: str | int = "all", **given: Any) -> duomo.Fit:
    places = {name: given.pop(name) for name in ("parallel", "devices", "resume", "on_step") if name in given}
    recipe = duomo.Recipe(batch=16, lr=0.02, max_steps=6, **given)
    return duomo.finetune(
        "text-classification", ROWS, model=BASE[-1], train=train, validation=0.25, device=device, out=out,
        recipe=recipe, **places,
    )  # fmt: skip


def furthest(one: duomo.Fit, other: duomo.Fit) -> float:
    """The largest difference of a weight."""
    first, second = (load_file(Path(each.folder) / "model.safetensors") for each in (one, other))
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


@pytest.mark.parametrize("how", ["all", "head", 1])
def test_it_ends_with_the_weights_of_a_cpu(tmp_path: Path, how: str | int) -> None:
    """AdamW is fused on both. What is frozen does not move, and a trunk that is computed once is the same."""
    here = train(tmp_path / "cpu", "cpu", train=how, optimizer="sgd")
    there = train(tmp_path / "gpu", train=how, optimizer="sgd")
    assert furthest(here, there) < 1e-4
    assert abs(here.metrics["loss"].value - there.metrics["loss"].value) < 1e-3


def test_adamw_learns_as_much_as_on_a_cpu(tmp_path: Path) -> None:
    """It divides gradients by their size: where one is next to nothing, rounding is a step. So losses are compared."""
    here, there = train(tmp_path / "cpu", "cpu"), train(tmp_path / "gpu")
    assert abs(here.metrics["loss"].value - there.metrics["loss"].value) < 5e-3


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_compiled_passes_end_near_the_weights_of_others(tmp_path: Path, precision: Any) -> None:
    """A network of convolutions with batch norms from random numbers: encoders of texts are packed."""
    draw = torch.Generator().manual_seed(0)
    images = [torch.randint(0, 256, (28, 28, 3), generator=draw, dtype=torch.uint8).numpy() for _ in range(48)]
    rows = [{"image": each, "label": "ab"[at % 2]} for at, each in enumerate(images)]
    plain, compiled = (
        duomo.pretrain(
            "image-classification", rows, architecture="cnn", out=tmp_path / str(is_compiled), device=DEVICE,
            recipe=duomo.Recipe(
                epochs=2, batch=16, lr=0.01, optimizer="sgd", precision=precision, compile=is_compiled
            ),
        )
        for is_compiled in (False, True)
    )  # fmt: skip
    assert furthest(plain, compiled) < (1e-4 if precision == "float32" else 0.05)


def test_bfloat16_is_near_and_keeps_weights_in_float32(tmp_path: Path) -> None:
    exact, near = train(tmp_path / "exact"), train(tmp_path / "near", precision="bfloat16")
    kept = load_file(Path(near.folder) / "model.safetensors")
    assert {each.dtype for each in kept.values() if each.is_floating_point()} == {torch.float32}
    assert all(bool(each.isfinite().all()) for each in kept.values())
    assert abs(exact.metrics["loss"].value - near.metrics["loss"].value) < 0.05


def test_a_training_that_was_stopped_goes_on(tmp_path: Path) -> None:
    """Sums of embeddings' gradients are made in any order there: equal to rounding, and not bit for bit."""

    def stop(progress: Any) -> None:
        if progress.step == 3:
            raise KeyboardInterrupt

    whole = train(tmp_path / "whole", optimizer="sgd", checkpoint_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", optimizer="sgd", checkpoint_s=0.0, on_step=stop)
    assert furthest(whole, train(tmp_path / "cut", optimizer="sgd", checkpoint_s=0.0, resume=True)) < 1e-4


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one CUDA device alone")
@pytest.mark.parametrize("parallel", ["dp=2", "tp=2"])
def test_two_gpus_end_with_the_weights_of_one(tmp_path: Path, parallel: str) -> None:
    """Over NCCL."""
    one = train(tmp_path / "one", optimizer="sgd")
    two = train(tmp_path / "two", "cuda:0,cuda:1", parallel=parallel, optimizer="sgd")
    assert furthest(one, two) < 1e-4
