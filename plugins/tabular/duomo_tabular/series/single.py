"""What models share that learn nothing beforehand and look at each series by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

import numpy as np

from duomo import Model, WeightsRef
from duomo.errors import BadInput, counted
from duomo.inputs import Series
from duomo.model import Features
from duomo.tasks.base import Result
from duomo.tasks.tabular import TimeSeriesAnomalyDetectionOptions, TimeSeriesForecastingOptions

if TYPE_CHECKING:
    import torch

R = TypeVar("R", bound=Result)


class Single(Model[Series, R]):
    """A model whose `forward` takes a series as ``values``, float64 (T,), beside its ``options``."""

    least: ClassVar[int]
    """Values that any series needs."""
    seasons: ClassVar[int]
    """Whole seasons that it needs."""
    purpose: ClassVar[str]
    """What a series that has fewer is too short for, as its error says."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        del weights, device, dtype  # nothing is learned beforehand
        return cls()

    @staticmethod
    def estimate(item: Series) -> int:
        return len(item.values)

    def preprocess(
        self, items: Sequence[Series], options: TimeSeriesForecastingOptions | TimeSeriesAnomalyDetectionOptions
    ) -> list[Features]:
        """Raises `BadInput` for a series that is too short."""
        needed = max(self.least, self.seasons * options.season if options.season > 1 else 0)
        features: list[Features] = []
        for item in items:
            if len(item.values) < needed:
                raise BadInput(
                    f"this series has {counted(len(item.values), 'value')}, too few {self.purpose}",
                    why=f"with season={options.season} it needs {needed}",
                    fix="a longer series, or a shorter season",
                )
            features.append({"values": np.asarray(item.values, dtype=np.float64), "options": options})
        return features

    def collate(self, features: list[Features]) -> list[Features]:
        return features
