"""Loaded as any checkpoint is, every architecture gives without padding what transformers gives of a padded batch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

import duomo
from duomo_nlp.encoders import packed, rows
from duomo_nlp.encoders.rows import pack

Make = Callable[..., Path]
KINDS = [*sorted(packed.PACKABLE), "mpnet", "deberta-v2"]
TEXTS = [
    "the cat sat on the mat and met Bob in London, one two three four five six",
    "a dog",
    "Ada met Bob in Paris",
    "one",
    "the dog",
]


def padded(auto: Any, folder: Path) -> tuple[Any, torch.Tensor]:
    """What transformers gives for all texts in one padded batch, and its mask."""
    batch = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    batch.pop("token_type_ids", None)
    with torch.no_grad():
        return auto.from_pretrained(folder).eval()(**batch), batch["attention_mask"]


def ours(runner: duomo.Runner[Any], kind: str) -> Any:
    """What the model's own forward gives for all texts in one batch."""
    model = runner.executor.worker.model  # type: ignore[attr-defined]
    assert packed.is_enabled(model.network) is (kind in packed.PACKABLE)
    with torch.inference_mode():
        return model.forward(model.collate(model.preprocess(TEXTS, runner.task.Options())))


@pytest.mark.parametrize("kind", KINDS)
def test_vectors(checkpoint: Make, kind: str) -> None:
    folder = checkpoint(kind, AutoModel)
    output, mask = padded(AutoModel, folder)
    hidden, inside = output.last_hidden_state, mask[..., None].bool()
    expected = {
        "mean": hidden.where(inside, 0.0).sum(1) / mask.sum(1, keepdim=True),
        "max": hidden.where(inside, -torch.inf).amax(1),
        "cls": hidden[:, 0],
    }
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    assert packed.is_enabled(runner.executor.worker.model.network) is (kind in packed.PACKABLE)  # type: ignore[attr-defined]
    for pooling, vectors in expected.items():
        together = [outcome.unwrap().vector for outcome in runner.map(TEXTS, pooling=pooling, normalize=False)]  # type: ignore[arg-type]
        torch.testing.assert_close(torch.from_numpy(np.stack(together)), vectors, atol=1e-5, rtol=0)
        alone = [runner(text, pooling=pooling, normalize=False).vector for text in TEXTS]  # type: ignore[arg-type]
        torch.testing.assert_close(torch.from_numpy(np.stack(alone)), vectors, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_logits_of_texts(checkpoint: Make, kind: str) -> None:
    folder = checkpoint(kind, AutoModelForSequenceClassification, num_labels=4)
    runner = duomo.load("text-classification", f"dir:{folder}", device="cpu")
    expected, _ = padded(AutoModelForSequenceClassification, folder)
    torch.testing.assert_close(ours(runner, kind), expected.logits, atol=1e-5, rtol=0)


def test_logits_of_texts_from_the_mean_of_their_tokens(checkpoint: Make) -> None:
    folder = checkpoint("modernbert", AutoModelForSequenceClassification, num_labels=4, classifier_pooling="mean")
    runner = duomo.load("text-classification", f"dir:{folder}", device="cpu")
    expected, _ = padded(AutoModelForSequenceClassification, folder)
    torch.testing.assert_close(ours(runner, "modernbert"), expected.logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_tokens(checkpoint: Make, kind: str) -> None:
    folder = checkpoint(kind, AutoModelForTokenClassification, num_labels=5)
    runner = duomo.load("token-classification", f"dir:{folder}", device="cpu")
    expected, mask = padded(AutoModelForTokenClassification, folder)
    best = expected.logits[mask.bool()].softmax(-1).max(-1)
    scores, labels = ours(runner, kind)
    torch.testing.assert_close(scores, best.values, atol=1e-5, rtol=0)
    assert labels.tolist() == best.indices.tolist()


def test_the_windows_of_a_long_text_run_in_parts(checkpoint: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = duomo.load("feature-extraction", f"dir:{checkpoint('bert', AutoModel)}", device="cpu")
    text = "the cat sat on the mat " * 50
    whole = runner(text, long="window").vector
    monkeypatch.setattr(rows, "TOKENS_A_PASS", 100)
    assert len(pack([[1] * 64, [1] * 30, [1] * 20, [1] * 101])) == 3
    torch.testing.assert_close(torch.tensor(runner(text, long="window").vector), torch.tensor(whole), atol=1e-5, rtol=0)


def test_in_another_runtime_an_encoder_that_packs_runs_group_by_group(checkpoint: Make) -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name)
    folder = checkpoint("bert", AutoModelForSequenceClassification)
    exact = duomo.load("text-classification", f"dir:{folder}", device="cpu")
    fast = duomo.load("text-classification", f"dir:{folder}", device="cpu", optimize="onnx")
    for one, other in zip(exact.map(TEXTS), fast.map(TEXTS), strict=True):
        assert other.unwrap().top.score == pytest.approx(one.unwrap().top.score, abs=1e-5)
        assert other.meta.difference < 1e-4


@pytest.mark.parametrize("kind", ["roberta", "camembert", "xlm-roberta", "xlm", "flaubert"])
def test_a_text_that_spells_the_padding_token_is_read_as_the_reference_reads_it(checkpoint: Make, kind: str) -> None:
    """Its position is that of padding, and the tokens behind it do not count it."""
    folder = checkpoint(kind, AutoModel)
    network, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    pad = tokenizer.pad_token
    texts = ["a dog", f"{pad} the cat {pad}{pad} sat on", f"one two {pad}", "the mat"]
    assert tokenizer(texts[2])["input_ids"].count(tokenizer.pad_token_id) == 1
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    for text, outcome in zip(texts, runner.map(texts, normalize=False), strict=True):
        with torch.no_grad():
            expected = network(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)
        found = torch.from_numpy(outcome.unwrap().vector)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
