"""What Whisper's tokens say: language and task of a call, text and times of a window, and where to hear on.

Whatever computes the network, torch or a graph, reads its tokens by this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict

from duomo.errors import BadOption, did_you_mean
from duomo.tasks.languages import language_among
from duomo.tasks.speech.recognition import Segment, SpeechRecognitionOptions, Transcript
from duomo.tasks.speech.windows import WINDOW_S, Window

STEP_S = 0.02
"""Between two timestamp tokens, and two states of the encoder."""
MEL_FRAMES = 2
"""Frames of the spectrogram for each state of the encoder."""
MAX_STEPS = round(WINDOW_S / STEP_S)
MARGIN_STEPS = 150
"""Steps of silence behind the speech that a trimmed encoder hears; with 50, short clips are repeated for ever."""
TOKENS_A_SECOND = 10
"""Most tokens a second of speech, and as many to begin with: a trimmed encoder that writes more repeats a phrase."""
FIRST_TIME = 50
"""Steps: speech begins in the first second of a window."""
Prompt = tuple[int | None, ...]


class Vocabulary(BaseModel):
    """The tokens that steer decoding."""

    model_config = ConfigDict(extra="forbid")

    languages: dict[str, int]
    """Token of each language; empty for a model of English only."""
    start: int
    end: int
    transcribe: int
    translate: int
    no_timestamps: int
    suppressed: list[int]
    """Never written: signs that are not spoken, and tokens of other tasks."""
    suppressed_first: list[int]
    """Never written first: a blank, and the end."""
    language: str | None = None
    """What the checkpoint was tuned for, when a call names no language; None: found by the model."""
    task: str = "transcribe"
    """What the checkpoint does when a call names no task."""

    @property
    def times(self) -> int:
        """The first timestamp token."""
        return self.no_timestamps + 1

    def prompt(self, options: SpeechRecognitionOptions) -> Prompt:
        """Language and task of the call, or of the checkpoint; None stands for a language to be found.

        Raises `BadOption` for what the checkpoint does not know.
        """
        known = self.languages
        asked = None if options.language is None else language_among(options.language, known or ("en",))
        if not known:
            if asked not in (None, "en") or options.task == "translate":
                raise BadOption(
                    "this Whisper writes English speech down as English",
                    why=f"language={options.language}, task={options.task} were asked for",
                    fix='use a multilingual Whisper, or what was exported of it: model="speech/whisper-base"  '
                    "(-m speech/whisper-base)",
                )
            return ()
        language = self.language if asked is None else asked
        if language is not None and language not in known:
            raise BadOption(
                f"option 'language' cannot be '{language}'",
                why=did_you_mean(language, known) or f"Whisper knows {', '.join(sorted(known))}",
                fix="pass a name or an ISO 639-1 code, such as English or en, or leave it out",
            )
        # A call that leaves the task out reads "transcribe" too, but did not ask for it.
        task = options.task if "task" in options.model_fields_set else self.task
        return (None if language is None else known[language],
                self.translate if task == "translate" else self.transcribe)  # fmt: skip

    def last_time(self, tokens: Sequence[int]) -> int:
        """The place of the last timestamp; of the first token when there is none."""
        return max(at for at, token in enumerate(tokens) if at == 0 or token >= self.times)

    def stop(self, tokens: Sequence[int], length: int, trimmed: bool) -> int | None:
        """The step to hear on from, a second or more from the start and half a second from the end; None for none.

        It is the last time written, if no text follows it though a segment was begun, or if the end never came; the
        start, if the end never came and the encoder was trimmed.
        """
        if trimmed and tokens[-1] != self.end:
            return 0
        last = self.last_time(tokens)
        at = tokens[last] - self.times
        begun = tokens[last - 1] >= self.times and list(tokens[last + 1 :]) == [self.end]
        goes_on = begun or tokens[-1] != self.end
        return at if goes_on and 1 / STEP_S <= at <= length - 0.5 / STEP_S else None

    def joined(self, tokens: Sequence[int], at: int, tail: Sequence[int], prompt: int) -> list[int]:
        """What was written up to the last time, and behind it the `tail` that was heard from the step `at` on.

        If all was heard again (`at` is 0), the first `prompt` tokens and the tail.
        """
        later = [token + at if token >= self.times else token for token in tail]
        return [*tokens[: self.last_time(tokens) + 1 if at else prompt], *later]

    def transcript(self, tokens: Sequence[int], window: Window, decode: Callable[[list[int]], str]) -> Transcript:
        """Text and segments on the clock of the audio clip.

        Args:
            tokens: of the window, prompt included.
            window: what was heard.
            decode: tokens of text to text, without the special ones.
        """
        segments = self._segments(tokens, window, decode)
        names = {token: name for name, token in self.languages.items()}
        return Transcript.model_construct(
            text=" ".join(segment.text for segment in segments),
            segments=segments,
            language=names[tokens[1]] if names else "en",
        )

    def _segments(self, tokens: Sequence[int], window: Window, decode: Callable[[list[int]], str]) -> list[Segment]:
        """Text between timestamp tokens; the last segment ends with the window when no token says so."""
        segments: list[Segment] = []
        text: list[int] = []
        start = 0.0

        def close(end: float) -> None:
            words = decode(text).strip()
            if words:
                times = [round(min(window.start_s + at, window.end_s), 3) for at in (start, end)]
                segments.append(Segment.model_construct(start=times[0], end=times[1], text=words))

        for token in tokens:
            if token < self.times:
                text.append(token)
                continue
            at = (token - self.times) * STEP_S
            close(at)
            start, text = at, []
        close(window.end_s - window.start_s)
        return segments


def heard_steps(window: Window, encoder: str, rate: int = 16_000) -> tuple[int, int]:
    """States of the encoder for the speech of a window, and for all that is heard: trimmed, or 30 s."""
    steps = int(len(window.samples) / rate / STEP_S)
    return steps, min(steps + MARGIN_STEPS, MAX_STEPS) if encoder == "trimmed" else MAX_STEPS


def room_of(steps: int, trimmed: bool, most: int) -> int:
    """Number of tokens that may be written for this many states of speech, at most `most`."""
    return min(most, round((steps * STEP_S + 1) * TOKENS_A_SECOND)) if trimmed else most
