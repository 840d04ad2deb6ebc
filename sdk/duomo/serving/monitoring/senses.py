"""What an image or an audio clip is like, for drift: how bright, how loud. They are decoded for it, and not all are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from duomo.errors import DuomoError
from duomo.inputs import Audio, Image
from duomo.inputs.pdf import MAGIC as PDF
from duomo.inputs.seal import sealed
from duomo.serving.monitoring.drift import Drift

SHARE = 0.05
"""The share of one processor's time that decoding may take; items are left out while it is above."""
MOST_BYTES = 8 * 1024**2
"""Larger files are left out, and so are pages of PDFs: they are drawn in another process, whose time nobody counts."""
SILENCE_DB = -100.0


class Senses:
    """Looks at items of one task, in a thread.

    Args:
        input_class: of the task; what is not an image, an audio clip or a mapping with one is left out.
        share: of the time of one processor.
    """

    def __init__(self, input_class: type[object], share: float = SHARE) -> None:
        self._kind = next((kind for kind in (Image, Audio) if issubclass(input_class, kind)), None)
        self._share = share
        self._next = 0.0
        self._looking: asyncio.Task[None] | None = None

    def look(self, item: object, drift: Drift) -> None:
        """Measure an item that was answered, unless it is another one's turn; returns at once."""
        if self._looking is not None or time.monotonic() < self._next:
            return
        name, given = self._part(item)
        if name and not (isinstance(given, bytes) and (len(given) > MOST_BYTES or given.startswith(PDF))):
            self._looking = asyncio.get_running_loop().create_task(self._measure(name, given, drift))

    def _part(self, item: object) -> tuple[str, object]:
        if self._kind is not None:
            return ("brightness" if self._kind is Image else "loudness"), item
        if isinstance(item, Mapping):
            for key, name in (("image", "brightness"), ("audio", "loudness")):
                if isinstance(item.get(key), bytes):
                    return name, item[key]
        return "", None

    async def _measure(self, name: str, given: object, drift: Drift) -> None:
        took = 0.0
        try:
            value, took = await asyncio.to_thread(_timed, brightness if name == "brightness" else loudness, given)
            if value is not None:
                drift.observe({name: value})
        finally:
            self._next, self._looking = time.monotonic() + took / self._share, None


def _timed(measure: Callable[[object], float | None], given: object) -> tuple[float | None, float]:
    """Return what was measured, and the seconds of a processor it took, whatever else it is busy with."""
    start = time.thread_time()
    return measure(given), time.thread_time() - start


def brightness(given: object) -> float | None:
    """Return the mean grey of an image, 0 to 255; None where it is none."""
    from PIL import ImageStat

    try:
        with sealed():
            return float(ImageStat.Stat(Image.accept(given).pil().convert("L")).mean[0])
    except DuomoError:
        return None


def loudness(given: object) -> float | None:
    """Return the level of an audio clip in decibels of full scale (mean square); None where it is none."""
    import numpy as np

    try:
        with sealed():
            audio = Audio.accept(given)
            samples = audio.samples()  # the rate of a file is not known before it is read
    except DuomoError:
        return None
    power = float(np.square(samples, dtype=np.float64).mean()) if len(samples) else 0.0
    return max(SILENCE_DB, 10 * float(np.log10(power))) if power else SILENCE_DB
