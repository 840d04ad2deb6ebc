"""Sound as codes and back, by the neural codecs of transformers: EnCodec, DAC and Mimi.

Source: Défossez et al. 2022, https://arxiv.org/abs/2210.13438; Kumar et al. 2023, https://arxiv.org/abs/2306.06546;
Défossez et al. 2024, https://arxiv.org/abs/2410.00037. Each frame is a code from the first codebook, one from the
second for what the first has left, and so on (residual vector quantisation): the first N codebooks are a rougher
sound, and their codes are the same whether the rest is there or not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor
from transformers import AutoFeatureExtractor, DacModel, EncodecModel, MimiModel

from duomo import Audio, WeightsRef
from duomo.errors import BadOption, WeightsMismatch
from duomo.model import Features
from duomo.pretrained import load_network
from duomo.tasks.speech.coding import AudioTokenizationOptions, CodedSound
from duomo.tasks.speech.sound import to_wav
from duomo_speech.checkpoint import load_part
from duomo_speech.hearing import Hearing, Inputs

if TYPE_CHECKING:
    from duomo.pretrained import Network

KINDS = {"encodec": EncodecModel, "dac": DacModel, "mimi": MimiModel}
"""By ``model_type``; no Auto class knows all of them."""
MOST_S = 60
"""Seconds that are coded at once: the convolutions of a minute take about a gigabyte."""


class Coded(NamedTuple):
    """One window."""

    codes: Tensor
    """(codebooks, frames)."""
    samples: Tensor
    """Decoded again, (samples,)."""


class NeuralCodec(Hearing[Audio, CodedSound]):
    """Encoded and decoded in one pass; windows of one length share it."""

    batch_size = 4

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and feature extractor, whole, or raise `WeightsProblem`."""
        network = load_network(KINDS[weights.config()["model_type"]], weights)
        return cls(network.to(device, dtype), load_part(AutoFeatureExtractor, weights), weights)

    def configure(self, weights: WeightsRef) -> None:
        """Raises `WeightsMismatch` for a stereo codec: its chunks overlap, and their codes have no one clock."""
        config = self.network.config
        if getattr(config, "chunk_length_s", None) is not None or getattr(config, "audio_channels", 1) != 1:
            raise WeightsMismatch(
                f"'{weights.folder}' codes sound in overlapping chunks or in stereo",
                why="its codes do not follow each other as frames of one clip",
                fix="use a codec of one channel, such as facebook/encodec_24khz",
            )
        self.most = MOST_S * self.rate
        is_dac = config.model_type == "dac"
        self.num_codebooks: int = config.n_codebooks if is_dac else config.num_quantizers
        self.step: float = config.hop_length if is_dac else self.rate / config.frame_rate
        """Samples a frame."""
        self.least = 1  # the last window of a long clip may be less than a frame

    def check_options(self, options: AudioTokenizationOptions) -> None:
        """Raises `BadOption` for more codebooks than there are."""
        count = options.num_codebooks or self.num_codebooks
        if count > self.num_codebooks:
            raise BadOption(
                f"option 'num_codebooks' cannot be {count}",
                why=f"this codec has {self.num_codebooks}",
                fix=f"num_codebooks={self.num_codebooks}, or leave it out",
            )

    def preprocess(self, items: Sequence[Audio], options: AudioTokenizationOptions) -> list[Features]:
        """Windows, and how long each is. Raises `InputUnreadable` for less than a frame of sound."""
        count = options.num_codebooks or self.num_codebooks
        features: list[Features] = []
        for item in items:
            parts, is_long = self.windows(item.samples(self.rate, math.ceil(self.step)), options.long)
            features.append(
                {
                    "inputs": [self.prepare(part) for part in parts],
                    "lengths": [len(part) for part in parts],
                    "count": count,
                    "windows": len(parts),
                    "truncated": is_long and options.long == "truncate",
                }
            )
        return features

    def collate(self, features: list[Features]) -> list[Inputs]:
        """Windows with the number of codebooks, which all items of a batch share."""
        count = torch.tensor(features[0]["count"])
        return [{**inputs, "count": count[None]} for each in features for inputs in each["inputs"]]

    def compute(self, inputs: Inputs) -> list[Coded]:
        """Codes and sound of windows of one length."""
        codes_BQT, sound_BS = coded(self.network, inputs["input_values"], int(inputs["count"][0]))
        return [Coded(*each) for each in zip(codes_BQT, sound_BS.float(), strict=True)]

    def postprocess(
        self, output: list[Coded], features: list[Features], options: AudioTokenizationOptions
    ) -> list[CodedSound]:
        results, at = [], 0
        for each in features:
            lengths = each["lengths"]
            parts = output[at : at + len(lengths)]
            at += len(parts)
            samples = np.concatenate(
                [_fitted(part.samples, length) for part, length in zip(parts, lengths, strict=True)]
            )
            codes = torch.cat([part.codes for part in parts], dim=-1)
            results.append(
                CodedSound.model_construct(
                    wav=to_wav(samples.clip(-1, 1), self.rate),
                    sampling_rate=self.rate,
                    duration=len(samples) / self.rate,
                    codes=codes.tolist(),
                    codebook_size=self.network.config.codebook_size,
                    step_s=self.step / self.rate,
                )
            )
        return results

    def prepare(self, samples: np.ndarray) -> Inputs:
        """The samples alone: windows are of one length, so that a mask would hold ones."""
        return {"input_values": super().prepare(samples)["input_values"]}


def coded(network: Network, samples_B1S: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Codes (B, `count`, frames) of samples (B, 1, S), and what they decode to, (B, S) or a little longer."""
    if network.config.model_type == "encodec":
        found = network.encode(samples_B1S, bandwidth=network.config.target_bandwidths[-1])
        codes_1BQT = found.audio_codes[:, :, :count]  # in front stands the chunk, of which there is one
        sound = network.decode(codes_1BQT, found.audio_scales).audio_values
        return codes_1BQT[0], sound.squeeze(1)
    codes_BQT = network.encode(samples_B1S).audio_codes[:, :count]
    sound = network.decode(audio_codes=codes_BQT).audio_values
    return codes_BQT, sound.reshape(len(codes_BQT), -1)


def _fitted(samples: Tensor, length: int) -> np.ndarray:
    """As long as the window was: decoders give whole frames, or some samples less."""
    found = np.zeros(length, np.float32)
    kept = samples[:length].cpu().numpy()
    found[: len(kept)] = kept
    return found
