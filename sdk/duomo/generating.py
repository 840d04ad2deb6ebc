"""What a checkpoint's ``generation_config.json`` may say, for each way of writing here: applied, no effect, or refused.

One table a way. The loaders refuse by it, `docs/make_checkpoints.py` makes a page of it, and tests compare the two, so
that a setting that is neither applied nor refused cannot go unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from duomo.errors import BadOption, WeightsMismatch, WeightsProblem

if TYPE_CHECKING:
    from transformers import GenerationConfig

How = Literal["applied", "no effect", "refused"]


class Entry(NamedTuple):
    """What is done with one entry of a file."""

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


def refused(note: str, *neutral: object) -> Entry:
    """An entry that is refused at load with `note`, unless its value is one of `neutral`."""
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
    "num_beams": refused("beam search is not written here", 1),
    "num_beam_groups": refused("beam search is not written here", 1),
    "diversity_penalty": refused("beam search is not written here", 0.0),
    "constraints": refused("beam search is not written here"),
    "force_words_ids": refused("beam search is not written here"),
    "length_penalty": _BEAMS,
    "early_stopping": _BEAMS,
    "num_return_sequences": refused("one prompt has one answer", 1),
    "penalty_alpha": refused("contrastive search is not written here", 0.0),
    "dola_layers": refused("decoding by contrasting layers is not written here"),
    "guidance_scale": refused("it needs a second pass without the prompt", 1, 1.0),
    "watermarking_config": refused("watermarks are not written here"),
    "token_healing": refused("prompts are not taken back", False),
    "max_time": refused("a result would depend on how busy the machine is"),
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
    "stop_strings": refused("beams would have to be cut apart"),
    "do_sample": refused("the same text gives the same result in any batch", False),
    **dict.fromkeys(
        ("temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff"),
        Entry("no effect", "only when sampling"),
    ),
    "transformers_version": GENERATION["transformers_version"],
}
"""``generation_config.json``, of encoder-decoders, which `generate` of transformers writes."""
_UNSEEN = refused("what is read is not made of tokens", 1.0, 0)
FROM_PIXELS: dict[str, Entry] = {
    **SEQ2SEQ,
    "encoder_repetition_penalty": _UNSEEN,
    "encoder_no_repeat_ngram_size": _UNSEEN,
}
"""``generation_config.json`` of networks that write about an image or a sound, by `generate` of transformers."""
CHAT: dict[str, Entry] = {
    **SEQ2SEQ,
    **{
        name: GENERATION[name]
        for name in (
            "do_sample", "temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff",
            "max_length", "forced_bos_token_id", "decoder_start_token_id",
        )
    },
}  # fmt: skip
"""``generation_config.json`` of decoders that are shown images, which `generate` of transformers writes."""


_UNKNOWN = Entry("refused", "a setting of a newer transformers")


def asked_for(config: GenerationConfig, table: Mapping[str, Entry] = GENERATION) -> set[str]:
    """Name the settings with a value that asks for something; keys that transformers does not know are left out."""
    from transformers import GenerationConfig

    known = vars(GenerationConfig())  # type: ignore[no-untyped-call]
    found = set()
    for name in known:
        value, entry = getattr(config, name, None), table.get(name, _UNKNOWN)
        if not name.startswith("_") and value != known[name] and value not in entry.neutral and value is not None:
            found.add(name)
    return found


def check_top_p(top_p: float | None, samples: bool) -> None:
    """Raise `BadOption` where `top_p` narrows a choice that is not made: without sampling the likeliest is taken.

    A seed is not a contradiction: what is not drawn is repeatable.
    """
    if top_p is not None and top_p < 1 and not samples:
        raise BadOption(
            "option 'top_p' says among which tokens to draw, and nothing is drawn",
            why="without a temperature over 0 the likeliest token is taken",
            fix="give a temperature over 0, too, or leave top_p out",
        )


def refuse(config: GenerationConfig, table: Mapping[str, Entry], folder: object) -> None:
    """Raise `WeightsMismatch` where a generation config asks for what `table` refuses, or does not know."""
    names = sorted(name for name in asked_for(config, table) if table.get(name, _UNKNOWN).how == "refused")
    if names:
        said = ", ".join(f"{name}={getattr(config, name)!r:.60}" for name in names)
        why = "; ".join(dict.fromkeys(note for name in names if (note := table.get(name, _UNKNOWN).note)))
        raise WeightsMismatch(
            f"'{folder}' asks for a way of writing that duomo does not have",
            why=f"its generation_config.json says {said}" + (f": {why}" if why else ""),
            fix=f"take {', '.join(names)} out of generation_config.json, and see whether the text is good enough",
        )


def languages_written(config: GenerationConfig, folder: object) -> dict[str, int]:
    """The languages that SeamlessM4T writes, and the token of each. Raises `WeightsProblem` where there are none."""
    written = getattr(config, "text_decoder_lang_to_code_id", None)
    if not isinstance(written, dict) or not written:
        raise WeightsProblem(
            f"'{folder}' does not say which languages it writes",
            why="its generation_config.json has no text_decoder_lang_to_code_id",
            fix="take generation_config.json from where the checkpoint was saved",
        )
    return written
