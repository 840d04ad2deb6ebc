"""Portfolio weights by skfolio's optimisers, fitted on the past that a walk-forward run shows them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duomo.errors import BadOption, RequirementMissing
from duomo_finance.engine import History

Vector = NDArray[np.float64]
KINDS = ("equal-weight", "inverse-volatility", "min-variance", "max-sharpe", "hierarchical-risk-parity")


@dataclasses.dataclass(frozen=True)
class Optimiser:
    """A `duomo_finance.strategies.Fit`: long only, fully invested.

    Args:
        kind: One of `KINDS`; the first needs no library.
        window: Returns to fit on.
    """

    kind: str = "min-variance"
    window: int = 252

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadOption(f"no optimiser '{self.kind}'", why="it is not known", fix=f"one of {', '.join(KINDS)}")

    def __call__(self, history: History) -> Vector:
        """Weights (symbols,); a symbol that lacks a bar in the window gets none."""
        returns = history.returns(self.window)
        whole = np.flatnonzero(np.isfinite(returns).all(axis=0)) if len(returns) else np.arange(0)
        weights = np.zeros(len(history.symbols))
        if len(whole) == 0:
            return weights
        if self.kind == "equal-weight" or len(whole) == 1:
            weights[whole] = 1 / len(whole)
            return weights
        model = _model(self.kind)
        model.fit(returns[:, whole])
        weights[whole] = np.asarray(model.weights_, dtype=np.float64)
        return weights


def _model(kind: str) -> Any:
    try:
        from skfolio.optimization import (  # the extra: imports cvxpy, pandas and plotly
            HierarchicalRiskParity,
            InverseVolatility,
            MeanRisk,
            ObjectiveFunction,
        )
    except ImportError:
        raise RequirementMissing(
            f"the optimiser '{kind}' is skfolio's",
            why="it is not installed",
            fix="pip install 'duomo-finance[portfolio]'",
        ) from None
    if kind == "inverse-volatility":
        return InverseVolatility()
    if kind == "hierarchical-risk-parity":
        return HierarchicalRiskParity()
    sharpe = kind == "max-sharpe"
    return MeanRisk(objective_function=ObjectiveFunction.MAXIMIZE_RATIO if sharpe else ObjectiveFunction.MINIMIZE_RISK)
