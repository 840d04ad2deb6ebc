"""Whisper's log-mel spectrogram on NumPy, equal to that of its feature extractor."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

RATE = 16_000
SIZE, HOP = 400, 160
"""Samples: 25 ms every 10 ms."""
HIGHEST = 8000.0
LINEAR = 1000.0
"""Hertz up to which Slaney's scale is linear, 200/3 Hz a mel; above it a mel is a factor."""
FACTOR = np.log(6.4) / 27


def log_mel(samples: Floats, num_samples: int, mels: int) -> Floats:
    """(samples,) at 16 kHz, filled up with silence to `num_samples`, to (mels, `num_samples` / 160)."""
    padded = np.zeros(num_samples, np.float64)
    kept = samples[:num_samples]
    padded[: len(kept)] = kept
    padded = np.pad(padded, SIZE // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::HOP][:-1]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZE) / SIZE)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    log = np.log10(np.maximum(filters(mels) @ power.T, 1e-10))
    return np.asarray((np.maximum(log, log.max() - 8.0) + 4.0) / 4.0, np.float32)


@cache
def filters(mels: int) -> NDArray[np.float64]:
    """Triangles on Slaney's scale, each of area 1, (mels, 201)."""
    edges = _hertz(np.linspace(0.0, LINEAR * 3 / 200 + np.log(HIGHEST / LINEAR) / FACTOR, mels + 2))
    bins = np.linspace(0, RATE / 2, SIZE // 2 + 1)
    slopes = edges[:, None] - bins
    widths = np.diff(edges)[:, None]
    rising, falling = -slopes[:-2] / widths[:-1], slopes[2:] / widths[1:]
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    knee = LINEAR * 3 / 200
    return np.where(mel < knee, mel * 200 / 3, LINEAR * np.exp(FACTOR * (mel - knee)))
