"""Speech to text by networks that are told what to write down: Qwen3-ASR, GLM-ASR, Canary, Cohere ASR and their kin.

The question is the processor's own (``apply_transcription_request``; for Cohere ASR what its processor begins the text
with), or for Granite Speech that of its model card; the tokens are those of ``generate``. The sound is cut into windows
of speech first, and those of one shape share a pass.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
import transformers
from torch import Tensor
from transformers import AutoProcessor

from duomo import Audio, WeightsRef
from duomo.errors import BadOption, WeightsProblem
from duomo.generating import FROM_PIXELS, refuse
from duomo.pretrained import load_network, load_processor
from duomo.tasks.languages import language_code
from duomo.tasks.speech import SpeechRecognitionOptions, Transcript
from duomo_speech.hearing import Inputs, by_shape
from duomo_speech.silero import SAMPLING_RATE, SileroVad
from duomo_speech.windows import Recognizer, Window, load_vad, one_segment, refuse_language

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

MAX_TOKENS = 448
"""New tokens for a window of 30 s, where the checkpoint does not say."""
QUESTION = "can you transcribe the speech into a written format?"
"""What Granite Speech is asked."""
READ: dict[str, dict[str, Any]] = {
    "audioflamingo3": {"strip_prefix": True},
    "fun_asr_nano": {"strip_prefix": True},
    "qwen3_asr": {"return_format": "transcription_only"},
}
"""How the processor is told to leave out what an answer says beside the words that were heard."""


class AskedRecognition(Recognizer):
    """One segment a window."""

    def __init__(self, network: Network, processor: Processor, vad: SileroVad) -> None:
        self.network = network
        self.processor = processor
        self.vad = vad
        part = getattr(processor, "feature_extractor", None) or processor.audio_processor
        self.rate: int = getattr(part, "sampling_rate", SAMPLING_RATE)
        self.request = getattr(processor, "apply_transcription_request", None)
        if "language" in inspect.signature(type(processor).__call__).parameters:  # Cohere's
            self.request = functools.partial(processor, sampling_rate=self.rate)
        known = inspect.signature(self.request).parameters if self.request else {}
        self.language = next((name for name in ("language", "source_language") if name in known), "")
        """What the processor calls the language of the sound; empty where it takes none."""
        self.is_language_needed = bool(self.language) and known[self.language].default is inspect.Parameter.empty

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and processor, whole, by its class: no Auto class has them all.

        Raises:
            WeightsMismatch: it samples, and the like.
            WeightsProblem: its text model hears by an adapter of its own (Granite Speech).
        """
        config = weights.config()
        if config.get("has_lora_adapter"):
            raise WeightsProblem(
                f"'{weights.folder}' cannot be loaded",
                why="has_lora_adapter in its config.json is true: the text model hears through an adapter that is not "
                "merged into it",
                fix="merge the adapter into the model, set has_lora_adapter to false and save it whole",
            )
        network = load_network(getattr(transformers, config["architectures"][0]), weights)
        refuse(network.generation_config, FROM_PIXELS, weights.folder)
        return cls(network.to(device, dtype), load_processor(AutoProcessor, weights, "processor"), load_vad())

    def check_options(self, options: SpeechRecognitionOptions) -> None:
        """Refuse what the processor does not take. Raises `BadOption`."""
        if not self.language or options.task != "transcribe":
            refuse_language(options)
        elif options.language is not None:
            try:
                self._request(np.zeros(self.rate, np.float32), options)
            except ValueError as error:
                raise BadOption(
                    f"this checkpoint does not know the language '{options.language}'",
                    why=str(error).partition("\n")[0],
                    fix="write the name or the ISO 639-1 code of one that it knows, or leave it out",
                ) from None
        elif self.is_language_needed:
            raise BadOption(
                "this checkpoint needs to know the language of the sound",
                why="it is told before it hears, and does not find it out",
                fix='language="en"  (-p language=en)',
            )

    def preprocess(self, items: Sequence[Window], options: SpeechRecognitionOptions) -> list[dict[str, Any]]:
        """What the processor makes of each window and the question, as a batch of one."""
        found = []
        for window in items:
            samples = Audio(window.samples, "", SAMPLING_RATE).samples(self.rate)
            found.append({"inputs": self._asked(samples, options), "window": window})
        return found

    def forward(self, batch: list[Inputs]) -> list[list[int]]:
        """New tokens for each window."""
        return by_shape(batch, self.network.dtype, self._tokens)

    def postprocess(
        self, output: list[list[int]], features: list[dict[str, Any]], options: SpeechRecognitionOptions
    ) -> list[Transcript]:
        how = READ.get(self.network.config.model_type, {}) | {"skip_special_tokens": True}
        texts = self.processor.decode(output, **how)
        return [one_segment(each["window"], text.strip()) for each, text in zip(features, texts, strict=True)]

    def _asked(self, samples: np.ndarray, options: SpeechRecognitionOptions) -> Inputs:
        """The question about (samples,) as the network takes it."""
        if self.request is not None:
            made = self._request(samples, options)
            return {name: each for name, each in made.items() if isinstance(each, Tensor)}
        chat = [{"role": "user", "content": self.processor.audio_token + QUESTION}]
        prompt = self.processor.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        return dict(self.processor(text=prompt, audio=torch.from_numpy(samples)[None], return_tensors="pt"))

    def _request(self, samples: np.ndarray, options: SpeechRecognitionOptions) -> Mapping[str, object]:
        """The processor's own question, in the language of the sound where one is given."""
        assert self.request is not None
        language = {self.language: language_code(options.language)} if options.language is not None else {}
        found: Mapping[str, object] = self.request(samples, **language)
        return found

    def _tokens(self, inputs: Inputs) -> list[list[int]]:
        said = self.network.generation_config
        is_open = said.max_new_tokens is None and said.max_length is None
        tokens: Tensor = self.network.generate(**inputs, **({"max_new_tokens": MAX_TOKENS} if is_open else {}))
        asked = inputs["decoder_input_ids" if "decoder_input_ids" in inputs else "input_ids"]
        return tokens[:, asked.shape[1] :].tolist()
