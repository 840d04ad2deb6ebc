"""MiniLM in two coats, each of which raises on one word and dies on another: what the fault benchmark runs."""

from collections.abc import Sequence
from typing import Any

from misbehaviour import misbehave

from duomo_nlp.embedding import FeatureExtraction


class FaultyMiniLM(FeatureExtraction):
    """Ours."""

    def preprocess(self, items: Sequence[Any], options: Any) -> list[Any]:
        features = super().preprocess(items, options)
        for each, item in zip(features, items, strict=True):
            each["text"] = str(item)
        return features

    def collate(self, features: list[Any]) -> Any:
        return super().collate(features), [each["text"] for each in features]

    def forward(self, batch: Any) -> Any:
        misbehave(batch[1])
        return super().forward(batch[0])


def faulty_encoder(folder: str) -> Any:
    """The same for sentence-transformers, made late: its import is a cost that not every case should pay."""
    import torch
    from faulty_encoder import FaultyEncoder

    torch.set_num_threads(1)
    return FaultyEncoder(folder, device="cpu")
