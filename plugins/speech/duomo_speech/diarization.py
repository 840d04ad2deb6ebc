"""Who speaks when: stretches of speech, a vector for each 1.6 s of them, vectors that are alike one speaker.

stretches   by Silero VAD
windows     1.6 s of a stretch every 0.8 s, as Resemblyzer hears; shorter stretches are repeated to fill one
speakers    average linkage of the cosine distances (scipy); what is too short to judge joins the nearest voice

There is no overlap here: where two speak at once, one is named. `MarkedSpeakers` is a network that was trained to mark
several: any transformers checkpoint for audio frame classification, with one label a speaker.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from torch import Tensor
from transformers import AutoModelForAudioFrameClassification

from duomo import Audio, WeightsRef
from duomo.errors import BadOption, InputTooLong
from duomo.model import Features
from duomo.tasks.speech.activity import VoiceActivityDetectionOptions
from duomo.tasks.speech.speakers import Diarization, SpeakerDiarizationOptions, Turn
from duomo.tasks.speech.stretches import speech_intervals
from duomo_speech.clips import Clips
from duomo_speech.hearing import Hearing, Inputs
from duomo_speech.resemblyzer import HOP, SAMPLING_RATE, WINDOW, ResemblyzerEmbedding, raised
from duomo_speech.silero import FRAME

SPEECH = VoiceActivityDetectionOptions.parse({"min_speech_s": 0.2, "min_silence_s": 0.2, "pad_s": 0.03})
LENGTH = WINDOW * HOP
"""Samples of a window: 1.6 s."""
STEP = LENGTH // 2
SURE = LENGTH // 2
"""Samples of speech from which a window has a say in how many speakers there are."""
FAR = 0.35
"""Cosine distance from which two groups of windows are two speakers."""
MOST = 4000
"""Windows that are compared with each other, about an hour; of a longer audio clip every second, third … one is."""
JOIN_S = 0.5
"""Turns of one speaker are one across shorter pauses."""


class Stretch(NamedTuple):
    """A window of speech."""

    start: float
    """Seconds; where the one before it ends, or the stretch of speech begins."""
    end: float
    num_samples: int
    """How much of it is speech and not repetition."""


class ComposedDiarization(Clips[Audio, Diarization]):
    """Silero VAD, Resemblyzer, average linkage."""

    batch_size = 4

    def __init__(self, voices: ResemblyzerEmbedding) -> None:
        self.voices = voices
        self.network = voices.network

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        return cls(ResemblyzerEmbedding.load(weights, device=device, dtype=dtype))

    def preprocess(self, items: Sequence[Audio], options: SpeakerDiarizationOptions) -> list[Features]:
        """Mel windows of the speech in each audio clip, and when they are."""
        features: list[Features] = []
        for item in items:
            samples = raised(item.samples(SAMPLING_RATE, FRAME))
            spans = speech_intervals(self.voices.vad.probabilities(samples), len(samples), SPEECH)
            stretches, parts = [], []
            for span in spans:
                speech = samples[round(span.start * SAMPLING_RATE) : round(span.end * SAMPLING_RATE)]
                for stretch, part in _windows(speech, span.start):
                    stretches.append(stretch)
                    parts.append(part)
            features.append({"stretches": stretches, "mels": [self._mel(part) for part in parts]})
        return features

    def collate(self, features: list[Features]) -> list[Tensor]:
        return [torch.stack(each["mels"]) if each["mels"] else torch.zeros(0, WINDOW, 40) for each in features]

    def forward(self, batch: list[Tensor]) -> list[np.ndarray]:
        """Unit vectors of the windows of each audio clip, (N, 256)."""
        weight = self.network.linear.weight
        return [
            torch.cat([self.network(part.to(weight)) for part in torch.split(mels, 256)]).float().cpu().numpy()
            if len(mels)
            else np.zeros((0, 256), np.float32)
            for mels in batch
        ]

    def postprocess(
        self, output: list[np.ndarray], features: list[Features], options: SpeakerDiarizationOptions
    ) -> list[Diarization]:
        far = FAR if options.threshold is None else options.threshold
        return [
            Diarization.model_construct(turns=turns(each["stretches"], group(vectors, each["stretches"], far, options)))
            for vectors, each in zip(output, features, strict=True)
        ]

    def _mel(self, samples: np.ndarray) -> Tensor:
        mel: Tensor = self.voices.mel(torch.from_numpy(samples)).T[:WINDOW]
        return mel


class MarkedSpeakers(Hearing[Audio, Diarization]):
    """A sigmoid a speaker and frame; speakers may speak at once."""

    auto = AutoModelForAudioFrameClassification
    threshold = 0.5

    def configure(self, weights: WeightsRef) -> None:
        self.most = 60 * self.rate  # attention grows with the square, and speakers of two windows have no common names

    def check_options(self, options: SpeakerDiarizationOptions) -> None:
        """Refuse a number of speakers that the network does not mark."""
        num_labels = self.network.config.num_labels
        if options.num_speakers is not None and options.num_speakers != num_labels:
            raise BadOption(
                f"option 'num_speakers' cannot be {options.num_speakers}",
                why=f"this checkpoint marks up to {num_labels} speakers, as many as it hears",
                fix="leave it out",
            )

    def preprocess(self, items: Sequence[Audio], options: SpeakerDiarizationOptions) -> list[Features]:
        features = []
        for item in items:
            samples = item.samples(self.rate, self.least)
            if len(samples) > self.most and options.long == "error":
                raise InputTooLong(
                    f"this audio clip is {len(samples) / self.rate:.0f} s long and the model hears "
                    f"{self.most / self.rate:.0f} s",
                    why="its end would be lost, and speakers have other numbers in another window",
                    fix="long=truncate reads the beginning; speech/resemblyzer takes audio of any length",
                )
            parts, is_long = self.windows(samples, "truncate")
            features.append(
                {"inputs": [self.prepare(parts[0])], "truncated": is_long, "seconds": len(parts[0]) / self.rate}
            )
        return features

    def compute(self, inputs: Inputs) -> Tensor:
        """Probabilities, (audio clips, frames, speakers)."""
        logits: Tensor = self.network(**inputs).logits
        return logits.float().sigmoid()

    def postprocess(
        self, output: list[Tensor], features: list[Features], options: SpeakerDiarizationOptions
    ) -> list[Diarization]:
        threshold = self.threshold if options.threshold is None else options.threshold
        return [
            _marked((frames > threshold).cpu().numpy(), each["seconds"])
            for frames, each in zip(output, features, strict=True)
        ]


def group(
    vectors: np.ndarray, stretches: Sequence[Stretch], far: float, options: SpeakerDiarizationOptions
) -> list[int]:
    """A number for each of (N, D) unit vectors, the same for one speaker."""
    if not len(vectors):
        return []
    sure = [at for at, each in enumerate(stretches) if each.num_samples >= SURE] or list(range(len(stretches)))
    compared = sure[:: -(-len(sure) // MOST)]
    if len(compared) == 1:
        return [0] * len(vectors)
    tree = linkage(vectors[compared], "average", "cosine")
    if options.num_speakers is not None:
        labels = fcluster(tree, options.num_speakers, "maxclust")
    else:
        labels = fcluster(tree, far, "distance")
    names = np.unique(labels)
    means = np.stack([vectors[compared][labels == name].mean(0) for name in names])
    nearest = (vectors @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).argmax(1)
    nearest[compared] = np.searchsorted(names, labels)
    return [int(each) for each in nearest]


def turns(stretches: Sequence[Stretch], numbers: Sequence[int]) -> list[Turn]:
    """Windows of one speaker that follow each other as one turn; speakers are numbered as they come."""
    found: list[Turn] = []
    names: dict[int, str] = {}
    for stretch, number in zip(stretches, numbers, strict=True):
        speaker = names.setdefault(number, f"speaker-{len(names) + 1}")
        if found and found[-1].speaker == speaker and stretch.start - found[-1].end < JOIN_S:
            found[-1] = Turn.model_construct(start=found[-1].start, end=stretch.end, speaker=speaker)
        else:
            found.append(Turn.model_construct(start=stretch.start, end=stretch.end, speaker=speaker))
    return found


def _windows(speech: np.ndarray, start: float) -> list[tuple[Stretch, np.ndarray]]:
    """Windows of one stretch of speech; each is said to last to the middle of what it shares with the next."""
    if len(speech) <= LENGTH:
        times = -(-LENGTH // max(1, len(speech)))
        filled = np.tile(speech, times)[:LENGTH]
        return [(Stretch(start, start + len(speech) / SAMPLING_RATE, len(speech)), filled)]
    starts = [*range(0, len(speech) - LENGTH, STEP), len(speech) - LENGTH]
    middles = [(a + b + LENGTH) / 2 for a, b in pairwise(starts)]
    edges = [start + at / SAMPLING_RATE for at in (0, *middles, len(speech))]
    return [
        (Stretch(first, last, LENGTH), speech[at : at + LENGTH])
        for (first, last), at in zip(pairwise(edges), starts, strict=True)
    ]


def _marked(active: np.ndarray, seconds: float) -> Diarization:
    """Turns of (frames, speakers) that are on or off."""
    step = seconds / len(active)
    found = []
    for number in range(active.shape[1]):
        edges = np.flatnonzero(np.diff(active[:, number].astype(np.int8), prepend=0, append=0))
        found += [(float(on * step), float(off * step), number) for on, off in edges.reshape(-1, 2)]
    names: dict[int, str] = {}
    return Diarization.model_construct(
        turns=[
            Turn.model_construct(start=on, end=off, speaker=names.setdefault(number, f"speaker-{len(names) + 1}"))
            for on, off, number in sorted(found)
        ]
    )
