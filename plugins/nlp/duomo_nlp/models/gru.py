"""A small network for labels of texts, trained from random numbers: bytes through gated recurrent units.

A baseline to read and to beat (Cho et al. 2014, https://arxiv.org/abs/1406.1078). A text is its UTF-8 bytes, so that
there is no vocabulary; the state after the last byte goes through a linear layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import pydantic
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from duomo import Model, Text, WeightsRef, folders
from duomo.errors import InputTooLong
from duomo.model import Features
from duomo.tasks.nlp.classification import TextClassificationOptions
from duomo.tasks.results import Classification
from duomo.training import SmallTrainable

LIMIT = 512
"""Bytes that it reads."""


class Batch(NamedTuple):
    """Texts."""

    bytes: Tensor
    """(B, L), padded with zeros."""
    lengths: Tensor
    """(B,)."""


class Description(pydantic.BaseModel):
    """What ``duomo.json`` holds."""

    model: Literal["nlp/gru"] = "nlp/gru"
    hidden: int = pydantic.Field(gt=0, le=65_536)
    labels: list[str] = pydantic.Field(min_length=1)


class Network(nn.Module):
    """Bytes (B, L) → (B, labels)."""

    def __init__(self, hidden: int, num_labels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(256, hidden // 2)
        self.gru = nn.GRU(hidden // 2, hidden, batch_first=True)
        self.head = nn.Linear(hidden, num_labels)

    def forward(self, batch: Batch) -> Tensor:
        packed = pack_padded_sequence(
            self.embedding(batch.bytes), batch.lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        _, last = self.gru(packed)
        logits: Tensor = self.head(last[0])
        return logits


class TextGru(Model[Text, Classification]):
    """The network in inference."""

    network: Any
    labels: Sequence[str]
    batch_size = 64

    def __init__(self, hidden: int, labels: Sequence[str]) -> None:
        self.hidden, self.labels = hidden, list(labels)
        self.network = Network(hidden, len(self.labels))

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        about = folders.describe(Description, weights)
        model = cls(about.hidden, about.labels)
        folders.fill(model.network, weights)
        model.network.to(device, dtype).eval()
        return model

    @staticmethod
    def estimate(item: Text) -> int:
        return len(item)

    def preprocess(self, items: Sequence[Text], options: TextClassificationOptions) -> list[Features]:
        return [self._features(item.encode(), options.long) for item in items]

    def collate(self, features: list[Features]) -> Batch:
        rows = [row for each in features for row in each["rows"]]
        return Batch(pad_sequence(rows, batch_first=True).long(), torch.tensor([len(row) for row in rows]))

    def forward(self, batch: Batch) -> Tensor:
        return self.network(batch)  # type: ignore[no-any-return]

    def postprocess(
        self, output: Tensor, features: list[Features], options: TextClassificationOptions
    ) -> list[Classification]:
        scores = output.sigmoid() if options.multi_label else output.softmax(-1)
        means = [part.mean(0).tolist() for part in torch.split(scores, [len(each["rows"]) for each in features])]
        return [Classification.ranked(self.labels, each, options.top_k) for each in means]

    def _features(self, text: bytes, long: str) -> Features:
        if len(text) > LIMIT and long == "error":
            raise InputTooLong(
                f"this text has {len(text):,} bytes and the model reads {LIMIT}", why="its end would be lost",
                fix="long=truncate reads the beginning, long=window reads all of it in parts",
            )  # fmt: skip
        rows = torch.split(torch.frombuffer(bytearray(text), dtype=torch.uint8), LIMIT)
        kept = rows if long == "window" else rows[:1]
        return {"rows": list(kept), "windows": len(kept), "truncated": len(rows) > len(kept)}


class TextGruTrainer(TextGru, SmallTrainable[Text]):
    """Cross-entropy over the labels of the training part."""

    scratch: ClassVar[Mapping[str, Mapping[str, object]]] = {"gru": {"tiny": 64, "small": 256}}

    def cost(self, features: Features) -> int:
        """Bytes."""
        return sum(map(len, features["rows"]))

    def save(self, folder: Path) -> None:
        folders.write(self.network, Description(hidden=self.hidden, labels=list(self.labels)), folder)
