"""The next turn of a conversation: the tokens of `generate` on the joined turns, and what 128 positions leave out."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, BlenderbotConfig, PreTrainedTokenizerFast

import duomo

from .conftest import byte_level

CHAT = [
    {"role": "user", "content": "the cat sat on the mat."},
    {"role": "assistant", "content": "a dog"},
    {"role": "user", "content": "Ada met Bob"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blenderbot")
    torch.manual_seed(0)
    config = BlenderbotConfig(
        vocab_size=400, d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, init_std=0.3, max_position_embeddings=128,
        bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=0, forced_eos_token_id=2,
    )  # fmt: skip
    AutoModelForSeq2SeqLM.from_config(config).save_pretrained(folder)
    special = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=byte_level(), **special).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def runner(folder: Path) -> Any:
    return duomo.load("dialogue", f"dir:{folder}", device="cpu")


@pytest.mark.equals("`generate`, the same tokens", "dialogue")
def test_replies_are_those_of_generate_alone_and_in_a_batch(folder: Path, runner: Any) -> None:
    network, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    items: list[Any] = ["a dog", CHAT, {"messages": CHAT[:1]}]
    texts = ["a dog", "the cat sat on the mat.</s> <s>a dog</s> <s>Ada met Bob", "the cat sat on the mat."]
    for item, text, outcome in zip(items, texts, runner.map(items, batch_size=3, max_new_tokens=12), strict=True):
        tokens = network.generate(**tokenizer(text, return_tensors="pt"), max_new_tokens=12, num_beams=1)
        expected = tokenizer.decode(tokens[0], skip_special_tokens=True)
        assert outcome.unwrap().generated_text == expected
        assert runner(item, max_new_tokens=12).generated_text == expected


def test_the_first_turns_are_left_out_where_the_positions_end(runner: Any) -> None:
    turns = [{"role": ("user", "assistant")[at % 2], "content": f"one two three {at} " * 4} for at in range(9)]
    [cut] = runner.map([turns], max_new_tokens=8)
    assert cut.meta.truncated
    kept = next(
        turns[at:] for at in range(len(turns)) if runner.map([turns[at:]], max_new_tokens=8, long="error").__next__().ok
    )
    assert len(kept) < len(turns)
    assert cut.unwrap() == runner(kept, max_new_tokens=8)
    [refused] = runner.map([turns], max_new_tokens=8, long="error")
    assert "the model reads 128" in refused.error.what


def test_what_is_no_conversation_is_an_error_of_its_item(runner: Any) -> None:
    items: list[Any] = [
        "the cat sat on the mat " * 60,
        [{"role": "system", "content": "Be kind."}, CHAT[0]],
        CHAT[:2],
        [],
        CHAT,
    ]
    outcomes = list(runner.map(items, max_new_tokens=4))
    assert [outcome.ok for outcome in outcomes] == [False, False, False, False, True]
    assert "this turn has" in outcomes[0].error.what
    assert "turns of user and assistant" in outcomes[1].error.what
