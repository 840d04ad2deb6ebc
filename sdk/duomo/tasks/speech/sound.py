"""Sound as a result: a WAV file, and its samples."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from duomo.errors import BadOutput
from duomo.tasks.base import Result

if TYPE_CHECKING:
    import numpy as np


class Sound(Result):
    """Sound as a mono 16-bit WAV file (base64 in JSON)."""

    wav: bytes
    sampling_rate: int
    duration: float
    """Seconds."""

    @classmethod
    def from_samples(cls, samples: np.ndarray[Any, Any], sampling_rate: int) -> Self:
        """Wrap float samples in [-1, 1] of shape (samples,). Raises `BadOutput` for some that are not finite."""
        if not math.isfinite(samples.sum(dtype="float64")):
            raise BadOutput(
                "the sound holds samples that are not finite",
                why="a file cannot say so: they would be heard as a click, or as silence",
                fix="check the weights for NaN and infinity; with a half-precision dtype, try float32",
            )
        seconds = len(samples) / sampling_rate
        return cls.model_construct(wav=to_wav(samples, sampling_rate), sampling_rate=sampling_rate, duration=seconds)

    @property
    def samples(self) -> np.ndarray[Any, Any]:
        """Float32 samples in [-1, 1] of shape (samples,)."""
        import soundfile

        samples: np.ndarray[Any, Any] = soundfile.read(io.BytesIO(self.wav), dtype="float32")[0]
        return samples

    def save(self, path: str | Path) -> Path:
        """Write the WAV file."""
        path = Path(path)
        path.write_bytes(self.wav)
        return path


def to_wav(samples: np.ndarray[Any, Any], sampling_rate: int) -> bytes:
    """A mono 16-bit WAV file of float samples in [-1, 1] of shape (samples,)."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, to_int16(samples), sampling_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def to_int16(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Float samples in [-1, 1] as the nearest of 16 bits, of the same shape; louder ones are the loudest."""
    import numpy as np

    # libsndfile would round down, and numpy towards zero.
    steps: np.ndarray[Any, Any] = np.rint(np.asarray(samples) * 32768.0).clip(-32768, 32767).astype("<i2")
    return steps
