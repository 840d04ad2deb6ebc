"""Voices or instruments apart, by torchaudio's Conv-TasNet and Hybrid Demucs, from a folder that `save` wrote.

Source: Luo and Mesgarani 2019, https://arxiv.org/abs/1809.07454; Défossez 2021, https://arxiv.org/abs/2111.03600.

Hybrid Demucs names what it tells apart, so that a long audio clip is cut into segments that overlap by a tenth of a
second and are crossfaded, after torchaudio's tutorial; its clips are levelled to mean 0 and deviation 1 before, as
there. Conv-TasNet tells speakers apart without knowing who is who: the first of one segment may be the second of the
next, so that a long clip is refused or cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.models import ConvTasNet, HDemucs

from duomo import Audio, Model, WeightsRef, folders
from duomo.errors import InputTooLong, WeightsMismatch
from duomo.model import Features
from duomo.tasks.speech.separation import SeparatedSound, Separation, SourceSeparationOptions
from duomo.tasks.speech.sound import to_wav

OVERLAP_S = 0.1
LEAST_S = 0.5
"""A shorter clip is filled up with silence: the transforms of Hybrid Demucs need some length."""


class Description(pydantic.BaseModel):
    """What ``duomo.json`` holds."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    model: Literal["speech/separation"] = "speech/separation"
    architecture: Literal["conv-tasnet", "hdemucs"]
    sampling_rate: int = pydantic.Field(gt=0)
    labels: tuple[str, ...] = pydantic.Field(min_length=1)
    """In the order of the network's outputs, such as drums, bass, other, vocals."""
    segment_s: float = pydantic.Field(default=10.0, gt=2 * OVERLAP_S)
    """Seconds that are heard at once."""
    channels: int = pydantic.Field(default=2, ge=1, le=2)
    """Channels that Hybrid Demucs hears; two hear the same, and their outputs are mixed."""
    settings: dict[str, int | float | str | bool] = {}
    """Arguments of torchaudio's class that are not its defaults."""

    def build(self) -> nn.Module:
        """The network, with random weights. Raises `TypeError` or `ValueError` for settings it does not have."""
        network: nn.Module
        if self.architecture == "conv-tasnet":
            network = ConvTasNet(num_sources=len(self.labels), **self.settings)
        else:
            network = HDemucs(list(self.labels), audio_channels=self.channels, **self.settings)
        return network


class Segment(NamedTuple):
    """Part of a clip, levelled."""

    samples: Tensor
    """(samples,), at least `LEAST_S` of them."""
    length: int
    """Samples that are of the clip; the rest is silence."""


class SourceSeparator(Model[Audio, Separation]):
    """Segments of one length share a pass."""

    batch_size = 4
    packed = True

    def __init__(self, network: nn.Module, about: Description) -> None:
        self.network = network
        self.about = about
        self.rate = about.sampling_rate
        self.segment = int(about.segment_s * self.rate)
        self.overlap = int(OVERLAP_S * self.rate)
        self.least: int = getattr(network, "hop_length" if about.architecture == "hdemucs" else "enc_kernel_size")

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read a folder that `save` wrote. Raises `WeightsMismatch` when its parts do not fit each other."""
        about = folders.describe(Description, weights)
        network = _built(about, weights)
        folders.fill(network, weights)
        return cls(network.to(device, dtype), about)

    @staticmethod
    def estimate(item: Audio) -> int:
        return item.size_hint

    def preprocess(self, items: Sequence[Audio], options: SourceSeparationOptions) -> list[Features]:
        """Segments of each clip.

        Raises `InputTooLong` for what policy or network do not allow, `InputUnreadable` for less than a frame.
        """
        return [self._cut(item.samples(self.rate, self.least), options.long) for item in items]

    def collate(self, features: list[Features]) -> list[Segment]:
        return [segment for each in features for segment in each["segments"]]

    def forward(self, batch: list[Segment]) -> list[Tensor]:
        """The parts of each segment, (labels, samples)."""
        groups: dict[int, list[int]] = {}
        for at, segment in enumerate(batch):
            groups.setdefault(len(segment.samples), []).append(at)
        found: dict[int, Tensor] = {}
        weight = next(self.network.parameters())
        for places in groups.values():
            together = torch.stack([batch[at].samples for at in places]).to(weight)[:, None]
            if self.about.architecture == "hdemucs":
                parts = self.network(together.expand(-1, self.about.channels, -1)).mean(2)
            else:
                parts = self.network(together)
            found.update(zip(places, parts.float().cpu(), strict=True))
        return [found[at][:, : each.length] for at, each in enumerate(batch)]

    def postprocess(
        self, output: list[Tensor], features: list[Features], options: SourceSeparationOptions
    ) -> list[Separation]:
        results, at = [], 0
        for each in features:
            parts = output[at : at + len(each["segments"])]
            at += len(parts)
            whole = joined(parts, each["length"], self.segment, self.overlap) * each["spread"] + each["mean"]
            sources = [self._sound(label, sound) for label, sound in zip(self.about.labels, whole, strict=True)]
            results.append(Separation.model_construct(sources=sources))
        return results

    def _cut(self, samples: np.ndarray, long: str) -> Features:
        is_long = len(samples) > self.segment
        by_name = self.about.architecture == "hdemucs"
        if is_long and (long == "error" or (long == "window" and not by_name)):
            raise InputTooLong(
                f"this audio clip is {len(samples) / self.rate:.1f} s long and the model hears "
                f"{self.about.segment_s:g} s",
                why="its end would be lost" if by_name else "who is first in one part may be second in the next",
                fix="long=window hears all of it in parts"
                if by_name
                else "long=truncate hears the beginning; or cut it",
            )
        if is_long and long == "truncate":
            samples = samples[: self.segment]
        sound = torch.from_numpy(samples)
        mean, spread = (float(sound.mean()), float(sound.std(correction=0)) or 1.0) if by_name else (0.0, 1.0)
        sound = (sound - mean) / spread
        starts = range(0, max(1, len(sound) - self.overlap), self.segment - self.overlap)
        cut = [sound[start : start + self.segment] for start in starts]
        least = int(LEAST_S * self.rate)
        return {
            "segments": [Segment(F.pad(part, (0, max(0, least - len(part)))), len(part)) for part in cut],
            "windows": len(cut), "length": len(sound), "mean": mean, "spread": spread,
            "truncated": is_long and long == "truncate",
        }  # fmt: skip

    def _sound(self, label: str, samples: Tensor) -> SeparatedSound:
        sound = samples.numpy().clip(-1, 1)
        return SeparatedSound.model_construct(
            wav=to_wav(sound, self.rate), sampling_rate=self.rate, duration=len(sound) / self.rate, label=label
        )


def joined(parts: list[Tensor], length: int, segment: int, overlap: int) -> Tensor:
    """Segments (labels, samples) that overlap as one (labels, `length`), each faded out while the next fades in."""
    if len(parts) == 1:
        return parts[0]
    whole = torch.zeros(len(parts[0]), length)
    rise = torch.linspace(0, 1, overlap)
    for at, part in enumerate(parts):
        faded = part.clone()
        if at:
            faded[:, :overlap] *= rise
        if at + 1 < len(parts):
            faded[:, -overlap:] *= rise.flip(0)
        start = at * (segment - overlap)
        whole[:, start : start + faded.shape[1]] += faded
    return whole


def _built(about: Description, weights: WeightsRef) -> nn.Module:
    try:
        return about.build()
    except (TypeError, ValueError) as error:
        raise WeightsMismatch(
            f"'{weights.folder / 'duomo.json'}' does not describe such a network",
            why=f"{about.architecture}: {error}",
            fix="take the folder as it was written",
        ) from None


def save(network: nn.Module, folder: str | Path, about: Description) -> Path:
    """Write a folder that ``-m dir:FOLDER`` loads."""
    return folders.write(network, about, folder)
