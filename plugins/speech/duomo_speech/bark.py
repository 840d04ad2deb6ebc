"""Any Bark checkpoint: text to speech, with laughter and music where the text asks for them.

Source: suno-ai/bark, ``BarkModel`` and ``BarkProcessor`` of transformers. Three networks write one another's tokens,
and a codec makes sound of the last. Voices are those of the folder's ``speaker_embeddings_path.json``.

preprocess   text → tokens, in parts of whole sentences: a pass says some 14 s
forward      one part a pass, as `generate` writes it
chance       tokens are drawn where the checkpoint says so; a generator of the text repeats them
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor
from transformers import AutoProcessor, BarkModel

from duomo import Text, WeightsRef
from duomo.errors import BadOption, WeightsMissing
from duomo.pretrained import load_network, load_processor
from duomo.tasks.speech.synthesis import TextToSpeechOptions
from duomo_speech.utterances import Synthesizer, check_one_speed, pieces

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

LONGEST = 200
"""Characters of one pass: what is left after some 14 s would not be said."""


class Bark(Synthesizer[str]):
    """Speech by a checkpoint the caller names; without a voice, one that is drawn for each part of a text."""

    batch_size = 1

    def __init__(self, network: Network, processor: Processor) -> None:
        self.network = network
        self.processor = processor
        self.rate = network.generation_config.sample_rate
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

    def check_options(self, options: TextToSpeechOptions) -> None:
        """Refuse a voice that the folder does not have, and another speed."""
        if options.voice is not None and options.voice not in self.voices:
            names = ", ".join(self.voices[:5]) + (" …" if len(self.voices) > 5 else "")
            raise BadOption(
                f"option 'voice' cannot be {options.voice!r}",
                why=f"the voices are {names}" if names else "this folder has no speaker_embeddings_path.json",
                fix=f"voice={self.voices[0]}, for example" if names else "leave it out",
            )
        check_one_speed(options, "Bark")

    def parts(self, text: Text) -> list[str]:
        """A text in parts of whole sentences."""
        return [part for part in pieces(text, min(LONGEST, self.positions)) if part.strip()]

    def say(self, part: str, options: TextToSpeechOptions) -> Tensor:
        inputs = self.processor(part, voice_preset=options.voice, max_length=self.positions)
        waveform: Tensor = self.network.generate(**inputs.to(self.network.device))[0]
        return waveform
