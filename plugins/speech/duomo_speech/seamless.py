"""Speech to text by SeamlessM4T, in its language or in English (Barrault et al. 2023, https://arxiv.org/abs/2312.05187).

The decoder begins with the language that is to be written, which the caller names. Tokens are those of ``generate``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from transformers import (
    AutoFeatureExtractor,
    AutoTokenizer,
    SeamlessM4TForSpeechToText,
    SeamlessM4Tv2ForSpeechToText,
)
from transformers.generation.utils import GenerationMixin

from duomo import Audio, WeightsRef
from duomo.errors import BadOption
from duomo.generating import FROM_PIXELS, languages_written, refuse
from duomo.pretrained import load_network
from duomo.tasks.languages import language_among
from duomo.tasks.speech import SpeechRecognitionOptions, Transcript
from duomo_speech.checkpoint import load_part
from duomo_speech.hearing import Inputs, by_shape
from duomo_speech.silero import SAMPLING_RATE, SileroVad
from duomo_speech.windows import Recognizer, Window, load_vad, one_segment

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor


class SeamlessRecognition(Recognizer):
    """One segment a window."""

    def __init__(
        self, network: Network, extractor: Processor, tokenizer: Processor, codes: dict[str, int], vad: SileroVad
    ) -> None:
        self.network = network
        self.extractor = extractor
        self.tokenizer = tokenizer
        self.codes = codes
        self.vad = vad

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load the parts that hear and write, with feature extractor and tokenizer."""
        is_second = weights.config().get("model_type") == "seamless_m4t_v2"
        kind = SeamlessM4Tv2ForSpeechToText if is_second else SeamlessM4TForSpeechToText
        # Its own `generate` warns where the language is not told there; among the inputs, it may share a pass.
        network = load_network(type(kind.__name__, (kind,), {"generate": GenerationMixin.generate}), weights)
        refuse(network.generation_config, FROM_PIXELS, weights.folder)
        codes = languages_written(network.generation_config, weights.folder)
        extractor, tokenizer = (load_part(part, weights) for part in (AutoFeatureExtractor, AutoTokenizer))
        return cls(network.to(device, dtype), extractor, tokenizer, codes, load_vad())

    def check_options(self, options: SpeechRecognitionOptions) -> None:
        """Refuse a language that is not written, or none. Raises `BadOption`."""
        if self._language(options) not in self.codes:
            known = sorted(self.codes)
            raise BadOption(
                f"this checkpoint does not know the language '{options.language}'"
                if options.language
                else "this checkpoint needs to know the language of the sound",
                why=f"it is told before it writes, and knows {', '.join(known[:8])}"
                + (f" and {len(known) - 8} more" if len(known) > 8 else ""),
                fix='language="en"  (-p language=en), or task="translate" for English',
            )

    def preprocess(self, items: Sequence[Window], options: SpeechRecognitionOptions) -> list[dict[str, Any]]:
        """Spectra of each window as a batch of one, and the language."""
        begin = torch.tensor([[self.codes[self._language(options)]]])
        return [{"inputs": self._heard(window) | {"decoder_input_ids": begin}, "window": window} for window in items]

    def forward(self, batch: list[Inputs]) -> list[list[int]]:
        """Tokens of the decoder for each window."""
        return by_shape(batch, self.network.dtype, self._tokens)

    def postprocess(
        self, output: list[list[int]], features: list[dict[str, Any]], options: SpeechRecognitionOptions
    ) -> list[Transcript]:
        texts = self.tokenizer.batch_decode(output, skip_special_tokens=True)
        return [one_segment(each["window"], text.strip()) for each, text in zip(features, texts, strict=True)]

    def _language(self, options: SpeechRecognitionOptions) -> str:
        return language_among("en" if options.task == "translate" else options.language or "", self.codes)

    def _heard(self, window: Window) -> Inputs:
        samples = Audio(window.samples, "", SAMPLING_RATE).samples(self.extractor.sampling_rate)
        return dict(self.extractor(samples, sampling_rate=self.extractor.sampling_rate, return_tensors="pt"))

    def _tokens(self, inputs: Inputs) -> list[list[int]]:
        tokens: Tensor = self.network.generate(**inputs)
        return tokens.tolist()
