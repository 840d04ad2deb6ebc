"""Each option of a text task against transformers' pipeline, over mixed texts, alone and in a batch."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as tf

import duomo

Make = Callable[..., Path]
KINDS = ["bert", "roberta", "distilbert", "electra", "modernbert", "deberta-v2", "mpnet", "gpt2", "llama"]
TEXTS = [
    "the cat sat on the mat.",
    "Ada met Bob in Paris",
    "a",
    "東京 to 大阪, 123 🙂 the end",
    "one two\nthree  four",
    "the cat ran to London and Paris, one two three four five six. the dog sat!",
]


def both(runner: duomo.Runner[Any], items: list[Any], **options: Any) -> list[tuple[Any, Any]]:
    """Each result in a batch and alone."""
    outcomes = list(runner.map(items, batch_size=len(items), **options))
    return [(outcome.unwrap(), runner(item, **options)) for outcome, item in zip(outcomes, items, strict=True)]


def pad_known(folder: Path) -> Path:
    """A decoder's configuration names no pad token; the pipeline needs one where it pads."""
    config = tf.AutoConfig.from_pretrained(folder)
    if config.pad_token_id is None:
        config.pad_token_id = 1
        config.save_pretrained(folder)
    return folder


def seen(text: str, spans: list[Any]) -> list[Any]:
    """Without the white space around each and without those that are nothing else, as ours are."""
    found = []
    for span in spans:
        piece = text[span["start"] : span["end"]]
        if piece.strip():
            start = span["start"] + len(piece) - len(piece.lstrip())
            found.append(span | {"start": start, "end": start + len(piece.strip())})
    return found


CLASSIFIERS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"num_labels": 5}, {}, {"top_k": None}),
    ({"num_labels": 5}, {"top_k": 2}, {"top_k": 2}),
    ({"num_labels": 5}, {"multi_label": True}, {"top_k": None, "function_to_apply": "sigmoid"}),
    ({"num_labels": 5, "problem_type": "multi_label_classification"}, {}, {"top_k": None}),
    ({"num_labels": 1}, {}, {"top_k": None}),
]


@pytest.mark.equals("the pipeline, scores to 1e-5", "text-classification")
@pytest.mark.parametrize(("config", "ours", "theirs"), CLASSIFIERS)
@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_texts(checkpoint: Make, kind: str, config: Any, ours: Any, theirs: Any) -> None:
    folder = pad_known(checkpoint(kind, tf.AutoModelForSequenceClassification, **config))
    runner = duomo.load("text-classification", f"dir:{folder}", device="cpu")
    bare = tf.pipeline("text-classification", str(folder), device="cpu")
    for text, results in zip(TEXTS, both(runner, TEXTS, **ours), strict=True):
        expected = bare(text, **theirs)
        for result in results:
            assert [label.name for label in result.labels] == [each["label"] for each in expected]
            assert [label.score for label in result.labels] == pytest.approx(
                [each["score"] for each in expected], abs=1e-5
            )


@pytest.mark.parametrize("kind", KINDS[:7])
def test_tags_of_tokens(checkpoint: Make, kind: str) -> None:
    names = {"id2label": dict(enumerate(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]))}
    folder = checkpoint(kind, tf.AutoModelForTokenClassification, **names)
    runner = duomo.load("token-classification", f"dir:{folder}", device="cpu")
    bare = tf.pipeline("token-classification", str(folder), device="cpu")
    for text, results in zip(TEXTS, both(runner, TEXTS, aggregate=False), strict=True):
        expected = seen(text, bare(text, aggregation_strategy="none"))
        for result in results:
            found = [(span.label, span.start, span.end) for span in result.spans]
            assert found == [(e["entity"], e["start"], e["end"]) for e in expected]
            assert [span.score for span in result.spans] == pytest.approx([e["score"] for e in expected], abs=1e-5)


@pytest.mark.equals("the pipeline, the same spans, scores to 1e-5", "token-classification")
@pytest.mark.parametrize("kind", KINDS[:7])
def test_names_of_joined_tokens(checkpoint: Make, kind: str) -> None:
    names = {"id2label": dict(enumerate(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]))}
    folder = checkpoint(kind, tf.AutoModelForTokenClassification, **names)
    runner = duomo.load("token-classification", f"dir:{folder}", device="cpu")
    bare = tf.pipeline("token-classification", str(folder), device="cpu")
    # Of byte pairs the pipeline guesses words by their spaces, and takes a full stop into the last one.
    texts = [text for text in TEXTS if kind not in ("roberta", "mpnet") or text.replace(" ", "").isalnum()]
    assert texts
    for text, results in zip(texts, both(runner, texts), strict=True):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Tokenizer does not support real words")
            expected = seen(text, bare(text, aggregation_strategy="first"))
        for result in results:
            found = [(span.label, span.start, span.end) for span in result.spans]
            assert found == [(e["entity_group"], e["start"], e["end"]) for e in expected]
            assert [span.score for span in result.spans] == pytest.approx([e["score"] for e in expected], abs=1e-5)


@pytest.mark.equals("the pipeline, scores to 1e-5", "zero-shot-classification")
@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("template", ["{}", "it is about {}."])
@pytest.mark.parametrize("kind", KINDS)
def test_labels_given_on_the_spot(checkpoint: Make, kind: str, template: str, multi: bool) -> None:
    numbers = {"contradiction": 0, "neutral": 1, "entailment": 2}
    names: Any = {"label2id": numbers, "id2label": {number: name for name, number in numbers.items()}}
    folder = pad_known(checkpoint(kind, tf.AutoModelForSequenceClassification, **names))
    runner = duomo.load("zero-shot-classification", f"dir:{folder}", device="cpu")
    bare = tf.pipeline("zero-shot-classification", str(folder), device="cpu")
    labels = ["cat", "dog", "Paris"]
    hypothesis = "This example is {}." if template == "{}" else template
    for text, results in zip(
        TEXTS, both(runner, TEXTS, labels=labels, template=template, multi_label=multi), strict=True
    ):
        expected = bare(text, labels, hypothesis_template=hypothesis, multi_label=multi)
        for result in results:
            assert [label.name for label in result.labels] == expected["labels"]
            assert [label.score for label in result.labels] == pytest.approx(expected["scores"], abs=1e-5)


@pytest.mark.equals("the states of the pipeline, pooled, to 1e-4", "feature-extraction")
@pytest.mark.parametrize("kind", KINDS[:7])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_vectors_of_texts(checkpoint: Make, kind: str, pooling: str) -> None:
    folder = pad_known(checkpoint(kind, tf.AutoModel))
    runner = duomo.load("feature-extraction", f"dir:{folder}", device="cpu")
    bare = tf.pipeline("feature-extraction", str(folder), device="cpu")
    pool: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "mean": lambda states: states.mean(0), "cls": lambda states: states[0],
        "max": lambda states: states.max(0).values,
    }  # fmt: skip
    for text, results in zip(TEXTS, both(runner, TEXTS, pooling=pooling, normalize=False), strict=True):
        expected = pool[pooling](torch.tensor(bare(text))[0]).tolist()
        for result in results:
            assert list(result.vector) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", ["bert", "roberta", "modernbert", "deberta-v2"])
@pytest.mark.parametrize("targets", [None, ["cat", "dog", "one"]])
def test_fillings_of_masks(checkpoint: Make, kind: str, targets: Any) -> None:
    folder = checkpoint(kind, tf.AutoModelForMaskedLM)
    tokenizer = tf.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"mask_token": "[MASK]" if "[MASK]" in tokenizer.get_vocab() else "<unk>"})
    tokenizer.save_pretrained(folder)
    runner = duomo.load("fill-mask", f"dir:{folder}", device="cpu")
    bare: Any = tf.pipeline("fill-mask", str(folder), device="cpu")
    texts = [f"{text} [MASK]" for text in TEXTS] + ["[MASK] and [MASK]"]
    known = None if targets is None else [word for word in targets if word in tokenizer.get_vocab()]
    for text, results in zip(texts, both(runner, texts, top_k=2, targets=known), strict=True):
        expected = bare(text.replace("[MASK]", tokenizer.mask_token), top_k=2, targets=known)
        expected = [expected] if isinstance(expected[0], dict) else expected
        for result in results:
            for mask, wanted in zip(result.masks, expected, strict=True):
                assert [each.token_str for each in mask.fillings] == [each["token_str"] for each in wanted]
                assert [each.sequence for each in mask.fillings] == [each["sequence"] for each in wanted]
                assert [each.score for each in mask.fillings] == pytest.approx([e["score"] for e in wanted], abs=1e-5)


@pytest.mark.equals("the pipeline, to 1e-5", "text-regression")
@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2"])
def test_numbers_of_texts(checkpoint: Make, kind: str) -> None:
    folder = checkpoint(kind, tf.AutoModelForSequenceClassification, num_labels=1, problem_type="regression")
    runner = duomo.load("text-regression", f"dir:{folder}", device="cpu")
    bare = tf.pipeline("text-classification", str(folder), device="cpu")
    for text, results in zip(TEXTS, both(runner, TEXTS), strict=True):
        [expected] = bare(text, top_k=1)
        for result in results:
            assert result.value == pytest.approx(expected["score"], abs=1e-5)
