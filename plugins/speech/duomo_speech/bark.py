"""Any Bark checkpoint: text to speech, with laughter and music where the text asks for them.

Source: suno-ai/bark, ``BarkModel`` and ``BarkProcessor`` of transformers. Three networks write one another's tokens,
and a codec makes sound of the last. Voices are those of the folder's ``speaker_embeddings_path.json``.

preprocess   text → tokens, in parts of whole sentences: a pass says some 14 s
forward      one part a pass, as `generate` writes it
chance       tokens are drawn where the checkpoint says so; a generator of the text repeats them
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor
from transformers import AutoProcessor, BarkModel

from duomo import Model, Text, WeightsRef
from duomo.errors import BadOption, WeightsMissing
from duomo.model import Features
from duomo.pretrained import load_network, load_processor
from duomo.tasks.speech.synthesis import Speech, TextToSpeechOptions
from duomo_speech.utterances import Noise, pieces

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

LONGEST = 200
"""Characters of one pass: what is left after some 14 s would not be said."""


class Bark(Model[Text, Speech]):
    """Speech by a checkpoint the caller names; without a voice, one that is drawn for each part of a text."""

    batch_size = 1

    def __init__(self, network: Network, processor: Processor) -> None:
        self.network = network
        self.processor = processor
        self.voices: list[str] = processor.available_voice_presets
        self.positions: int = network.generation_config.semantic_config["max_input_semantic_length"]

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and processor. Raises `WeightsMissing` for a folder that does not say how tokens are written."""
        network = load_network(BarkModel, weights, dtype=dtype).to(device)
        if not getattr(network.generation_config, "semantic_config", None):
            raise WeightsMissing(
                f"'{weights.folder}' has no generation_config.json of Bark",
                why="it says how its three networks write, and what their numbers mean",
                fix="copy generation_config.json of the original checkpoint there",
            )
        return cls(network, load_processor(AutoProcessor, weights, "processor"))

    @staticmethod
    def estimate(item: Text) -> int:
        return len(item)

    def check_options(self, options: TextToSpeechOptions) -> None:
        """Refuse a voice that the folder does not have, and another speed."""
        if options.voice is not None and options.voice not in self.voices:
            names = ", ".join(self.voices[:5]) + (" …" if len(self.voices) > 5 else "")
            raise BadOption(
                f"option 'voice' cannot be {options.voice!r}",
                why=f"the voices are {names}" if names else "this folder has no speaker_embeddings_path.json",
                fix=f"voice={self.voices[0]}, for example" if names else "leave it out",
            )
        if options.speed != 1:
            raise BadOption(
                f"option 'speed' cannot be {options.speed:g}",
                why="Bark speaks as fast as it has learned",
                fix="leave it out",
            )

    def preprocess(self, items: Sequence[Text], options: TextToSpeechOptions) -> list[Features]:
        """The parts of each text."""
        each = [[part for part in pieces(item, min(LONGEST, self.positions)) if part.strip()] for item in items]
        return [{"parts": parts, "windows": len(parts), "options": options} for parts in each]

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[np.ndarray]:
        """Samples of each text."""
        return [self._say(each["parts"], each["options"]) for each in batch]

    def postprocess(
        self, output: list[np.ndarray], features: list[Features], options: TextToSpeechOptions
    ) -> list[Speech]:
        """Samples as WAV files."""
        return [Speech.from_samples(samples, self.network.generation_config.sample_rate) for samples in output]

    def _say(self, parts: list[str], options: TextToSpeechOptions) -> np.ndarray:
        said = []
        with Noise(options.seed):
            for part in parts:
                inputs = self.processor(part, voice_preset=options.voice, max_length=self.positions)
                waveform: Tensor = self.network.generate(**inputs.to(self.network.device))
                said.append(waveform[0].float().cpu().numpy())
        return np.concatenate(said)
