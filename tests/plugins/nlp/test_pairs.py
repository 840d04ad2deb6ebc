"""Two texts judged together, against transformers' pipeline or the bare network; scores agree within 1e-5."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import WrongTask

Make = Callable[..., Path]
PAIRS = [
    ("the cat sat on the mat.", "a dog"),
    ("Ada met Bob in Paris", "the cat ran to London and Paris, one two three"),
    ("one", "two"),
]
LONG = ("the cat sat on the mat " * 30, "a dog")


def scores(result: Any) -> dict[str, float]:
    return {label.name: label.score for label in result.labels}


def bare(folder: Path, auto: Any) -> tuple[Any, Any]:
    return auto.from_pretrained(folder).eval(), tf.AutoTokenizer.from_pretrained(folder)


@pytest.mark.equals("the pipeline, scores to 1e-5", "text-pair-classification")
@pytest.mark.parametrize("kind", ["bert", "roberta", "modernbert", "electra"])
def test_labels_of_pairs_are_those_of_the_pipeline(checkpoint: Make, kind: str) -> None:
    folder = checkpoint(kind, tf.AutoModelForSequenceClassification, num_labels=3)
    runner = duomo.load("text-pair-classification", f"dir:{folder}", device="cpu")
    pipe = tf.pipeline("text-classification", str(folder), device="cpu")
    for pair, outcome in zip(PAIRS, runner.map(PAIRS, batch_size=3), strict=True):
        found = pipe({"text": pair[0], "text_pair": pair[1]}, top_k=3)
        expected = {each["label"]: each["score"] for each in found}
        assert scores(outcome.unwrap()) == pytest.approx(expected, abs=1e-5)
        assert scores(runner({"text": pair[0], "text_pair": pair[1]})) == pytest.approx(expected, abs=1e-5)
    assert len(runner(PAIRS[0], top_k=1).labels) == 1


def test_the_order_of_two_texts_counts(checkpoint: Make) -> None:
    folder = checkpoint("bert", tf.AutoModelForSequenceClassification, num_labels=3)
    runner = duomo.load("text-pair-classification", f"dir:{folder}", device="cpu")
    assert scores(runner(PAIRS[0])) != pytest.approx(scores(runner(PAIRS[0][::-1])), abs=1e-3)


@pytest.mark.equals("the bare network, to 1e-5", "text-pair-regression")
def test_a_number_is_that_of_the_network(checkpoint: Make) -> None:
    folder = checkpoint("bert", tf.AutoModelForSequenceClassification, num_labels=1)
    runner = duomo.load("text-pair-regression", f"dir:{folder}", device="cpu")
    network, tokenizer = bare(folder, tf.AutoModelForSequenceClassification)
    for pair, outcome in zip(PAIRS, runner.map(PAIRS, batch_size=3), strict=True):
        with torch.inference_mode():
            expected = network(**tokenizer(*pair, return_tensors="pt")).logits.item()
        assert outcome.unwrap().value == pytest.approx(expected, abs=1e-5)
        assert runner(pair).value == pytest.approx(expected, abs=1e-5)


def test_a_network_of_several_labels_gives_no_number(checkpoint: Make) -> None:
    folder = checkpoint("bert", tf.AutoModelForSequenceClassification, num_labels=2)
    with pytest.raises(WrongTask, match="text-pair-regression"):
        duomo.load("text-pair-regression", f"dir:{folder}", device="cpu")


@pytest.mark.equals("the bare network, scores to 1e-5", "next-sentence-prediction")
def test_whether_a_text_goes_on_is_that_of_the_network(checkpoint: Make) -> None:
    folder = checkpoint("bert", tf.AutoModelForNextSentencePrediction)
    runner = duomo.load("next-sentence-prediction", f"dir:{folder}", device="cpu")
    network, tokenizer = bare(folder, tf.AutoModelForNextSentencePrediction)
    for pair, outcome in zip(PAIRS, runner.map(PAIRS, batch_size=3), strict=True):
        with torch.inference_mode():
            expected = network(**tokenizer(*pair, return_tensors="pt")).logits.softmax(-1)[0, 0].item()
        for result in (outcome.unwrap(), runner(pair)):
            assert result.score == pytest.approx(expected, abs=1e-5)
            assert result.follows == (expected > 0.5)


QUESTIONS: list[Any] = [
    ("Ada met Bob in", ["Paris", "the cat sat on the mat.", "London"]),
    {"question": "the cat sat on", "choices": ["the mat", "a dog"]},
]


@pytest.mark.equals("the bare network, scores to 1e-5", "multiple-choice")
@pytest.mark.parametrize("kind", ["bert", "roberta", "modernbert"])
def test_the_choice_is_that_of_the_network(checkpoint: Make, kind: str) -> None:
    folder = checkpoint(kind, tf.AutoModelForMultipleChoice)
    runner = duomo.load("multiple-choice", f"dir:{folder}", device="cpu")
    network, tokenizer = bare(folder, tf.AutoModelForMultipleChoice)
    for item, outcome in zip(QUESTIONS, runner.map(QUESTIONS, batch_size=2), strict=True):
        question, choices = item if isinstance(item, tuple) else (item["question"], item["choices"])
        tokens = tokenizer([question] * len(choices), choices, return_tensors="pt", padding=True)
        with torch.inference_mode():
            logits = network(**{name: each[None] for name, each in tokens.items()}).logits[0]
        for result in (outcome.unwrap(), runner(item)):
            assert result.scores == pytest.approx(logits.softmax(-1).tolist(), abs=1e-5)
            assert result.choice == choices[result.index]
            assert result.index == int(logits.argmax())


TASKS: dict[str, Any] = {
    "text-pair-regression": (tf.AutoModelForSequenceClassification, PAIRS[0], LONG),
    "next-sentence-prediction": (tf.AutoModelForNextSentencePrediction, PAIRS[0], LONG),
    "multiple-choice": (tf.AutoModelForMultipleChoice, QUESTIONS[0], (LONG[0], ["a dog", "a cat"])),
}


@pytest.mark.parametrize("task", TASKS)
def test_long_and_malformed_items_are_errors_of_their_own(checkpoint: Make, task: Any) -> None:
    auto, good, long = TASKS[task]
    runner = duomo.load(task, f"dir:{checkpoint('bert', auto, num_labels=1)}", device="cpu")
    outcomes = list(runner.map([long, good, "one text alone", (good[0], ""), (good[0], ["one"])], batch_size=5))
    assert [outcome.ok for outcome in outcomes] == [False, True, False, False, False]
    assert "too long for a model that reads 64 tokens" in outcomes[0].error.what
    [cut] = runner.map([long], long="truncate")
    assert cut.ok
    assert cut.meta.truncated
