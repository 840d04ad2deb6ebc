"""Heartbeats by two detectors that look at different things, on every lead, and a vote among the leads.

energy   how fast the signal changes, between 8 and 20 Hz (after Pan and Tompkins, IEEE TBME 1985)
length   how long its line is, below 16 Hz (after Zong, Moody and Jiang, Computers in Cardiology 2003)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]
REFRACTORY_S = 0.25
"""No heart beats twice within this time: 240 a minute."""
TOGETHER_S = 0.08
"""Beats of two leads within this time are one beat."""
MAJORITY = 0.5
"""A beat counts when more than this share of the leads has it."""


def by_energy(signal: Signal, rate: float) -> NDArray[np.int64]:
    """Samples at which beats are, by the energy of the slope; one lead (samples,)."""
    band = bandpass(signal, rate, 8, 20)
    energy = smooth(np.gradient(band) ** 2, int(0.12 * rate))
    return _refine(_peaks(np.sqrt(energy), rate, 0.4), band, rate)


def by_length(signal: Signal, rate: float) -> NDArray[np.int64]:
    """Samples at which beats are, by the length of the curve; one lead (samples,)."""
    low = bandpass(signal, rate, 0.5, 16)
    spread = np.abs(low).max() or 1.0
    length = smooth(np.hypot(np.gradient(low / spread), 0.02 * 250 / rate / 10), int(0.13 * rate))
    return _refine(_peaks(length - np.median(length), rate, 0.4), bandpass(signal, rate, 8, 20), rate)


DETECTORS = {"energy": by_energy, "length": by_length}


def vote(beats: Sequence[NDArray[np.int64]], rate: float) -> NDArray[np.int64]:
    """Beats that more than half of the leads have, at the median of their places."""
    together = np.sort(np.concatenate([*beats, np.empty(0, np.int64)]))
    if not len(together):
        return together
    clusters = np.split(together, np.flatnonzero(np.diff(together) > TOGETHER_S * rate) + 1)
    return np.array([round(float(np.median(c))) for c in clusters if len(c) > MAJORITY * len(beats)], np.int64)


def agreement(one: NDArray[Any], other: NDArray[Any], rate: float) -> float:
    """Share of beats that two detectors both have within `TOGETHER_S` (F1); 0 where one of them has none."""
    if not len(one) or not len(other):
        return 0.0
    near = np.abs(one[:, None] - other[None, :]) <= TOGETHER_S * rate
    return 2 * float(min(near.any(1).sum(), near.any(0).sum())) / (len(one) + len(other))


def bandpass(signal: Signal, rate: float, low: float, high: float) -> Signal:
    """Frequencies between `low` and `high` hertz, without shifting anything in time."""
    spectrum = np.fft.rfft(signal - signal.mean())
    hertz = np.fft.rfftfreq(len(signal), 1 / rate)
    # Edges like a fourth-order Butterworth filter run forwards and backwards.
    gain = 1 / (1 + (hertz / high) ** 8)
    gain *= 1 - 1 / (1 + (hertz / low) ** 8)
    return np.fft.irfft(spectrum * gain, len(signal))


def smooth(signal: Signal, width: int) -> Signal:
    """Moving mean over `width` samples, of the same length."""
    width = max(width, 1) | 1
    padded = np.pad(signal, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), "valid")


def _peaks(feature: Signal, rate: float, share: float) -> NDArray[np.int64]:
    """Highest points, a refractory time apart, above a share of what is usual for a beat in this lead."""
    window = int(1.5 * rate)
    tops = [feature[at : at + window].max() for at in range(0, max(len(feature) - window, 1), window)]
    threshold = share * float(np.median(tops))
    rising = (feature[1:-1] > feature[:-2]) & (feature[1:-1] >= feature[2:]) & (feature[1:-1] > threshold)
    candidates = np.flatnonzero(rising) + 1
    chosen: list[int] = []
    for at in candidates[np.argsort(-feature[candidates], kind="stable")]:
        if all(abs(at - other) > REFRACTORY_S * rate for other in chosen):
            chosen.append(int(at))
    return np.array(sorted(chosen), np.int64)


def _refine(beats: NDArray[np.int64], band: Signal, rate: float) -> NDArray[np.int64]:
    """To the steepest wave nearby, so that all leads and detectors mean the same point."""
    reach = int(0.07 * rate)
    starts = [max(int(at) - reach, 0) for at in beats]
    return np.array([at + int(np.abs(band[at : at + 2 * reach]).argmax()) for at in starts], np.int64)
