"""What a Whisper's ``generation_config.json`` may say: its decoder is greedy, under its own rules for times."""

from __future__ import annotations

from duomo.generating import GENERATION, SEQ2SEQ, Entry, refused

_STEERED = Entry("no effect", "the tokenizer names the tokens that steer Whisper")
_ITS_OWN = Entry("no effect", "a window of speech is heard to its end")
WHISPER: dict[str, Entry] = {
    **{
        # What changes the scores of tokens by the text so far would have to know which of them are times.
        name: refused("Whisper is decoded greedily here, under its own rules for times", *entry.neutral)
        if entry.looks_back
        else entry
        for name, entry in SEQ2SEQ.items()
    },
    **{name: GENERATION[name] for name in ("length_penalty", "early_stopping", "renormalize_logits")},
    "num_beams": refused("Whisper is decoded greedily here", 1),
    "suppress_tokens": Entry("applied"),
    "begin_suppress_tokens": Entry("applied"),
    **dict.fromkeys(("eos_token_id", "bos_token_id", "pad_token_id", "decoder_start_token_id"), _STEERED),
    **dict.fromkeys(("max_length", "max_new_tokens"), _ITS_OWN),
}
"""Beside ``language``, ``task`` and the older ``forced_decoder_ids``, which are applied where a call says neither."""
