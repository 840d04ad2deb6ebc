"""What generation_config.json says holds: the text is that of ``generate`` with the same checkpoint, token by token."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

import duomo
from duomo.errors import BadOption, WeightsMismatch
from duomo.generating import GENERATION

Make = Callable[..., Path]
PROMPTS = [
    "the cat sat on the mat and the cat sat on the mat and",
    "a dog",
    "Ada met Bob in Paris. 東京 🙂",
    "one one one",
]
NEW = 16
# Tokens that a tiny network with random weights likes, so that each setting changes what it writes.
GREEDY: dict[str, dict[str, Any]] = {
    "repetition_penalty": {"repetition_penalty": 1.7},
    "encoder_repetition_penalty": {"encoder_repetition_penalty": 2.5},
    "suppress_tokens": {"suppress_tokens": "liked"},
    "begin_suppress_tokens": {"begin_suppress_tokens": "liked"},
    "bad_words_ids": {"bad_words_ids": "liked pairs"},
    "no_repeat_ngram_size": {"no_repeat_ngram_size": 1},
    "encoder_no_repeat_ngram_size": {"encoder_no_repeat_ngram_size": 1},
    "sequence_bias": {"sequence_bias": "liked"},
    "forced_eos_token_id": {"forced_eos_token_id": 2},
    "forced_bos_token_id": {"forced_bos_token_id": 7},
    "exponential_decay_length_penalty": {"exponential_decay_length_penalty": [3, 2.0]},
    "stop_strings": {"stop_strings": "liked text"},
    "min_new_tokens": {"min_new_tokens": 12, "exponential_decay_length_penalty": [0, 3.0]},
    "min_length": {"min_length": 20, "exponential_decay_length_penalty": [0, 3.0]},
    "max_new_tokens": {"max_new_tokens": 7},
    "max_length": {"max_length": 41},
    "several at once": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 3, "begin_suppress_tokens": "liked"},
}
SAMPLING: dict[str, dict[str, Any]] = {
    "temperature": {"temperature": 0.4},
    "top_k": {"top_k": 3},
    "top_p": {"top_p": 0.5, "top_k": 0},
    "min_p": {"min_p": 0.3},
    "typical_p": {"typical_p": 0.3},
    "epsilon_cutoff": {"epsilon_cutoff": 0.05},
    "eta_cutoff": {"eta_cutoff": 0.1},
    "nothing but that it samples": {},
    "all at once": {"temperature": 1.4, "top_k": 30, "top_p": 0.9, "min_p": 0.02, "repetition_penalty": 1.2},
}


class Checkpoint:
    """One tiny decoder, saved again under each generation config."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.network = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.plain = plain = [self.generate(prompt, {}) for prompt in PROMPTS]
        self.liked = [plain[0][1], plain[1][2], plain[2][0]]
        self.values = {
            "liked": self.liked,
            "liked pairs": [[plain[0][0], plain[0][1]], [plain[1][1]], plain[2][1:3]],
            "liked text": [text for ids in plain if (text := self.tokenizer.decode(ids[4:6]))],
        }

    def settings(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = {
            name: self.values.get(value, value) if isinstance(value, str) else value for name, value in asked.items()
        }
        if "sequence_bias" in asked:
            found["sequence_bias"] = [[[token], -40.0] for token in self.liked]
        return found

    def runner(self, asked: dict[str, Any]) -> duomo.Runner[Any]:
        folder = self.root / f"{len(list(self.root.iterdir()))}"
        folder.mkdir()
        for file in self.folder.iterdir():
            (folder / file.name).symlink_to(file)
        (folder / "generation_config.json").unlink()
        base = json.loads((self.folder / "generation_config.json").read_text())
        (folder / "generation_config.json").write_text(json.dumps(base | self.settings(asked)))
        return duomo.load("text-generation", f"dir:{folder}", device="cpu")

    def generate(self, prompt: str, asked: dict[str, Any], new: int = NEW) -> list[int]:
        """New tokens of one prompt alone; of a sampling config with the seed 7."""
        config = GenerationConfig(**(self.network.generation_config.to_dict() | self.settings(asked)))
        if not {"max_new_tokens", "max_length"} & asked.keys():
            config.max_new_tokens = new
        batch = self.tokenizer(prompt, return_tensors="pt")
        torch.manual_seed(7)
        out = self.network.generate(**batch, generation_config=config, tokenizer=self.tokenizer, pad_token_id=1)
        ids: list[int] = out[0, batch["input_ids"].shape[1] :].tolist()
        return ids


@pytest.fixture(scope="module")
def tiny(checkpoint: Make, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return Checkpoint(checkpoint("mistral", AutoModelForCausalLM), tmp_path_factory.mktemp("settings"))


@pytest.mark.filterwarnings("ignore:Unfeasible length constraints")
@pytest.mark.parametrize("name", GREEDY)
def test_a_setting_holds_as_in_generate_alone_and_in_a_batch(tiny: Checkpoint, name: str) -> None:
    asked = GREEDY[name]
    options: dict[str, Any] = {} if {"max_new_tokens", "max_length"} & asked.keys() else {"max_new_tokens": NEW}
    prompts = [*PROMPTS, "!"] if name == "forced_bos_token_id" else PROMPTS
    expected = [tiny.generate(prompt, asked) for prompt in prompts]
    assert expected[: len(tiny.plain)] != tiny.plain or len(prompts) > len(PROMPTS), "the setting changes something"
    runner = tiny.runner(asked)
    results = [runner(prompt, **options) for prompt in prompts]
    assert [each.num_new_tokens for each in results] == [len(ids) for ids in expected]
    assert [each.text for each in results] == [tiny.tokenizer.decode(ids, skip_special_tokens=True) for ids in expected]
    assert [outcome.unwrap() for outcome in runner.map(prompts, **options)] == results


@pytest.mark.parametrize("name", SAMPLING)
def test_sampling_follows_the_checkpoint_as_generate_does_with_the_same_seed(tiny: Checkpoint, name: str) -> None:
    asked = {"do_sample": True} | SAMPLING[name]
    expected = [tiny.generate(prompt, asked) for prompt in PROMPTS]
    runner = tiny.runner(asked)
    results = [runner(prompt, max_new_tokens=NEW, seed=7) for prompt in PROMPTS]
    assert [each.text for each in results] == [tiny.tokenizer.decode(ids, skip_special_tokens=True) for ids in expected]
    assert [outcome.unwrap() for outcome in runner.map(PROMPTS, max_new_tokens=NEW, seed=7)] == results


def test_the_callers_own_words_come_first(tiny: Checkpoint) -> None:
    runner = tiny.runner({"do_sample": True, "temperature": 3.0, "top_p": 0.9, "max_new_tokens": 5})
    greedy = tiny.tokenizer.decode(tiny.plain[0], skip_special_tokens=True)
    assert runner(PROMPTS[0], temperature=0, max_new_tokens=NEW).text == greedy
    assert runner(PROMPTS[0], temperature=0, top_p=1.0, seed=1, max_new_tokens=NEW).text == greedy
    with pytest.raises(BadOption, match="nothing is drawn"):
        runner(PROMPTS[0], temperature=0, top_p=0.5)
    assert runner(PROMPTS[0], top_p=1e-6).text == tiny.tokenizer.decode(tiny.plain[0][:5], skip_special_tokens=True)


REFUSED: dict[str, Any] = {
    "num_beams": 4,
    "penalty_alpha": 0.6,
    "guidance_scale": 1.5,
    "num_beam_groups": 2,
    "max_time": 2.0,
    "token_healing": True,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_honoured_is_refused_at_load_by_name(tiny: Checkpoint, name: str) -> None:
    with pytest.raises(WeightsMismatch, match="way of writing") as caught:
        tiny.runner({name: REFUSED[name]})
    assert f"{name}={REFUSED[name]}" in caught.value.why
    assert name in caught.value.fix


def test_what_asks_for_nothing_is_no_obstacle(tiny: Checkpoint) -> None:
    plain = {"num_beams": 1, "guidance_scale": 1.0, "num_return_sequences": 1, "use_cache": False, "chat_format": "raw"}
    assert tiny.runner(plain)("a dog", max_new_tokens=4) == tiny.runner({})("a dog", max_new_tokens=4)


def test_every_setting_of_transformers_is_in_the_table() -> None:
    known = {name for name in vars(GenerationConfig()) if not name.startswith("_")}
    assert known <= GENERATION.keys(), "decide what duomo does with it"
    tested = {key for asked in (*GREEDY.values(), *SAMPLING.values(), REFUSED) for key in asked} | {"do_sample"}
    applied = {name for name, entry in GENERATION.items() if entry.how == "applied"}
    elsewhere = {"eos_token_id", "bos_token_id", "remove_invalid_values", "top_h"}
    assert applied <= tested | elsewhere
