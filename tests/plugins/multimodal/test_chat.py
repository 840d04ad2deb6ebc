"""Chats with images: the tokens of `generate`, alone and in a batch; sampling that a seed repeats; bad chats."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, PreTrainedTokenizerFast
from transformers.models.smolvlm import processing_smolvlm

import duomo
from duomo.errors import BadOption, RequirementMissing, WeightsMismatch, WeightsMissing
from duomo.testing import difference_when_cut
from duomo.testing.samples import pictures
from duomo_multimodal.chat import ImageChatter

from . import tiny, tiny_chat, tiny_more_chat, tiny_other_chat

MAKERS = [tiny.llava, tiny.qwen2_vl, *tiny_chat.CHATTING, *tiny_more_chat.CHATTING, *tiny_other_chat.CHATTING]
NO_TENSOR_PLAN: set[str] = set()
NO_PIPELINE = {
    "gemma3n",
    "gemma4",
    "granite_docling",
    "lfm2_vl",
    "llama4",
    "mllama",
    "qwen3_5",
    "qwen3_5_moe",
    "qwen3_vl",
    "qwen3_vl_moe",
}
"""Their layers take more than what the layer before gives, or are no stack that transformers knows."""
SMALL = [photo[:64, :64].copy() for photo in pictures()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[..., Path]], Path]:
    made: dict[Any, Path] = {}

    def get(make: Callable[..., Path]) -> Path:
        if make not in made:
            made[make] = make(tmp_path_factory.mktemp(make.__name__))
        return made[make]

    return get


@pytest.fixture(scope="module")
def network(folder: Any) -> Callable[[Callable[..., Path]], Any]:
    """The network of a checkpoint, read once; nobody changes it."""
    return functools.cache(lambda make: AutoModelForImageTextToText.from_pretrained(folder(make)).eval())


@pytest.fixture(autouse=True)
def counts_of_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor of SmolVLM wants num2words for videos, and asks for it before any image."""
    monkeypatch.setattr(processing_smolvlm, "num2words", str)


def test_a_processor_that_needs_a_library_says_which(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(tiny_chat.smol_vlm)
    monkeypatch.setattr(processing_smolvlm, "num2words", None)
    with pytest.raises(RequirementMissing, match="needs a library") as caught:
        duomo.load("image-text-to-text", f"dir:{source}", device="cpu")
    assert "pip install num2words" in caught.value.why


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of the processor of GLM-4V, on tensors
@pytest.mark.parametrize("make", MAKERS)
def test_chats_are_answered_alike_over_two_devices(folder: Any, network: Any, make: Callable[..., Path]) -> None:
    """The model of texts is cut inside its layers, or between them; what reads images is on both."""

    def answer(piece: Any) -> torch.Tensor:
        settings: dict[str, Any] = {"max_new_tokens": 3, "min_new_tokens": 3, "do_sample": False}
        written = piece.generate(**inputs.to(piece.dtype), **settings, output_scores=True, return_dict_in_generate=True)
        return torch.cat([torch.stack(written.scores, 1).clamp(-50).flatten(), written.sequences.flatten().float()])

    processor = AutoProcessor.from_pretrained(folder(make))
    parts: list[Any] = [{"type": "image", "image": PIL.Image.fromarray(SMALL[0])}, {"type": "text", "text": "a ball"}]
    inputs: Any = processor.apply_chat_template(
        [{"role": "user", "content": parts}],
        add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt",
    )  # fmt: skip
    config = network(make).config
    plans: Any = {
        "tensor_plan": ImageChatter.tensor_plan(config),
        "pipeline_split": ImageChatter.pipeline_split(config),
    }
    assert (plans["tensor_plan"] is None) is (make.__name__ in NO_TENSOR_PLAN)
    assert (plans["pipeline_split"] is None) is (make.__name__ in NO_PIPELINE)
    tensor, pipeline = plans.values()
    if tensor is not None:
        assert difference_when_cut(lambda: network(make), answer, tensor_plan=tensor, tp=2) < 1e-4
    if pipeline is not None:
        assert difference_when_cut(lambda: network(make), answer, pipeline_split=pipeline, pp=2) < 1e-4


@pytest.mark.equals("`generate`, the same tokens", "image-text-to-text")
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of the processor of GLM-4V, on tensors
@pytest.mark.parametrize("make", MAKERS)
def test_answers_have_the_tokens_of_generate(folder: Any, network: Any, make: Callable[..., Path]) -> None:
    processor = AutoProcessor.from_pretrained(folder(make))
    if make in (
        tiny_chat.qwen3_5,
        tiny_chat.qwen3_5_moe,
    ):  # a class of its own, to which each word of the file is unknown
        processor.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder(make))
    runner = duomo.load("image-text-to-text", f"dir:{folder(make)}", device="cpu")
    wide, tall = (photo[:side, :other].copy() for photo, side, other in zip(SMALL, (32, 64), (64, 40), strict=False))
    items: list[tuple[str, list[Any]]] = [
        ("what is on the ball", SMALL[:1]), ("the sky is red on a", SMALL[1:2]), ("a red face", [wide]),
        ("a red face", [tall]), ("a ball", SMALL[:2]), ("what is red", []),
    ]  # fmt: skip
    texts = set()
    for (text, photos), outcome in zip(items, runner.map(items, batch_size=6, max_new_tokens=6), strict=True):
        parts: list[Any] = [{"type": "image", "image": PIL.Image.fromarray(photo)} for photo in photos]
        chat: Any = [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]
        inputs: Any = processor.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
        with torch.inference_mode():
            tokens = network(make).generate(**inputs.to(network(make).dtype), max_new_tokens=6, do_sample=False)
        expected = processor.tokenizer.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for result in (outcome.unwrap(), runner({"text": text, "image": photos}, max_new_tokens=6)):
            assert result.text == expected.strip()
            assert result.num_prompt_tokens == inputs["input_ids"].shape[1]
            assert 1 <= result.num_new_tokens <= 6
        texts.add(expected)
    assert len(texts) > 1


def test_a_template_that_begins_the_text_itself_has_it_begun_once(folder: Any) -> None:
    runner = duomo.load("image-text-to-text", f"dir:{folder(tiny_chat.gemma3)}", device="cpu")
    assert runner(("a ball", []), max_new_tokens=1).num_prompt_tokens == len("[CLS] ask a ball say".split())


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of its processor, on tensors
def test_a_model_of_prompts_takes_the_text_as_its_prompt(folder: Any) -> None:
    source = folder(tiny_chat.pali_gemma)
    network = AutoModelForImageTextToText.from_pretrained(source).eval()
    processor = AutoProcessor.from_pretrained(source)
    runner = duomo.load("image-text-to-text", f"dir:{source}", device="cpu")
    items: list[Any] = [("the ball", SMALL[:1]), ("the sky is red", SMALL[1:2]), ("a face", SMALL[:2]), ("a", [])]
    *outcomes, bare = runner.map(items, batch_size=4, max_new_tokens=6)
    for (text, photos), outcome in zip(items, outcomes, strict=False):
        images: Any = [[PIL.Image.fromarray(photo) for photo in photos]]
        inputs: Any = processor(text=["<image>" * len(photos) + text], images=images, return_tensors="pt")
        with torch.inference_mode():
            tokens = network.generate(**inputs, max_new_tokens=6, do_sample=False)
        expected = processor.tokenizer.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for result in (outcome.unwrap(), runner({"text": text, "image": photos}, max_new_tokens=6)):
            assert result.text == expected.strip()
    assert "no chat" in bare.error.what


def test_a_reader_of_pages_is_asked_by_its_processor(folder: Any) -> None:
    """Its answer ends with its turn, which its settings do not say."""
    source = folder(tiny_other_chat.got_ocr2)
    network = AutoModelForImageTextToText.from_pretrained(source).eval()
    processor = AutoProcessor.from_pretrained(source)
    runner = duomo.load("image-text-to-text", f"dir:{source}", device="cpu")
    items: list[Any] = [("OCR", SMALL[0]), ("OCR with format", SMALL[1]), ("what is red", SMALL[0]), ("OCR", SMALL[:2])]
    *outcomes, other, two = runner.map(items, batch_size=4, max_new_tokens=6)
    turn = processor.tokenizer.convert_tokens_to_ids("<|im_end|>")
    for (text, photo), outcome in zip(items, outcomes, strict=False):
        inputs: Any = processor(PIL.Image.fromarray(photo), format="format" in text, return_tensors="pt")
        with torch.inference_mode():
            tokens = network.generate(**inputs, max_new_tokens=6, do_sample=False, eos_token_id=[3, turn])
        expected = processor.tokenizer.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for result in (outcome.unwrap(), runner((text, photo), max_new_tokens=6)):
            assert result.text == expected.strip()
            assert result.num_prompt_tokens == inputs["input_ids"].shape[1]
    assert "reads one page" in other.error.what
    assert "2 images" in two.error.why
    with torch.no_grad():  # its turn is what it says first
        network.lm_head.weight[turn] = 2 * network.lm_head.weight[processor.tokenizer.convert_tokens_to_ids("OCR:")]
    network.save_pretrained(source)
    result = duomo.load("image-text-to-text", f"dir:{source}", device="cpu")(items[0])
    assert (result.text, result.finish_reason, result.num_new_tokens) == ("", "stop", 1)


def test_a_chat_may_have_several_turns_several_images_or_none(folder: Any) -> None:
    runner = duomo.load("image-text-to-text", f"dir:{folder(tiny.llava)}", device="cpu")
    turns = [
        {"role": "user", "content": [{"type": "image", "image": SMALL[0]}, {"type": "text", "text": "a ball"}]},
        {"role": "assistant", "content": "red"},
        {"role": "user", "content": "the sky"},
    ]
    several, two, none = runner.map(
        [{"messages": turns}, ("a ball", SMALL[:2]), turns[2:]], batch_size=3, max_new_tokens=2
    )
    assert [each.unwrap().num_prompt_tokens for each in (several, two, none)] == [4 + 9, 8 + 4, 4]


def test_sampling_is_repeated_by_its_seed_in_any_batch(folder: Any) -> None:
    runner = duomo.load("image-text-to-text", f"dir:{folder(tiny.llava)}", device="cpu")
    items = [("what is on the ball", photo) for photo in SMALL]
    options: Any = {"max_new_tokens": 8, "temperature": 3.0}
    together = [outcome.unwrap() for outcome in runner.map(items, batch_size=3, seed=5, **options)]
    assert together == [runner(item, seed=5, **options) for item in items]
    assert together != [runner(item, seed=6, **options) for item in items]
    for temperature in (None, 0.0):
        with pytest.raises(BadOption, match="nothing is drawn"):
            runner(items[0], top_p=0.5, temperature=temperature)
    assert runner(items[0], max_new_tokens=8, temperature=0.0, top_p=1.0) == runner(items[0], max_new_tokens=8)


def test_a_checkpoint_that_samples_does_so_unless_told_otherwise(tmp_path: Path) -> None:
    runner = duomo.load("image-text-to-text", f"dir:{tiny.llava(tmp_path, do_sample=True, temperature=3.0)}")
    item = ("what is on the ball", SMALL[0])
    drawn = {runner(item, max_new_tokens=8, seed=seed).text for seed in range(4)}
    greedy = {runner(item, max_new_tokens=8, seed=seed, temperature=0).text for seed in range(2)}
    assert len(drawn) > 1
    assert len(greedy) == 1


def test_what_a_checkpoint_says_about_writing_holds_or_is_refused_by_name(tmp_path: Path) -> None:
    said: Any = {"max_length": 4 + 4 + 3, "repetition_penalty": 1.8, "num_beams": 2}
    folder = tiny.llava(tmp_path, **said)
    runner = duomo.load("image-text-to-text", f"dir:{folder}", device="cpu")
    result = runner(("a ball", SMALL[0]))
    assert (result.num_prompt_tokens, result.num_new_tokens) == (8, 3)
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"stop_strings": ["red"]}))
    with pytest.raises(WeightsMismatch, match="way of writing"):
        duomo.load("image-text-to-text", f"dir:{folder}", device="cpu")


def test_bad_chats_are_errors_of_their_items(folder: Any) -> None:
    runner = duomo.load("image-text-to-text", f"dir:{folder(tiny.llava)}", device="cpu")
    content: list[Any] = ["", [], [{"type": "audio"}], 3]
    bad: list[Any] = [[{"role": "user", "content": each}] for each in content]
    bad += [[], [{"role": "pirate", "content": "ball"}], "a ball", ("the sky " * 40, SMALL[0]), ("a ball", b"no image")]
    *errors, good = runner.map([*bad, ("a ball", SMALL[0])], max_new_tokens=2)
    assert not any(each.ok for each in errors)
    assert "reads and writes 64" in errors[-2].error.why
    assert good.ok


def test_a_checkpoint_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = tiny.llava(tmp_path)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(WeightsMissing, match="has no chat template"):
        duomo.load("image-text-to-text", f"dir:{folder}", device="cpu")
