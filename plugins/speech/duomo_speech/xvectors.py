"""A voice as a vector, and whether two are one person's, by any transformers checkpoint with an x-vector head.

Snyder et al. 2018, "X-vectors: robust DNN embeddings for speaker recognition"; in transformers on WavLM, UniSpeech-SAT,
wav2vec 2.0 and their kin. The vector is brought to length 1. What is longer than a window is heard in windows, and the
voice is the mean of their vectors by their lengths. Pauses are heard, too, as in the reference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModelForAudioXVector

from duomo import Audio, WeightsRef
from duomo.errors import InputUnreadable
from duomo.inputs import AudioPair
from duomo.model import Features, In, R
from duomo.tasks.results import Embedding
from duomo.tasks.speech.speakers import SpeakerEmbeddingOptions, SpeakerVerificationOptions, Verification
from duomo.tasks.speech.stretches import speech_intervals
from duomo_speech.hearing import Hearing, Inputs
from duomo_speech.resemblyzer import VOICE
from duomo_speech.silero import FRAME, SAMPLING_RATE
from duomo_speech.windows import WINDOW_S, load_vad

THRESHOLD = 0.86
"""Cosine above which two voices are one person's: that of the model cards of WavLM and UniSpeech-SAT."""
STATE_S = 0.02
"""Between two states of networks without convolutions of samples (Wav2Vec2-BERT)."""


class XVectors(Hearing[In, R]):
    """What both tasks share."""

    auto = AutoModelForAudioXVector

    def configure(self, weights: WeightsRef) -> None:
        """The least that is heard is two states behind the layers of the head, whose spread is a part of the vector."""
        config = self.network.config
        self.most = int(WINDOW_S * self.rate)
        states = 1 + sum((k - 1) * d for k, d in zip(config.tdnn_kernel, config.tdnn_dilation, strict=True))
        strides = getattr(config, "conv_stride", ())
        self.least += states * (math.prod(strides) if strides else int(STATE_S * self.rate))
        self.vad = load_vad()

    def compute(self, inputs: Inputs) -> Tensor:
        """Vectors of length 1, (windows, size)."""
        return F.normalize(self.network(**inputs).embeddings.float(), dim=-1)

    def voice(self, item: Audio) -> Features:
        """The windows of an audio clip and the share of each.

        Raises:
            InputUnreadable: no one speaks, or it is too short for a vector.
        """
        heard = item.samples(SAMPLING_RATE, FRAME)
        if not any(speech_intervals(self.vad.probabilities(heard), len(heard), VOICE)):
            raise InputUnreadable(
                "no voice was found in " + (f"'{item.name}'" if item.name else "this audio clip"),
                why=f"no speech was detected in its {len(heard) / SAMPLING_RATE:.1f} seconds",
                fix="see where a voice is heard: duomo run voice-activity-detection FILE",
            )
        parts, _ = self.windows(item.samples(self.rate, self.least), "window")
        lengths = torch.tensor([float(len(part)) for part in parts])
        return {"inputs": [self.prepare(part) for part in parts], "shares": lengths / lengths.sum()}

    @staticmethod
    def joined(output: list[Tensor], voices: Sequence[Features]) -> list[Tensor]:
        """One vector of length 1 a voice."""
        parts = torch.split(torch.stack(output).cpu(), [len(each["inputs"]) for each in voices])
        return [F.normalize(each["shares"] @ part, dim=0) for each, part in zip(voices, parts, strict=True)]


class XVectorEmbedding(XVectors[Audio, Embedding]):
    """A voice as a vector."""

    def preprocess(self, items: Sequence[Audio], options: SpeakerEmbeddingOptions) -> list[Features]:
        return [self.voice(item) for item in items]

    def postprocess(
        self, output: list[Tensor], features: list[Features], options: SpeakerEmbeddingOptions
    ) -> list[Embedding]:
        return [Embedding.model_construct(vector=each.numpy()) for each in self.joined(output, features)]


class XVectorVerification(XVectors[AudioPair, Verification]):
    """Whether two voices are one person's."""

    @staticmethod
    def estimate(item: AudioPair) -> int:  # type: ignore[override]
        return item.first.size_hint + item.second.size_hint

    def preprocess(self, items: Sequence[AudioPair], options: SpeakerVerificationOptions) -> list[Features]:
        return [{"voices": [self.voice(item.first), self.voice(item.second)]} for item in items]

    def collate(self, features: list[Features]) -> list[Inputs]:
        """The windows of both clips of all pairs, in order."""
        return [inputs for each in features for voice in each["voices"] for inputs in voice["inputs"]]

    def postprocess(
        self, output: list[Tensor], features: list[Features], options: SpeakerVerificationOptions
    ) -> list[Verification]:
        threshold = THRESHOLD if options.threshold is None else options.threshold
        vectors = self.joined(output, [voice for each in features for voice in each["voices"]])
        scores = [float(first @ second) for first, second in zip(vectors[::2], vectors[1::2], strict=True)]
        return [
            Verification.model_construct(same=score > threshold, score=score, threshold=threshold) for score in scores
        ]
