"""Resampling by the windowed sinc of ``torchaudio.functional.resample``, and the same on NumPy for small devices."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

_BLOCK = 1 << 20
"""Samples that are resampled at a time."""
_KERNEL = 1_000_000
"""About how many entries a kernel may have; 44.1 kHz to 16 kHz has 76,000."""
CROSSINGS = 6
"""Zero crossings of the sinc on each side."""
ROLLOFF = 0.99
"""The cut-off, relative to the lower of both Nyquist frequencies."""


def resampled(mono: Samples, rate: int, target: int) -> Samples:
    """Windowed-sinc resampling, block by block: at once it takes seven times the memory of the samples.

    Its kernel has about p x q entries for a ratio of p / q, so the terms of the ratio are bounded.
    """
    import numpy as np

    ratio = Fraction(rate, target)
    ratio = ratio.limit_denominator(max(1, math.isqrt(int(_KERNEL / ratio))))
    p, q = ratio.numerator, ratio.denominator
    step = p * max(1, _BLOCK // max(p, q))
    # What a sample depends on is 6 zero crossings away; whole multiples of p keep the blocks in phase.
    context = p * math.ceil(8 / min(p, q))
    found = np.empty(math.ceil(len(mono) * q / p), np.float32)
    for start in range(0, len(mono), step):
        before = min(context, start)
        block = _resample_block(mono[start - before : start + step + context], p, q)[before // p * q :][: step // p * q]
        begin = start // p * q
        found[begin : begin + len(block)] = block
    return found


def _resample_block(mono: Samples, p: int, q: int) -> Samples:
    try:
        import torch
        import torchaudio.functional as audio
    except ImportError:  # a small device
        return resample(mono, p, q)
    block: Samples = audio.resample(torch.from_numpy(mono), p, q).numpy()
    return block


def resample(mono: Samples, p: int, q: int) -> Samples:
    """Resample (samples,) from `p` to `q` hertz, terms of a reduced ratio; gives ceil(samples · q / p)."""
    import numpy as np

    kernel, width = _kernel(p, q)
    padded = np.pad(np.asarray(mono, np.float32), (width, width + p))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[1])[::p]
    found: Samples = (windows @ kernel.T).ravel()
    return found[: math.ceil(len(mono) * q / p)]


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
