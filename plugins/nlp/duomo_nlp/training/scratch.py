"""Language models from random numbers: sizes, their configs, a tokenizer of their own, and texts in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, GPT2Config, LlamaConfig, PreTrainedConfig, PreTrainedTokenizerFast


class Size(NamedTuple):
    """How large a network is."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    block: int
    """Tokens of a row."""


SIZES: Mapping[str, Size] = {
    "tiny": Size(512, 64, 2, 4, 128),
    "small": Size(4096, 256, 6, 8, 256),
    "base": Size(16384, 512, 8, 8, 512),
}
"""0.2, 7 and 42 million parameters, about."""
SPECIAL = {"unk_token": "[UNK]", "pad_token": "[PAD]"}
OF_BERT = {"cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
OF_DECODERS = {"bos_token": "<s>", "eos_token": "</s>"}


def new_tokenizer(texts: Sequence[str], size: Size, *, is_bert: bool) -> PreTrainedTokenizerFast:
    """Byte pairs learned from `texts` (Sennrich et al. 2016), over bytes, so that every text has tokens."""
    special = {**SPECIAL, **(OF_BERT if is_bert else OF_DECODERS)}
    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size.vocabulary, special_tokens=list(special.values()), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    found.train_from_iterator(texts or [""], trainer)
    if is_bert:
        found.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[(name, found.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
        )  # fmt: skip
    wrapper: Any = PreTrainedTokenizerFast
    return wrapper(  # type: ignore[no-any-return]
        tokenizer_object=found, model_max_length=size.block, clean_up_tokenization_spaces=False, **special
    )


def bert(size: Size) -> PreTrainedConfig:
    """A BERT without pooler dropout; numbers of special tokens are those of `new_tokenizer`."""
    return BertConfig(
        vocab_size=size.vocabulary, hidden_size=size.hidden, num_hidden_layers=size.layers,
        num_attention_heads=size.heads, intermediate_size=4 * size.hidden, max_position_embeddings=size.block,
        pad_token_id=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip


def decoder(architecture: str, size: Size) -> PreTrainedConfig:
    """A Llama or a GPT-2."""
    ends: dict[str, Any] = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 1}
    if architecture == "gpt2":
        return GPT2Config(
            vocab_size=size.vocabulary, n_embd=size.hidden, n_layer=size.layers, n_head=size.heads,
            n_positions=size.block, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **ends,
        )  # fmt: skip
    return LlamaConfig(
        vocab_size=size.vocabulary, hidden_size=size.hidden, num_hidden_layers=size.layers,
        num_attention_heads=size.heads, num_key_value_heads=size.heads, intermediate_size=3 * size.hidden,
        max_position_embeddings=size.block, tie_word_embeddings=True, **ends,
    )  # fmt: skip


def blocks(texts: Sequence[Sequence[int]], length: int, end: int) -> Iterator[tuple[int, list[int]]]:
    """Token ids of texts, `end` after each, joined and cut into rows of `length`; the last is shorter.

    Yields the place of the text that a row begins in, and its ids.
    """
    place, row = 0, list[int]()
    for at, ids in enumerate(texts):
        for token in (*ids, end):
            if not row:
                place = at
            row.append(token)
            if len(row) == length:
                yield place, row
                row = []
    if row:
        yield place, row
