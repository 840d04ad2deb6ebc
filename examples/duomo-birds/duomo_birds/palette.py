"""Birds of your own by the colours of their plumage: a colour histogram and one linear layer, to be trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from duomo import Image, Model, WeightsRef
from duomo.tasks.results import Classification
from duomo.training import Trainable
from safetensors.torch import load_file, save_file

SHADES = 4
"""Shades of red, green and blue each: 64 colours in all."""


class Palette(Model[Image, Classification]):
    """Softmax of a linear layer over the shares of 64 colours."""

    batch_size = 32

    def __init__(self, labels: Sequence[str], state: dict[str, torch.Tensor] | None = None) -> None:
        self.labels = list(labels)
        self.network = torch.nn.Linear(SHADES**3, len(self.labels))
        if state is not None:
            self.network.load_state_dict(state)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: Any, dtype: Any) -> Self:
        labels = json.loads((weights.folder / "duomo.json").read_text("utf-8"))["labels"]
        model = cls(labels, load_file(weights.folder / "model.safetensors"))
        model.network.to(device, dtype)
        return model

    def preprocess(self, items: Sequence[Image], options: Any) -> list[dict[str, Any]]:
        return [{"shares": shares(item)} for item in items]

    def logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.network(batch["shares"])

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.logits(batch).softmax(-1)

    def postprocess(self, output: torch.Tensor, features: list[Any], options: Any) -> list[Classification]:
        return [Classification.ranked(self.labels, scores, options.top_k) for scores in output.tolist()]


def shares(image: Image) -> torch.Tensor:
    """The share of each colour, (64,)."""
    pixels = np.asarray(image.pil().resize((48, 48)), np.int64).reshape(-1, 3) * SHADES // 256
    counts = np.bincount(pixels @ [SHADES**2, SHADES, 1], minlength=SHADES**3)
    return torch.from_numpy(counts / len(pixels)).float()


# What makes it trainable.


class PaletteTrainer(Palette, Trainable[Image]):
    """Cross-entropy over the birds of the training part."""

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: Any, dtype: Any) -> Self:
        model = cls(labels)
        model.network.to(device, dtype)
        return model

    def save(self, folder: Path) -> None:
        about = {"model": "birds/palette", "labels": self.labels}
        (folder / "duomo.json").write_text(json.dumps(about), "utf-8")
        save_file(self.network.state_dict(), folder / "model.safetensors")
