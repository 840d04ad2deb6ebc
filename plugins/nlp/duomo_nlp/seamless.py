"""Translation by SeamlessM4T: its encoder and decoder of texts (Barrault et al. 2023, https://arxiv.org/abs/2312.05187).

A whole checkpoint hears and speaks, too; those parts are not loaded. Languages have codes of ISO 639-3: all that its
tokenizer knows can be read, and those of its generation config written. The one that is written is the first new token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import SeamlessM4TForTextToText, SeamlessM4Tv2ForTextToText
from transformers.generation.utils import GenerationMixin

from duomo import WeightsRef
from duomo.generating import languages_written
from duomo_nlp.languages import Languages, among
from duomo_nlp.seq2seq import Translate

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor


class SeamlessTranslate(Translate):
    """For translation."""

    def __init__(self, network: Network, tokenizer: Processor, limit: int, weights: WeightsRef) -> None:
        super().__init__(network, tokenizer, limit, weights)
        self.languages = Codes(tokenizer, languages_written(network.generation_config, weights.folder), network)

    @classmethod
    def auto_of(cls, weights: WeightsRef) -> object:
        is_second = weights.config().get("model_type") == "seamless_m4t_v2"
        kind = SeamlessM4Tv2ForTextToText if is_second else SeamlessM4TForTextToText
        # Its own `generate` warns where the language is not told there, and not as a first token that is forced.
        return type(kind.__name__, (kind,), {"generate": GenerationMixin.generate})


class Codes(Languages):
    """Languages that are read, and those that are written."""

    def __init__(self, tokenizer: Processor, written: dict[str, int], network: Network) -> None:
        super().__init__(tokenizer, {}, network)
        self.read = [name.strip("_") for name in self.tokens]
        self.tokens = written
        self.has_default = False

    def source(self, language: str | None) -> str | None:
        """The code for the tokenizer, whose own is that of what it reads by default."""
        return among("src_lang", language or self.tokenizer.src_lang.strip("_"), self.read)
