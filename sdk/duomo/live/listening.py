"""Speech as it is spoken: partial transcripts that may change, and final ones that do not.

Recognizers such as Whisper hear whole windows, so a partial comes from hearing the turn so far again. Words on which
two hearings in a row agree are given as its `agreed` beginning ("local agreement", Macháček et al. 2023, Turning
Whisper into real-time transcription system). A pause ends the turn: it is heard once more, and that is the final.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from duomo.brief import Named
from duomo.counting import a_type
from duomo.errors import BadInput
from duomo.inputs.live.reader import Arrival
from duomo.tasks.base import Result
from duomo.tasks.speech.activity import VoiceActivity
from duomo.tasks.speech.recognition import Transcript

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

RATE = 16_000
PAUSE_S = 0.7
"""Silence that ends a turn."""
PARTIAL_S = 1.0
"""New sound before a turn is heard again."""
LONGEST_S = 28.0
"""A turn is cut here: recognizers hear 30 s."""
BEFORE_S = 0.3
"""Sound before the first word that is kept, since a detector of voices notices late."""
LOOK_S = 0.25
"""New sound before the detector of voices listens again."""


class SpeechEvent(Result):
    """What happened, in seconds from the beginning of the source."""

    kind: Literal["speech_started", "partial", "final", "speech_stopped"]
    start: float
    """When the turn began."""
    end: float
    """Up to where it was heard."""
    text: str = ""
    agreed: str = ""
    """Stable part of a partial: the beginning that two hearings in a row have in common, word for word."""
    age_s: float = 0.0
    """How old the newest sound in it was when the event was given."""


class Listener(Named):
    """Takes sound in pieces and gives events; it starts nothing and waits for nothing.

    Args:
        recognize: a runner of ``automatic-speech-recognition``.
        detect: a runner of ``voice-activity-detection``.
        pause_s: silence that ends a turn.
        partial_s: new sound between two partials; 0 for none.
        options: of the recognizer.
    """

    def __init__(
        self,
        recognize: Callable[..., Transcript],
        detect: Callable[..., VoiceActivity],
        *,
        pause_s: float = PAUSE_S,
        partial_s: float = PARTIAL_S,
        **options: object,
    ) -> None:
        import numpy as np

        self._hear: Callable[[Samples], str] = lambda sound: recognize((sound, RATE), **options).text.strip()
        self._detect = detect
        self._pause_s, self._partial_s = pause_s, partial_s
        self._sound: Samples = np.empty(0, np.float32)
        """What is kept: the turn, or a little before the next."""
        self._begin = 0
        """Where `_sound` begins, in samples from the start of the source."""
        self._turn: int | None = None
        """Where the turn began; None while nobody speaks."""
        self._looked = self._heard = 0
        self._words: list[str] = []

    def push(self, samples: Samples) -> Iterator[SpeechEvent]:
        """Take samples (n,) at 16 kHz, float32 in [-1, 1], and give what follows from them."""
        import numpy as np

        self._sound = np.concatenate([self._sound, np.asarray(samples, np.float32)])
        if self._end - self._looked < LOOK_S * RATE:
            return
        self._looked = self._end
        yield from self._look()

    def finish(self) -> Iterator[SpeechEvent]:
        """Say that no more comes."""
        if self._turn is None and len(self._sound):
            yield from self._look()
        if self._turn is not None:
            yield from self._close(self._end)

    @property
    def _end(self) -> int:
        return self._begin + len(self._sound)

    def _look(self) -> Iterator[SpeechEvent]:
        segments = self._detect((self._sound, RATE)).segments if len(self._sound) else []
        if self._turn is None:
            if not segments:
                self._forget(self._end - int(BEFORE_S * RATE))
                return
            start = self._begin + max(0, int((segments[0].start - BEFORE_S) * RATE))
            self._forget(start)
            self._turn = self._heard = start
            self._words = []
            yield SpeechEvent(kind="speech_started", start=start / RATE, end=self._end / RATE)
            segments = self._detect((self._sound, RATE)).segments
        last = self._begin + int(segments[-1].end * RATE) if segments else self._begin
        if self._end - last >= self._pause_s * RATE:
            yield from self._close(last)
        elif self._end - self._turn >= LONGEST_S * RATE:
            yield from self._close(self._end)
        elif self._partial_s and self._end - self._heard >= self._partial_s * RATE:
            self._heard = self._end
            words = self._hear(self._sound).split()
            pairs = list(zip(words, self._words, strict=False))
            count = next((at for at, (a, b) in enumerate(pairs) if a != b), len(pairs))
            self._words = words
            yield self._event("partial", " ".join(words), self._end, agreed=" ".join(words[:count]))

    def _close(self, last: int) -> Iterator[SpeechEvent]:
        """End the turn, whose last sound is at `last`."""
        assert self._turn is not None
        kept = min(self._end, last + int(BEFORE_S * RATE))
        text = self._hear(self._sound[: kept - self._begin])
        if text:
            yield self._event("final", text, last)
        yield self._event("speech_stopped", "", last)
        self._turn = None
        self._forget(kept)

    def _event(
        self, kind: Literal["partial", "final", "speech_stopped"], text: str, end: int, agreed: str = ""
    ) -> SpeechEvent:
        assert self._turn is not None
        return SpeechEvent(kind=kind, start=self._turn / RATE, end=end / RATE, text=text, agreed=agreed)

    def _forget(self, until: int) -> None:
        """Let go of the sound before a place."""
        count = max(0, until - self._begin)
        self._sound, self._begin = self._sound[count:], self._begin + min(count, len(self._sound))


def listen(listener: Listener, arrivals: Iterable[Arrival | None]) -> Iterator[SpeechEvent]:
    """Give the events of a live source of sound: a microphone, an audio clip, a websocket that sends 16-bit samples."""
    for arrival in arrivals:
        if arrival is None:
            continue
        for event in listener.push(samples_of(arrival.value)):
            yield event.model_copy(update={"age_s": round(time.time() - arrival.time, 3)})
        if arrival.done is not None:
            arrival.done()
    yield from listener.finish()


def samples_of(value: object) -> Samples:
    """Samples at 16 kHz of what a source of sound gives: ``(samples, 16000)``, or bytes of 16-bit samples.

    Raises:
        BadInput: it is something else, such as text.
    """
    import numpy as np

    if isinstance(value, Exception):
        raise value
    if isinstance(value, tuple) and len(value) == 2 and value[1] == RATE:
        return np.asarray(value[0], np.float32)
    if isinstance(value, bytes) and len(value) % 2 == 0:
        return np.frombuffer(value, "<i2").astype(np.float32) / np.float32(32768)
    kind = f"{len(value)} bytes" if isinstance(value, bytes) else a_type(value)
    raise BadInput(
        f"{kind} came where sound is expected",
        why="speech is 16-bit samples, little endian, one channel, 16,000 a second",
        fix="send binary messages of an even number of bytes",
    )
