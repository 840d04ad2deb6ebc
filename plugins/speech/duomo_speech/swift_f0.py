"""SwiftF0: the pitch of an audio clip, in steps of 16 ms, from 47 to 2,094 Hz.

Source: https://github.com/lars76/swift-f0 (MIT); the graph of the package ``swift-f0``, run in ONNX Runtime. It is
given half a minute at a time with what its receptive field needs on both sides, so that the cuts do not show.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duomo import Audio
from duomo.errors import BadOption
from duomo.model import Features
from duomo.tasks.speech.music import Pitch, PitchEstimationOptions
from duomo.tasks.speech.stretches import gain_of
from duomo_speech.onnx import GraphOfSound, run

SAMPLING_RATE = 16_000
HOP = 256
LOWEST, HIGHEST = 46.875, 2093.75
BAND = (HIGHEST / LOWEST) ** (1 / 94)
"""The network knows 95 pitches: a narrower band holds none."""
BLOCK = 1875
"""Frames of a pass: half a minute."""
BEFORE, BEHIND = 11, 10
"""Frames that a frame sees on either side."""
SILENCE = 1e-3
"""Frames whose loudest sample is below this have no pitch: of digital silence the network makes one up."""


class SwiftF0(GraphOfSound[Pitch]):
    """Pitch and confidence of every frame."""

    batch_size = 8

    def check_options(self, options: PitchEstimationOptions) -> None:
        """Refuse a band without a pitch in it."""
        low, high = _band(options)
        if high < low * BAND:
            raise BadOption(
                f"there is no pitch between {options.fmin:g} and {options.fmax:g} Hz",
                why=f"this model knows {LOWEST:.0f} to {HIGHEST:.0f} Hz, in steps of {100 * (BAND - 1):.0f} %",
                fix="a wider band: fmin=65 fmax=1000",
            )

    def preprocess(self, items: Sequence[Audio], options: PitchEstimationOptions) -> list[Features]:
        """Decode to 16 kHz. Raises `InputUnreadable` for less than a frame of sound."""
        return [{"samples": item.samples(SAMPLING_RATE, HOP), "band": _band(options)} for item in items]

    def collate(self, features: list[Features]) -> list[Features]:
        """Audio clips of a batch stay apart: each is already many frames wide."""
        return features

    def forward(self, batch: list[Features]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Hertz and confidence of every frame of each audio clip."""
        return [self._track(each["samples"], *each["band"]) for each in batch]

    def postprocess(
        self, output: list[tuple[np.ndarray, np.ndarray]], features: list[Features], options: PitchEstimationOptions
    ) -> list[Pitch]:
        return [
            Pitch.model_construct(
                step_s=HOP / SAMPLING_RATE,
                hertz=[
                    pitch if sure >= options.threshold and sure > 0 else None
                    for pitch, sure in zip(hertz.tolist(), confidence.tolist(), strict=True)
                ],
                confidence=confidence.tolist(),
            )
            for hertz, confidence in output
        ]

    def _track(self, samples: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        num_frames = len(samples) // HOP
        band = {"fmin": np.float32(low), "fmax": np.float32(high)}
        loud = samples * np.float32(gain_of(samples))  # quiet clips have less confidence and fewer pitches
        hertz, confidence = [], []
        for first in range(0, num_frames, BLOCK):
            last, before = min(first + BLOCK, num_frames), max(0, first - BEFORE)
            end = None if last == num_frames else (last + BEHIND) * HOP
            window = loud[None, before * HOP : end]
            pitch, sure = run(
                self.session, ["pitch", "confidence"], audio=window, **{k: np.asarray(v) for k, v in band.items()}
            )
            hertz.append(pitch[0, first - before : last - before])
            confidence.append(sure[0, first - before : last - before])
        sure = np.concatenate(confidence)
        hops = samples[: num_frames * HOP].reshape(num_frames, HOP)
        sure[np.abs(hops).max(1) < SILENCE] = 0
        return np.concatenate(hertz), sure


def _band(options: PitchEstimationOptions) -> tuple[float, float]:
    """The pitches that are asked for and can be heard, in hertz."""
    return max(options.fmin, LOWEST), min(options.fmax, HIGHEST)
