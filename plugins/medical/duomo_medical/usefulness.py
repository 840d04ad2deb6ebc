"""Are risks as high as what happens, and does acting on them do more good than treating everybody or nobody?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from duomo.adapters import fit_logistic, logit

if TYPE_CHECKING:
    from numpy.typing import NDArray

RIDGE = 1e-6
"""Penalty that keeps the line finite where the risks separate the outcomes."""
THRESHOLDS = (0.1, 0.2, 0.3)
"""Risks from which a clinician might act; which one is right depends on the treatment."""


def calibration_line(probabilities: NDArray[Any], labels: NDArray[Any]) -> tuple[float, float]:
    """Slope and intercept of the truth on the log-odds of the risks (Cox, Biometrika 1958); 1 and 0 are perfect.

    A slope below 1 says that risks are too extreme, as those of an overfitted model are. The intercept is that of
    slope 1 (calibration in the large): below 0, risks are too high on the whole.
    """
    odds, ones = logit(probabilities), np.ones((len(labels), 1))
    slope = fit_logistic(np.column_stack([odds, ones]), labels, RIDGE).weights[0]
    intercept = fit_logistic(ones, labels, RIDGE, offset=odds).weights[0]
    return float(slope), float(intercept)


def net_benefit(probabilities: object, labels: object, threshold: float) -> float:
    """True positives a patient, less the false ones at the odds of the threshold (Vickers and Elkin, MDM 2006).

    Treating nobody has 0; a risk that helps has more than that and more than treating everybody.
    """
    treated, ill = np.asarray(probabilities, float) >= threshold, np.asarray(labels, float) > 0
    harm = threshold / (1 - threshold)
    return float(np.mean(treated & ill) - harm * np.mean(treated & ~ill))


def decision_curve(probabilities: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
    """Net benefit at each of `THRESHOLDS`, and that of treating everybody."""
    found = {}
    for threshold in THRESHOLDS:
        found[f"net_benefit_{threshold:.0%}"] = net_benefit(probabilities, labels, threshold)
        found[f"net_benefit_of_all_{threshold:.0%}"] = net_benefit(np.ones(len(labels)), labels, threshold)
    return found
