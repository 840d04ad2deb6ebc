"""Donut: the answers of transformers' pipeline for pages, in a batch and alone, and what it cannot do."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import BadOption, InputTooLong, WrongTask
from duomo.tasks.multimodal.documents import PageField, ParsedPage
from duomo_multimodal.donut import leaves

from . import tiny

TASK = "document-question-answering"
QUESTIONS = ["which total", "which ball is red", "total"]


@pytest.fixture(scope="module", params=[1, 3], ids=["greedy", "beams"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.donut(tmp_path_factory.mktemp("donut"), num_beams=request.param, max_new_tokens=22)


@pytest.fixture(scope="module")
def runner(folder: Path) -> Any:
    return duomo.load(TASK, f"dir:{folder}", device="cpu")


@pytest.fixture(scope="module")
def pages() -> list[Any]:
    draw = np.random.default_rng(3)
    sizes = ((90, 60), (50, 70), (64, 48), (20, 80), (61, 47), (33, 33))
    return [PIL.Image.fromarray(draw.integers(0, 255, (*size, 3), dtype=np.uint8)) for size in sizes]


@pytest.mark.equals("the pipeline by Donut, the same answers", "document-question-answering")
def test_answers_are_those_of_the_pipeline_in_a_batch_and_alone(runner: Any, folder: Path, pages: list[Any]) -> None:
    pipe: Any = tf.pipeline("document-question-answering", str(folder), device="cpu")
    items = [(question, page) for page in pages for question in QUESTIONS]
    expected = [pipe(image=page, question=question)[0]["answer"] for question, page in items]
    found = [outcome.unwrap() for outcome in runner.map(items, batch_size=6, max_answer_tokens=20)]
    assert [each.top and each.top.text for each in found] == expected
    assert len({*expected}) > 3
    for item, each in zip(items, found, strict=True):
        alone = runner(item, max_answer_tokens=20)
        assert alone.model_dump(exclude={"answers"}) == each.model_dump(exclude={"answers"})
        if each.top:
            assert alone.top.text == each.top.text
            assert alone.top.score == pytest.approx(each.top.score, abs=1e-5)
            assert (each.top.start, each.top.end, each.top.corners) == (None, None, [])


def test_the_score_is_the_probability_of_what_was_written(runner: Any, folder: Path, pages: list[Any]) -> None:
    network: Any = tf.VisionEncoderDecoderModel.from_pretrained(folder)
    prompt = tf.AutoTokenizer.from_pretrained(folder)(
        "<s_docvqa><s_question>which total</s_question><s_answer>", add_special_tokens=False, return_tensors="pt"
    )["input_ids"]
    processor = tf.AutoImageProcessor.from_pretrained(folder)
    answered = 0
    for page in pages:
        pixels = processor(images=[page], return_tensors="pt")["pixel_values"]
        tokens = network.generate(pixel_values=pixels, decoder_input_ids=prompt)
        with torch.no_grad():
            logits = network(pixel_values=pixels, decoder_input_ids=tokens).logits[0]
        logits[:, network.generation_config.suppress_tokens] = -torch.inf
        chances = logits[:-1].log_softmax(-1).gather(1, tokens[0, 1:, None])[prompt.shape[1] - 1 :]
        if (found := runner(("which total", page), max_answer_tokens=20).top) is not None:
            assert found.score == pytest.approx(float(chances.sum().exp()), rel=1e-4)
            answered += 1
    assert answered > 1


def test_an_answer_without_an_end_within_the_bound_is_none(runner: Any, pages: list[Any]) -> None:
    found = [outcome.unwrap() for outcome in runner.map([("total", page) for page in pages], max_answer_tokens=1)]
    assert all(each.top is None or len(each.top.text.split()) <= 2 for each in found)


@pytest.mark.parametrize(("option", "value"), [("top_k", 3), ("may_abstain", True)])
def test_options_without_effect_are_refused(runner: Any, pages: list[Any], option: str, value: object) -> None:
    with pytest.raises(BadOption, match=f"'{option}' has no effect"):
        runner(("total", pages[0]), **{option: value})


def test_a_question_that_leaves_no_room_is_an_error_of_its_item(runner: Any, pages: list[Any]) -> None:
    long, good = runner.map([("total " * 40, pages[0]), ("total", pages[0])], max_answer_tokens=20)
    assert isinstance(long.error, InputTooLong) or "tokens" in long.error.what
    assert good.ok


def test_a_checkpoint_that_is_not_asked_questions_says_so(tmp_path: Path) -> None:
    tiny.donut(tmp_path, marks=("cord",))
    with pytest.raises(WrongTask, match="does not answer questions on pages") as caught:
        duomo.load(TASK, f"dir:{tmp_path}", device="cpu")
    assert "<s_docvqa>" in caught.value.why


@pytest.mark.equals("`generate` and the processor's `token2json`, the same fields", "document-parsing")
def test_fields_are_those_of_the_processor(tmp_path: Path, pages: list[Any]) -> None:
    tiny.donut(tmp_path, marks=("menu", "nm"), begin="<s_cord-v2>")
    network: Any = tf.VisionEncoderDecoderModel.from_pretrained(tmp_path)
    tokenizer: Any = tf.AutoTokenizer.from_pretrained(tmp_path)
    processor: Any = tf.DonutProcessor(tf.AutoImageProcessor.from_pretrained(tmp_path), tokenizer)
    prompt = tokenizer("<s_cord-v2>", add_special_tokens=False, return_tensors="pt")["input_ids"]
    runner: Any = duomo.load("document-parsing", f"dir:{tmp_path}", device="cpu")
    found = [outcome.unwrap() for outcome in runner.map(pages, batch_size=4, max_new_tokens=40)]
    for page, result in zip(pages, found, strict=True):
        pixels = processor.image_processor(images=[page], return_tensors="pt")["pixel_values"]
        tokens = network.generate(pixel_values=pixels, decoder_input_ids=prompt, max_new_tokens=40)[:, 1:]
        text = tokenizer.decode(tokens[0]).replace("[SEP]", "").replace("[PAD]", "")
        assert result.tree == processor.token2json(text.strip())
        assert result.finish_reason == ("stop" if 3 in tokens else "length")
        assert runner(page, max_new_tokens=40).fields == result.fields


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        ("<s_total>1</s_total>", [["total"]]),
        (
            "<s_menu><s_nm>a</s_nm><s_cnt>1</s_cnt><sep/><s_nm>ball</s_nm></s_menu><s_total>2</s_total>",
            [["menu", "0", "nm"], ["menu", "0", "cnt"], ["menu", "1", "nm"], ["total"]],
        ),
        ("<s_nm>a<sep/>b</s_nm>", [["nm", "0"], ["nm", "1"]]),
        ("<s_nm>a</s_nm><sep/><s_nm>b</s_nm>", [["0", "nm"], ["1", "nm"]]),
        ("a ball", [["text_sequence"]]),
    ],
)
def test_fields_go_together_again_as_the_tree_they_are_from(tmp_path: Path, written: str, paths: list[Any]) -> None:
    tiny.donut(tmp_path, marks=("menu", "nm"), begin="<s_cord-v2>")
    processor: Any = tf.DonutProcessor(tf.DonutImageProcessor(), tf.AutoTokenizer.from_pretrained(tmp_path))
    tree = processor.token2json(written)
    fields = [PageField(path=path, text=text) for path, text in leaves(tree)]
    assert [each.path for each in fields] == paths
    assert ParsedPage(fields=fields, score=1.0, finish_reason="stop").tree == tree


def test_a_checkpoint_that_reads_no_fields_and_a_mark_it_does_not_know_are_refused(tmp_path: Path) -> None:
    asked, forms = tmp_path / "asked", tmp_path / "forms"
    tiny.donut(asked)
    tiny.donut(forms, marks=("menu", "nm"), begin="<s_cord-v2>")
    with pytest.raises(WrongTask, match="does not read the fields of pages"):
        duomo.load("document-parsing", f"dir:{asked}", device="cpu")
    with pytest.raises(BadOption) as caught:
        duomo.load("document-parsing", f"dir:{forms}", device="cpu")("x.png", prompt="<s_other>")
    assert "<s_cord-v2>" in caught.value.why
