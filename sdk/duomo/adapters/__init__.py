"""Industry adapters: domain records in, calibrated and explained verdicts with a trail out.

    import duomo
    credit = duomo.adapt("finance/credit-score", artifacts="fitted/")
    for outcome in credit.map(credit.read("applications.csv")):
        print(outcome.id, outcome.result.decision)

Write one: `duomo.adapters.adapter`. Names are loaded when first used.
"""

from typing import TYPE_CHECKING

from duomo.adapters import statistics
from duomo.lazy import face

if TYPE_CHECKING:
    from duomo.adapters.adapter import Adapter as Adapter
    from duomo.adapters.adapting import adapt as adapt
    from duomo.adapters.artifacts import Artifact as Artifact, FittedOn as FittedOn
    from duomo.adapters.audit import AuditLog as AuditLog, verify as verify
    from duomo.adapters.contract import Case as Case, Guard as Guard
    from duomo.adapters.egress import no_egress as no_egress
    from duomo.adapters.evaluation import FoldReport as FoldReport, Report as Report
    from duomo.adapters.findings import CODES as CODES, Finding as Finding, Override as Override, find as find
    from duomo.adapters.fusion import Fused as Fused, FusionAdapter as FusionAdapter, Scorer as Scorer
    from duomo.adapters.guards import no_target_leak as no_target_leak
    from duomo.adapters.policies import Costs as Costs, OneClass as OneClass, Policy as Policy, Threshold as Threshold
    from duomo.adapters.records import (
        Inputs as Inputs,
        Record as Record,
        Source as Source,
        digest_of as digest_of,
        pseudonym as pseudonym,
    )
    from duomo.adapters.results import (
        Decision as Decision,
        DomainResult as DomainResult,
        Payload as Payload,
        Provenance as Provenance,
        Reason as Reason,
    )
    from duomo.adapters.scores import (
        ArtifactRef as ArtifactRef,
        Interval as Interval,
        PredictionSet as PredictionSet,
        Probability as Probability,
        Quantiles as Quantiles,
        Score as Score,
        Uncalibrated as Uncalibrated,
        as_probability as as_probability,
    )
    from duomo.adapters.splits import (
        AsFitted as AsFitted,
        External as External,
        Fixed as Fixed,
        Group as Group,
        GroupTime as GroupTime,
        Random as Random,
        SplitPolicy as SplitPolicy,
        Time as Time,
    )
    from duomo.adapters.statistics import *  # noqa: F403
    from duomo.data.cells import (
        answer_of as answer_of,
        is_amount as is_amount,
        is_missing as is_missing,
        name_in as name_in,
        number_in as number_in,
        other_answers as other_answers,
    )
    from duomo.data.times import parse_time as parse_time

face(
    __name__,
    {
        "duomo.adapters.adapter": "Adapter",
        "duomo.adapters.contract": "Case Guard",
        "duomo.adapters.adapting": "adapt",
        "duomo.adapters.artifacts": "Artifact FittedOn",
        "duomo.adapters.audit": "AuditLog verify",
        "duomo.adapters.statistics": " ".join(vars(statistics)["__all__"]),
        "duomo.data.cells": "answer_of is_amount is_missing name_in number_in other_answers",
        "duomo.data.times": "parse_time",
        "duomo.adapters.egress": "no_egress",
        "duomo.adapters.evaluation": "FoldReport Report",
        "duomo.adapters.findings": "CODES Finding Override find",
        "duomo.adapters.fusion": "Fused FusionAdapter Scorer",
        "duomo.adapters.guards": "no_target_leak",
        "duomo.adapters.policies": "Costs OneClass Policy Threshold",
        "duomo.adapters.records": "Inputs Record Source digest_of pseudonym",
        "duomo.adapters.results": "Decision DomainResult Payload Provenance Reason",
        "duomo.adapters.scores": "ArtifactRef Interval PredictionSet Probability"
        " Quantiles Score Uncalibrated as_probability",
        "duomo.adapters.splits": "AsFitted External Fixed Group GroupTime Random SplitPolicy Time",
    },
)
