"""Text classification by checkpoints of any architecture, against the bare transformers model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import duomo
from duomo.errors import InputTooLong, WrongTask

Make = Callable[..., Path]
TEXTS = ["the cat sat on the mat.", "Ada met Bob in Paris", "a dog", "one two three four five six to the end"]
LONG = "the cat sat on the mat and a dog ran to Paris " * 20


@pytest.fixture(scope="module", params=["bert", "distilbert", "roberta", "gpt2", "llama"])
def folder(request: pytest.FixtureRequest, checkpoint: Make) -> Path:
    more = {"pad_token_id": 1} if request.param == "llama" else {}
    return checkpoint(request.param, AutoModelForSequenceClassification, num_labels=4, **more)


def bare_logits(folder: Path, text: str) -> torch.Tensor:
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        logits: torch.Tensor = model(**tokenizer(text, return_tensors="pt", return_token_type_ids=False)).logits[0]
    return logits


def scores(result: Any) -> torch.Tensor:
    """In the order of the labels' names, LABEL_0 first."""
    return torch.tensor([label.score for label in sorted(result.labels, key=lambda label: label.name)])


def test_scores_are_the_bare_models(folder: Path) -> None:
    runner = duomo.load("text-classification", f"dir:{folder}", device="cpu")
    for text in TEXTS:
        torch.testing.assert_close(scores(runner(text)), bare_logits(folder, text).softmax(-1), atol=1e-5, rtol=0)


def test_a_batch_gives_what_one_by_one_gives(folder: Path) -> None:
    runner = duomo.load("text-classification", f"dir:{folder}", device="cpu")
    together = [outcome.unwrap() for outcome in runner.map(TEXTS, batch_size=4)]
    for text, result in zip(TEXTS, together, strict=True):
        torch.testing.assert_close(scores(result), scores(runner(text)), atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def bert(checkpoint: Make) -> Path:
    return checkpoint("bert", AutoModelForSequenceClassification, num_labels=3)


@pytest.fixture(scope="module")
def runner(bert: Path) -> duomo.Runner[Any]:
    return duomo.load("text-classification", f"dir:{bert}", device="cpu")


def test_a_sigmoid_each_when_asked_or_when_trained_so(bert: Path, checkpoint: Make, runner: duomo.Runner[Any]) -> None:
    expected = bare_logits(bert, TEXTS[0]).sigmoid()
    torch.testing.assert_close(scores(runner(TEXTS[0], multi_label=True)), expected, atol=1e-5, rtol=0)
    trained = checkpoint(
        "bert", AutoModelForSequenceClassification, num_labels=3, problem_type="multi_label_classification"
    )
    result = duomo.run("text-classification", TEXTS[0], model=f"dir:{trained}", device="cpu")
    torch.testing.assert_close(scores(result), bare_logits(trained, TEXTS[0]).sigmoid(), atol=1e-5, rtol=0)


def test_top_k_keeps_the_best(runner: duomo.Runner[Any]) -> None:
    assert runner(TEXTS[0], top_k=2).labels == runner(TEXTS[0]).labels[:2]


def test_a_long_text_is_refused_with_its_tokens_counted_and_costs_no_other_its_result(
    runner: duomo.Runner[Any], bert: Path
) -> None:
    megabyte = "the cat sat on the mat " * 44_000
    count = len(AutoTokenizer.from_pretrained(bert)(megabyte).input_ids)
    outcomes = list(runner.map([TEXTS[0], megabyte, TEXTS[1]], batch_size=3))
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert f"{count:,} tokens and the model reads 64" in outcomes[1].error.what
    with pytest.raises(InputTooLong, match="tokens"):
        runner(megabyte)


def test_truncate_reads_the_beginning_and_says_so(runner: duomo.Runner[Any], bert: Path) -> None:
    outcome, short = runner.map([LONG, TEXTS[0]], long="truncate")
    assert outcome.meta.truncated
    assert not short.meta.truncated
    tokenizer = AutoTokenizer.from_pretrained(bert)
    kept = tokenizer(LONG, truncation=True, max_length=64, return_tensors="pt", return_token_type_ids=False)
    with torch.no_grad():
        logits = AutoModelForSequenceClassification.from_pretrained(bert).eval()(**kept).logits[0]
    torch.testing.assert_close(scores(outcome.unwrap()), logits.softmax(-1), atol=1e-5, rtol=0)


def test_window_takes_the_mean_of_the_windows_and_counts_them(runner: duomo.Runner[Any], bert: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(bert)
    ids = tokenizer(LONG, add_special_tokens=False).input_ids
    model = AutoModelForSequenceClassification.from_pretrained(bert).eval()
    parts = []
    for at in range(0, len(ids), 62):
        row = [tokenizer.cls_token_id, *ids[at : at + 62], tokenizer.sep_token_id]
        with torch.no_grad():
            parts.append(model(input_ids=torch.tensor([row])).logits[0].softmax(-1))
    outcome, short = runner.map([LONG, TEXTS[0]], long="window")
    assert outcome.meta.windows == len(parts)
    assert short.meta.windows == 1
    torch.testing.assert_close(scores(outcome.unwrap()), torch.stack(parts).mean(0), atol=1e-5, rtol=0)


def test_a_regression_checkpoint_is_refused(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification, num_labels=1, problem_type="regression")
    with pytest.raises(WrongTask, match="does not do"):
        duomo.load("text-classification", f"dir:{folder}", device="cpu")
