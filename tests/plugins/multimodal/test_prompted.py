"""Questions to BLIP-2 and InstructBLIP: the tokens of `generate` and their probability, alone and in a batch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

import duomo
from duomo.errors import WeightsMismatch
from duomo.testing.samples import pictures

from . import tiny_prompted

QUESTIONS = ["what is on the ball", "a red face", "the sky is red"]


@pytest.mark.equals("`generate` of BLIP-2 and InstructBLIP, the same tokens", "visual-question-answering")
@pytest.mark.parametrize("make", [tiny_prompted.blip2, tiny_prompted.blip2_t5, tiny_prompted.instruct_blip])
def test_answers_are_those_that_generate_writes_after_the_prompt(make: Callable[..., Path], tmp_path: Path) -> None:
    folder = make(tmp_path)
    network: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor: Any = AutoProcessor.from_pretrained(folder)
    runner = duomo.load("visual-question-answering", f"dir:{folder}", device="cpu")
    items = [(question, photo) for question in QUESTIONS for photo in pictures()]
    answers = set()
    for (question, photo), outcome in zip(items, runner.map(items, batch_size=9), strict=True):
        prompt = question if make is tiny_prompted.instruct_blip else f"Question: {question} Answer:"
        inputs = processor(images=PIL.Image.fromarray(photo), text=prompt, return_tensors="pt")
        with torch.inference_mode():
            written = network.generate(
                **inputs, max_new_tokens=20, return_dict_in_generate=True, output_scores=True, do_sample=False
            )
        said = written.sequences[0, 1 if make is tiny_prompted.blip2_t5 else inputs["input_ids"].shape[1] :]
        chances = [scores[0].softmax(-1)[token] for scores, token in zip(written.scores, said, strict=True)]
        for result in (outcome.unwrap(), runner((question, photo))):
            [answer] = result.answers
            assert answer.answer == processor.tokenizer.decode(said, skip_special_tokens=True).strip()
            assert answer.score == pytest.approx(float(torch.stack(chances).prod()), rel=1e-4)
        answers.add(answer.answer)
    assert len(answers) > 1


def test_beams_of_the_checkpoint_hold_and_sampling_is_refused(tmp_path: Path) -> None:
    folder = tiny_prompted.blip2(tmp_path, num_beams=3, max_new_tokens=6)
    network: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor: Any = AutoProcessor.from_pretrained(folder)
    result: Any = duomo.load("visual-question-answering", f"dir:{folder}", device="cpu")((QUESTIONS[0], pictures()[0]))
    prompt = f"Question: {QUESTIONS[0]} Answer:"
    inputs = processor(images=PIL.Image.fromarray(pictures()[0]), text=prompt, return_tensors="pt")
    tokens = network.generate(**inputs, max_new_tokens=6, num_beams=3)[0, inputs["input_ids"].shape[1] :]
    assert result.top.answer == processor.tokenizer.decode(tokens, skip_special_tokens=True).strip()
    assert 0 < result.top.score <= 1
    tiny_prompted.blip2(tmp_path, do_sample=True)
    with pytest.raises(WeightsMismatch, match="way of writing"):
        duomo.load("visual-question-answering", f"dir:{folder}", device="cpu")


def test_a_question_that_is_too_long_is_refused_or_cut_with_a_word(tmp_path: Path) -> None:
    folder = tiny_prompted.blip2(tmp_path)
    runner = duomo.load("visual-question-answering", f"dir:{folder}", device="cpu")
    photo, room = pictures()[0], 64 - 3 - 20
    long = ("ball " * (room - 1)).strip()
    refused, good = runner.map([(long, photo), (QUESTIONS[0], photo)], batch_size=2)
    assert f"{room + 1} tokens" in refused.error.what
    assert good.ok
    [cut] = runner.map([(long, photo)], long="truncate")
    assert cut.meta.truncated
    assert cut.unwrap().answers == runner((("ball " * (room - 2)).strip(), photo)).answers
