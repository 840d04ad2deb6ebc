"""Silero VAD v6: when someone speaks, in steps of 32 ms.

Source: https://github.com/snakers4/silero-vad (MIT). The network reads frames of 512 samples, each with
the 64 samples before it: a short-time Fourier transform, four convolutions, one LSTM over the frames.
All but the LSTM sees one frame at a time, so it runs over many frames at once.

The weights are those of the package's ``silero_vad.jit`` and ``.onnx``. Its ``silero_vad_16k.safetensors`` is another
network: its probabilities differ by up to 0.485.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from duomo import Audio, WeightsRef
from duomo.model import Portable, PortableNetwork
from duomo.tasks.speech.activity import VoiceActivity, VoiceActivityDetectionOptions
from duomo.tasks.speech.stretches import gain_of, voice_activity
from duomo.weights import verify
from duomo_speech.clips import Clips

SAMPLING_RATE = 16_000
FRAME = 512  # samples
CONTEXT = 64  # samples of the frame before
BLOCK = 2048  # frames a pass: 65 s of sound, some 20 MB of activations
EXPORTED = 32  # frames a pass of the graph: 1 s of sound
STORED = {
    "stft_conv.weight": (258, 1, 256),
    "conv1.weight": (128, 129, 3),
    "conv1.bias": (128,),
    "conv2.weight": (64, 128, 3),
    "conv2.bias": (64,),
    "conv3.weight": (64, 64, 3),
    "conv3.bias": (64,),
    "conv4.weight": (128, 64, 3),
    "conv4.bias": (128,),
    "lstm.weight_ih_l0": (512, 128),
    "lstm.weight_hh_l0": (512, 128),
    "lstm.bias_ih_l0": (512,),
    "lstm.bias_hh_l0": (512,),
    "final_conv.weight": (1, 128, 1),
    "final_conv.bias": (1,),
}
"""Tensors of the network for 16 kHz in the order of the checkpoint's entries ``data/2`` to ``data/16``."""


class SileroNetwork(nn.Module):
    """Probability of speech for every frame, and the LSTM's state to go on from."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, stride=128, bias=False)  # 129 cosines, then 129 sines
        self.conv1 = nn.Conv1d(129, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm = nn.LSTM(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def forward(self, samples: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(64 + 512 N,) samples, the first 64 of them context, to (N,) probabilities."""
        x, state = self.lstm(self.listen(samples.unfold(0, CONTEXT + FRAME, FRAME)), state)
        return self.judge(x), state

    def listen(self, frames_NS: Tensor) -> Tensor:
        """(N, 576) frames, each with its context, to (N, 128) for the LSTM."""
        waves = self.stft_conv(F.pad(frames_NS, (0, 64), mode="reflect").unsqueeze(1))  # (N, 258, 4)
        real, imaginary = waves.chunk(2, dim=1)
        x = (real.square() + imaginary.square()).sqrt()  # (N, 129, 4)
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = conv(x).relu()
        heard: Tensor = x.squeeze(-1)
        return heard

    def judge(self, x_NH: Tensor) -> Tensor:
        """(N, 128) of the LSTM to (N,) probabilities."""
        probabilities: Tensor = self.final_conv(x_NH.relu().unsqueeze(-1)).sigmoid().flatten()
        return probabilities


class FrameNetwork(nn.Module):
    """The network on frames, with its state given and taken as tensors, as a graph wants it."""

    def __init__(self, network: SileroNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 576), and (1, 1, 128) twice, to (N,) probabilities and the state after them."""
        x, (hidden, cell) = self.network.lstm(self.network.listen(frames)[:, None], (hidden, cell))
        return self.network.judge(x[:, 0]), hidden, cell


def read_weights(checkpoint: Path) -> dict[str, Tensor]:
    """The bytes of the tensors in a TorchScript archive, a zip file: its code and its pickle are left alone."""
    with zipfile.ZipFile(checkpoint) as archive:
        root = archive.namelist()[0].partition("/")[0]
        return {
            name: torch.frombuffer(bytearray(archive.read(f"{root}/data/{number}")), dtype=torch.float32).reshape(shape)
            for number, (name, shape) in enumerate(STORED.items(), start=2)
        }


class SileroVad(Clips[Audio, VoiceActivity]):
    """Voice activity detection of audio of any length."""

    def __init__(self, network: SileroNetwork) -> None:
        self.network = network

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the checkpoint after comparing its digest. Raises `WeightsMismatch`."""
        assert weights.path is not None
        verify(weights.spec)
        network = SileroNetwork()
        network.load_state_dict(read_weights(weights.path))
        return cls(network.eval().requires_grad_(False).to(device, dtype))

    def preprocess(self, items: Sequence[Audio], options: VoiceActivityDetectionOptions) -> list[dict[str, Any]]:
        """Decode to 16 kHz. Raises `InputUnreadable` for less than a frame of sound."""
        return [{"samples": item.samples(SAMPLING_RATE, FRAME)} for item in items]

    def collate(self, features: list[dict[str, Any]]) -> list[np.ndarray]:
        return [each["samples"] for each in features]

    def forward(self, batch: list[np.ndarray]) -> list[np.ndarray]:
        """Probability of speech for every frame of every audio clip."""
        return [self.probabilities(samples) for samples in batch]

    def postprocess(
        self, output: list[np.ndarray], features: list[dict[str, Any]], options: VoiceActivityDetectionOptions
    ) -> list[VoiceActivity]:
        """Frames to stretches of speech."""
        return voice_activity(output, features, options)

    def portable(self) -> Portable:
        state = torch.zeros(1, 1, 128)
        frames = torch.rand(EXPORTED, CONTEXT + FRAME)
        outputs = ("probabilities", "hidden_after", "cell_after")
        # The exporter fixes the length of what an LSTM reads.
        network = PortableNetwork(
            FrameNetwork(self.network), {"frames": frames, "hidden": state, "cell": state.clone()}, outputs, {}
        )
        return Portable("edge/voice-activity", {"network": network}, {"frames": EXPORTED})

    @torch.inference_mode()
    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """Probability of speech for every 512 samples of (samples,) at 16 kHz, in memory that does not grow.

        Clips that peak below 0.1 are raised: of speech at 0.003 the network misses the first words (silero-vad#665).
        """
        num_frames = -(-len(samples) // FRAME)
        weight = self.network.final_conv.weight
        gain = gain_of(samples)
        found, state = [], None
        for first in range(0, num_frames, BLOCK):
            start, stop = first * FRAME - CONTEXT, min(first + BLOCK, num_frames) * FRAME
            block = torch.from_numpy(samples[max(start, 0) : stop]) * gain
            block = F.pad(block, (max(-start, 0), max(stop - len(samples), 0)))
            found_here, state = self.network(block.to(weight), state)
            found.append(found_here.float().cpu())
        return torch.cat(found).numpy()
