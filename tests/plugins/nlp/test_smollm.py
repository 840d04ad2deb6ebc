"""SmolLM2: read from GGUF once, kept in the cache, and able to answer."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGUFReader
from transformers import AutoTokenizer

import duomo
from duomo.errors import InputTooLong, Unavailable
from duomo.weights import find_package_file
from duomo_nlp.models import smollm as module
from duomo_nlp.plugin import SMOLLM2

pytestmark = pytest.mark.embedded
CAPITAL = "What is the capital of France? Answer in one sentence."


def test_it_knows_the_capital_of_france(smollm: duomo.Runner[Any]) -> None:
    result = smollm(CAPITAL, max_new_tokens=30)
    assert "Paris" in result.text
    assert result.finish_reason == "stop"
    assert 30 < result.num_prompt_tokens < 60
    assert result.num_new_tokens <= 30


def test_a_batch_gives_what_one_by_one_gives_and_a_stream_the_same_text(smollm: duomo.Runner[Any]) -> None:
    prompts = [CAPITAL, [{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "Hi!"}]]
    together = [outcome.unwrap() for outcome in smollm.map(prompts, batch_size=2, max_new_tokens=12)]
    assert together == [smollm(prompt, max_new_tokens=12) for prompt in prompts]
    chunks = list(smollm.stream(CAPITAL, max_new_tokens=12))
    assert "".join(chunk.text for chunk in chunks) == together[0].text
    assert len(chunks) > 3


def test_it_stops_at_a_stop_text(smollm: duomo.Runner[Any]) -> None:
    result = smollm(CAPITAL, max_new_tokens=30, stop=["France"])
    assert result.text.endswith("of ")
    assert result.finish_reason == "stop"


def test_a_prompt_beyond_8192_tokens_is_refused(smollm: duomo.Runner[Any]) -> None:
    with pytest.raises(InputTooLong, match="tokens and the model reads 8,192"):
        smollm("word " * 9000)


@pytest.fixture(scope="module")
def gguf() -> Path:
    file = find_package_file(SMOLLM2.weights)
    assert file is not None
    return file


def test_the_tokenizer_is_the_one_that_transformers_reads_from_the_same_file(gguf: Path) -> None:
    theirs = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    ours = module.read_tokenizer(GGUFReader(gguf))
    for text in (
        "Hello world 2024!",
        "  two  spaces\n\tand a tab",
        "🎉 日本語 3.14159",
        "<|im_start|>user\nhi<|im_end|>",
    ):
        assert ours(text).input_ids == theirs(text).input_ids
        assert ours.decode(ours(text).input_ids) == text
    chat = [{"role": "user", "content": "hi"}]
    assert ours.apply_chat_template(chat, tokenize=False) == theirs.apply_chat_template(chat, tokenize=False)


def test_the_second_load_reads_the_cache(smollm: duomo.Runner[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("converted twice")

    monkeypatch.setattr(module, "_convert", refuse)  # the step that kept weights save
    again = duomo.load("text-generation", "nlp/smollm2-135m", device="cpu")
    kept = Path(os.environ["DUOMO_CACHE"]) / "nlp"
    [folder] = [path for path in kept.iterdir() if SMOLLM2.sha256[:16] in path.name]
    assert sorted(path.suffix for path in folder.iterdir() if path.suffix == ".safetensors") == [".safetensors"]
    assert again(CAPITAL, max_new_tokens=3) == smollm(CAPITAL, max_new_tokens=3)


def test_a_conversion_that_dies_leaves_nothing_to_be_mistaken_for_a_model(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying:
        def save_pretrained(self, folder: Path) -> None:
            folder.mkdir()
            (folder / "model.safetensors").write_bytes(b"half")
            raise KeyboardInterrupt

    monkeypatch.setenv("DUOMO_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "GGUFReader", lambda _: None)
    monkeypatch.setattr(module, "read_network", lambda _: Dying())
    with pytest.raises(KeyboardInterrupt):
        module._convert(gguf, tmp_path / "nlp" / "model")  # what `load` does once for each file
    assert list((tmp_path / "nlp").iterdir()) == []


def test_two_conversions_at_once_end_in_one_folder(gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def save_pretrained(self, folder: Path) -> None:
            folder.mkdir(exist_ok=True)
            other = tmp_path / "nlp" / "model"
            other.mkdir(exist_ok=True)
            (other / "model.safetensors").write_bytes(b"the other's")

    monkeypatch.setattr(module, "GGUFReader", lambda _: None)
    monkeypatch.setattr(module, "read_network", lambda _: Slow())
    monkeypatch.setattr(module, "read_tokenizer", lambda _: Slow())
    module._convert(gguf, tmp_path / "nlp" / "model")  # what `load` does once for each file
    assert [path.name for path in (tmp_path / "nlp").iterdir()] == ["model"]
    assert (tmp_path / "nlp" / "model" / "model.safetensors").read_bytes() == b"the other's"


def test_rotary_rows_are_reordered_as_transformers_reads_them() -> None:
    """Two heads of four rows: pairs (0, 1), (2, 3) become the halves (0, 2) and (1, 3)."""
    rows = torch.arange(8)[:, None]
    assert module._halves(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]  # the order of rows by itself


def test_a_cache_that_cannot_be_written_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("DUOMO_CACHE", str(tmp_path / "file"))
    with pytest.raises(Unavailable, match="cannot be unpacked") as caught:
        duomo.load("text-generation", "nlp/smollm2-135m", device="cpu")
    assert "DUOMO_CACHE" in caught.value.fix
