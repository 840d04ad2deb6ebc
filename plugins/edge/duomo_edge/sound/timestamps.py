"""Whisper's rules for timestamp tokens, and what they say of a window; on NumPy.

Source: ``WhisperTimeStampLogitsProcessor`` of transformers (Apache-2.0), after OpenAI's ``ApplyTimestampRules``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST = 50
"""Steps of 20 ms: speech begins in the first second of a window."""


class Vocabulary(BaseModel):
    """The tokens that steer decoding."""

    model_config = ConfigDict(extra="forbid")

    languages: dict[str, int]
    start: int
    end: int
    transcribe: int
    translate: int
    no_timestamps: int
    suppressed: list[int]
    suppressed_first: list[int]
    language: str | None = None
    task: str = "transcribe"

    @property
    def times(self) -> int:
        """The first timestamp token."""
        return self.no_timestamps + 1


def allowed(logits: NDArray[np.float32], written: Sequence[int], vocabulary: Vocabulary) -> NDArray[np.float32]:
    """The logits (V,) with what may not follow `written`, the tokens behind the prompt, at minus infinity."""
    scores, times = logits.copy(), vocabulary.times
    scores[vocabulary.suppressed] = -np.inf
    scores[vocabulary.no_timestamps] = -np.inf
    if not written:
        scores[vocabulary.suppressed_first] = -np.inf
        scores[:times] = -np.inf
        scores[times + FIRST + 1 :] = -np.inf
    else:
        is_time = written[-1] >= times
        is_pair = is_time and (len(written) < 2 or written[-2] >= times)
        if is_pair:
            scores[times:] = -np.inf
        elif is_time:
            scores[: vocabulary.end] = -np.inf
        said = [token for token in written if token >= times]
        if said:
            scores[times : said[-1] + (0 if is_time and not is_pair else 1)] = -np.inf
    if np.logaddexp.reduce(scores[times:]) > scores[:times].max():
        scores[:times] = -np.inf
    return scores


def last_time(tokens: Sequence[int], vocabulary: Vocabulary) -> int:
    """The place of the last timestamp; of the first token when there is none."""
    return max(at for at, token in enumerate(tokens) if at == 0 or token >= vocabulary.times)


def stop(tokens: Sequence[int], length: int, vocabulary: Vocabulary, trimmed: bool) -> int | None:
    """The step of 20 ms to hear on from, a second from the start and half a second from the end; None for none.

    It is the last time written, if no text follows it though a segment was begun, or if the end never came; the
    start, if the end never came and the encoder was trimmed.
    """
    if trimmed and tokens[-1] != vocabulary.end:
        return 0
    last = last_time(tokens, vocabulary)
    at = tokens[last] - vocabulary.times
    begun = tokens[last - 1] >= vocabulary.times and list(tokens[last + 1 :]) == [vocabulary.end]
    goes_on = begun or tokens[-1] != vocabulary.end
    return at if goes_on and 50 <= at <= length - 25 else None
