"""Captions with the tokens of `generate`, answers with the scores of bare ViLT (within 1e-5), alone and in a batch."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import (
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    BlipForImageTextRetrieval,
    BlipForQuestionAnswering,
    ViltForQuestionAnswering,
)

import duomo
from duomo.errors import BadInput, BadOption, WeightsMismatch
from duomo.testing import difference_when_cut
from duomo.testing.samples import pictures
from duomo_multimodal.captions import Captioner
from duomo_multimodal.matching import TextMatcher
from duomo_multimodal.prompting import PromptedAnswerer
from duomo_multimodal.vqa import VisualQuestionAnswerer

from . import tiny, tiny_prompted

QUESTIONS = ["what is on the ball", "a red face", "the sky"]


@pytest.mark.equals("`generate`, the same tokens", "image-captioning")
@pytest.mark.parametrize("make", [tiny.blip, tiny.blip2, tiny.git, tiny.vision_encoder_decoder])
@pytest.mark.parametrize("beams", [1, 2])
def test_captions_are_those_of_generate(make: Callable[..., Path], beams: int, tmp_path: Path) -> None:
    folder = make(tmp_path)
    network = AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor, tokenizer = AutoImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    runner = duomo.load("image-captioning", f"dir:{folder}", device="cpu")
    options: dict[str, Any] = {"max_new_tokens": 8, "num_beams": beams}
    texts = set()
    for photo, outcome in zip(pictures(), runner.map(pictures(), batch_size=3, **options), strict=True):
        pixels = processor(images=[PIL.Image.fromarray(photo)], return_tensors="pt")["pixel_values"]
        with torch.inference_mode():
            tokens = network.generate(pixel_values=pixels, **options)
        expected = tokenizer.decode(tokens[0], skip_special_tokens=True).strip()  # type: ignore[union-attr]
        assert outcome.unwrap().generated_text == expected == runner(photo, **options).text
        assert 1 <= outcome.unwrap().num_new_tokens <= 8
        texts.add(expected)
    assert any(texts)


def test_what_a_checkpoint_says_about_writing_holds(tmp_path: Path) -> None:
    said: Any = {"num_beams": 3, "repetition_penalty": 2.5, "max_length": 9}
    folder = tiny.vision_encoder_decoder(tmp_path, **said)
    network = AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor, tokenizer = AutoImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    runner = duomo.load("image-captioning", f"dir:{folder}", device="cpu")
    for photo in pictures():
        pixels = processor(images=[PIL.Image.fromarray(photo)], return_tensors="pt")["pixel_values"]
        tokens = network.generate(pixel_values=pixels)
        assert runner(photo).text == tokenizer.decode(tokens[0], skip_special_tokens=True).strip()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "said",
    [{"do_sample": True}, {"num_return_sequences": 2}, {"stop_strings": ["a"]}, {"encoder_repetition_penalty": 1.5}],
)
def test_a_way_of_writing_that_is_not_here_is_refused_by_name(tmp_path: Path, said: Any) -> None:
    [(name, value)] = said.items()
    folder = tiny.vision_encoder_decoder(tmp_path, **({"num_beams": 2} if "return" in name else {}), **said)
    with pytest.raises(WeightsMismatch, match="way of writing") as caught:
        duomo.load("image-captioning", f"dir:{folder}", device="cpu")
    assert f"{name}={value!r}" in caught.value.why


@pytest.mark.parametrize("make", [tiny.blip, tiny.git, tiny.vision_encoder_decoder, tiny.vit_gpt2])
def test_captions_are_written_alike_over_two_devices(make: Callable[..., Path], tmp_path: Path) -> None:
    def write(network: Any) -> torch.Tensor:
        settings: dict[str, Any] = {"max_new_tokens": 5, "min_new_tokens": 5, "output_scores": True}
        written = network.generate(pixel_values=pixels, **settings, num_beams=2, return_dict_in_generate=True)
        return torch.cat([torch.stack(written.scores, 1).clamp(-50).flatten(), written.sequences.flatten().float()])

    folder, pixels = make(tmp_path), torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    network = AutoModelForImageTextToText.from_pretrained(folder)
    moved = difference_when_cut(
        lambda: AutoModelForImageTextToText.from_pretrained(folder),
        write,
        tensor_plan=Captioner.tensor_plan(network.config),
        tp=2,
    )
    assert moved < 1e-4, "of scores down to -50"


@pytest.mark.parametrize("name", ["vilt", "blip_answering", "blip_matching"])
def test_questions_and_texts_are_judged_alike_over_two_devices(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    # ViLT orders patches by chance, and threads share their chance: here all have the same order.
    monkeypatch.setattr(torch, "multinomial", lambda weights, number, *_: torch.arange(number))
    folder = getattr(tiny, name)(tmp_path)
    classes: dict[str, Any] = {"vilt": ViltForQuestionAnswering, "blip_answering": BlipForQuestionAnswering}
    build = classes.get(name, BlipForImageTextRetrieval).from_pretrained
    inputs: dict[str, Any] = {"input_ids": torch.tensor([[2, 4, 5, 6, 3], [2, 8, 9, 10, 3]])}
    inputs |= {"attention_mask": torch.ones_like(inputs["input_ids"])}
    inputs["pixel_values"] = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))

    def call(network: Any) -> torch.Tensor:
        if name == "vilt":
            return network(**inputs, pixel_mask=torch.ones(2, 32, 32)).logits
        if name == "blip_matching":
            return network(**inputs).itm_score
        written = network.generate(**inputs, max_new_tokens=4, output_scores=True, return_dict_in_generate=True)
        return torch.stack(written.scores, 1).clamp(-50)

    plan = (TextMatcher if name == "blip_matching" else VisualQuestionAnswerer).tensor_plan(build(folder).config)
    assert difference_when_cut(lambda: build(folder), call, tensor_plan=plan, tp=2) < 1e-4, "of logits up to 50"


@pytest.mark.parametrize("make", [tiny_prompted.blip2, tiny_prompted.blip2_t5, tiny_prompted.instruct_blip])
def test_prompts_about_images_are_answered_alike_over_two_devices(make: Any, tmp_path: Path) -> None:
    def build() -> Any:
        return AutoModelForImageTextToText.from_pretrained(folder)

    def call(network: Any) -> torch.Tensor:
        settings: dict[str, Any] = {"max_new_tokens": 4, "min_new_tokens": 4, "do_sample": False}
        written = network.generate(**inputs, **settings, output_scores=True, return_dict_in_generate=True)
        return torch.stack(written.scores, 1).clamp(-50)

    folder = make(tmp_path)
    processor = AutoProcessor.from_pretrained(folder)
    inputs = processor(
        images=[PIL.Image.fromarray(pictures()[0])], text=["Question: a red ball Answer:"], return_tensors="pt"
    )
    plan = PromptedAnswerer.tensor_plan(build().config)
    assert difference_when_cut(build, call, tensor_plan=plan, tp=2) < 1e-4, "of logits up to 50"


@pytest.fixture(scope="module")
def vilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.vilt(tmp_path_factory.mktemp("vilt"))


@pytest.fixture(scope="module")
def answerer(vilt: Path) -> duomo.Runner[Any]:
    return duomo.load("visual-question-answering", f"dir:{vilt}", device="cpu")


@pytest.mark.parametrize("make", [tiny.blip, tiny.vision_encoder_decoder])
def test_no_more_tokens_are_asked_for_than_the_decoder_has_positions(tmp_path: Path, make: Any) -> None:
    make(tmp_path)
    runner = duomo.load("image-captioning", f"dir:{tmp_path}", device="cpu")
    with pytest.raises(BadOption, match="'max_new_tokens' cannot be 1000") as caught:
        runner(pictures()[0], max_new_tokens=1000)
    most = int(re.sub(r"\D", "", caught.value.fix))
    assert runner(pictures()[0], max_new_tokens=most).num_new_tokens <= most


def test_an_image_of_which_resizing_leaves_nothing_is_said_to_be_too_narrow(answerer: duomo.Runner[Any]) -> None:
    with pytest.raises(BadInput, match="too narrow for this model: 200 x 1 pixels"):
        answerer(("a ball", np.zeros((1, 200, 3), np.uint8)))


@pytest.mark.equals("the bare network, scores to 1e-5", "visual-question-answering")
def test_answers_are_those_of_bare_vilt(vilt: Path, answerer: duomo.Runner[Any]) -> None:
    network = ViltForQuestionAnswering.from_pretrained(vilt).eval()
    processor, tokenizer = AutoImageProcessor.from_pretrained(vilt), AutoTokenizer.from_pretrained(vilt)
    items = [(question, photo) for question in QUESTIONS for photo in pictures()]
    for (question, photo), outcome in zip(items, answerer.map(items, batch_size=9), strict=True):
        pixels = processor([PIL.Image.fromarray(photo)], return_tensors="pt")
        inputs = {**tokenizer(question, return_tensors="pt"), **pixels}
        with torch.inference_mode():
            scores = network(**inputs).logits[0].sigmoid().tolist()
        expected = {network.config.id2label[at]: score for at, score in enumerate(scores)}
        for result in (outcome.unwrap(), answerer({"question": question, "image": photo})):
            assert {each.answer: each.score for each in result.answers} == pytest.approx(expected, abs=1e-5)
            assert result.top.score == max(each.score for each in result.answers)
    assert len(answerer(items[0], top_k=2).answers) == 2


def test_bad_questions_and_pictures_are_errors_of_their_items(answerer: duomo.Runner[Any]) -> None:
    photo = pictures()[0]
    items = [(QUESTIONS[0], b"no picture"), (QUESTIONS[0], photo), ("", photo), ("the sky " * 9, photo), photo]
    damaged, good, empty, long, alone = answerer.map(items, batch_size=5)
    assert good.ok
    assert "empty" in empty.error.what
    assert "20 tokens and the model reads 12" in long.error.what
    assert not damaged.ok
    assert not alone.ok
    [cut] = answerer.map([items[3]], long="truncate")
    assert cut.meta.truncated


@pytest.mark.equals("`generate`, the same tokens", "visual-question-answering")
def test_answers_are_those_that_blip_writes(tmp_path: Path) -> None:
    folder = tiny.blip_answering(tmp_path)
    network = BlipForQuestionAnswering.from_pretrained(folder).eval()
    processor, tokenizer = AutoImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    runner = duomo.load("visual-question-answering", f"dir:{folder}", device="cpu")
    items = [(question, photo) for question in [*QUESTIONS, "a face the ball"] for photo in pictures()]
    answers, lengths = set(), set()
    for (question, photo), outcome in zip(items, runner.map(items, batch_size=12), strict=True):
        pixels = processor([PIL.Image.fromarray(photo)], return_tensors="pt")["pixel_values"]
        text = tokenizer(question, return_tensors="pt", return_token_type_ids=False)
        with torch.inference_mode():
            written: Any = network.generate(
                **text, pixel_values=pixels, max_new_tokens=11, return_dict_in_generate=True, output_scores=True
            )
        said = written.sequences[0, 1:]
        chances = [scores[0].softmax(-1)[token] for scores, token in zip(written.scores, said, strict=True)]
        for result in (outcome.unwrap(), runner((question, photo))):
            [answer] = result.answers
            assert answer.answer == tokenizer.decode(said, skip_special_tokens=True).strip()  # type: ignore[union-attr]
            assert answer.score == pytest.approx(float(torch.stack(chances).prod()), rel=1e-4)
        answers.add(answer.answer)
        lengths.add(len(said))
    assert len(answers) > 1
    assert len(lengths) > 1
