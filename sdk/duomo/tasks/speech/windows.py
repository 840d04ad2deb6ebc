"""Cut an audio clip at its pauses into windows that a recognizer hears at once, leaving out what is not speech."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from duomo.errors import InputTooLong
from duomo.tasks.speech.activity import Interval, VoiceActivityDetectionOptions
from duomo.tasks.speech.recognition import Segment, SpeechRecognitionOptions, Transcript
from duomo.tasks.speech.stretches import speech_intervals

if TYPE_CHECKING:
    import numpy as np

RATE = 16_000
FRAME = 512
"""Samples that a probability of speech is about."""
WINDOW_S = 30.0
"""What Whisper hears at once, and a good length for others."""
PAUSE_S = 2.0
"""Over longer pauses recognizers invent words: a window never spans one."""
SPEECH = VoiceActivityDetectionOptions.parse({"min_speech_s": 0.1, "min_silence_s": 0.3, "pad_s": 0.2})


class Window(NamedTuple):
    """Speech of at most `WINDOW_S`, at 16 kHz, and when it begins in its audio clip."""

    samples: np.ndarray[Any, Any]
    start_s: float

    @property
    def end_s(self) -> float:
        """When it ends in its audio clip."""
        return self.start_s + len(self.samples) / RATE


def windows_of(
    samples: np.ndarray[Any, Any], probabilities: np.ndarray[Any, Any], options: SpeechRecognitionOptions
) -> list[Window]:
    """The speech in (samples,) at 16 kHz as windows in order; none where no one speaks.

    Raises `InputTooLong` under the policy ``long="error"`` when one window does not hold it all.
    """
    stretches = [
        part
        for interval in speech_intervals(probabilities, len(samples), SPEECH)
        for part in _parts(interval, probabilities)
    ]
    spans: list[list[float]] = []
    for start, end in stretches:
        if spans and end - spans[-1][0] <= WINDOW_S and start - spans[-1][1] <= PAUSE_S:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    if options.long == "error" and spans and spans[-1][1] - spans[0][0] > WINDOW_S:
        raise InputTooLong(
            f"there are {spans[-1][1] - spans[0][0]:.0f} s from the first to the last word of this audio clip",
            why=f"the model hears {WINDOW_S:.0f} s at once, and long is 'error'",
            fix="long=window cuts it at its pauses",
        )
    edges = [(round(start * RATE), round(end * RATE)) for start, end in spans]
    return [Window(samples[start:end], start / RATE) for start, end in edges]


def join(transcripts: list[Transcript]) -> Transcript:
    """The transcripts of an audio clip's windows as one."""
    return Transcript.model_construct(
        text=" ".join(each.text for each in transcripts if each.text),
        segments=[segment for each in transcripts for segment in each.segments],
        language=next((each.language for each in transcripts if each.language), None),
    )


def one_segment(window: Window, text: str) -> Transcript:
    """The transcript of a window by a model that knows no times inside it."""
    segments = [Segment.model_construct(start=window.start_s, end=window.end_s, text=text)] if text else []
    return Transcript.model_construct(text=text, segments=segments, language=None)


def _parts(interval: Interval, probabilities: np.ndarray[Any, Any]) -> Iterator[tuple[float, float]]:
    """A stretch of speech, cut where it is least like speech until each part fits a window."""
    start, frame_s = interval.start, FRAME / RATE
    while interval.end - start > WINDOW_S:
        first, last = int((start + WINDOW_S / 2) / frame_s), int((start + WINDOW_S) / frame_s)
        cut = (first + int(probabilities[first:last].argmin())) * frame_s
        yield start, cut
        start = cut
    yield start, interval.end
