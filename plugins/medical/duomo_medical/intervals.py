"""PR, QRS and QT by two methods that share no threshold; what they do not agree on is refused.

whole   speed and size of all leads together, on the median beat
single  each lead by itself on its median beat, and the median of the leads
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duomo_medical.qrs import bandpass, smooth

AGREE = 0.15
"""How far two methods may differ, as a share of their mean."""
BEFORE_S, AFTER_S = 0.35, 0.55
PLAUSIBLE = {"pr": (80.0, 320.0), "qrs": (50.0, 220.0), "qt": (220.0, 650.0)}
"""Milliseconds; what lies outside is a mistake."""
Signal = NDArray[np.float64]


class Interval(NamedTuple):
    """One interval in milliseconds, or why there is none."""

    ms: float | None
    refused: str = ""


class Marks(NamedTuple):
    """Where waves begin and end, in samples of the median beat; NaN where nothing was found."""

    p: float
    start: float
    end: float
    t: float


def measure(signal: object, beats: NDArray[np.int64], rate: float) -> dict[str, Interval]:
    """PR, QRS and QT of a recording (samples, leads) whose beats are known; each by two methods, or refused."""
    median = median_beat(signal, beats, rate)
    if median is None:
        return {name: Interval(None, "fewer than four whole beats in usable leads") for name in PLAUSIBLE}
    whole, single = _by_whole(median, rate), _by_single(median, rate)
    return {name: _agree(name, *(_spans(each, rate)[name] for each in (whole, single))) for name in PLAUSIBLE}


def median_beat(signal: Any, beats: NDArray[np.int64], rate: float) -> Signal | None:
    """The median of all whole beats, (samples, leads), around the QRS; None with fewer than four."""
    if len(beats) < 4 or not np.asarray(signal).shape[1]:
        return None
    # No further than the next beat's P wave may begin.
    before, after = int(BEFORE_S * rate), int(min(AFTER_S * rate, 0.75 * float(np.diff(beats).mean())))
    whole = [at for at in beats if at >= before and at + after <= len(signal)]
    if len(whole) < 4:
        return None
    clean = np.stack([bandpass(lead, rate, 0.4, 45) for lead in np.asarray(signal, float).T], 1)
    beat = np.median([clean[at - before : at + after] for at in whole], 0)
    return np.asarray(beat - np.median(beat, 0))


def _by_whole(beat: Signal, rate: float) -> Marks:
    """All leads as one vector: the QRS lasts as long as it moves fast."""
    at, speed = int(BEFORE_S * rate), np.sqrt((np.gradient(beat, axis=0) ** 2).sum(1))
    speed = smooth(speed, int(0.012 * rate))
    near = slice(at - int(0.08 * rate), at + int(0.08 * rate))
    start, end = _run(speed, int(speed[near].argmax()) + near.start, 0.12 * float(speed[near].max()))
    if start <= int(0.03 * rate):
        return Marks(np.nan, start, end, np.nan)
    # Referred to the rest before the QRS, so that a wandering baseline has no size.
    rest = beat[start - int(0.03 * rate) : start - int(0.01 * rate)].mean(0)
    size = np.sqrt(((beat - rest) ** 2).sum(1))
    return Marks(_onset_of_p(size, start, rate), start, end, _end_of_t(size, end, rate))


def _by_single(beat: Signal, rate: float) -> Marks:
    """Each lead by itself: the QRS is where it is away from the level before it; late and early leads are left out."""
    at = int(BEFORE_S * rate)
    marks = []
    for lead in beat.T:
        rest = float(np.median(lead[at - int(0.1 * rate) : at - int(0.06 * rate)]))
        size = smooth(np.abs(lead - rest), int(0.008 * rate))
        near = slice(at - int(0.06 * rate), at + int(0.06 * rate))
        start, end = _run(size, int(size[near].argmax()) + near.start, 0.1 * float(size[near].max()))
        marks.append(
            (_onset_of_p(np.abs(lead - rest), start, rate), start, end, _end_of_t(np.abs(lead - rest), end, rate))
        )
    columns = (np.array(column, float) for column in zip(*marks, strict=True))
    return Marks(*(float(np.median(each[~np.isnan(each)])) if not np.isnan(each).all() else np.nan for each in columns))


def _run(feature: Signal, top: int, threshold: float) -> tuple[int, int]:
    """First and last sample of the stretch around `top` that is above a threshold; short dips inside are bridged."""
    above = np.flatnonzero(feature > threshold)
    bridge = max(len(feature) // 60, 1)
    runs = np.split(above, np.flatnonzero(np.diff(above) > bridge) + 1)
    own = next((run for run in runs if len(run) and run[0] <= top <= run[-1]), np.array([top]))
    return int(own[0]), int(own[-1])


def _end_of_t(size: Signal, qrs_end: int, rate: float) -> float:
    """Where the steepest fall of the T wave, drawn on as a straight line, comes to the level after it."""
    first = qrs_end + int(0.08 * rate)
    if len(size) - first < int(0.15 * rate):
        return float("nan")
    part = smooth(size[first:], int(0.02 * rate))
    top = int(part[: int(0.36 * rate)].argmax())
    fall = np.gradient(part)[top:]
    steepest = top + int(fall.argmin())
    if fall.min() >= 0:
        return float("nan")
    level = float(np.median(part[steepest:][-int(0.06 * rate) :])) if len(part) > steepest else 0.0
    return float(first + steepest + (level - part[steepest]) / fall.min())


def _onset_of_p(size: Signal, qrs_start: int, rate: float) -> float:
    """Where the steepest rise of the P wave, drawn back as a straight line, leaves the level before it."""
    first, last = max(qrs_start - int(0.25 * rate), 0), qrs_start - int(0.02 * rate)
    if last - first < int(0.06 * rate):
        return float("nan")
    part = smooth(size[first:last], int(0.02 * rate))
    top = int(part.argmax())
    level = float(np.percentile(part, 10))
    rise = np.gradient(part)[: top + 1]
    if top < 3 or rise.max() <= 0 or part[top] - level < 4 * float(np.std(part[: max(top // 3, 2)])):
        return float("nan")
    steepest = int(rise.argmax())
    return float(first + steepest - (part[steepest] - level) / rise[steepest])


def _spans(marks: Marks, rate: float) -> dict[str, float]:
    ms = 1000 / rate
    return {
        "pr": (marks.start - marks.p) * ms,
        "qrs": (marks.end - marks.start) * ms,
        "qt": (marks.t - marks.start) * ms,
    }


def _agree(name: str, one: float, other: float) -> Interval:
    if not np.isfinite([one, other]).all():
        return Interval(None, "a method found no such wave")
    low, high = PLAUSIBLE[name]
    mean = (one + other) / 2
    if not (low <= one <= high and low <= other <= high):
        return Interval(None, f"{one:.0f} and {other:.0f} ms: beyond {low:g} to {high:g}")
    if abs(one - other) > AGREE * mean:
        return Interval(None, f"two methods differ by more than {AGREE:.0%}: {one:.0f} and {other:.0f} ms")
    return Interval(float(round(mean, 1)))
