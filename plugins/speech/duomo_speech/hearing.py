"""What all transformers networks that hear audio clips share: loading, lengths, windows, passes of one shape.

A family adds what is its own: the Auto class, `compute` (a pass over windows of one shape) and `postprocess`.

long      what to do with an audio clip longer than the network hears: error, truncate or window
passes    each window is prepared alone, and those of one shape share a pass: padding would reach the features
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from transformers import AutoFeatureExtractor

from duomo import Audio, WeightsRef
from duomo.errors import InputTooLong
from duomo.model import Features, In, R
from duomo.pretrained import load_network
from duomo_speech import parallel
from duomo_speech.checkpoint import load_part
from duomo_speech.clips import Clips

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from duomo.pretrained import Network, Processor

Inputs = dict[str, Tensor]
"""What a feature extractor makes of one window, as a batch of one."""

PASS = 2**15
"""Numbers in the inputs of one pass on a CPU: one window of AST or 2 s of sound. What a network makes of more is larger
than the memory that the C library keeps, and is asked of the system again in each layer: two windows of AST took 1.04
of the time of one and one, and 8 s of wav2vec 2.0 in clips of 1 s 1.15 of that in passes of 2 s."""
SPECTRUM_S = 0.025
"""What AST makes a spectrum of."""
FRAME_S = 0.01
"""Between two spectra of AST."""


class Hearing(Clips[In, R]):
    """A network that hears sound, with its feature extractor; features hold ``inputs``, the windows of an item."""

    auto: ClassVar[Any]
    """The Auto class that builds the network."""

    batch_size = 16

    def __init__(self, network: Network, extractor: Processor, weights: WeightsRef) -> None:
        self.network = network
        self.extractor = extractor
        self.rate: int = extractor.sampling_rate
        self.least = receptive_field(network.config, extractor)
        self.most = heard(network.config, extractor)
        self.configure(weights)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and feature extractor, whole, or raise `WeightsProblem`."""
        network = load_network(cls.auto, weights)
        return cls(network.to(device, dtype), load_part(AutoFeatureExtractor, weights), weights)

    def configure(self, weights: WeightsRef) -> None:
        """Take what else this family needs from config and folder; raise where it is not there."""

    tensor_plan = staticmethod(parallel.hearing_plan)
    pipeline_split = staticmethod(parallel.hearing_split)

    def preprocess(self, items: Sequence[Any], options: Any) -> list[Features]:
        return [self.heard_in(item, options.long) for item in items]

    def collate(self, features: list[Features]) -> list[Inputs]:
        """The windows of all items, in order; they stay apart until `forward` knows which are of one shape."""
        return [inputs for each in features for inputs in each["inputs"]]

    def forward(self, batch: list[Inputs]) -> list[Any]:
        """What `compute` gives for each window, in order."""
        return by_shape(batch, self.network.dtype, self.compute, PASS)

    @abstractmethod
    def compute(self, inputs: Inputs) -> Iterable[Any]:
        """One result a row of windows of one shape."""

    def heard_in(self, item: Audio, long: str) -> Features:
        """The windows of an audio clip as the network takes them.

        Raises:
            InputUnreadable: less sound than gives the network one state.
            InputTooLong: more than it hears, under the policy ``error``.
        """
        parts, is_long = self.windows(item.samples(self.rate, self.least), long)
        return {
            "inputs": [self.prepare(part) for part in parts],
            "windows": len(parts),
            "truncated": is_long and long == "truncate",
        }

    def windows(self, samples: np.ndarray, long: str) -> tuple[list[np.ndarray], bool]:
        """(samples,) as windows the network hears, and whether there is more than one."""
        most = self.most or len(samples)
        is_long = len(samples) > most
        if is_long and long == "error":
            raise InputTooLong(
                f"this audio is {len(samples) / self.rate:.1f} s long and the model hears {most / self.rate:.1f} s",
                why="its end would be lost",
                fix="long=window hears all of it in parts, long=truncate the beginning",
            )
        starts = range(0, len(samples), most) if long == "window" else [0]
        parts = [part for start in starts if len(part := samples[start : start + most]) >= self.least]
        return parts, is_long

    def prepare(self, samples: np.ndarray) -> Inputs:
        """What the checkpoint's feature extractor makes of one window."""
        return dict(self.extractor(samples, sampling_rate=self.rate, return_tensors="pt"))


def by_shape(
    batch: list[Inputs], dtype: torch.dtype, compute: Callable[[Inputs], Iterable[Any]], most: int = 0
) -> list[Any]:
    """Run `compute` on windows of one shape at a time; what it gives for each, in the order of `batch`.

    On a CPU a pass has inputs of `most` numbers, or one window; 0 for no bound.
    """
    groups: dict[tuple[torch.Size, ...], list[int]] = {}
    for at, inputs in enumerate(batch):
        groups.setdefault(tuple(tensor.shape for tensor in inputs.values()), []).append(at)
    found: dict[int, Any] = {}
    for places in (part for group in groups.values() for part in _passes(group, batch, most)):
        joined = {name: torch.cat([batch[at][name] for at in places]) for name in batch[places[0]]}
        inputs = {name: each.to(dtype) if each.is_floating_point() else each for name, each in joined.items()}
        found.update(zip(places, compute(inputs), strict=True))
    return [found[at] for at in range(len(batch))]


def _passes(places: list[int], batch: list[Inputs], most: int) -> Iterator[list[int]]:
    inputs = list(batch[places[0]].values())
    is_bound = most > 0 and inputs[0].is_cpu
    size = max(1, most // max(each.numel() for each in inputs)) if is_bound else len(places)
    return (places[at : at + size] for at in range(0, len(places), size))


def heard(config: PreTrainedConfig, extractor: Processor) -> int:
    """The samples that the network hears at once; 0 where it hears any number."""
    if config.model_type == "audio-spectrogram-transformer":
        return int(extractor.max_length * FRAME_S * extractor.sampling_rate)
    if config.model_type == "clap":
        return int(extractor.nb_max_samples)
    return int(getattr(extractor, "n_samples", 0))  # Whisper's


def _spectra(config: PreTrainedConfig, extractor: Processor) -> int:
    """Spectra that the first state is made of.

    LASR has two convolutions over them, which pad nothing; the extractor of wav2vec 2.0 BERT lays two side by side.
    """
    body = getattr(config, "encoder_config", config)
    if body.model_type != "lasr_encoder":
        return int(getattr(extractor, "stride", 1))
    kernel, stride = body.subsampling_conv_kernel_size, body.subsampling_conv_stride
    return int((kernel - 1) * stride + kernel)


def receptive_field(config: PreTrainedConfig, extractor: Processor) -> int:
    """Samples from which the convolutions of wav2vec 2.0 and its kin make their first state, or of one spectrum."""
    if not getattr(config, "conv_kernel", ()):
        found = getattr(extractor, "n_fft", None) or getattr(extractor, "fft_window_size", None)
        hop = getattr(extractor, "hop_length", None) or FRAME_S * extractor.sampling_rate
        return int((found or SPECTRUM_S * extractor.sampling_rate) + (_spectra(config, extractor) - 1) * hop)
    field: int = getattr(config, "squeeze_factor", 1)  # SEW makes one state of this many
    kernels, strides = getattr(config, "conv_kernel", ()), getattr(config, "conv_stride", ())
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        field = (field - 1) * stride + kernel
    return field
