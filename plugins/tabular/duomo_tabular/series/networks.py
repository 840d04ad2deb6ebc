"""How a series goes on, by a network that was trained on many: TimesFM, PatchTST, PatchTSMixer of transformers.

TimesFM       Das et al. 2023, https://arxiv.org/abs/2310.10688; any length, a mean and nine quantiles; of TimesFM 2.5
              the point forecast is the median, and no number is negative where the series has none
PatchTST      Nie et al. 2022, https://arxiv.org/abs/2211.14730; a fixed context, a mean
PatchTSMixer  Ekambaram et al. 2023, https://arxiv.org/abs/2306.09364; the same
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import torch
import transformers
from torch import Tensor

from duomo import Model, WeightsRef
from duomo.errors import BadInput, BadOption, WrongTask, counted
from duomo.inputs import Series
from duomo.model import Features
from duomo.pretrained import load_network
from duomo.tasks.tabular import Forecast, Quantile, TimeSeriesForecastingOptions

if TYPE_CHECKING:
    from duomo.pretrained import Network

MOST = 1e15
"""Sums of squares of larger numbers are beyond float32."""


class Networks(Model[Series, Forecast]):
    """A network with its context and horizon."""

    batch_size = 64

    def __init__(self, network: Network) -> None:
        self.network = network
        config = network.config
        self.is_timesfm = config.model_type in ("timesfm", "timesfm2_5")
        self.levels: list[float] = list(config.quantiles) if self.is_timesfm else []
        self.is_positive: bool = getattr(config, "infer_is_positive", False)
        self.context: int = config.context_length
        self.horizon: int = config.horizon_length if self.is_timesfm else config.prediction_length
        if self.is_timesfm:
            # Its own horizon is one patch; more steps are forecast by going on from what was forecast.
            self.horizon = getattr(network, "horizon_len", self.horizon)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load the network, whole. Raises `WrongTask` for one of several variables."""
        name = weights.config()["architectures"][0]
        network = load_network(getattr(transformers, name), weights, dtype=dtype)
        channels = getattr(network.config, "num_input_channels", 1)
        if channels != 1:
            raise WrongTask(
                f"'{weights.folder}' does not forecast one series",
                why=f"it was trained on {channels} variables at once",
                fix="use a checkpoint with num_input_channels=1",
            )
        return cls(network.to(device))

    @staticmethod
    def estimate(item: Series) -> int:
        return 1 if item.values else 0

    def check_options(self, options: TimeSeriesForecastingOptions) -> None:
        """Refuse horizons, seasons and quantiles that the network was not trained for."""
        if options.horizon > self.horizon:
            raise BadOption(
                f"option 'horizon' cannot be {options.horizon}",
                why=f"this model was trained to forecast {self.horizon} steps",
                fix=f"horizon={self.horizon} at most, or tabular/auto-ets",
            )
        if "season" in options.model_fields_set:
            raise BadOption(
                "option 'season' has no effect here", why="the network finds seasons by itself", fix="leave it out"
            )
        if self.is_timesfm:
            unknown = [level for level in options.levels if level not in self.levels]
            if unknown:
                raise BadOption(
                    f"option 'levels' cannot hold {unknown[0]}",
                    why="this model was trained on other quantiles",
                    fix=f"among {', '.join(map(str, self.levels))}",
                )
        elif "levels" in options.model_fields_set and options.levels:
            raise BadOption("this model gives no quantiles", why="it was trained on the mean", fix="levels=[]")

    def preprocess(self, items: Sequence[Series], options: TimeSeriesForecastingOptions) -> list[Features]:
        features: list[Features] = []
        for item in items:
            if not self.is_timesfm and len(item.values) < self.context:
                raise BadInput(
                    f"this series has {counted(len(item.values), 'value')}, too few for this model",
                    why=f"it reads {self.context}",
                    fix="a longer series, or tabular/auto-ets",
                )
            largest = max(map(abs, item.values[-self.context :]), default=0.0)
            if largest > MOST:
                raise BadInput(
                    f"this series has {largest:.0e}, more than this model computes with",
                    why=f"it squares float32 numbers, up to {MOST:.0e}",
                    fix="a larger unit, such as millions, or tabular/auto-ets",
                )
            values = torch.tensor(item.values[-self.context :], dtype=torch.float32)
            features.append({"values": values, "truncated": len(item.values) > self.context})
        return features

    def collate(self, features: list[Features]) -> list[Tensor]:
        return [each["values"] for each in features]

    def forward(self, batch: list[Tensor]) -> Tensor:
        """(series, horizon, 1 for the mean and the rest quantiles)."""
        values = [each.to(self.network.device, self.network.dtype) for each in batch]
        if self.is_timesfm:
            return self._timesfm(values)
        past = torch.stack(values)[..., None]
        predictions: Tensor = self.network(past_values=past).prediction_outputs
        return predictions

    def _timesfm(self, values: list[Tensor]) -> Tensor:
        """TimesFM 2.5 looks at all series of a pass before it leaves negative numbers out: here at each alone."""
        own: dict[str, object] = {"freq": [0] * len(values)}
        if self.network.config.model_type == "timesfm2_5":
            own = {"truncate_negative": False}
        output = self.network(past_values=values, **own)
        found = torch.cat([output.mean_predictions[..., None], output.full_predictions[..., 1:]], -1)[:, : self.horizon]
        for row, each in zip(found, values, strict=True):
            if self.is_positive and each.min() >= 0:
                row.clamp_(min=0)
        return found

    def postprocess(
        self, output: Tensor, features: list[Features], options: TimeSeriesForecastingOptions
    ) -> list[Forecast]:
        levels = sorted(set(options.levels)) if self.is_timesfm else []
        results = []
        for each in output.float()[:, : options.horizon]:
            quantiles = [
                Quantile.model_construct(level=level, values=each[:, 1 + self.levels.index(level)].tolist())
                for level in levels
            ]
            results.append(Forecast.model_construct(mean=each[:, 0].tolist(), quantiles=quantiles))
        return results
