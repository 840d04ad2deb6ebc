"""Resampling on NumPy, for devices without torch: the windowed sinc of ``torchaudio.functional.resample``."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

CROSSINGS = 6
"""Zero crossings of the sinc on each side."""
ROLLOFF = 0.99
"""The cut-off, relative to the lower of both Nyquist frequencies."""


def resample(mono: Samples, p: int, q: int) -> Samples:
    """Resample (samples,) from `p` to `q` hertz, terms of a reduced ratio; gives ceil(samples · q / p)."""
    import numpy as np

    kernel, width = _kernel(p, q)
    padded = np.pad(np.asarray(mono, np.float32), (width, width + p))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[1])[::p]
    resampled: Samples = (windows @ kernel.T).ravel()
    return resampled[: math.ceil(len(mono) * q / p)]


@functools.lru_cache(maxsize=4)
def _kernel(p: int, q: int) -> tuple[Samples, int]:
    """The filters of the `q` samples that `p` samples give, (q, taps), and the taps before the first of them."""
    import numpy as np

    base = min(p, q) * ROLLOFF
    width = math.ceil(CROSSINGS * p / base)
    times = np.arange(-width, width + p)[None] / p + np.arange(0, -q, -1)[:, None] / q
    times = np.clip(times * base, -CROSSINGS, CROSSINGS)
    window = np.cos(times * math.pi / CROSSINGS / 2) ** 2
    return np.asarray(np.sinc(times) * window * (base / p), np.float32), width
