"""Audio clips, varied: each variation draws from the generator of its row and epoch alone.

gain      from -6 to +6 dB
noise     white, 10 to 30 dB below the audio clip
shift     up to a tenth of its length, silence before it
speed     0.9, 1 or 1.1 times, by resampling (Ko et al. 2015)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torchaudio.functional import add_noise, gain, resample

if TYPE_CHECKING:
    import numpy as np

VARIETIES = ("gain", "noise", "shift", "speed")


def augmented(
    samples: np.ndarray[Any, Any], names: Sequence[str], rate: int, draw: torch.Generator
) -> np.ndarray[Any, Any]:
    """Vary an audio clip.

    Args:
        samples: (samples,), float32.
        names: of variations, in the order in which they are done.
        rate: in hertz.
        draw: where random numbers come from.
    """
    sound = torch.as_tensor(samples).clone()
    for name in names:
        sound = _DO[name](sound, rate, draw)
    return sound.numpy()


def _uniform(low: float, high: float, draw: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=draw))


def _gain(sound: Tensor, _rate: int, draw: torch.Generator) -> Tensor:
    louder: Tensor = gain(sound, _uniform(-6, 6, draw))
    return louder.clamp(-1, 1)


def _noise(sound: Tensor, _rate: int, draw: torch.Generator) -> Tensor:
    if not sound.any():
        return sound  # silence has no level that noise could be below
    noise = torch.randn(sound.shape, generator=draw)
    noisy: Tensor = add_noise(sound, noise, torch.tensor(_uniform(10, 30, draw)))
    return noisy


def _shift(sound: Tensor, _rate: int, draw: torch.Generator) -> Tensor:
    silence = int(_uniform(0, 0.1, draw) * len(sound))
    return torch.cat((sound.new_zeros(silence), sound))


def _speed(sound: Tensor, _rate: int, draw: torch.Generator) -> Tensor:
    tenths = (9, 10, 11)[int(torch.randint(3, (), generator=draw))]
    return sound if tenths == 10 else resample(sound, tenths, 10)


_DO = {"gain": _gain, "noise": _noise, "shift": _shift, "speed": _speed}
