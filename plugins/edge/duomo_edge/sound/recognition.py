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
from duomo.errors import BadOption, WeightsMismatch, WeightsMissing, did_you_mean
from duomo.model import Features
from duomo.tasks.speech.recognition import Segment, SpeechRecognitionOptions, Transcript
from duomo.tasks.speech.windows import WINDOW_S, Window, join, windows_of
from duomo_edge.artifact import Graph, check_device, check_names, open_graph, read_settings
from duomo_edge.sound.activity import FRAME, INPUTS as ACTIVITY, ActivitySettings, VoiceActivityDetector
from duomo_edge.sound.spectrum import HOP, RATE, log_mel
from duomo_edge.sound.timestamps import Vocabulary, allowed, last_time, stop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

STEP_S = 0.02
"""Between two timestamp tokens, and two states of the encoder."""
MEL_FRAMES = 2
"""Frames of the spectrogram for each state of the encoder."""
MAX_STEPS = round(WINDOW_S / STEP_S)
INPUTS = {
    "encoder": ("mel",),
    "step": ("token", "place", "keys", "values", "heard_keys", "heard_values"),
    "activity": ACTIVITY,
}
"""Names of the inputs of each graph."""
MARGIN_STEPS = 150
"""Steps of silence behind the speech that a trimmed encoder hears."""
TOKENS_A_SECOND = 10
"""Of speech, and for a second more: whoever needs more with a trimmed encoder repeats a phrase."""


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
        return cls(graphs, VoiceActivityDetector(graphs["activity"], settings), _tokenizer(weights), settings)

    @staticmethod
    def estimate(item: Audio) -> int:
        return item.size_hint

    def check_options(self, options: SpeechRecognitionOptions) -> None:
        """Raises `BadOption` for a language or a task that this checkpoint does not know."""
        self._prompt(options)

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
        names = {token: name for name, token in self.vocabulary.languages.items()}
        transcripts = []
        for tokens, each in zip(output, features, strict=True):
            each["truncated"] = tokens[-1] != self.vocabulary.end
            segments = self._segments(tokens, each["window"])
            text = " ".join(segment.text for segment in segments)
            language = names[tokens[1]] if names else "en"
            transcripts.append(Transcript.model_construct(text=text, segments=segments, language=language))
        return transcripts

    def _heard(self, window: Window, options: SpeechRecognitionOptions) -> Features:
        steps = int(len(window.samples) / RATE / STEP_S)
        span = min(steps + MARGIN_STEPS, MAX_STEPS) if options.encoder == "trimmed" else MAX_STEPS
        mel = log_mel(window.samples, span * MEL_FRAMES * HOP, self.settings.mels)
        return {"mel": mel, "steps": steps, "prompt": self._prompt(options), "window": window}

    def _prompt(self, options: SpeechRecognitionOptions) -> tuple[int | None, ...]:
        """Language and task of the call, or of the checkpoint; None stands for a language to be found."""
        vocabulary = self.vocabulary
        known = vocabulary.languages
        if not known:
            if options.language not in (None, "en") or options.task == "translate":
                raise BadOption(
                    "this Whisper writes English speech down as English",
                    why=f"language={options.language}, task={options.task} were asked for",
                    fix="export a multilingual one: duomo export speech/whisper-base",
                )
            return ()
        language = vocabulary.language if options.language is None else options.language
        if language is not None and language not in known:
            raise BadOption(
                f"option 'language' cannot be '{language}'",
                why=did_you_mean(language, known) or f"Whisper knows {', '.join(sorted(known))}",
                fix="pass an ISO 639-1 code such as en, or leave it out",
            )
        # A call that leaves the task out reads "transcribe" too, but did not ask for it.
        task = options.task if "task" in options.model_fields_set else vocabulary.task
        return (
            None if language is None else known[language],
            vocabulary.translate if task == "translate" else vocabulary.transcribe,
        )

    def _hear(self, mel_MT: Floats, steps: int, prompt: tuple[int | None, ...]) -> list[int]:
        """Tokens of a window, to its end: Whisper may stop where it announces more, and then hears on from there.

        What a trimmed encoder lets run out of room is heard again from the start, by the full one.
        """
        most = self.settings.most_tokens
        trimmed = mel_MT.shape[1] < MEL_FRAMES * MAX_STEPS
        room = min(most, round((steps * STEP_S + 1) * TOKENS_A_SECOND)) if trimmed else most
        tokens = self._write(self.encoder({"mel": mel_MT[None]}), prompt, room)
        at = stop(tokens, steps, self.vocabulary, trimmed)
        if at is None:
            return tokens
        length = mel_MT.shape[1] if at else MEL_FRAMES * MAX_STEPS
        rest = np.full((len(mel_MT), length), mel_MT.min(), mel_MT.dtype)
        rest[:, : mel_MT.shape[1] - MEL_FRAMES * at] = mel_MT[:, MEL_FRAMES * at :]
        tail = self._hear(rest, steps - at, prompt)[1 + len(prompt) :]
        later = [token + at if token >= self.vocabulary.times else token for token in tail]
        return tokens[: last_time(tokens, self.vocabulary) + 1 if at else 1 + len(prompt)] + later

    def _write(self, heard: list[Floats], prompt: tuple[int | None, ...], room: int) -> list[int]:
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

    def _segments(self, tokens: list[int], window: Window) -> list[Segment]:
        """Text between timestamp tokens; the last segment ends with the window when no token says so."""
        segments: list[Segment] = []
        text: list[int] = []
        start = 0.0

        def close(end: float) -> None:
            words = self.tokenizer.decode(text, skip_special_tokens=True).strip()
            if words:
                times = [round(min(window.start_s + at, window.end_s), 3) for at in (start, end)]
                segments.append(Segment.model_construct(start=times[0], end=times[1], text=words))

        for token in tokens:
            if token < self.vocabulary.times:
                text.append(token)
                continue
            at = (token - self.vocabulary.times) * STEP_S
            close(at)
            start, text = at, []
        close(window.end_s - window.start_s)
        return segments


def _tokenizer(weights: WeightsRef) -> Tokenizer:
    file = weights.folder / "tokenizer.json"
    if not file.is_file():
        raise WeightsMissing(
            f"'{weights.folder}' has no tokenizer.json", why="tokens are read with it", fix="put it there"
        )
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # it raises Exception itself
        raise WeightsMismatch(f"'{file}' is damaged", why=str(error)[:200], fix="export it again") from None
