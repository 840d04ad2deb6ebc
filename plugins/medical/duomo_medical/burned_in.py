"""Text that is part of the image: found by OCR, painted over, and looked for again."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Reader = Callable[[NDArray[np.uint8]], Iterable[Any]]
"""A page (H, W, 3) to its lines, each with ``text`` and ``corners``: the core's OCR task gives such."""

MAX_PASSES = 4
"""Painting over a line can uncover the one beside it; what is still read after this many is for a person."""
_MAX_ENLARGED = 1280
"""Frames whose longer side is below half of this are read at twice or four times their size."""
_CROWDED = 0.25
"""Share of the range below which 98 of 100 pixels are too close together for print among them to be seen."""
_ALIKE = 0.75
"""From which similarity on a line counts as one of the header's texts: OCR mistakes a letter here and there."""


class Line(NamedTuple):
    """One line of print on one frame, in pixels of the frame."""

    frame: int
    text: str
    left: int
    top: int
    right: int
    bottom: int


class Redaction(NamedTuple):
    """Pixels with all print painted over."""

    stored: NDArray[Any]
    boxes: tuple[tuple[int, int, int, int], ...]
    """Left, top, right, bottom; painted over on every frame."""
    num_lines: int
    num_known: int
    """How many of the lines are in the header too: those surely name the patient."""
    residual: int
    """Lines that the last pass still found; 0 when nothing could be read any more."""


def find_lines(shown: NDArray[np.uint8], read: Reader) -> list[Line]:
    """All print on frames (frames, H, W) or (frames, H, W, 3).

    A lone letter is not a line: L and R say which side is seen. Equal frames are read once.
    """
    known: dict[bytes, list[Line]] = {}
    found = []
    for index, frame in enumerate(shown):
        content = frame.tobytes()
        if content not in known:
            known[content] = _read_frame(frame, read)
        found += [line._replace(frame=index) for line in known[content]]
    return found


def redact(stored: NDArray[Any], read: Reader, seeds: Sequence[str]) -> Redaction:
    """Paint over all print, on every frame where any frame has it, until nothing is read any more.

    All print goes, because no header lists what may stand on a screen; `seeds`, the texts of the header, only tell
    how much of it surely was the patient's.

    Args:
        stored: frames (frames, rows, columns) or (…, 3) as they are stored. Not changed.
        read: see `Reader`.
        seeds: texts of the header.
    """
    stored = stored.copy()
    boxes: list[tuple[int, int, int, int]] = []
    num_lines = num_known = found = 0
    for _ in range(MAX_PASSES):
        found = 0
        for index in range(len(stored)):
            lines = [line for view in views(stored[index : index + 1]) for line in find_lines(view, read)]
            found += len(lines)
            num_known += sum(is_seed(line.text, seeds) for line in lines)
            # On all frames at once: the next one has less to read then, and print that comes and goes is gone.
            for box in sorted({_padded(line, stored.shape) for line in lines}):
                left, top, right, bottom = box
                stored[:, top:bottom, left:right] = stored.min()
                boxes.append(box)
        num_lines += found
        if not found:
            break
    return Redaction(stored, tuple(boxes), num_lines, num_known, found)


def is_seed(text: str, seeds: Iterable[str]) -> bool:
    """Whether a line holds one of the header's texts, as far as OCR can be trusted to spell it."""
    line = _letters(text)
    for seed in map(_letters, seeds):
        if len(seed) < 3:
            continue
        if seed in line:
            return True
        match = difflib.SequenceMatcher(None, seed, line, autojunk=False)
        if sum(block.size for block in match.get_matching_blocks()) / len(seed) >= _ALIKE and len(line) <= 2 * len(
            seed
        ):
            return True
    return False


def views(stored: NDArray[Any]) -> Iterator[NDArray[np.uint8]]:
    """All that a reader must look at to see what any window of a viewer would show."""
    if stored.dtype.kind == "f":
        # One hole in it would make the whole image black.
        finite = stored[np.isfinite(stored)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        stored = np.nan_to_num(stored, nan=low, posinf=high, neginf=low)
    yield to_grey(stored)
    if stored.ndim == 4:
        return
    low, high = np.percentile(stored, (1, 99))
    if high - low < _CROWDED * (float(stored.max()) - float(stored.min())):
        # A few pixels at the far end, such as padding, press all others into one grey. Ranks spread them again.
        _, places, counts = np.unique(stored, return_inverse=True, return_counts=True)
        below = np.cumsum(counts) - counts
        ranks = below * (255 / max(int(below[-1]), 1))
        yield ranks.astype(np.uint8)[places.reshape(stored.shape)]


def to_grey(stored: NDArray[Any]) -> NDArray[np.uint8]:
    """Stored values over their full range: print is burned in at one of its ends."""
    if stored.ndim == 4 and stored.dtype == np.uint8:
        return stored
    low, high = float(stored.min()), float(stored.max())
    return ((stored.astype(np.float32) - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)


def _read_frame(frame: NDArray[np.uint8], read: Reader) -> list[Line]:
    page = frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2)
    scale = 1
    while scale < 4 and max(page.shape[:2]) * scale * 2 <= _MAX_ENLARGED:
        scale *= 2
    enlarged = page.repeat(scale, axis=0).repeat(scale, axis=1)
    lines = []
    for each in read(np.ascontiguousarray(enlarged)):
        if len(_letters(each.text)) < 2:
            continue
        across, down = zip(*each.corners, strict=True)
        lines.append(
            Line(0, each.text, int(min(across)) // scale, int(min(down)) // scale,
                 -int(-max(across) // scale), -int(-max(down) // scale))
        )  # fmt: skip
    return lines


def _padded(line: Line, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """A box with a margin of a quarter of its height: detectors cut descenders and first letters."""
    margin = 2 + (line.bottom - line.top) // 4
    height, width = shape[1:3]
    return (
        max(line.left - margin, 0),
        max(line.top - margin, 0),
        min(line.right + margin, width),
        min(line.bottom + margin, height),
    )


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
