"""Industry adapters: domain records in, calibrated and explained verdicts with a trail out.

    import duomo
    credit = duomo.adapt("finance/credit-score", artifacts="fitted/")
    for outcome in credit.map(credit.read("applications.csv")):
        print(outcome.id, outcome.result.decision)

Write one: `duomo.adapters.adapter`. Names are loaded when first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duomo.adapters.adapter import Adapter, Case, Guard
    from duomo.adapters.adapting import adapt
    from duomo.adapters.artifacts import Artifact, FittedOn
    from duomo.adapters.audit import AuditLog, verify
    from duomo.adapters.calibration import (
        Calibrator,
        Isotonic,
        Sigmoid,
        Temperature,
        auc,
        brier,
        expected_calibration_error,
        log_loss,
        reliability,
    )
    from duomo.adapters.conformal import ConformalInterval, ConformalSets, conformal_quantile, coverage
    from duomo.adapters.egress import no_egress
    from duomo.adapters.evaluation import FoldReport, Report
    from duomo.adapters.findings import CODES, Finding, find
    from duomo.adapters.fusion import Fused, FusionAdapter, Scorer
    from duomo.adapters.guards import no_target_leak
    from duomo.adapters.policies import Costs, OneClass, Policy, Threshold
    from duomo.adapters.records import Inputs, Record, Source, digest_of, pseudonym
    from duomo.adapters.results import Decision, DomainResult, Payload, Provenance, Reason
    from duomo.adapters.scores import (
        ArtifactRef,
        Interval,
        PredictionSet,
        Probability,
        Quantiles,
        Score,
        Uncalibrated,
        as_probability,
    )
    from duomo.adapters.splits import AsFitted, External, Fixed, Group, GroupTime, Random, SplitPolicy, Time
    from duomo.adapters.walk import Override

_HOME = {
    "adapter": ("Adapter", "Case", "Guard"),
    "adapting": ("adapt",),
    "artifacts": ("Artifact", "FittedOn"),
    "audit": ("AuditLog", "verify"),
    "calibration": (
        *("Calibrator", "Isotonic", "Sigmoid", "Temperature"),
        *("auc", "brier", "expected_calibration_error", "log_loss", "reliability"),
    ),
    "conformal": ("ConformalInterval", "ConformalSets", "conformal_quantile", "coverage"),
    "egress": ("no_egress",),
    "evaluation": ("FoldReport", "Report"),
    "findings": ("CODES", "Finding", "find"),
    "fusion": ("Fused", "FusionAdapter", "Scorer"),
    "guards": ("no_target_leak",),
    "policies": ("Costs", "OneClass", "Policy", "Threshold"),
    "records": ("Inputs", "Record", "Source", "digest_of", "pseudonym"),
    "results": ("Decision", "DomainResult", "Payload", "Provenance", "Reason"),
    "scores": (
        *("ArtifactRef", "Interval", "PredictionSet", "Probability", "Quantiles"),
        *("Score", "Uncalibrated", "as_probability"),
    ),
    "splits": ("AsFitted", "External", "Fixed", "Group", "GroupTime", "Random", "SplitPolicy", "Time"),
    "walk": ("Override",),
}
_WHERE = {name: f"duomo.adapters.{module}" for module, names in _HOME.items() for name in names}

__all__ = [
    "Adapter",
    "Artifact",
    "ArtifactRef",
    "AsFitted",
    "AuditLog",
    "CODES",
    "Calibrator",
    "Case",
    "ConformalInterval",
    "ConformalSets",
    "Costs",
    "Decision",
    "DomainResult",
    "External",
    "Finding",
    "FittedOn",
    "Fixed",
    "FoldReport",
    "Fused",
    "FusionAdapter",
    "Group",
    "GroupTime",
    "Guard",
    "Inputs",
    "Interval",
    "Isotonic",
    "OneClass",
    "Override",
    "Payload",
    "Policy",
    "PredictionSet",
    "Probability",
    "Provenance",
    "Quantiles",
    "Random",
    "Reason",
    "Record",
    "Report",
    "Score",
    "Scorer",
    "Sigmoid",
    "Source",
    "SplitPolicy",
    "Temperature",
    "Threshold",
    "Time",
    "Uncalibrated",
    "adapt",
    "as_probability",
    "auc",
    "brier",
    "conformal_quantile",
    "coverage",
    "digest_of",
    "expected_calibration_error",
    "find",
    "log_loss",
    "no_egress",
    "no_target_leak",
    "pseudonym",
    "reliability",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'duomo.adapters' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
