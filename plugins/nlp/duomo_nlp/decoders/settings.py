"""What a checkpoint's ``generation_config.json`` says about writing: applied as ``generate`` does, or refused by name.

Processors that look back at the text so far are transformers' own, one set a row, so that a row is written in a
batch as it is alone. `duomo.generating` has the table of every setting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import transformers
from transformers import PreTrainedTokenizerBase

from duomo.generating import GENERATION, asked_for, refuse
from duomo.tasks.nlp.generation import TextGenerationOptions

if TYPE_CHECKING:
    from transformers import GenerationConfig

generation: Any = transformers.generation  # its processors have no types
Processor = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(token ids (1, L), scores (1, V)) → scores (1, V)."""
MAX_NEW_TOKENS = 128
"""The length of an answer where neither the caller nor the checkpoint says."""
USUAL_TOP_K = 50
"""What ``generate`` samples among by default; a checkpoint that samples leaves it out of its file."""


class Prompted(NamedTuple):
    """What some processors must know about one row."""

    ids: Sequence[int]
    """Tokens of the prompt."""
    budget: int
    """The most tokens that may follow."""


def _by_row(settings: Settings, row: Prompted) -> list[Processor]:
    """The processors of one row, in the order in which ``generate`` applies them."""
    config, ends, length = settings.config, settings.ends, len(row.ids)
    prompt = torch.tensor([row.ids])
    found: list[Processor] = []

    def add(name: str, build: Callable[[Any], Processor], *, when: bool = True) -> None:
        if when and name in settings.asked:
            found.append(build(getattr(config, name)))

    add("sequence_bias", generation.SequenceBiasLogitsProcessor)
    add(
        "encoder_repetition_penalty",
        lambda value: generation.EncoderRepetitionPenaltyLogitsProcessor(value, prompt),
    )
    add("repetition_penalty", generation.RepetitionPenaltyLogitsProcessor)
    add("no_repeat_ngram_size", generation.NoRepeatNGramLogitsProcessor)
    add("encoder_no_repeat_ngram_size", lambda value: generation.EncoderNoRepeatNGramLogitsProcessor(value, prompt))
    add("bad_words_ids", lambda value: generation.NoBadWordsLogitsProcessor(value, ends or None))
    add("min_length", lambda value: generation.MinLengthLogitsProcessor(value, ends), when=bool(ends))
    add(
        "min_new_tokens",
        lambda value: generation.MinNewTokensLengthLogitsProcessor(length, value, ends),
        when=bool(ends),
    )
    add("forced_bos_token_id", generation.ForcedBOSTokenLogitsProcessor)
    add("forced_eos_token_id", lambda value: generation.ForcedEOSTokenLogitsProcessor(length + row.budget, value))
    add("remove_invalid_values", lambda _: generation.InfNanRemoveLogitsProcessor())
    add(
        "exponential_decay_length_penalty",
        lambda value: generation.ExponentialDecayLengthPenalty(tuple(value), ends, length),
        when=bool(ends),
    )
    add("suppress_tokens", generation.SuppressTokensLogitsProcessor)
    begin = length if length > 1 or "forced_bos_token_id" not in settings.asked else length + 1
    add("begin_suppress_tokens", lambda value: generation.SuppressTokensAtBeginLogitsProcessor(value, begin))
    return found


class Settings:
    """The generation config of one checkpoint, read once."""

    def __init__(
        self, config: GenerationConfig, ends: frozenset[int], wrapper: PreTrainedTokenizerBase, folder: object
    ) -> None:
        self.config = config
        self.ends = sorted(ends)
        self.asked = asked_for(config)
        refuse(config, GENERATION, folder)
        self.looks_back = any(GENERATION[name].looks_back for name in self.asked & GENERATION.keys())
        self.stops = (
            generation.StopStringCriteria(wrapper, config.stop_strings) if "stop_strings" in self.asked else None
        )

    def processors(self, ids: Sequence[int], budget: int) -> list[Processor]:
        """What changes the scores of a row by its text so far; new for each row, for some count."""
        return _by_row(self, Prompted(ids, budget)) if self.looks_back else []

    def max_new_tokens(self, options: TextGenerationOptions, length: int) -> int:
        """The most tokens after a prompt of `length`: the caller's word, the checkpoint's, or `MAX_NEW_TOKENS`."""
        if options.max_new_tokens is not None:
            return options.max_new_tokens
        if "max_new_tokens" in self.asked:
            return int(self.config.max_new_tokens)
        if "max_length" in self.asked:
            return max(1, int(self.config.max_length) - length)
        return MAX_NEW_TOKENS

    def temperature(self, options: TextGenerationOptions) -> float:
        """0 where the likeliest token is taken."""
        if options.temperature is not None:
            return options.temperature
        return float(self.config.temperature or 1.0) if self.config.do_sample else 0.0

    def warpers(self, options: TextGenerationOptions) -> list[Processor]:
        """What narrows the choice when sampling, in the order of ``generate``; each works on rows alone."""
        config = self.config
        top_k = config.top_k if config.top_k is not None else USUAL_TOP_K if config.do_sample else 0
        top_p = config.top_p if options.top_p is None else options.top_p
        found: list[Processor] = []
        if (temperature := self.temperature(options)) != 1:
            found.append(generation.TemperatureLogitsWarper(float(temperature)))
        if getattr(config, "top_h", None) is not None:
            found.append(generation.TopHLogitsWarper(config.top_h))
        if top_k:
            found.append(generation.TopKLogitsWarper(top_k))
        if top_p is not None and top_p < 1:
            found.append(generation.TopPLogitsWarper(float(top_p)))
        if config.min_p is not None:
            found.append(generation.MinPLogitsWarper(config.min_p))
        if config.typical_p is not None and config.typical_p < 1:
            found.append(generation.TypicalLogitsWarper(config.typical_p))
        if config.epsilon_cutoff and 0 < config.epsilon_cutoff < 1:
            found.append(generation.EpsilonLogitsWarper(config.epsilon_cutoff))
        if config.eta_cutoff and 0 < config.eta_cutoff < 1:
            found.append(generation.EtaLogitsWarper(config.eta_cutoff))
        return found
