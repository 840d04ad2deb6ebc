"""From activations of keys to notes: a note for each onset, then for what still sounds without one.

After ``note_creation`` of Basic Pitch (Apache-2.0, Spotify): `find_notes` gives the same notes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.signal import argrelmax

LOWEST = 21
"""MIDI's number of the lowest key of a piano, 27.5 Hz."""
NUM_KEYS = 88
REST = 11
"""Frames below the threshold that end a note."""


class Span(NamedTuple):
    """A note in frames."""

    start: int
    end: int
    key: int
    """0 to 87."""
    level: float
    """Mean activation."""


def find_notes(
    frames_TK: np.ndarray, onsets_TK: np.ndarray, *, onset_threshold: float, frame_threshold: float, least: int
) -> list[Span]:
    """Notes longer than `least` frames, later onsets first; what a note takes, also of its two neighbours, is used up.

    Args:
        frames_TK: activations of the keys, (frames, 88).
        onsets_TK: activations of their beginnings, (frames, 88).
        onset_threshold: a note begins where its onset peaks above this.
        frame_threshold: a note goes on while its key is above this, with gaps of less than `REST` frames.
        least: frames.
    """
    if len(frames_TK) < 3 or not frames_TK.any():
        return []
    left = frames_TK.copy()
    found = []
    peaks_TK = np.zeros_like(onsets_TK)
    sharpened = with_inferred(onsets_TK, frames_TK)
    peaks = argrelmax(sharpened, axis=0)
    peaks_TK[peaks] = sharpened[peaks]
    times, keys = np.nonzero(peaks_TK >= onset_threshold)
    for start, key in zip(times[::-1].tolist(), keys[::-1].tolist(), strict=True):
        if start >= len(left) - 1:
            continue
        end = _until_rest(left[:, key], start + 1, frame_threshold)
        if end - start > least:
            left[start:end, max(0, key - 1) : key + 2] = 0
            found.append(Span(start, end, key, float(frames_TK[start:end, key].mean())))
    while left.max() > frame_threshold:
        middle, key = (int(each) for each in np.unravel_index(int(left.argmax()), left.shape))
        left[middle, key] = 0
        end = _spread(left, middle, key, frame_threshold, 1)
        start = _spread(left, middle, key, frame_threshold, -1)
        if end - start > least:
            found.append(Span(start, end, key, float(frames_TK[start:end, key].mean())))
    return found


def with_inferred(onsets_TK: np.ndarray, frames_TK: np.ndarray) -> np.ndarray:
    """Onsets, and where a key sounds suddenly louder than one and two frames before, on the scale of onsets."""
    padded = np.pad(frames_TK, ((2, 0), (0, 0)))
    rise = np.minimum(frames_TK - padded[1:-1], frames_TK - padded[:-2]).clip(min=0)
    rise[:2] = 0
    most = rise.max()
    return np.maximum(onsets_TK, onsets_TK.max() * rise / most) if most else onsets_TK


def _until_rest(level: np.ndarray, at: int, threshold: float) -> int:
    """The frame after the last above the threshold, from `at` to the first rest."""
    quiet = 0
    while at < len(level) - 1 and quiet < REST:
        quiet = quiet + 1 if level[at] < threshold else 0
        at += 1
    return at - quiet


def _spread(left_TK: np.ndarray, middle: int, key: int, threshold: float, step: int) -> int:
    """Where a note without an onset ends, or with a `step` of -1 begins; what it passes is used up."""
    quiet, at = 0, middle + step
    while 0 < at < len(left_TK) - 1 and quiet < REST if step < 0 else at < len(left_TK) - 1 and quiet < REST:
        quiet = quiet + 1 if left_TK[at, key] < threshold else 0
        left_TK[at, max(0, key - 1) : key + 2] = 0
        at += step
    return at - step * (1 + quiet)
