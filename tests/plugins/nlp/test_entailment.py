"""Zero-shot labels by entailment, against the bare transformers model on each pair."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import duomo
from duomo.errors import BadOption, WrongTask

Make = Callable[..., Path]
NLI: dict[str, Any] = {"id2label": {0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"}}
TEXTS = ["the cat sat on the mat.", "Ada met Bob in Paris and London", "a dog"]
LABELS = ["cat", "Paris", "one two three"]


def bare_logits(folder: Path, text: str, template: str) -> torch.Tensor:
    """Logits of each pair, one by one and unpadded, (labels, 3)."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for label in LABELS:
        pair = tokenizer(text, template.replace("{}", label), return_tensors="pt")
        assert ("token_type_ids" in pair) == (model.config.model_type == "bert")
        with torch.no_grad():
            rows.append(model(**pair).logits[0])
    return torch.stack(rows)


def scores(result: Any) -> torch.Tensor:
    by_name = {label.name: label.score for label in result.labels}
    return torch.tensor([by_name[name] for name in LABELS])


@pytest.fixture(scope="module", params=["bert", "roberta", "distilbert"])
def folder(request: pytest.FixtureRequest, checkpoint: Make) -> Path:
    return checkpoint(request.param, AutoModelForSequenceClassification, **NLI)


def test_scores_are_the_bare_models_entailment(folder: Path) -> None:
    runner = duomo.load("zero-shot-classification", f"dir:{folder}", device="cpu")
    for text, outcome in zip(TEXTS, runner.map(TEXTS, labels=LABELS), strict=True):
        logits = bare_logits(folder, text, "This example is {}.")
        expected = logits[:, 2].softmax(-1)
        torch.testing.assert_close(scores(outcome.unwrap()), expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(scores(runner(text, labels=LABELS)), expected, atol=1e-5, rtol=0)


def test_labels_that_stand_alone_are_set_against_their_contradiction(folder: Path) -> None:
    runner = duomo.load("zero-shot-classification", f"dir:{folder}", device="cpu")
    result = runner(TEXTS[0], labels=LABELS, multi_label=True, template="it is {}")
    expected = bare_logits(folder, TEXTS[0], "it is {}")[:, [0, 2]].softmax(-1)[:, 1]
    torch.testing.assert_close(scores(result), expected, atol=1e-5, rtol=0)
    alone = runner(TEXTS[0], labels=LABELS[:1], template="it is {}")
    assert alone.top.score == pytest.approx(float(expected[0]), abs=1e-5)


def test_the_text_is_cut_into_windows_and_the_label_is_in_each(folder: Path) -> None:
    runner = duomo.load("zero-shot-classification", f"dir:{folder}", device="cpu")
    text = "the cat sat on the mat " * 30
    with pytest.raises(duomo.BadInput, match="tokens and the model reads 64"):
        runner(text, labels=LABELS)
    [whole] = runner.map([text], labels=LABELS, long="window")
    [cut] = runner.map([text], labels=LABELS, long="truncate")
    assert whole.meta.windows > 1
    assert cut.meta.truncated
    assert sum(label.score for label in whole.unwrap().labels) == pytest.approx(1)


def test_a_text_that_is_too_long_is_told_by_the_tokens_of_the_pair(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification, **NLI)
    text = "the cat sat on the mat " * 30
    count = len(AutoTokenizer.from_pretrained(folder)(text, "This example is cat.").input_ids)
    with pytest.raises(duomo.BadInput, match=f"{count} tokens"):
        duomo.run("zero-shot-classification", text, model=f"dir:{folder}", device="cpu", labels=["cat"])


def test_a_classifier_of_other_labels_is_refused(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification, num_labels=3)
    with pytest.raises(WrongTask, match="zero-shot-classification"):
        duomo.load("zero-shot-classification", f"dir:{folder}", device="cpu")


def test_a_decoder_without_a_pad_token_in_its_configuration_reads_pairs_of_one_length(checkpoint: Make) -> None:
    folder = checkpoint("gpt2", AutoModelForSequenceClassification, **NLI)
    runner = duomo.load("zero-shot-classification", f"dir:{folder}", device="cpu")
    result = runner("a dog", labels=["cat", "dog"])
    assert sum(label.score for label in result.labels) == pytest.approx(1.0, abs=1e-5)


def test_a_template_without_a_place_for_the_label_is_refused(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification, **NLI)
    runner = duomo.load("zero-shot-classification", f"dir:{folder}", device="cpu")
    with pytest.raises(BadOption, match="option 'template' cannot be 'about this'"):
        runner("a dog", labels=["cat", "dog"], template="about this")


@pytest.mark.parametrize(
    "options",
    [
        {"labels": ["cat", "one " * 60]},
        {"labels": ["cat"], "template": "a " * 60 + "{}"},
        {"labels": ["cat", "a\ud83d"]},
    ],
)
def test_a_label_that_cannot_be_read_is_one_error_of_the_call(checkpoint: Make, options: dict[str, Any]) -> None:
    names = {0: "contradiction", 1: "neutral", 2: "entailment"}
    folder = checkpoint("bert", AutoModelForSequenceClassification, id2label=names)
    runner = duomo.load("zero-shot-classification", f"dir:{folder}", device="cpu")
    for call in (lambda: runner("the cat", **options), lambda: list(runner.map(["the cat", "a dog"] * 9, **options))):
        with pytest.raises(BadOption, match=r"too long|half a character"):
            call()
