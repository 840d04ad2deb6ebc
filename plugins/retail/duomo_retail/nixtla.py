"""statsforecast behind the demand forecast: its models by name, for those who want them (the extra ``forecast``)."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from duomo.errors import RequirementMissing, UsageProblem, did_you_mean

Array = NDArray[np.float64]


def forecast(series: Sequence[Array], period: int, horizon: int, model: str) -> list[Array]:
    """Forecast with one of statsforecast's models, such as ``AutoETS`` or ``DynamicOptimizedTheta``.

    Raises `RequirementMissing` with the line for pip, or `UsageProblem` for a model it does not have.
    """
    try:
        from statsforecast import models
    except ImportError:
        raise RequirementMissing(
            f"the method 'statsforecast:{model}' needs statsforecast",
            why="it is not installed",
            fix='pip install "duomo-retail[forecast]"',
        ) from None
    found = getattr(models, model, None)
    if found is None or model not in models.__all__:
        raise UsageProblem(
            f"statsforecast has no model '{model}'",
            why=did_you_mean(model, models.__all__),
            fix="statsforecast:AutoETS, statsforecast:DynamicOptimizedTheta, statsforecast:AutoARIMA …",
        )
    has_seasons = "season_length" in inspect.signature(found).parameters
    fitted = found(season_length=period) if has_seasons else found()
    out = [np.asarray(fitted.forecast(y=each.astype(np.float64), h=horizon)["mean"], float) for each in series]
    return [np.maximum(f, 0.0) if (y >= 0).all() else f for f, y in zip(out, series, strict=True)]
