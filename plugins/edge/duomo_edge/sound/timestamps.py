"""Whisper's rules for timestamp tokens, on NumPy.

Source: ``WhisperTimeStampLogitsProcessor`` of transformers (Apache-2.0), after OpenAI's ``ApplyTimestampRules``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from duomo.tasks.speech.whispering import FIRST_TIME, Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray


def allowed(logits: NDArray[np.float32], written: Sequence[int], vocabulary: Vocabulary) -> NDArray[np.float32]:
    """The logits (V,) with what may not follow `written`, the tokens behind the prompt, at minus infinity."""
    scores, times = logits.copy(), vocabulary.times
    scores[vocabulary.suppressed] = -np.inf
    scores[vocabulary.no_timestamps] = -np.inf
    if not written:
        scores[vocabulary.suppressed_first] = -np.inf
        scores[:times] = -np.inf
        scores[times + FIRST_TIME + 1 :] = -np.inf
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
