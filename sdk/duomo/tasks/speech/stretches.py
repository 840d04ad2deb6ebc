"""From the probability of speech in each frame to stretches of speech, on NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from duomo.tasks.speech.activity import Interval, VoiceActivity, VoiceActivityDetectionOptions

if TYPE_CHECKING:
    import numpy as np

HYSTERESIS = 0.15
"""Speech ends this far below the threshold it began at."""


QUIET, MOST = 0.1, 100.0
"""The peak to which `gain_of` raises a quieter clip, and the largest gain: the rounding of silence is to stay faint."""


def gain_of(samples: np.ndarray[Any, Any]) -> float:
    """What to multiply a quiet clip (samples,) with: detectors of speech know it at usual levels only; 1 for others."""
    peak = max(float(samples.max()), -float(samples.min())) if len(samples) else 0.0
    return min(QUIET / peak, MOST) if 0 < peak < QUIET else 1.0


def voice_activity(
    output: Sequence[np.ndarray[Any, Any]],
    features: Sequence[Mapping[str, Any]],
    options: VoiceActivityDetectionOptions,
    rate: int = 16_000,
) -> list[VoiceActivity]:
    """Give the speech of each audio clip: of its probabilities, (frames,), and its ``samples``."""
    return [
        VoiceActivity.model_construct(
            segments=list(speech_intervals(probabilities, len(each["samples"]), options, rate=rate)),
            duration=len(each["samples"]) / rate,
        )
        for probabilities, each in zip(output, features, strict=True)
    ]


def speech_intervals(
    probabilities: np.ndarray[Any, Any],
    num_samples: int,
    options: VoiceActivityDetectionOptions,
    *,
    rate: int = 16_000,
    frame: int = 512,
) -> Iterator[Interval]:
    """Stretches of speech: above the threshold it begins, `HYSTERESIS` below it for ``min_silence_s`` it ends.

    Padding widens each stretch, to the middle of the pause at most where two are near.

    Args:
        probabilities: of speech, (frames,).
        num_samples: of the audio clip; its last frame may be cut short.
        options: thresholds and lengths.
        rate: samples a second.
        frame: samples of a frame.
    """
    spans = [
        (start, stop)
        for start, stop in _spans(probabilities, num_samples, options, rate, frame)
        if stop - start > options.min_speech_s * rate
    ]
    middles = [(stop + start) / 2 for (_, stop), (start, _) in itertools.pairwise(spans)]
    edges = itertools.pairwise([0.0, *middles, num_samples])
    pad = options.pad_s * rate
    for (start, stop), (before, after) in zip(spans, edges, strict=False):
        yield Interval.model_construct(
            start=max(start - pad, before) / rate,
            end=min(stop + pad, after) / rate,
            score=float(probabilities[start // frame : -(-stop // frame)].mean()),
        )


def _spans(
    probabilities: np.ndarray[Any, Any],
    num_samples: int,
    options: VoiceActivityDetectionOptions,
    rate: int,
    frame: int,
) -> Iterator[tuple[int, int]]:
    """First sample of each stretch of speech and the sample after its last."""
    leave = max(options.threshold - HYSTERESIS, 0.01)
    start = quiet = None
    for number, probability in enumerate(probabilities.tolist()):
        at = number * frame
        if probability >= options.threshold:
            start, quiet = at if start is None else start, None
        elif start is not None and probability < leave:
            quiet = at if quiet is None else quiet
            if at - quiet >= options.min_silence_s * rate:
                yield start, quiet
                start = quiet = None
    if start is not None:
        yield start, num_samples
