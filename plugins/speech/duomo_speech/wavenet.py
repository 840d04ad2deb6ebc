"""WaveNet: sound, one sample after another.

Source: van den Oord et al. 2016, https://arxiv.org/abs/1609.03499, section 2. The words are the paper's.

mu-law        a sample is one of 256 levels, finer near silence (2.2); one-hot in, a softmax out
causal        a convolution of width 2 sees a sample and one before it, never one behind
dilated       the one before it is 1, 2, 4 … samples away: a block of dilations to 512 sees 1,024 samples (2.1)
gated         tanh(filter) x sigmoid(gate) (2.3); a 1x1 convolution of it is added to what the layer read (residual),
              another one to what the end reads (skip) (2.4)
queued        sampling needs of each layer only what it read `dilation` samples ago (Le Paine et al. 2016,
              https://arxiv.org/abs/1611.09482): a step costs the same however far the network sees

The paper's networks have 256 and more channels and see 240 ms to several seconds; its conditions (speaker, text) are
left out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.functional import mu_law_decoding, mu_law_encoding

from duomo import Audio, Model, WeightsRef, folders
from duomo.errors import InputUnreadable
from duomo.model import Features
from duomo.tasks.speech.continuation import AudioContinuationOptions
from duomo.tasks.speech.sound import Sound

LEVELS = 256


class Description(pydantic.BaseModel):
    """What ``duomo.json`` holds."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    model: Literal["speech/wavenet"] = "speech/wavenet"
    sampling_rate: int = pydantic.Field(default=8000, gt=0)
    channels: int = pydantic.Field(default=32, gt=0)
    skip_channels: int = pydantic.Field(default=64, gt=0)
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128) * 2


class Layer(nn.Module):
    """One dilated layer: (B, C, T) to what the next layer reads and what the end reads."""

    def __init__(self, channels: int, skip_channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.past = nn.Conv1d(channels, 2 * channels, 1)  # the two taps of the convolution of width 2, kept apart
        self.now = nn.Conv1d(channels, 2 * channels, 1, bias=False)
        self.residual = nn.Conv1d(channels, channels, 1)
        self.skip = nn.Conv1d(channels, skip_channels, 1)

    def forward(self, x_BCT: Tensor, past_BCT: Tensor) -> tuple[Tensor, Tensor]:
        """`past_BCT` is `x_BCT` as it was `dilation` samples before."""
        filtered, gate = (self.now(x_BCT) + self.past(past_BCT)).chunk(2, dim=1)
        z_BCT = filtered.tanh() * gate.sigmoid()
        return x_BCT + self.residual(z_BCT), self.skip(z_BCT)


class WaveNet(nn.Module):
    """Levels (B, T) to the logits (B, T, 256) of the level that follows each."""

    def __init__(self, about: Description) -> None:
        super().__init__()
        self.embed = nn.Embedding(LEVELS, about.channels)  # a 1x1 convolution of one-hot levels
        self.layers = nn.ModuleList(
            Layer(about.channels, about.skip_channels, dilation) for dilation in about.dilations
        )
        self.end = nn.Sequential(
            nn.ReLU(), nn.Conv1d(about.skip_channels, about.skip_channels, 1),
            nn.ReLU(), nn.Conv1d(about.skip_channels, LEVELS, 1),
        )  # fmt: skip
        self.field = 1 + sum(about.dilations)
        """Samples that it sees, the newest with them."""

    def forward(self, levels_BT: Tensor) -> Tensor:
        logits_BTL, _ = self.read(levels_BT)
        return logits_BTL

    def read(self, levels_BT: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The logits, and for each layer the last `dilation` vectors that it read, (B, C, dilation), oldest first."""
        x_BCT = self.embed(levels_BT).transpose(1, 2)
        total, queues = None, []
        for layer in self.layers:
            assert isinstance(layer, Layer)
            padded = F.pad(x_BCT, (layer.dilation, 0))  # before the first sample there is silence
            queues.append(padded[..., -layer.dilation :])
            x_BCT, skip = layer(x_BCT, padded[..., : x_BCT.shape[-1]])
            total = skip if total is None else total + skip
        return self.end(total).transpose(1, 2), queues

    def step(self, levels_B: Tensor, queues: list[Tensor], at: int) -> Tensor:
        """Logits (B, 256) of the level that follows `levels_B`, the `at`-th since `read`; `queues` go on."""
        x_BC1 = self.embed(levels_B)[..., None]
        total = None
        for layer, queue in zip(self.layers, queues, strict=True):
            assert isinstance(layer, Layer)
            slot = at % layer.dilation
            past = queue[..., slot, None].clone()
            queue[..., slot, None] = x_BC1
            x_BC1, skip = layer(x_BC1, past)
            total = skip if total is None else total + skip
        logits: Tensor = self.end(total)[..., 0]
        return logits


class WaveNetContinuation(Model[Audio, Sound]):
    """Audio clips of a batch take their steps together; each draws from a generator of its own."""

    batch_size = 32

    def __init__(self, network: WaveNet, about: Description) -> None:
        self.network = network
        self.about = about

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read a folder that `save` wrote. Raises `WeightsMismatch` when its parts do not fit each other."""
        about = folders.describe(Description, weights)
        network = WaveNet(about)
        folders.fill(network, weights)
        return cls(network.to(device, dtype), about)

    def preprocess(self, items: Sequence[Audio], options: AudioContinuationOptions) -> list[Features]:
        """The levels of what the network can see of each audio clip: its end."""
        features: list[Features] = []
        for item in items:
            samples = item.samples(self.about.sampling_rate)
            if not len(samples):
                raise InputUnreadable(
                    "this audio clip holds no sample to go on from", why="it is too short", fix="give it a longer one"
                )
            levels = mu_law_encoding(torch.from_numpy(samples[-self.network.field :]).clamp(-1, 1), LEVELS)
            features.append({"levels": levels, "options": options})
        return features

    def collate(self, features: list[Features]) -> Features:
        return {"levels": [each["levels"] for each in features], "options": features[0]["options"]}

    def forward(self, batch: Features) -> Tensor:
        """Levels that follow, (B, N)."""
        options: AudioContinuationOptions = batch["options"]
        return continued(
            self.network,
            batch["levels"],
            round(options.seconds * self.about.sampling_rate),
            temperature=options.temperature,
            seed=options.seed,
        )

    def postprocess(self, output: Tensor, features: list[Features], options: AudioContinuationOptions) -> list[Sound]:
        samples = mu_law_decoding(output.cpu(), LEVELS).numpy().astype(np.float32)
        return [Sound.from_samples(each, self.about.sampling_rate) for each in samples]


def continued(network: WaveNet, prompts: list[Tensor], count: int, *, temperature: float, seed: int) -> Tensor:
    """Levels (B, `count`) that follow each of (T,) levels, drawn one by one; the likeliest at temperature 0."""
    device = next(network.parameters()).device
    read = [network.read(prompt[None].to(device)) for prompt in prompts]
    queues = [torch.cat([own[at] for _, own in read]).clone() for at in range(len(network.layers))]
    logits_BL = torch.cat([logits[:, -1] for logits, _ in read])
    generators = [torch.Generator().manual_seed(seed) for _ in prompts]
    drawn = []
    for at in range(count):
        if temperature:
            shares = (logits_BL.double().cpu() / temperature).softmax(-1).cumsum(-1)
            chances = torch.stack([torch.rand(1, generator=each, dtype=torch.float64) for each in generators])
            levels_B = (shares < chances).sum(-1).clamp(max=LEVELS - 1).to(device)
        else:
            levels_B = logits_BL.argmax(-1)
        drawn.append(levels_B)
        logits_BL = network.step(levels_B, queues, at)
    return torch.stack(drawn, dim=1)


def save(network: WaveNet, folder: str | Path, about: Description) -> Path:
    """Write a folder that ``-m dir:FOLDER`` loads."""
    return folders.write(network, about, folder)
