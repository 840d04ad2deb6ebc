"""Resemblyzer: a voice as a vector, and whether two voices are one person's.

Source: Wan et al. 2018, "Generalized end-to-end loss for speaker verification",
https://arxiv.org/abs/1710.10467; weights of https://github.com/resemble-ai/Resemblyzer (Apache-2.0). Pauses
are left out; three LSTM layers read windows of 1.6 s of mel power; the voice is the mean of their last states.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.transforms import MelSpectrogram

from duomo import Audio, WeightsRef
from duomo.errors import InputUnreadable
from duomo.inputs import AudioPair
from duomo.tasks.results import Embedding
from duomo.tasks.speech.activity import VoiceActivityDetectionOptions
from duomo.tasks.speech.speakers import SpeakerEmbeddingOptions, SpeakerVerificationOptions, Verification
from duomo.tasks.speech.stretches import speech_intervals
from duomo.weights import check_tensors, verify
from duomo_speech.clips import Clips
from duomo_speech.silero import FRAME, SileroVad
from duomo_speech.windows import load_vad

SAMPLING_RATE = 16_000
HOP = 160  # samples
WINDOW = 160  # frames of 10 ms
STEP = 77  # frames between windows: 1.3 a second
COVERAGE = 0.75  # a last window with less sound than this is left out
OFFSET = 1e-3  # of full scale; speech without a direct current lies below
LOUDNESS_DB = -30  # quieter audio clips are raised to it
THRESHOLD = 0.72  # cosine above which two voices are taken for one
VOICE = VoiceActivityDetectionOptions.parse({"min_speech_s": 0.1, "min_silence_s": 0.2, "pad_s": 0.03})
"""What counts as voice: of the settings tried, among the nearest to the trimming of the package (WebRTC's detector)."""
BATCH = 256  # windows a pass: some 200 MB of activations


class SpeakerNetwork(nn.Module):
    """(N, 160, 40) mel power to (N, 256) vectors of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, mels_NTM: Tensor) -> Tensor:
        """One vector a window."""
        _, (hidden, _) = self.lstm(mels_NTM)
        return F.normalize(self.linear(hidden[-1]).relu(), dim=-1)


class _Resemblyzer(Clips[Any, Any]):
    """What both tasks share."""

    def __init__(self, network: SpeakerNetwork, vad: SileroVad) -> None:
        self.network = network
        self.vad = vad
        self.mel = MelSpectrogram(
            SAMPLING_RATE, n_fft=400, hop_length=HOP, n_mels=40, pad_mode="constant", norm="slaney", mel_scale="slaney"
        )

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the checkpoint, a pickle, as tensors only and only when its digest is the pinned one."""
        assert weights.path is not None
        verify(weights.spec)
        state = torch.load(weights.path, map_location="cpu", weights_only=True)["model_state"]
        network = SpeakerNetwork()
        # The scale and bias of the similarity are used in training only.
        missing, unexpected = network.load_state_dict(state, strict=False)
        check_tensors(weights.spec.name, missing, set(unexpected) - {"similarity_weight", "similarity_bias"})
        return cls(network.to(device, dtype), load_vad())

    def forward(self, batch: list[Tensor]) -> list[Tensor]:
        """The (256,) vector of each audio clip."""
        mels_NTM = torch.cat(batch).to(self.network.linear.weight)
        vectors_NE = torch.cat([self.network(part) for part in torch.split(mels_NTM, BATCH)]).float().cpu()
        return [F.normalize(part.mean(0), dim=0) for part in torch.split(vectors_NE, [len(mels) for mels in batch])]

    def windows(self, recording: Audio) -> Tensor:
        """Mel power of the voice in an audio clip, as windows of shape (N, 160, 40)."""
        samples = torch.from_numpy(self.voice(recording))
        num_frames = math.ceil((len(samples) + 1) / HOP)
        starts = list(range(0, max(1, num_frames - WINDOW + STEP + 1), STEP))
        if len(starts) > 1 and len(samples) - starts[-1] * HOP < COVERAGE * WINDOW * HOP:
            starts.pop()
        samples = F.pad(samples, (0, max(0, (starts[-1] + WINDOW) * HOP - len(samples))))
        mel_TM = self.mel(samples).T
        return torch.stack([mel_TM[start : start + WINDOW] for start in starts])

    def voice(self, recording: Audio) -> np.ndarray:
        """Samples at 16 kHz without the pauses: to the network silence is a voice, the same in all audio clips.

        As in the package, the level is raised before pauses are looked for.

        Raises:
            InputUnreadable: there is not speech in it, or not a frame of sound.
        """
        samples = raised(recording.samples(SAMPLING_RATE, FRAME))
        stretches = [
            samples[int(each.start * SAMPLING_RATE) : int(each.end * SAMPLING_RATE)]
            for each in speech_intervals(self.vad.probabilities(samples), len(samples), VOICE)
        ]
        if not stretches:
            seconds = len(samples) / SAMPLING_RATE
            raise InputUnreadable(
                "no voice was found in " + (f"'{recording.name}'" if recording.name else "this audio clip"),
                why=f"no speech was detected in its {seconds:.1f} seconds",
                fix="see where a voice is heard: duomo run voice-activity-detection FILE",
            )
        return np.concatenate(stretches)


class ResemblyzerEmbedding(_Resemblyzer):
    """A voice as a vector."""

    def preprocess(self, items: Sequence[Audio], options: SpeakerEmbeddingOptions) -> list[dict[str, Any]]:
        """Mel windows of each audio clip."""
        return [{"mels": self.windows(item)} for item in items]

    def collate(self, features: list[dict[str, Any]]) -> list[Tensor]:
        return [each["mels"] for each in features]

    def postprocess(
        self, output: list[Tensor], features: list[dict[str, Any]], options: SpeakerEmbeddingOptions
    ) -> list[Embedding]:
        return [Embedding.model_construct(vector=vector.numpy()) for vector in output]


class ResemblyzerVerification(_Resemblyzer):
    """Whether two voices are one person's."""

    @staticmethod
    def estimate(item: AudioPair) -> int:  # type: ignore[override]
        return item.first.size_hint + item.second.size_hint

    def preprocess(self, items: Sequence[AudioPair], options: SpeakerVerificationOptions) -> list[dict[str, Any]]:
        """Mel windows of both audio clips of each pair."""
        return [{"pair": [self.windows(item.first), self.windows(item.second)]} for item in items]

    def collate(self, features: list[dict[str, Any]]) -> list[Tensor]:
        return [mels for each in features for mels in each["pair"]]

    def postprocess(
        self, output: list[Tensor], features: list[dict[str, Any]], options: SpeakerVerificationOptions
    ) -> list[Verification]:
        """Cosines against the threshold."""
        threshold = THRESHOLD if options.threshold is None else options.threshold
        scores = [float(first @ second) for first, second in zip(output[::2], output[1::2], strict=True)]
        return [
            Verification.model_construct(same=score > threshold, score=score, threshold=threshold) for score in scores
        ]


def raised(samples: np.ndarray) -> np.ndarray:
    """The samples, made louder when they are quieter than `LOUDNESS_DB`; the network was trained at that level.

    A mean beyond `OFFSET` is a direct current of the microphone: taken off, since to the network it is part of a voice.
    """
    offset = samples.mean(dtype=np.float64)
    samples = samples - np.float32(offset) if abs(offset) > OFFSET else samples
    rms = math.sqrt(float(np.square(samples, dtype=np.float64).mean()))
    target: float = 10 ** (LOUDNESS_DB / 20)
    return samples * np.float32(target / rms) if 0 < rms < target else samples
