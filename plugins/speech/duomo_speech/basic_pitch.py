"""Basic Pitch: the notes of an audio clip, of one instrument or several, or sung.

Source: Bittner et al. 2022, https://arxiv.org/abs/2203.09893; the graph of the package ``basic-pitch`` (Apache-2.0,
Spotify), run in ONNX Runtime. Every 11.6 ms it says of the 88 keys of a piano how likely each begins and sounds. The
graph hears 2 s; windows overlap by 30 frames, of which half are dropped on each side, as in the package. From
activations to notes: `duomo_speech.notes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from duomo import Audio
from duomo.errors import BadOption
from duomo.model import Features
from duomo.tasks.speech.music import Note, Notes, NoteTranscriptionOptions
from duomo_speech.notes import LOWEST, NUM_KEYS, find_notes
from duomo_speech.onnx import GraphOfSound, run

RATE = 22_050
HOP = 256
LEAST = -(-RATE // (RATE // HOP))
"""Samples that are one frame, as the package counts them."""
WINDOW = 2 * RATE - HOP
"""Samples that the graph takes."""
FRAMES = 172
"""Frames that it gives for them."""
SHARED = 30
"""Frames that two windows share."""
STEP = WINDOW - SHARED * HOP
BATCH = 16
DRIFT_S = HOP / RATE * (FRAMES - WINDOW / HOP) + 0.0018
"""Seconds by which the frames of one window run ahead of its samples; the last term is the package's."""

SILENCE = 1e-3
"""Swing of the sound on either side below which no note sounds: the graph hears some in noise or a direct current."""


class Activations(NamedTuple):
    """What the graph says of a whole clip, both (frames, 88)."""

    notes: np.ndarray
    onsets: np.ndarray


class BasicPitch(GraphOfSound[Notes]):
    """Windows of a clip share passes, clips do not."""

    batch_size = 4

    def check_options(self, options: NoteTranscriptionOptions) -> None:
        """Raises `BadOption` for a band without a key in it."""
        low, high = band(options)
        if high < low or high < LOWEST or low >= LOWEST + NUM_KEYS:
            raise BadOption(
                f"there is no note between {options.fmin:g} and {options.fmax:g} Hz",
                why="the keys of a piano are known: 27.5 to 4,186 Hz",
                fix="a wider band: fmin=80 fmax=1000",
            )

    def preprocess(self, items: Sequence[Audio], options: NoteTranscriptionOptions) -> list[Features]:
        """Decode to 22,050 Hz. Raises `InputUnreadable` for less than a frame of sound."""
        return [{"samples": item.samples(RATE, LEAST), "band": band(options)} for item in items]

    def collate(self, features: list[Features]) -> list[np.ndarray]:
        return [each["samples"] for each in features]

    def forward(self, batch: list[np.ndarray]) -> list[Activations]:
        return [self.activations(samples) for samples in batch]

    def postprocess(
        self, output: list[Activations], features: list[Features], options: NoteTranscriptionOptions
    ) -> list[Notes]:
        results = []
        for found, each in zip(output, features, strict=True):
            low, high = (key - LOWEST for key in each["band"])
            outside = np.ones(NUM_KEYS, bool)
            outside[max(0, low) : high + 1] = False
            notes, onsets = (np.where(outside, 0, part) for part in found)
            spans = find_notes(
                notes,
                onsets,
                onset_threshold=options.onset_threshold,
                frame_threshold=options.frame_threshold,
                least=round(options.min_note_s * RATE / HOP),
            )
            times = frame_times(len(notes))
            spans = [span for span in spans if _is_heard(each["samples"], times[span.start], times[span.end])]
            made = [Note.model_construct(start=float(times[span.start]), end=float(times[span.end]),
                                         pitch=span.key + LOWEST, score=span.level) for span in spans]  # fmt: skip
            made.sort(key=lambda note: (note.start, note.pitch))
            results.append(Notes.model_construct(notes=made, duration=len(each["samples"]) / RATE))
        return results

    def activations(self, samples: np.ndarray) -> Activations:
        """Run the graph over (samples,) at 22,050 Hz."""
        padded = np.concatenate([np.zeros(SHARED * HOP // 2, np.float32), samples])
        starts = range(0, len(padded), STEP)
        windows = np.zeros((len(starts), WINDOW, 1), np.float32)
        for window, start in zip(windows, starts, strict=True):
            part = padded[start : start + WINDOW]
            window[: len(part), 0] = part
        names = ["StatefulPartitionedCall:1", "StatefulPartitionedCall:2"]
        found: list[list[np.ndarray]] = [[], []]
        for first in range(0, len(windows), BATCH):
            given = {"serving_default_input_2:0": windows[first : first + BATCH]}
            for parts, part in zip(found, run(self.session, names, **given), strict=True):
                parts.append(part[:, SHARED // 2 : -SHARED // 2].reshape(-1, NUM_KEYS))
        count = int(len(samples) * (RATE // HOP) / RATE)
        return Activations(*(np.concatenate(parts)[:count] for parts in found))


def _is_heard(samples: np.ndarray, start: float, end: float) -> bool:
    part = samples[int(start * RATE) : int(end * RATE) + 1]
    return bool(len(part)) and float(np.ptp(part)) / 2 >= SILENCE


def band(options: NoteTranscriptionOptions) -> tuple[int, int]:
    """MIDI's numbers of the lowest and the highest note to look for."""
    low, high = (LOWEST + round(12 * np.log2(each / 27.5)) for each in (options.fmin, options.fmax))
    return low, high


def frame_times(count: int) -> np.ndarray:
    """Seconds at which frames begin."""
    numbers = np.arange(count)
    return numbers * HOP / RATE - DRIFT_S * (numbers // FRAMES)
