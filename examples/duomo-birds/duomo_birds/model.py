"""Birds by the colours of their plumage: a formula, so there are no weights to ship."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from duomo import Image, Model, WeightsRef
from duomo.tasks.results import Classification

PLUMAGE = {
    "blue tit": ((60, 110, 180), (235, 215, 80)),
    "robin": ((205, 95, 40), (125, 105, 80)),
    "blackbird": ((25, 25, 28), (240, 150, 20)),
    "bullfinch": ((215, 105, 105), (45, 45, 55)),
    "magpie": ((15, 15, 20), (245, 245, 245)),
}
"""Two colours a bird, as RGB."""
COLOURS = np.array(list(PLUMAGE.values()), np.float32)  # (birds, 2, rgb)
REACH = 60.0
"""A pixel within this distance of a colour counts as half that colour."""


class Plumage(Model[Image, Classification]):
    """A bird's score is the geometric mean of the shares of the image that have its two colours."""

    batch_size = 32

    @classmethod
    def load(cls, weights: WeightsRef, *, device: Any, dtype: Any) -> Self:
        return cls()

    def preprocess(self, items: Sequence[Image], options: Any) -> list[dict[str, Any]]:
        return [{"pixels": np.asarray(item.pil().resize((48, 48)), np.float32).reshape(-1, 3)} for item in items]

    def collate(self, features: list[dict[str, Any]]) -> np.ndarray:
        return np.stack([each["pixels"] for each in features])

    def forward(self, batch: np.ndarray) -> np.ndarray:
        distance = np.linalg.norm(batch[:, :, None, None] - COLOURS, axis=-1)  # (B, pixels, birds, 2)
        shares = np.exp2(-((distance / REACH) ** 2)).mean(axis=1)  # (B, birds, 2)
        scores = np.sqrt(shares.prod(axis=-1)) + 1e-9
        return scores / scores.sum(axis=-1, keepdims=True)

    def postprocess(self, output: np.ndarray, features: list[dict[str, Any]], options: Any) -> list[Classification]:
        return [Classification.ranked(list(PLUMAGE), scores, options.top_k) for scores in output.tolist()]
