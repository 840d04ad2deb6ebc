"""DeepSpeech: speech as letters, by torchaudio's network and greedy CTC.

Source: Hannun et al. 2014, https://arxiv.org/abs/1412.5567. Three dense layers with ReLU clipped at 20, one
bidirectional recurrent layer, one dense layer; letters are read off frame by frame, repeats joined, blanks dropped.
There is no language model. The features are those of its best known training: 26 cepstra every 20 ms, 9 frames on
both sides.

``duomo.json`` says how many features, hidden units and which letters; published ``.pbmm`` and ``.scorer`` files are
TensorFlow graphs and cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal, Self

import pydantic
import torch
from torch import Tensor
from torch.nn import functional as F
from torchaudio.models import DeepSpeech
from torchaudio.transforms import MFCC

from duomo import Audio, WeightsRef, folders
from duomo.model import Features
from duomo.tasks.speech import SpeechRecognitionOptions, Transcript
from duomo_speech.hearing import by_shape
from duomo_speech.silero import SAMPLING_RATE, SileroVad
from duomo_speech.windows import Recognizer, Window, load_vad, one_segment, speech_windows

FRAME, STEP = 512, 320
"""Samples: 32 ms every 20 ms."""


class Description(pydantic.BaseModel):
    """What ``duomo.json`` holds."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    model: Literal["speech/deepspeech"] = "speech/deepspeech"
    hidden: int = pydantic.Field(default=2048, gt=0)
    cepstra: int = pydantic.Field(default=26, gt=0)
    context: int = pydantic.Field(default=9, ge=0)
    """Frames on either side that a frame is read with."""
    letters: str = " abcdefghijklmnopqrstuvwxyz'"
    """In the order of the network's outputs; the blank is the output behind them."""

    def build(self) -> DeepSpeech:
        """The network, with random weights."""
        return DeepSpeech(self.cepstra * (2 * self.context + 1), self.hidden, len(self.letters) + 1)


class DeepSpeechRecognition(Recognizer):
    """Windows of speech between pauses, each by itself: the recurrent layer would read padding."""

    def __init__(self, network: DeepSpeech, about: Description, vad: SileroVad) -> None:
        self.network = network
        self.about = about
        self.vad = vad
        self.mfcc = MFCC(
            SAMPLING_RATE,
            about.cepstra,
            melkwargs={"n_fft": FRAME, "hop_length": STEP, "n_mels": max(40, about.cepstra), "center": False},
        )

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read a folder that `save` wrote. Raises `WeightsMismatch` when its parts do not fit each other."""
        about = folders.describe(Description, weights)
        network = about.build()
        folders.fill(network, weights)
        return cls(network.to(device, dtype), about, load_vad())

    def split(self, item: Audio, options: SpeechRecognitionOptions) -> list[Window]:
        """Windows of speech of at most 30 s; none where no one speaks, or for less sound than a frame."""
        found = speech_windows(item.samples(SAMPLING_RATE, FRAME), self.vad, options)
        return [window for window in found if len(window.samples) >= FRAME]

    def preprocess(self, items: Sequence[Window], options: SpeechRecognitionOptions) -> list[Features]:
        """Frames with their neighbours, (1, 1, T, features)."""
        return [{"inputs": {"frames": self.frames(window)}, "window": window} for window in items]

    def forward(self, batch: list[dict[str, Tensor]]) -> list[list[int]]:
        """The likeliest output of each frame."""
        dtype = next(self.network.parameters()).dtype
        return by_shape(batch, dtype, lambda inputs: self.network(inputs["frames"]).argmax(-1).tolist())

    def postprocess(
        self, output: list[list[int]], features: list[Features], options: SpeechRecognitionOptions
    ) -> list[Transcript]:
        return [
            one_segment(each["window"], greedy(numbers, self.about.letters))
            for numbers, each in zip(output, features, strict=True)
        ]

    def frames(self, window: Window) -> Tensor:
        """Cepstra of each frame and of `context` frames on both sides, zeros beyond the ends."""
        cepstra_TC = self.mfcc(torch.from_numpy(window.samples)).T
        padded = F.pad(cepstra_TC, (0, 0, self.about.context, self.about.context))
        wide = padded.unfold(0, 2 * self.about.context + 1, 1).transpose(1, 2).flatten(1)
        return wide[None, None]


def greedy(numbers: Sequence[int], letters: str) -> str:
    """Frames to text: repeats are one letter, blanks none; the blank is the number behind the last letter."""
    kept = [number for number, _ in groupby(numbers) if number < len(letters)]
    return " ".join("".join(letters[number] for number in kept).split())


def save(network: DeepSpeech, folder: str | Path, about: Description) -> Path:
    """Write a folder that ``-m dir:FOLDER`` loads."""
    return folders.write(network, about, folder)
