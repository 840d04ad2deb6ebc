"""The fields of forms by LayoutLMv3 and LiLT: seventeen pages, alone and together, beside the bare networks."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import BadOption
from duomo.tasks.vision import Page
from duomo_multimodal.forms import joined, split_tag
from duomo_multimodal.layout import words_of

from . import tiny
from .test_extracting import Reader, page, picture

TASK = "document-parsing"


@pytest.fixture(scope="module", params=[tiny.layout_tagging, tiny.lilt_tagging, tiny.lilt_of_words])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return request.param(tmp_path_factory.mktemp("forms"))


@pytest.fixture(scope="module")
def runner(folder: Path) -> Any:
    runner: Any = duomo.load(TASK, f"dir:{folder}", device="cpu")
    runner.executor.worker.model.reader = Reader()
    return runner


@pytest.mark.embedded  # what reads is loaded, and then pages with known print take its place
@pytest.mark.equals("the bare networks of LayoutLMv3 and LiLT, the same tags", "document-parsing")
def test_fields_of_seventeen_pages(runner: Any, folder: Path) -> None:
    outcomes = list(runner.map([picture(at) for at in range(17)], batch_size=17))
    assert {(outcome.meta.windows or 1) > 1 for outcome in outcomes} == {False, True}
    labels = set()
    for at, outcome in enumerate(outcomes):
        found, alone = outcome.unwrap(), runner(picture(at))
        assert (found.fields, found.finish_reason) == (alone.fields, "stop")
        assert found.score == pytest.approx(alone.score, abs=1e-5)
        words = [word for field in found.fields for word in field.text.split()]
        assert not Counter(words) - Counter(page(at).text.split())
        labels |= {field.path[0] for field in found.fields}
        if (outcome.meta.windows or 1) == 1:
            tagged, score = theirs(folder, at)
            assert [(each.path, each.text) for each in found.fields] == fields(tagged)
            assert found.score == pytest.approx(score, abs=1e-5)
    assert len(labels) > 1
    for name, value in (("prompt", "<s_form>"), ("max_new_tokens", 5)):
        with pytest.raises(BadOption, match=f"'{name}' has no effect"):
            runner(picture(0), **{name: value})


def theirs(folder: Path, at: int) -> tuple[list[tuple[str, str]], float]:
    """The tags of the words that the bare network gives their first tokens, and the mean of their probabilities."""
    words, boxes = words_of(page(at))
    tokenizer: Any = tf.AutoTokenizer.from_pretrained(folder)
    network: Any = tf.AutoModelForTokenClassification.from_pretrained(folder).eval()
    if isinstance(tokenizer, tf.LayoutLMv3Tokenizer):
        tokens = tokenizer(words, boxes=boxes, return_tensors="pt")
    else:
        tokens = tokenizer(words, is_split_into_words=True, return_tensors="pt", return_token_type_ids=False)
        places = [[0] * 4 if word is None else boxes[word] for word in tokens.word_ids(0)]
        tokens["bbox"] = torch.tensor([places])
    pixels = tf.LayoutLMv3ImageProcessor.from_pretrained(folder, apply_ocr=False)(picture(at), return_tensors="pt")
    seen = {"pixel_values": pixels["pixel_values"]} if network.config.model_type == "layoutlmv3" else {}
    with torch.inference_mode():
        chances = network(**tokens, **seen).logits[0].softmax(-1)
    first = [tokens.word_ids(0).index(number) for number in range(len(words))]
    tags = [network.config.id2label[int(chances[place].argmax())] for place in first]
    inside = [float(chances[place].max()) for place, tag in zip(first, tags, strict=True) if tag != "O"]
    return list(zip(words, tags, strict=True)), sum(inside) / max(1, len(inside))


def fields(tagged: list[tuple[str, str]]) -> list[tuple[list[str], str]]:
    """As people read tags: B- begins, I- of the same goes on, and what has neither goes on with its like."""
    runs: list[tuple[str, list[str]]] = []
    before = "O"
    for word, tag in tagged:
        label = tag[2:] if tag[:2] in ("B-", "I-") else tag
        if tag != "O" and label == before and tag[:2] != "B-":
            runs[-1][1].append(word)
        elif tag != "O":
            runs.append((label, [word]))
        before = label
    num = Counter(label for label, _ in runs)
    places: Counter[str] = Counter()
    found = []
    for label, words in runs:
        found.append(([label, str(places[label])] if num[label] > 1 else [label], " ".join(words)))
        places[label] += 1
    return found


@pytest.mark.embedded
def test_a_page_without_print_has_no_fields(runner: Any) -> None:
    class Blank(Reader):
        def map(self, images: list[Any]) -> Any:
            return [each._replace(page=Page(lines=[], width=9, height=9)) for each in super().map(images)]

    model = runner.executor.worker.model
    model.reader = Blank()
    try:
        assert (runner(picture(0)).fields, runner(picture(0)).score) == ([], 0.0)
    finally:
        model.reader = Reader()


def test_words_are_joined_by_their_tags() -> None:
    names = ["O", "B-TOTAL", "I-TOTAL", "E-TOTAL", "S-TOTAL", "E-MAIL", "B-DATE"]
    said = "Total:/B-TOTAL 99/I-TOTAL €/E-TOTAL 7/I-TOTAL to/O a@b.c/E-MAIL d@e.f/E-MAIL 1/S-TOTAL May/B-DATE".split()
    tagged = [(word, *split_tag(tag, names)) for word, _, tag in (each.partition("/") for each in said)]
    assert [(".".join(each.path), each.text) for each in joined(tagged)] == [
        ("TOTAL.0", "Total: 99 €"), ("TOTAL.1", "7"), ("E-MAIL", "a@b.c d@e.f"), ("TOTAL.2", "1"), ("DATE", "May"),
    ]  # fmt: skip
