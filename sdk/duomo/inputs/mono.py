"""One channel of floats in [-1, 1], from arrays and from what a decoder gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from duomo.errors import BadInput
from duomo.inputs.arrays import to_numpy

if TYPE_CHECKING:
    import numpy as np
    import soundfile

_CANCELLED = 0.003
"""Least share of the expected power in the mean: unrelated channels have all of it, opposite channels none."""
_ENOUGH = 1000
"""Samples from which that is not chance."""
_LOUDEST = 10.0
"""Mixes of several tracks and lossy files go a little beyond 1; integers cast to float go far beyond this."""
_BLOCK = 1 << 20
"""Samples that are decoded at a time."""


def to_array(samples: list[Any] | tuple[Any, ...]) -> np.ndarray[Any, Any]:
    """Samples of a list. Raises `BadInput` where they are not of one shape."""
    import numpy as np

    try:
        return np.asarray(samples)
    except ValueError as error:
        raise BadInput("these samples are not an array", why=str(error), fix="pass a list of floats") from None


def check_level(mono: np.ndarray[Any, Any], label: str) -> None:
    """Raise `BadInput` for samples that were never divided by what their integers could hold."""
    least, most = float(mono.min()), float(mono.max())
    if max(-least, most) > _LOUDEST:
        raise BadInput(
            f"the samples of {label} must lie in [-1, 1], these span {least:.4g} to {most:.4g}",
            why="they look like integers that were cast to float; models would hear noise",
            fix="divide them, those of 16 bits by 32768; or pass int16",
        )


def next_mono(sound: soundfile.SoundFile) -> np.ndarray[Any, Any]:
    """The next frames of an open file as the mean of its channels; none at its end."""
    # Else soundfile seeks after every block, and from there MP3 and Opus are decoded wrong for a while.
    sound.seekable = lambda: False
    block = sound.read(max(1, _BLOCK // sound.channels), dtype="float32", always_2d=True)
    return _mix(block)


def _mix(channels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Average channels, (frames, channels). Raises `BadInput` where that cancels what they have in common."""
    import numpy as np

    with np.errstate(all="ignore"):  # what is not a number is found later
        mono: np.ndarray[Any, Any] = np.mean(channels, axis=1)
        count = channels.shape[1]
        if count > 1 and len(mono) >= _ENOUGH and np.var(mono) < _CANCELLED * np.var(channels, axis=0).sum() / count**2:
            raise BadInput(
                "the channels of this audio clip cancel each other out",
                why="one is the other upside down, as of a cable that is wired wrongly: their mean is silence or noise",
                fix="pass one of them, (samples[:, 0], rate), or: ffmpeg -i INPUT -af 'pan=mono|c0=c0' output.wav",
            )
    return mono


def to_mono(value: object) -> np.ndarray[Any, Any]:
    """Copy an array, (samples,), (channels, samples) or (samples, channels), into float32 of shape (samples,).

    Raises `BadInput` for what could mean several things.
    """
    import numpy as np

    array = to_numpy(value, "pass floats in [-1, 1], or int16")
    if array.dtype.newbyteorder("=") == np.int16:
        array = array / np.float32(32768)
    elif not np.issubdtype(array.dtype, np.floating):
        why = "the type does not say which number is full scale"
        raise BadInput(f"samples of type {array.dtype} are ambiguous", why=why, fix="pass floats in [-1, 1], or int16")
    if array.ndim == 2:
        array = _mix(array.T if array.shape[0] < array.shape[1] else array)
    if array.ndim != 1:
        why = f"it has {array.ndim} dimensions, and audio has one or two"
        raise BadInput(
            f"an array of shape {array.shape} is not audio", why=why, fix="(samples,) or (channels, samples)"
        )
    # A copy: a model may write into its samples, and the caller's array is not ours to change.
    return np.array(array, dtype=np.float32)
