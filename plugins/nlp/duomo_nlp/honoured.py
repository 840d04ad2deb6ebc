"""What the files of a checkpoint may say, and what duomo does with each entry: applied, without effect, or refused.

One table a file. The loaders read it, `docs/make_checkpoints.py` makes a page of it, and a test compares the two;
so an entry that is neither applied nor refused cannot go unnoticed.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

How = Literal["applied", "no effect", "refused"]


class Entry(NamedTuple):
    """One entry of a file."""

    how: How
    note: str = ""
    neutral: tuple[Any, ...] = (None,)
    """Values that ask for nothing."""
    looks_back: bool = False
    """Whether it changes scores by the text so far."""


def _processor(note: str = "", *neutral: object) -> Entry:
    return Entry("applied", note, (None, *neutral), True)


def _warper(note: str = "", *neutral: object) -> Entry:
    return Entry("applied", note or "when sampling", (None, *neutral))


def _refused(note: str, *neutral: object) -> Entry:
    return Entry("refused", note, (None, *neutral))


_BEAMS = Entry("no effect", "only for beam search")
_SPEED = Entry("no effect", "how fast it is, not what is written")
_SHAPE = Entry("no effect", "what `generate` hands back beside the text")

GENERATION: dict[str, Entry] = {
    "max_new_tokens": Entry("applied", "where the caller leaves `max_new_tokens` out"),
    "max_length": Entry("applied", "prompt and answer, where neither says `max_new_tokens`"),
    "min_length": _processor("", 0),
    "min_new_tokens": _processor("", 0),
    "stop_strings": Entry("applied", "stays in the text, as with `generate`; the option `stop` leaves its texts out"),
    "eos_token_id": Entry("applied", "beside the tokenizer's own"),
    "bos_token_id": Entry("applied", "begins a prompt that has no tokens"),
    "pad_token_id": Entry("no effect", "rows that end leave the batch"),
    "decoder_start_token_id": Entry("no effect", "only for encoder-decoders"),
    "do_sample": Entry("applied", "where the caller leaves `temperature` out", (None, False)),
    "temperature": _warper("where the caller leaves it out and `do_sample` is true", 1.0),
    "top_k": _warper("when sampling; 50, as with `generate`, where `do_sample` is true and it is left out", 0),
    "top_p": _warper("when sampling, where the caller leaves it out", 1.0),
    "min_p": _warper(),
    "top_h": _warper(),
    "typical_p": _warper("", 1.0),
    "epsilon_cutoff": _warper("", 0.0),
    "eta_cutoff": _warper("", 0.0),
    "renormalize_logits": Entry("no effect", "the order and the shares of tokens stay as they are"),
    "repetition_penalty": _processor("", 1.0),
    "encoder_repetition_penalty": _processor("of the prompt's tokens", 1.0),
    "no_repeat_ngram_size": _processor("", 0),
    "encoder_no_repeat_ngram_size": _processor("of the prompt's n-grams", 0),
    "bad_words_ids": _processor("", []),
    "sequence_bias": _processor("", {}, []),
    "suppress_tokens": _processor("", []),
    "begin_suppress_tokens": _processor("", []),
    "forced_bos_token_id": _processor("after a prompt of one token"),
    "forced_eos_token_id": _processor("as the last token of the budget"),
    "exponential_decay_length_penalty": _processor(),
    "remove_invalid_values": _processor("", False),
    "num_beams": _refused("beam search is not written here", 1),
    "num_beam_groups": _refused("beam search is not written here", 1),
    "diversity_penalty": _refused("beam search is not written here", 0.0),
    "constraints": _refused("beam search is not written here"),
    "force_words_ids": _refused("beam search is not written here"),
    "length_penalty": _BEAMS,
    "early_stopping": _BEAMS,
    "num_return_sequences": _refused("one prompt has one answer", 1),
    "penalty_alpha": _refused("contrastive search is not written here", 0.0),
    "dola_layers": _refused("decoding by contrasting layers is not written here"),
    "guidance_scale": _refused("it needs a second pass without the prompt", 1, 1.0),
    "watermarking_config": _refused("watermarks are not written here"),
    "token_healing": _refused("prompts are not taken back", False),
    "max_time": _refused("a result would depend on how busy the machine is"),
    "use_mtp": _SPEED,
    "use_cache": _SPEED,
    "cache_implementation": _SPEED,
    "cache_config": _SPEED,
    "max_cache_len": _SPEED,
    "prefill_chunk_size": _SPEED,
    "compile_config": _SPEED,
    "disable_compile": _SPEED,
    "continuous_batching_config": _SPEED,
    "low_memory": _SPEED,
    "is_assistant": _SPEED,
    "num_assistant_tokens": _SPEED,
    "num_assistant_tokens_schedule": _SPEED,
    "assistant_confidence_threshold": _SPEED,
    "assistant_early_exit": _SPEED,
    "assistant_lookbehind": _SPEED,
    "assistant_ensemble_weight": _SPEED,
    "target_lookbehind": _SPEED,
    "prompt_lookup_num_tokens": _SPEED,
    "max_matching_ngram_size": _SPEED,
    "speculation_type": _SPEED,
    "output_attentions": _SHAPE,
    "output_hidden_states": _SHAPE,
    "output_scores": _SHAPE,
    "output_logits": _SHAPE,
    "return_dict_in_generate": _SHAPE,
    "transformers_version": Entry("no effect", "who saved it"),
}
"""``generation_config.json``, of decoders."""
_BEAM_SEARCH = Entry("applied", "greedy or beam search, as `generate` writes it", (None, 1))
SEQ2SEQ: dict[str, Entry] = {
    **{
        # What is of no effect to our own loop, such as the order of renormalizing, is of effect to beams.
        name: entry if entry.how != "no effect" or entry in (_SPEED, _SHAPE) else Entry("applied", "", entry.neutral)
        for name, entry in GENERATION.items()
    },
    "num_beams": _BEAM_SEARCH,
    "length_penalty": Entry("applied", "of beams"),
    "early_stopping": Entry("applied", "of beams"),
    "decoder_start_token_id": Entry("applied"),
    "pad_token_id": Entry("applied", "what rows that have ended are filled with"),
    "max_length": Entry("applied", "of the answer, where neither says `max_new_tokens`"),
    "forced_bos_token_id": Entry("applied", "as the first token of the answer"),
    "stop_strings": _refused("beams would have to be cut apart"),
    "do_sample": _refused("the same text gives the same result in any batch", False),
    **dict.fromkeys(
        ("temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff"),
        Entry("no effect", "only when sampling"),
    ),
    "transformers_version": GENERATION["transformers_version"],
}
"""``generation_config.json``, of encoder-decoders, which `generate` of transformers writes."""
_TEXT_ONLY = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
_LIBRARIES = "arguments for other libraries"
SENTENCE: dict[str, Entry] = {
    "max_seq_length": Entry("applied", "where tokenizer and config do not say less"),
    "do_lower_case": Entry("applied"),
    "transformer_task": _refused("the last hidden states are read, and nothing else", "feature-extraction"),
    "modality_config": _refused("texts only", _TEXT_ONLY),
    "module_output_name": _refused("", "token_embeddings"),
    "unpad_inputs": Entry("no effect", "nothing is padded here"),
    "processing_kwargs": _refused(_LIBRARIES),
    "model_args": _refused(_LIBRARIES),
    "model_kwargs": _refused(_LIBRARIES),
    "tokenizer_args": _refused(_LIBRARIES),
    "processor_kwargs": _refused(_LIBRARIES),
    "config_args": _refused(_LIBRARIES),
    "config_kwargs": _refused(_LIBRARIES),
    "query_length": _refused("many vectors a text"),
    "document_length": _refused("many vectors a text"),
    "query_expansion": _refused("many vectors a text"),
}
"""``sentence_bert_config.json``; what is not here is refused too."""
SENTENCES: dict[str, Entry] = {
    "prompts": Entry(
        "applied",
        "by the options `prompt` and `prompt_name`; a search takes `query` for what is searched "
        "for, and `document`, `passage` or `corpus` for what is searched, where they are there",
    ),
    "default_prompt_name": Entry("applied"),
    "similarity_fn_name": _refused("only those of single vectors", "cosine", "dot", "euclidean", "manhattan"),
    "truncate_dim": Entry("applied"),
    "model_type": _refused("", "SentenceTransformer"),
    "requirements": Entry("no effect", "what its author had installed"),
    "__version__": Entry("no effect", "who saved it"),
}
"""``config_sentence_transformers.json``."""
POOLING: dict[str, Entry] = {
    "pooling_mode": Entry("applied", "cls, max, mean, mean_sqrt_len_tokens, weightedmean or lasttoken, or several"),
    "pooling_mode_cls_token": Entry("applied", "the old name"),
    "pooling_mode_max_tokens": Entry("applied", "the old name"),
    "pooling_mode_mean_tokens": Entry("applied", "the old name"),
    "pooling_mode_mean_sqrt_len_tokens": Entry("applied", "the old name"),
    "pooling_mode_weightedmean_tokens": Entry("applied", "the old name"),
    "pooling_mode_lasttoken": Entry("applied", "the old name"),
    "include_prompt": Entry("applied"),
    "embedding_dimension": Entry("no effect", "the network says"),
    "word_embedding_dimension": Entry("no effect", "the network says"),
}
"""The config of the pooling step."""
STEPS: dict[str, Entry] = {
    "Transformer": Entry("applied", "in the folder itself, or in one of its own such as `0_Transformer`"),
    "Pooling": Entry("applied"),
    "Normalize": Entry("applied", "by the option `normalize`, which is on; in its place where another step follows"),
    "Dense": Entry("applied", "behind the pooling, with an activation of torch"),
    "LayerNorm": Entry("applied", "behind the pooling"),
    **{
        name: _refused("another kind of encoder")
        for name in ("CNN", "LSTM", "WeightedLayerPooling", "WordEmbeddings", "WordWeights",
                     "BoW", "StaticEmbedding", "CLIPModel", "Router", "Asym")
    },
    "Dropout": Entry("no effect", "only in training"),
}  # fmt: skip
"""The steps of ``modules.json``."""
TOKENIZER: dict[str, Entry] = {
    "truncation_side": Entry("applied", "which end of a text stays under `long=truncate`; a prompt keeps its end"),
    "model_max_length": Entry("applied", "where the config does not say less"),
    "model_input_names": Entry("applied", "`token_type_ids` where they are named and the network reads them"),
    "chat_template": Entry("applied", "for text-generation, where the option `chat` does not say otherwise"),
    "eos_token": Entry("applied", "ends an answer"),
    "padding_side": Entry("no effect", "encoders run without padding, decoders are padded on the left"),
}
"""``tokenizer_config.json``, beside what the tokenizer does with a text, which is its own."""
CONFIG: dict[str, Entry] = {
    "id2label": Entry("applied", "as text; a label without a name is refused"),
    "problem_type": Entry("applied", "`multi_label_classification`; `regression` is refused"),
    "max_position_embeddings": Entry("applied", "and `n_positions`, `max_seq_len`, `seq_length` and the like"),
    "rope_parameters": Entry("applied", "longrope too: rows on both sides of its turn never share a pass"),
    "attention_type": Entry("applied", "of BigBird, for each text by its length"),
}
"""``config.json``, beside what transformers builds the network from."""
_OLD = "sentence_bert_config.json, or sentence_roberta_config.json and the like"
FILES: dict[str, dict[str, Entry]] = {
    "config.json": CONFIG,
    "tokenizer_config.json": TOKENIZER,
    "generation_config.json, for text-generation": GENERATION,
    "generation_config.json and task_specific_params, of encoder-decoders": SEQ2SEQ,
    "modules.json, of sentence-transformers folders": STEPS,
    _OLD: SENTENCE,
    "config_sentence_transformers.json": SENTENCES,
    "1_Pooling/config.json": POOLING,
}
"""Every table, by its file."""
