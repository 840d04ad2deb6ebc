"""Whisper as graphs: what is said in an audio clip of any length, with times, as `duomo-speech` writes it.

Three graphs: ``encoder``, ``step`` (one token of the decoder) and ``activity`` (the detector of pauses). Windows of
speech are heard one after another, each with the likeliest token at each step, under Whisper's rules for timestamps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import Field
from tokenizers import Tokenizer

from duomo import Audio, Model, WeightsRef
from duomo.model import Features
from duomo.tasks.speech.recognition import SpeechRecognitionOptions, Transcript
from duomo.tasks.speech.whispering import MAX_STEPS, MEL_FRAMES, Prompt, Vocabulary, heard_steps, room_of
from duomo.tasks.speech.windows import Window, join, windows_of
from duomo_edge.artifact import Graph, check_device, check_names, open_graph, read_settings
from duomo_edge.sound.activity import FRAME, INPUTS as ACTIVITY, ActivitySettings, VoiceActivityDetector
from duomo_edge.sound.spectrum import HOP, RATE, log_mel
from duomo_edge.sound.timestamps import allowed
from duomo_edge.texts.windows import read_tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

INPUTS = {
    "encoder": ("mel",),
    "step": ("token", "place", "keys", "values", "heard_keys", "heard_values"),
    "activity": ACTIVITY,
}
"""Names of the inputs of each graph."""


class WhisperSettings(ActivitySettings):
    """What Whisper needs besides."""

    mels: int = Field(gt=0)
    shape: tuple[int, int, int]
    """Layers, heads and width of a head of the decoder."""
    most_tokens: int = Field(gt=0)
    vocabulary: Vocabulary


class Whisper(Model[Window, Transcript]):
    """One window at a time."""

    batch_size = 1

    def __init__(
        self,
        graphs: Mapping[str, Graph],
        detector: VoiceActivityDetector,
        tokenizer: Tokenizer,
        settings: WhisperSettings,
    ) -> None:
        self.encoder, self.step = graphs["encoder"], graphs["step"]
        self.detector = detector
        self.tokenizer = tokenizer
        self.settings = settings
        self.vocabulary = settings.vocabulary

    @classmethod
    def load(cls, weights: WeightsRef, *, device: object, dtype: object) -> Self:
        """Open the artefact, in its own precision. Raises `WeightsProblem` where it is not whole."""
        del dtype
        check_device(device)
        settings = read_settings(weights, WhisperSettings)
        graphs = {name: open_graph(weights, settings, name) for name in INPUTS}
        for name, inputs in INPUTS.items():
            check_names(graphs[name], weights.folder, inputs)
        return cls(graphs, VoiceActivityDetector(graphs["activity"], settings), read_tokenizer(weights), settings)

    @staticmethod
    def estimate(item: Audio) -> int:
        return item.size_hint

    def check_options(self, options: SpeechRecognitionOptions) -> None:
        """Raises `BadOption` for a language or a task that this checkpoint does not know."""
        self.vocabulary.prompt(options)

    def split(self, item: Audio, options: SpeechRecognitionOptions) -> list[Window]:  # type: ignore[override]
        """Windows of speech; none where no one speaks."""
        samples = item.samples(RATE, FRAME)
        return windows_of(samples, self.detector.probabilities(samples), options)

    def merge(  # type: ignore[override]
        self, item: Audio, results: list[Transcript], options: SpeechRecognitionOptions
    ) -> Transcript:
        """The transcripts of all windows as one."""
        return join(results)

    def preprocess(self, items: Sequence[Window], options: SpeechRecognitionOptions) -> list[Features]:
        """Log-mel spectrograms: 30 s, or with ``encoder="trimmed"`` the speech and 3 s."""
        return [self._heard(window, options) for window in items]

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[list[int]]:
        """Tokens of each window, prompt included."""
        return [self._hear(each["mel"], each["steps"], each["prompt"]) for each in batch]

    def postprocess(
        self, output: list[list[int]], features: list[Features], options: SpeechRecognitionOptions
    ) -> list[Transcript]:
        """Tokens to text and segments on the clock of the audio clip."""
        for tokens, each in zip(output, features, strict=True):
            each["truncated"] = tokens[-1] != self.vocabulary.end
        return [
            self.vocabulary.transcript(tokens, each["window"], self.tokenizer.decode)
            for tokens, each in zip(output, features, strict=True)
        ]

    def _heard(self, window: Window, options: SpeechRecognitionOptions) -> Features:
        steps, span = heard_steps(window, options.encoder)
        mel = log_mel(window.samples, span * MEL_FRAMES * HOP, self.settings.mels)
        return {"mel": mel, "steps": steps, "prompt": self.vocabulary.prompt(options), "window": window}

    def _hear(self, mel_MT: Floats, steps: int, prompt: Prompt) -> list[int]:
        """Tokens of a window, to its end: Whisper may stop where it announces more, and then hears on from there.

        What a trimmed encoder lets run out of room is heard again from the start, by the full one.
        """
        trimmed = mel_MT.shape[1] < MEL_FRAMES * MAX_STEPS
        room = room_of(steps, trimmed, self.settings.most_tokens)
        tokens = self._write(self.encoder({"mel": mel_MT[None]}), prompt, room)
        at = self.vocabulary.stop(tokens, steps, trimmed)
        if at is None:
            return tokens
        length = mel_MT.shape[1] if at else MEL_FRAMES * MAX_STEPS
        rest = np.full((len(mel_MT), length), mel_MT.min(), mel_MT.dtype)
        rest[:, : mel_MT.shape[1] - MEL_FRAMES * at] = mel_MT[:, MEL_FRAMES * at :]
        tail = self._hear(rest, steps - at, prompt)[1 + len(prompt) :]
        return self.vocabulary.joined(tokens, at, tail, 1 + len(prompt))

    def _write(self, heard: list[Floats], prompt: Prompt, room: int) -> list[int]:
        """The likeliest token each time, to the end or until there is no room."""
        vocabulary = self.vocabulary
        layers, heads, width = self.settings.shape
        past = [np.zeros((1, layers, heads, 0, width), np.float32)] * 2
        tokens, written = [vocabulary.start], 0
        logits = np.empty(0, np.float32)
        while True:
            while written < len(tokens):
                given = {
                    "token": np.array(tokens[written : written + 1]), "place": np.array([written]), "keys": past[0],
                    "values": past[1], "heard_keys": heard[0], "heard_values": heard[1],
                }  # fmt: skip
                found, *past = self.step(given)
                logits, written = found[0], written + 1
            if len(tokens) <= len(prompt):
                token = prompt[len(tokens) - 1]
                tokens.append(self._language(logits) if token is None else token)
                continue
            behind = tokens[1 + len(prompt) :]
            if len(behind) == room:
                return tokens
            tokens.append(int(allowed(logits, behind, vocabulary).argmax()))
            if tokens[-1] == vocabulary.end:
                return tokens

    def _language(self, logits: Floats) -> int:
        languages = list(self.vocabulary.languages.values())
        return languages[int(logits[languages].argmax())]
