"""The decoding loop: against ``generate`` of transformers, in batches, in streams, and at its edges."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import duomo
from duomo.errors import BadInput, BadOption, InputTooLong
from duomo_nlp.decoders import kv_cache, loop
from duomo_nlp.decoders.kv_cache import keep
from duomo_nlp.decoders.writing import Writer

Make = Callable[..., Path]
PROMPTS = ["the cat sat on the mat and", "a dog", "Ada met Bob in Paris. 東京 🙂"]
TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system messages here') }}{% endif %}"
    "<s>{{ m.role }}: {{ m.content }}{% endfor %}{% if add_generation_prompt %}<s>{% endif %}"
)


# All that is remembered; a sliding window of it; and, in LFM2, no keys and values but the state of convolutions.
@pytest.fixture(scope="module", params=["gpt2", "llama", "mistral", "lfm2"])
def folder(request: pytest.FixtureRequest, checkpoint: Make) -> Path:
    return checkpoint(request.param, AutoModelForCausalLM)


@pytest.fixture(scope="module")
def runner(folder: Path) -> duomo.Runner[Any]:
    return duomo.load("text-generation", f"dir:{folder}", device="cpu")


@pytest.fixture(scope="module")
def chatty(checkpoint: Make) -> duomo.Runner[Any]:
    folder = checkpoint("llama", AutoModelForCausalLM, chat_template=TEMPLATE)
    return duomo.load("text-generation", f"dir:{folder}", device="cpu")


def tokens_of_generate(folder: Path, prompt: str, count: int) -> list[int]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    batch = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
    out = model.generate(**batch, max_new_tokens=count, do_sample=False, pad_token_id=1)
    ids: list[int] = out[0, batch["input_ids"].shape[1] :].tolist()
    return ids


@pytest.mark.equals("`generate`, the same tokens", "text-generation")
def test_greedy_text_is_that_of_generate(folder: Path, runner: duomo.Runner[Any]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for prompt in PROMPTS:
        expected = tokens_of_generate(folder, prompt, 20)
        result = runner(prompt, max_new_tokens=20)
        assert result.text == tokenizer.decode(expected, skip_special_tokens=True)
        assert result.num_new_tokens == len(expected)
        assert result.num_prompt_tokens == len(tokenizer(prompt).input_ids)
        assert result.finish_reason == ("stop" if expected[-1] == tokenizer.eos_token_id else "length")


def test_a_batch_gives_what_one_by_one_gives(runner: duomo.Runner[Any]) -> None:
    for options in ({}, {"temperature": 1.0, "seed": 7}, {"temperature": 0.7, "top_p": 0.8, "seed": 1}):
        together = [outcome.unwrap() for outcome in runner.map(PROMPTS, batch_size=3, max_new_tokens=20, **options)]  # type: ignore[arg-type]
        assert together == [runner(prompt, max_new_tokens=20, **options) for prompt in PROMPTS]


def test_a_decoder_that_counts_positions_after_its_padding_gives_in_a_batch_what_it_gives_alone(
    checkpoint: Make,
) -> None:
    folder = checkpoint("roberta", AutoModelForCausalLM, is_decoder=True)
    runner = duomo.load("text-generation", f"dir:{folder}", device="cpu")
    together = [outcome.unwrap() for outcome in runner.map(PROMPTS, batch_size=3, max_new_tokens=12)]
    assert together == [runner(prompt, max_new_tokens=12) for prompt in PROMPTS]


def test_rows_that_end_early_leave_the_others_as_they_were(runner: duomo.Runner[Any]) -> None:
    """A stop text taken from one row's own answer ends that row long before the rest."""
    alone = [runner(prompt, max_new_tokens=24) for prompt in PROMPTS]
    middle = alone[0].text[4:7]
    expected = [runner(prompt, max_new_tokens=24, stop=[middle]) for prompt in PROMPTS]
    assert expected[0].num_new_tokens < alone[0].num_new_tokens
    together = runner.map(PROMPTS, batch_size=3, max_new_tokens=24, stop=[middle])
    assert [outcome.unwrap() for outcome in together] == expected


def test_prompts_of_all_lengths_with_budgets_of_their_own_give_what_one_by_one_gives(
    runner: duomo.Runner[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kv_cache, "ROOM", 3)
    items: list[dict[str, Any]] = [
        {"text": "the cat " * (1 + at * 5 % 7), "max_new_tokens": 1 + at * 7 % 11} for at in range(9)
    ]
    together = [outcome.unwrap() for outcome in runner.map(items, batch_size=9, max_new_tokens=8)]
    assert together == [runner(item, max_new_tokens=8) for item in items]
    assert max(each.num_new_tokens for each in together) == 8
    for item, each in zip(items, together, strict=True):
        assert each.num_new_tokens <= min(8, item["max_new_tokens"])
        assert each.finish_reason == "stop" or each.num_new_tokens == min(8, item["max_new_tokens"])


@pytest.mark.parametrize("room", [8192, 40])
def test_prompts_that_wait_come_in_where_others_have_ended(
    runner: duomo.Runner[Any], monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    for name, value in {"AT_ONCE": 4, "GROUP": 2, "TOKENS_AT_ONCE": room}.items():
        monkeypatch.setattr(loop, name, value)
    items: list[dict[str, Any]] = [
        {"text": "the cat " * (1 + at * 5 % 7), "max_new_tokens": 2 + at * 7 % 11} for at in range(11)
    ]
    expected = [runner(item, max_new_tokens=12) for item in items]
    reader = runner.executor.worker.model.reader  # type: ignore[attr-defined]
    sizes: list[tuple[int, int]] = []
    read = reader.read
    monkeypatch.setattr(reader, "read", lambda ids, *rest: (sizes.append(tuple(ids.shape)), read(ids, *rest))[1])
    assert [outcome.unwrap() for outcome in runner.map(items, max_new_tokens=12)] == expected
    steps = [rows for rows, new in sizes if new == 1]
    assert max(steps) <= 4
    written = sum(each.num_new_tokens - 1 for each in expected)
    assert sum(steps) == written, "no row is computed after its end"
    if reader.joins and room == 8192:
        assert len(steps) < 2 * written / 4, "places do not stay empty until the last of a batch has ended"


def test_prompts_of_unlike_lengths_are_not_padded_to_the_longest(checkpoint: Make) -> None:
    folder = checkpoint("llama", AutoModelForCausalLM)
    model = duomo.load("text-generation", f"dir:{folder}", device="cpu").executor.worker.model  # type: ignore[attr-defined]
    features = [{"ids": [5] * length, "budget": 8, "options": None} for length in (60, 3, 62, 4, 5, 61)]
    batch = model.collate(features)
    assert [tuple(group.ids.shape) for group in batch.groups] == [(3, 5), (3, 62)]
    assert batch.order == [1, 3, 4, 0, 5, 2]


def test_the_last_rows_take_the_places_of_those_that_ended() -> None:
    assert keep([True, False, True, True]) == [0, 3, 2]
    assert keep([False, True, False, True, True]) == [3, 1, 4]
    assert keep([True, True]) == [0, 1]
    assert keep([False, False]) == []


def test_a_stream_joined_is_the_text(runner: duomo.Runner[Any]) -> None:
    for options in ({}, {"temperature": 1.5, "seed": 3}, {"stop": [runner(PROMPTS[0]).text[6:8]]}):
        for prompt in PROMPTS:
            chunks = list(runner.stream(prompt, max_new_tokens=40, **options))
            whole = runner(prompt, max_new_tokens=40, **options)
            assert "".join(chunk.text for chunk in chunks) == whole.text
            assert [chunk.finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + [whole.finish_reason]


def test_a_seed_repeats_and_another_differs(runner: duomo.Runner[Any]) -> None:
    one, again, other = (runner(PROMPTS[0], temperature=1.0, seed=seed, max_new_tokens=30).text for seed in (1, 1, 2))
    assert one == again != other


@pytest.mark.parametrize("temperature", [None, 0.0])
def test_a_choice_among_tokens_where_nothing_is_drawn_is_refused(
    runner: duomo.Runner[Any], temperature: float | None
) -> None:
    with pytest.raises(BadOption, match="nothing is drawn"):
        runner(PROMPTS[0], top_p=0.5, temperature=temperature)


def test_a_tiny_nucleus_is_greedy(runner: duomo.Runner[Any]) -> None:
    sampled = runner(PROMPTS[0], temperature=1.0, top_p=1e-6, max_new_tokens=20)
    assert sampled == runner(PROMPTS[0], max_new_tokens=20)


def test_generation_ends_where_the_context_ends(runner: duomo.Runner[Any]) -> None:
    context = runner.executor.worker.model.context  # type: ignore[attr-defined]
    result = runner("a " * (context - 20), max_new_tokens=1000, stop=[])
    assert result.num_prompt_tokens + result.num_new_tokens <= context
    if result.finish_reason == "length":
        assert result.num_prompt_tokens + result.num_new_tokens == context


def test_a_prompt_beyond_the_context_is_refused_or_loses_its_beginning(runner: duomo.Runner[Any]) -> None:
    context = runner.executor.worker.model.context  # type: ignore[attr-defined]
    megabyte = "the cat sat on the mat " * 44_000
    with pytest.raises(InputTooLong, match=rf"\d\d\d,\d\d\d tokens and the model reads {context}"):
        runner(megabyte)
    [outcome] = runner.map([megabyte], long="truncate", max_new_tokens=10)
    assert outcome.meta.truncated
    assert outcome.unwrap().num_prompt_tokens == context - 10


def test_messages_go_through_the_chat_template(chatty: duomo.Runner[Any]) -> None:
    as_chat = chatty([{"role": "user", "content": "the cat"}], max_new_tokens=8)
    assert chatty("the cat", max_new_tokens=8) == as_chat
    assert chatty("<s>user: the cat<s>", chat=False, max_new_tokens=8) == as_chat
    assert chatty("the cat", chat=False, max_new_tokens=8).num_prompt_tokens < as_chat.num_prompt_tokens


def test_messages_that_the_template_refuses_are_bad_input(chatty: duomo.Runner[Any]) -> None:
    with pytest.raises(BadInput, match="refuses") as caught:
        chatty([{"role": "system", "content": "be brief"}])
    assert "no system messages here" in caught.value.why


def test_a_model_without_a_template_takes_text_only(runner: duomo.Runner[Any]) -> None:
    with pytest.raises(BadInput, match="chat template"):
        runner([{"role": "user", "content": "hello"}])
    with pytest.raises(BadOption, match="no chat template"):
        runner("hello", chat=True)


class Letters:
    """A tokenizer whose tokens are bytes."""

    def decode(self, ids: list[int]) -> str:
        return bytes(ids).decode("utf-8", errors="replace")


def write(text: str, stop: tuple[str, ...] = (), budget: int = 1000) -> tuple[list[str], Writer]:
    """What has been released after each byte of `text`."""
    writer = Writer(Letters(), frozenset({0}), budget, stop)  # type: ignore[arg-type]
    seen = []
    for byte in [*text.encode(), 0]:
        writer.push(byte)
        seen.append(writer.text)
        if writer.finish_reason is not None:
            break
    return seen, writer


@pytest.mark.parametrize("text", ["plain", "naïve café", "東京🙂🙂 x", "👩‍👩‍👧 family", "🇯🇵", "a\ufffdb"])
def test_text_grows_by_whole_characters(text: str) -> None:
    seen, writer = write(text)
    assert writer.text == text
    assert all(text.startswith(piece) for piece in seen)
    assert writer.finish_reason == "stop"


def test_a_character_that_is_cut_short_is_shown_as_broken_at_the_end_only() -> None:
    seen, writer = write("ab🙂", budget=4)
    assert seen == ["a", "ab", "ab", "ab\ufffd"]
    assert writer.finish_reason == "length"


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("one\nUser: two", ("\nUser:",), "one"),
        ("one\nUsual", ("\nUser:",), "one\nUsual"),
        ("ababac", ("abac",), "ab"),
        ("one two three", ("three", "two"), "one "),
        ("ends in the beginning of EN", ("END",), "ends in the beginning of EN"),
        ("東京都", ("京",), "東"),
        ("nothing", ("",), "nothing"),
    ],
)
def test_a_stop_text_ends_it_and_never_shows_even_in_part(text: str, stop: tuple[str, ...], expected: str) -> None:
    seen, writer = write(text, stop)
    assert writer.text == expected
    assert all(expected.startswith(piece) for piece in seen)


def test_a_row_stops_at_its_budget() -> None:
    _, writer = write("abcdef", budget=3)
    assert (writer.text, writer.num_tokens, writer.finish_reason) == ("abc", 3, "length")


def test_decoding_leaves_no_gradient_behind(runner: duomo.Runner[Any]) -> None:
    stream = runner.stream(PROMPTS[0], max_new_tokens=3)
    next(stream)
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
