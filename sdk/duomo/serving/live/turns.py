"""Turns of speech in a stream of samples: where someone begins and stops, without a clock and without a model.

A frame of 20 ms is speech when it is well above the quietest of the last seconds. A turn begins with 40 ms of speech
and ends after a pause of 0.6 s; what is shorter than 0.25 s is not a turn. A turn that does not end is cut after 25 s.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples: TypeAlias = npt.NDArray[np.float32]

FRAME_S = 0.02
ONSET_FRAMES = 2
PAUSE_S, LEAST_S, MOST_S, BEFORE_S = 0.6, 0.25, 25.0, 0.3
"""Seconds: a pause that ends a turn, the shortest and the longest turn, what is heard before its onset."""
LOUDER_DB, FLOOR_DB = 12.0, -55.0
"""By how much speech is louder than the quietest of the last `NOISE_S`; and what is never speech."""
NOISE_S = 3.0


class Turn(NamedTuple):
    """A stretch of speech that has ended, or still goes on."""

    start: float
    """Seconds from the beginning of the stream."""
    end: float
    samples: Samples
    is_over: bool


class Turns:
    """Cuts a stream into turns.

    Args:
        rate: samples a second.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._frame = int(rate * FRAME_S)
        self._frame_s = self._frame / rate
        """Seconds of it: not quite `FRAME_S` at a rate such as 11025."""
        self._rest: list[Samples] = []
        self._before: deque[Samples] = deque(maxlen=int(BEFORE_S / FRAME_S))
        self._levels: deque[float] = deque(maxlen=int(NOISE_S / FRAME_S))
        self._turn: list[Samples] = []
        self._start = 0.0
        self._loud = self._quiet = self._speech = 0
        self._at = 0
        """Frames so far."""

    @property
    def is_speaking(self) -> bool:
        """Whether a turn goes on."""
        return bool(self._turn)

    @property
    def start(self) -> float:
        """When the turn that goes on began, in seconds from the beginning of the stream."""
        return self._start

    def feed(self, samples: Samples) -> Iterator[Turn]:
        """Take samples in [-1, 1]; gives the turns that end in them."""
        import numpy as np

        whole = np.concatenate([*self._rest, samples])
        num = len(whole) // self._frame
        self._rest = [whole[num * self._frame :]]
        for at in range(num):
            turn = self._hear(whole[at * self._frame : (at + 1) * self._frame])
            if turn is not None:
                yield turn

    def now(self) -> Turn | None:
        """Return the turn that goes on, as far as it was heard."""
        return self._made(False) if self._turn else None

    def end(self) -> Turn | None:
        """Return the last turn, at the end of the stream."""
        return self._close() if self._turn else None

    def _hear(self, frame: Samples) -> Turn | None:
        self._at += 1
        power = float((frame.astype("float64") ** 2).mean())
        level = 10 * math.log10(max(power, 1e-10))
        self._levels.append(level)
        # The tenth part of the levels from below is noise, unless all of them are speech: then the floor decides.
        noise = sorted(self._levels)[len(self._levels) // 10]
        is_speech = level > max(FLOOR_DB, min(noise, -30.0) + LOUDER_DB)
        if not self._turn:
            self._before.append(frame)
            self._loud = self._loud + 1 if is_speech else 0
            if self._loud >= ONSET_FRAMES:
                self._turn, self._speech, self._quiet = list(self._before), self._loud, 0
                self._start = (self._at - len(self._turn)) * self._frame_s
                self._before.clear()
            return None
        self._turn.append(frame)
        self._speech += is_speech
        self._quiet = 0 if is_speech else self._quiet + 1
        if self._quiet * FRAME_S >= PAUSE_S or len(self._turn) * FRAME_S >= MOST_S:
            return self._close()
        return None

    def _close(self) -> Turn | None:
        made = self._made(True) if self._speech * FRAME_S >= LEAST_S else None
        self._turn, self._loud = [], 0
        return made

    def _made(self, is_over: bool) -> Turn:
        import numpy as np

        return Turn(self._start, self._at * self._frame_s, np.concatenate(self._turn), is_over)
