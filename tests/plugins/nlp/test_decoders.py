"""Decoders of every kind: in a batch what they write alone, and alone what ``generate`` writes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedTokenizerFast

import duomo
from duomo.errors import BadOutput, WrongTask
from duomo_nlp.decoders.writing import Writer, marks_of

Tiny = Callable[..., "Decoder"]
WORDS = "the a cat dog sat on mat ran to Ada Bob met in Paris London and one two three".split()
PROMPTS = [" ".join((WORDS * 3)[at : at + 1 + at * 7 % 13]) for at in range(14)] + [
    ".",
    "東京 🙂",
    "the end of the test.",
]
"""Seventeen texts of one to thirteen words, with a full stop alone and one of other scripts."""
NEW = 8
SIZES = {"vocab_size": 400, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1, "max_position_embeddings": 96}
PLAIN = SIZES | {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
ENCODER_DECODER = SIZES | {
    "d_model": 32,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 64,
    "is_decoder": True,
}
HYBRID = PLAIN | {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1, "mamba_chunk_size": 8}
LEARNED = ("bart", "mbart", "marian", "pegasus", "blenderbot", "blenderbot-small", "plbart", "trocr")
"""Their positions are learned or fixed, count from the left edge of the row, and cannot be given."""
KINDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(LEARNED, ENCODER_DECODER),
    "bamba": HYBRID | {"attn_layer_indices": [1]},
    "granitemoehybrid": HYBRID
    | {"layer_types": ["mamba", "attention"], "num_local_experts": 2, "num_experts_per_tok": 1},
    "jamba": PLAIN | {"attn_layer_offset": 1, "attn_layer_period": 2, "num_experts": 2, "mamba_d_state": 8},
    "bloom": {"vocab_size": 400, "n_layer": 2, "n_head": 4, "hidden_size": 32, "bos_token_id": 0, "eos_token_id": 2},
    "gpt_neox": PLAIN | {"rotary_pct": 0.5},
    "mpt": {"vocab_size": 400, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 96},
    "opt": PLAIN | {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "qwen2": PLAIN,
    "xmod": PLAIN | {"languages": ["en"], "default_language": "en"},
    "gemma2": PLAIN | {"head_dim": 8, "sliding_window": 6},
    **dict.fromkeys(("llama", "phi", "starcoder2", "olmo2", "cohere", "granite", "stablelm", "exaone4"), PLAIN),
    **dict.fromkeys(("qwen3", "gemma", "helium"), PLAIN | {"head_dim": 8}),
    "gpt2": {
        "vocab_size": 400,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "n_positions": 96,
        "bos_token_id": 0,
        "eos_token_id": 2,
    },
}
HEADS = PLAIN | {"head_dim": 8}
EXPERTS = HEADS | {
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 16),
    **dict.fromkeys(("n_group", "topk_group", "num_shared_experts", "n_shared_experts", "first_k_dense_replace"), 1),
    "num_experts_per_tok": 2,
}
LATENT = EXPERTS | {
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), 16),
    **dict.fromkeys(("qk_rope_head_dim", "qk_nope_head_dim", "head_dim", "num_key_value_heads"), 4),
    "v_head_dim": 8,
}
"""Keys and values are kept as one short vector."""
PROPHETNET = SIZES | {"hidden_size": 32, "pad_token_id": 0, "bos_token_id": 1, "ngram": 2, "is_decoder": True}
PROPHETNET |= {f"{side}_ffn_dim": 64 for side in ("encoder", "decoder")} | {"is_encoder_decoder": False}
PROPHETNET |= {f"num_{side}_{what}": 2 for side in ("encoder", "decoder") for what in ("layers", "attention_heads")} | {
    "add_cross_attention": False
}
_PLAIN = """
    apertus arcee aria_text beam biogpt bitnet cohere2 cohere2_moe cwm diffllama doge ernie4_5 falcon flex_olmo flint
    fuyu gemma3_text gemma4_unified_text glm glm4 gpt-sw3 gpt_bigcode gpt_neox_japanese granite_swa granitemoe
    granitemoe_swa granitemoeshared hrm_text hyperclovax internlm3 iquestcoder jais2 lfm2 llama4_text minimax ministral3
    mistral mixtral modernbert-decoder nanochat nemotron olmo olmo3 olmo_hybrid persimmon phi3 phimoe seed_oss smollm3
    vaultgemma
"""
_EXPERTS = """
    afmoe dots1 ernie4_5_moe exaone_moe glm4_moe gpt_oss hy_v3 kolibri1 laguna mellum mimo_v2_flash minimax_m2 olmoe
    qwen2_moe qwen3_moe solar_open
"""
MORE: dict[str, dict[str, Any]] = {
    **dict.fromkeys(_PLAIN.split(), PLAIN),
    **dict.fromkeys(_EXPERTS.split(), EXPERTS),
    **dict.fromkeys(("hunyuan_v1_dense", "hunyuan_v1_moe", "jetmoe", "ministral"), HEADS),
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "glm4_moe_lite"), LATENT),
    **dict.fromkeys(("bigbird_pegasus", "mvp"), ENCODER_DECODER),
    **dict.fromkeys(("codegen", "gptj"), PLAIN | {"rotary_dim": 4}),
    **dict.fromkeys(
        ("bert", "big_bird", "electra", "ernie", "megatron-bert", "rembert", "bert-generation"),
        PLAIN | {"is_decoder": True},
    ),
    "prophetnet": PROPHETNET,
    "gpt_neo": PLAIN | {"attention_types": [[["global", "local"], 1]], "window_size": 4, "num_layers": 2},
}
"""Further architectures. Left out: those that no configuration makes small here (their parts for images and sound have
fixed sizes, as in gemma3, llama4 and mllama; or their checks refuse few layers, as in dots3_note and gemma4_assistant),
and those that are refused at load (mamba, rwkv, openai-gpt and others that keep no key-value cache)."""
AFTER_PADDING = ("roberta", "roberta-prelayernorm", "xmod")
"""They count positions from the one after the padding token's; ``generate`` gives them others than their own."""


class Decoder:
    """A tiny decoder with random weights, for duomo and for transformers."""

    def __init__(self, folder: Path, network: Any, tokenizer: Any) -> None:
        self.folder, self.network, self.tokenizer = folder, network.eval(), tokenizer
        self.runner = duomo.load("text-generation", f"dir:{folder}", device="cpu")

    def generate(self, prompt: str, new: int = NEW) -> str:
        """What transformers writes after a prompt that stands alone."""
        ids = self.tokenizer(prompt).input_ids
        out = self.network.generate(
            input_ids=torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=new,
            do_sample=False,
            pad_token_id=1,
        )
        text: str = self.tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True)
        return text


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, make_tokenizer: Callable[[], Any]) -> Tiny:
    """Make a decoder by the name of its architecture."""

    def make(kind: str, **config: Any) -> Decoder:
        torch.manual_seed(0)
        sizes = (KINDS | MORE).get(kind, PLAIN) | config
        network = AutoModelForCausalLM.from_config(CONFIG_MAPPING[kind](**sizes))
        for weights in network.parameters():
            if weights.ndim > 1:  # wide enough that the likeliest token depends on all that came before
                torch.nn.init.normal_(weights, 0, 0.2)
        folder = tmp_path_factory.mktemp(kind)
        network.save_pretrained(folder)
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=make_tokenizer(),
            clean_up_tokenization_spaces=False,
            pad_token="<pad>",
            bos_token="<s>",
            eos_token="</s>",
        )
        tokenizer.save_pretrained(folder)
        return Decoder(folder, network, tokenizer)

    return make


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in AFTER_PADDING])
def test_a_batch_of_mixed_prompts_is_written_as_each_alone_and_as_generate_writes(tiny: Tiny, kind: str) -> None:
    decoder = tiny(kind)
    outcomes = [outcome.unwrap() for outcome in decoder.runner.map(PROMPTS, max_new_tokens=NEW)]
    assert outcomes == [decoder.runner(prompt, max_new_tokens=NEW) for prompt in PROMPTS]
    assert [each.text for each in outcomes] == [decoder.generate(prompt) for prompt in PROMPTS]
    assert len({each.text for each in outcomes}) > 8


@pytest.mark.parametrize("kind", MORE)
def test_further_decoders_write_in_a_batch_what_generate_writes_alone(tiny: Tiny, kind: str) -> None:
    decoder = tiny(kind)
    outcomes = decoder.runner.map(PROMPTS, max_new_tokens=3)
    assert [outcome.unwrap().text for outcome in outcomes] == [decoder.generate(prompt, 3) for prompt in PROMPTS]


@pytest.mark.parametrize("kind", ["bamba", *AFTER_PADDING])
def test_a_decoder_with_a_cache_writes_what_whole_passes_write(tiny: Tiny, kind: str) -> None:
    decoder = tiny(kind, **({"is_decoder": True} if kind in AFTER_PADDING else {}))
    outcomes = [outcome.unwrap() for outcome in decoder.runner.map(PROMPTS, max_new_tokens=NEW)]
    for prompt, result in zip(PROMPTS, outcomes, strict=True):
        ids = decoder.tokenizer(prompt).input_ids
        for _ in range(result.num_new_tokens):
            with torch.no_grad():
                logits = decoder.network(input_ids=torch.tensor([ids]), use_cache=False).logits
            ids = [*ids, int(logits[0, -1].argmax())]
        assert result.text == decoder.tokenizer.decode(ids[result.num_prompt_tokens :], skip_special_tokens=True)
    assert outcomes == [decoder.runner(prompt, max_new_tokens=NEW) for prompt in PROMPTS]


@pytest.mark.parametrize(
    ("kind", "config"),
    [("recurrent_gemma", {"block_types": ["recurrent", "attention"], "lru_width": 32, "head_dim": 8}), ("mamba", {})],
)
def test_a_decoder_that_keeps_its_state_otherwise_is_refused_at_load(
    tiny: Tiny, kind: str, config: dict[str, Any]
) -> None:
    with pytest.raises(WrongTask, match="cannot be used for text-generation") as caught:
        tiny(kind, **config)
    assert "another form than a key-value cache" in caught.value.why


@pytest.mark.parametrize("kind", ["bert", "roberta", "electra"])
def test_an_encoder_that_was_not_made_a_decoder_is_refused_at_load(tiny: Tiny, kind: str) -> None:
    with pytest.raises(WrongTask, match="cannot be used for text-generation") as caught:
        tiny(kind, is_decoder=False)
    assert "is_decoder" in str(caught.value.why)


def test_a_prophetnet_whose_positions_cannot_be_counted_is_refused_at_load(tiny: Tiny) -> None:
    with pytest.raises(WrongTask, match="cannot write with this config") as caught:
        tiny("prophetnet", pad_token_id=1, bos_token_id=0)
    assert "pad_token_id is 1" in caught.value.why


TURN = 12


@pytest.fixture(scope="module")
def longrope(tiny: Tiny) -> Decoder:
    """Phi-3 whose positions are turned otherwise beyond twelve tokens."""
    factors = {"short_factor": [1.0] * 4, "long_factor": [4.0, 3.0, 2.0, 1.5]}
    rope = {"rope_type": "longrope", "rope_theta": 10_000.0, "original_max_position_embeddings": TURN, **factors}
    return tiny("phi3", original_max_position_embeddings=TURN, rope_parameters=rope, sliding_window=None)


def test_longrope_rows_on_both_sides_of_the_turn_are_written_as_alone(longrope: Decoder) -> None:
    """Some rows begin beyond it, one stays before it, and the others cross it at different steps."""
    prompts = PROMPTS
    lengths = [len(longrope.tokenizer(prompt).input_ids) for prompt in prompts]
    assert min(lengths) + NEW <= TURN < max(lengths)
    assert sum(length <= TURN < length + NEW - 1 for length in lengths) > 5
    together = [outcome.unwrap().text for outcome in longrope.runner.map(prompts, max_new_tokens=NEW)]
    assert together == [longrope.generate(prompt) for prompt in prompts]


def test_a_longrope_answer_that_crosses_the_turn_is_that_of_generate_in_a_stream_too(longrope: Decoder) -> None:
    expected = longrope.generate("a dog", 30)
    assert longrope.runner("a dog", max_new_tokens=30).text == expected
    assert "".join(part.text for part in longrope.runner.stream("a dog", max_new_tokens=30)) == expected


def test_a_stop_text_may_be_a_special_token(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = tiny("qwen2")
    plain = decoder.runner(PROMPTS[3], max_new_tokens=12)
    model = decoder.runner.executor.worker.model  # type: ignore[attr-defined]
    read, steps = model.reader.read, []

    def biased(ids: Any, mask: Any, cache: Any) -> Any:
        """Write a special token fifth; it decodes to nothing."""
        output = read(ids, mask, cache)
        steps.append(ids)
        if len(steps) == 5:
            output.logits[..., 3] = 1e6
        return output

    monkeypatch.setattr(model.reader, "read", biased)
    stopped = decoder.runner(PROMPTS[3], max_new_tokens=12, stop=["<unk>"])
    assert (stopped.finish_reason, stopped.num_new_tokens) == ("stop", 5)
    assert stopped.text
    assert plain.text.startswith(stopped.text)


def written(tokenizer: Any, ids: list[int], stop: list[str]) -> Writer:
    """A writer that was given `ids`."""
    writer = Writer(tokenizer, frozenset({2}), 99, stop, marks_of(tokenizer, stop))
    for token in ids:
        if writer.finish_reason is None:
            writer.push(token)
    return writer


def test_a_stop_text_with_special_tokens_among_others_is_seen_and_never_shown(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer()
    one, two, three = (tokenizer.encode(text).ids for text in ("one", " two", " three"))
    ids = [*one, 3, *two, 0, *three, 2]
    for stop, expected in {
        "<s>": "one two",
        "<unk> two": "one",
        "<s> three": "one two",
        "two<s>": "one ",
        "<unk><s>": "one two three",
        "two three": "one ",
    }.items():
        assert written(tokenizer, ids, [stop]).text == expected, stop
    assert written(tokenizer, [*tokenizer.encode("<s").ids, *tokenizer.encode(">x").ids], ["<s>"]).text == ""


@pytest.mark.parametrize("stop", [[], ["<b>!"]])
@pytest.mark.parametrize("kind", ["spaces", "metaspace", "wordpiece"])
def test_a_special_token_between_words_takes_no_space_with_it(kind: str, stop: list[str]) -> None:
    """The first word of a text has no space before it, and the word behind a special token is not the first."""
    words = {"spaces": ["one", "two", "s"], "metaspace": ["▁one", "▁two", "s"], "wordpiece": ["one", "two", "##s"]}[
        kind
    ]
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(["<a>", "<b>", "</s>", *words])}))
    tokenizer.add_special_tokens(["<a>", "<b>", "</s>"])
    if kind != "spaces":
        tokenizer.decoder = {"metaspace": decoders.Metaspace, "wordpiece": decoders.WordPiece}[kind]()
    for ids in ([3, 0, 4], [0, 3, 1, 0, 4, 5], [3, 1, 5, 1, 1, 3], [1, 0, 4, 4, 1], [3, 4, 5, 0], [3, 77, 4]):
        assert written(tokenizer, [*ids, 2], stop).text == tokenizer.decode(ids), ids


def test_scores_that_are_not_finite_are_an_error_of_their_prompt(tiny: Tiny) -> None:
    decoder = tiny("qwen2")
    model = decoder.runner.executor.worker.model  # type: ignore[attr-defined]
    poison = decoder.tokenizer("dog").input_ids[-1]
    embedding = model.network.get_input_embeddings()
    whole = [decoder.runner(prompt, max_new_tokens=2).text for prompt in ("the", "one two")]
    with torch.no_grad():
        embedding.weight[poison] = torch.inf
    outcomes = list(decoder.runner.map(["the", "dog", "one two"], max_new_tokens=2))
    assert [outcome.error and outcome.error.code for outcome in outcomes] == [None, "E-OUTPUT", None]
    assert [outcomes[0].unwrap().text, outcomes[2].unwrap().text] == whole
    for options in ({}, {"temperature": 1.0}):
        with pytest.raises(BadOutput, match="token 1 of the answer"):
            list(decoder.runner.stream("dog", **options))
