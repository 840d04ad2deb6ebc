"""Are risks as high as what happens, and does acting on them do more good than treating everybody or nobody?"""

from __future__ import annotations

from typing import Any

import numpy as np

THRESHOLDS = (0.1, 0.2, 0.3)
"""Risks from which a clinician might act; which one is right depends on the treatment."""


def calibration_line(probabilities: Any, labels: Any) -> tuple[float, float]:
    """Slope and intercept of the truth on the log-odds of the risks (Cox, Biometrika 1958); 1 and 0 are perfect.

    A slope below 1 says that risks are too extreme, as those of an overfitted model are. The intercept is that of
    slope 1 (calibration in the large): below 0, risks are too high on the whole.
    """
    p, y = np.clip(np.asarray(probabilities, float), 1e-6, 1 - 1e-6), np.asarray(labels, float)
    odds = np.log(p / (1 - p))
    slope = _fit(np.column_stack([odds, np.ones(len(y))]), np.zeros(len(y)), y)[0]
    intercept = _fit(np.ones((len(y), 1)), odds, y)[0]
    return float(slope), float(intercept)


def net_benefit(probabilities: Any, labels: Any, threshold: float) -> float:
    """True positives a patient, less the false ones at the odds of the threshold (Vickers and Elkin, MDM 2006).

    Treating nobody has 0; a risk that helps has more than that and more than treating everybody.
    """
    treated, ill = np.asarray(probabilities, float) >= threshold, np.asarray(labels, float) > 0
    harm = threshold / (1 - threshold)
    return float(np.mean(treated & ill) - harm * np.mean(treated & ~ill))


def decision_curve(probabilities: Any, labels: Any) -> dict[str, float]:
    """Net benefit at each of `THRESHOLDS`, and that of treating everybody."""
    found = {}
    for threshold in THRESHOLDS:
        found[f"net_benefit_{threshold:.0%}"] = net_benefit(probabilities, labels, threshold)
        found[f"net_benefit_of_all_{threshold:.0%}"] = net_benefit(np.ones(len(labels)), labels, threshold)
    return found


def _fit(design: Any, offset: Any, labels: Any) -> Any:
    """Logistic regression by Newton's method, with a touch of ridge so that separable labels end, too."""
    weights = np.zeros(design.shape[1])
    ridge = 1e-6 * np.eye(len(weights))
    for _ in range(100):
        p = 0.5 * (1 + np.tanh((design @ weights + offset) / 2))
        curvature = (design * (p * (1 - p))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, design.T @ (p - labels) + ridge @ weights)
        weights = weights - np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    return weights
