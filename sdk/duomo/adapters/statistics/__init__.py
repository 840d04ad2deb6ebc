"""The statistics that adapters share: logistic regression, metrics, calibration, conformal sets and stacking.

`duomo.adapters` hands most of them out, too. Names are loaded when first used.
"""

from typing import TYPE_CHECKING

from duomo.lazy import face

if TYPE_CHECKING:
    from duomo.adapters.statistics.calibration import (
        Calibrator as Calibrator,
        Isotonic as Isotonic,
        Sigmoid as Sigmoid,
        Temperature as Temperature,
        pool_adjacent as pool_adjacent,
    )
    from duomo.adapters.statistics.conformal import (
        Conformal as Conformal,
        ConformalInterval as ConformalInterval,
        ConformalSets as ConformalSets,
        conformal_quantile as conformal_quantile,
        coverage as coverage,
    )
    from duomo.adapters.statistics.leaks import leak_evidence as leak_evidence
    from duomo.adapters.statistics.logistic import (
        LogisticFit as LogisticFit,
        expit as expit,
        fit_logistic as fit_logistic,
        logit as logit,
    )
    from duomo.adapters.statistics.metrics import (
        Bin as Bin,
        among_top as among_top,
        auc as auc,
        brier as brier,
        expected_calibration_error as expected_calibration_error,
        log_loss as log_loss,
        reliability as reliability,
    )
    from duomo.adapters.statistics.stacking import Stack as Stack

face(
    __name__,
    {
        "duomo.adapters.statistics.calibration": "Calibrator Isotonic Sigmoid Temperature pool_adjacent",
        "duomo.adapters.statistics.conformal": "Conformal ConformalInterval ConformalSets conformal_quantile coverage",
        "duomo.adapters.statistics.leaks": "leak_evidence",
        "duomo.adapters.statistics.logistic": "LogisticFit expit fit_logistic logit",
        "duomo.adapters.statistics.metrics": "Bin among_top auc brier expected_calibration_error log_loss reliability",
        "duomo.adapters.statistics.stacking": "Stack",
    },
)
