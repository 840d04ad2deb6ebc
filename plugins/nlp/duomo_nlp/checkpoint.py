"""A checkpoint's folder to what the models here need: a network, a fast tokenizer, and how much both read."""

from __future__ import annotations

import json
from typing import Any

import torch
from tokenizers import Encoding, Tokenizer, processors
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from duomo import WeightsRef, pretrained
from duomo.errors import WeightsMissing, WeightsProblem, WrongTask

UNLIMITED = 1_000_000
"""Tokenizers that know no limit say so with an absurdly large number."""
FALLBACK = 512
"""Tokens a model reads when neither its tokenizer nor its config says: attention grows with their square."""


def load_network(
    auto: object, weights: WeightsRef, device: torch.device, dtype: torch.dtype, unused: tuple[str, ...] = ()
) -> Any:
    """The network on its device; tensors that begin with one of `unused` are never read and may be missing."""
    network = pretrained.load_network(auto, weights, dtype=dtype, may_miss=unused)
    check_language(network)
    return network.to(device)


def check_language(network: PreTrainedModel) -> None:
    """Raise `WeightsProblem` for an X-MOD that does not say by which language's adapters it reads: each text fails."""
    config: Any = network.config
    if config.model_type == "xmod" and config.default_language not in config.languages:
        raise WeightsProblem(
            f"'{network.name_or_path}' does not say which language it reads",
            why=f"its config.json has default_language {config.default_language}, and adapters for "
            + ", ".join(config.languages),
            fix=f'write one of them into a copy of config.json: "default_language": "{config.languages[0]}"',
        )


def check_positions(network: PreTrainedModel) -> None:
    """Raise `WrongTask` for a ProphetNet whose positions do not begin at one: its own code fails at the first step."""
    if network.config.model_type == "prophetnet" and network.config.pad_token_id != 0:
        raise WrongTask(
            f"{type(network).__name__} cannot write with this config",
            why=f"pad_token_id is {network.config.pad_token_id}, and transformers can only count its positions from 0",
            fix="use a checkpoint whose pad_token_id is 0, as those of microsoft/prophetnet-*",
        )


def load_tokenizer(weights: WeightsRef) -> tuple[PreTrainedTokenizerBase, Tokenizer]:
    """The checkpoint's tokenizer, and the fast one (Rust) inside it.

    Raises `WeightsMissing` when there is none, or none with a fast form.
    """
    wrapper = pretrained.load_processor(AutoTokenizer, weights, "tokenizer")
    fast: Tokenizer | None = getattr(wrapper, "backend_tokenizer", None)
    # Without its files transformers makes an empty tokenizer, to which every word is unknown.
    if fast is None or fast.get_vocab_size() <= len(wrapper.all_special_tokens):
        raise WeightsMissing(
            f"'{weights.folder}' has no tokenizer that can be used",
            why="the folder holds no vocabulary" if fast else "it has no fast form",
            fix="save it there: tokenizer.save_pretrained(folder); it needs a tokenizer.json",
        )
    fast.no_padding()
    fast.no_truncation()
    return wrapper, fast


SAYS_ITS_ENDS = ("LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "CohereTokenizer")
"""Classes whose first and last token were those of tokenizer_config.json until transformers 5, which does not look."""


def set_ends(weights: WeightsRef, wrapper: PreTrainedTokenizerBase, fast: Tokenizer) -> None:
    """Put tokens before and behind a text where the folder says so and its tokenizer.json does not (mteb#5237).

    A vector of the last token, as that of e5-mistral, is one of another token without it.
    """
    said = read_json(weights, "tokenizer_config.json", beside=True)
    if str(said.get("tokenizer_class")).removesuffix("Fast") not in SAYS_ITS_ENDS:
        return
    ids = fast.encode("a").ids
    ends = {
        "bos": (wrapper.bos_token, wrapper.bos_token_id, ids[:1]),
        "eos": (wrapper.eos_token, wrapper.eos_token_id, ids[-1:]),
    }
    has = {name: id is not None and at == [id] for name, (_, id, at) in ends.items()}
    asked = {name: bool(said.get(f"add_{name}_token", has[name])) and ends[name][1] is not None for name in ends}
    if asked == has:
        return
    begin, end = (str(ends[name][0]) if asked[name] else "" for name in ("bos", "eos"))

    def around(text: str, part: int) -> str:
        return " ".join(f"{token}:{part}" for token in (begin, text, end) if token)

    fast.post_processor = processors.TemplateProcessing(
        single=around("$A", 0),
        pair=f"{around('$A', 0)} {around('$B', 1)}",
        special_tokens=[(str(token), int(id)) for name, (token, id, _) in ends.items() if asked[name]],
    )


def mostly_unknown(encoding: Encoding, unknown: int | None) -> bool:
    """Whether more than half of the tokens, special ones not counted, are the one with number `unknown`."""
    words = len(encoding) - sum(encoding.special_tokens_mask)
    return unknown is not None and 2 * encoding.ids.count(unknown) > words


LIMITS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "seq_length")
"""How configs call the number of tokens that the model reads; the first that is there counts."""
ALIBI = {"bloom": 2048}
"""Tokens of the rows on which architectures without positions were trained, where their config need not say."""
SENTENCE_CONFIGS = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
"""Where sentence-transformers keeps how texts are read; the first that is there counts."""


def max_tokens(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, weights: WeightsRef) -> int:
    """How many tokens fit, special ones included: the least that tokenizer, config and folder say."""
    config = network.config.get_text_config()
    said = (getattr(config, name, None) for name in LIMITS)
    limits = [tokenizer.model_max_length, next((each for each in said if isinstance(each, int) and each > 0), None)]
    for name, module in network.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            # RoBERTa and its kin count positions from padding_idx + 1, so that the last rows do not exist.
            size = getattr(module, "num_embeddings", None) or len(module.weight)  # a quantized one has no such name
            limits.append(size - module.padding_idx - 1)
    limits.append(read_sentence_config(weights).get("max_seq_length"))
    known = [limit for limit in limits if limit is not None and 0 < limit < UNLIMITED]
    return min(known, default=ALIBI.get(config.model_type, FALLBACK))


def read_sentence_config(weights: WeightsRef) -> Any:
    """How a sentence-transformers folder reads texts; an empty dict where it is none."""
    for name in SENTENCE_CONFIGS:
        if found := read_json(weights, name, beside=True):
            return found
    return {}


def read_json(weights: WeightsRef, name: str, *, beside: bool = False) -> Any:
    """A JSON file of the folder, or with `beside` of the one that the network lies in; an empty dict without one."""
    file = (weights.network_folder if beside else weights.folder) / name
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}
