"""Does a risk hold where it was not made? Each site is judged by a risk that was fitted on the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from duomo.adapters import External, Finding, Record, auc, find
from duomo.errors import UsageProblem
from duomo.tasks.base import Result
from duomo_medical.tabular_risk import LEVEL, TabularRisk

MAX_AUC_LOSS = 0.1
"""Below the median of all sites."""
MAX_OFF = 0.1
"""Between mean risk and what happened."""
MAX_UNCOVERED = 0.05
"""Below the level of the sets."""


class Site(Result):
    """One site, held out."""

    name: str
    n: int
    prevalence: float
    mean_risk: float
    auc: float | None
    """None where the site has only one outcome."""
    coverage: float
    flags: tuple[str, ...]


def by_site(adapter: TabularRisk, items: Iterable[Any]) -> tuple[list[Site], list[Finding]]:
    """One line a site, and an OOD.SITE finding for each site the risk does not hold at.

    Raises `UsageProblem` unless there are records of three sites or more.
    """
    records = adapter.records(items)
    if len({each.group for each in records if each.group is not None}) < 3:
        raise UsageProblem("a report by site needs three sites", why="two are left to fit on", fix="set variables.site")
    judged = [_judge(adapter, records, fit, held) for fit, held in External().folds(records)]
    usual = float(np.median([each.auc for each in judged if each.auc is not None]))
    sites = [each.model_copy(update={"flags": _flags(each, usual)}) for each in judged]
    findings = [
        find("OOD.SITE", f"the risk does not hold at site '{each.name}': {', '.join(each.flags)}", field="site",
             fix="fit it on records of the site, or do not use it there")
        for each in sites
        if each.flags
    ]  # fmt: skip
    return sites, findings


def _judge(adapter: TabularRisk, records: Sequence[Record[Any]], fit: list[int], held: list[int]) -> Site:
    fitted = adapter.fit([records[i] for i in fit])
    truths = [records[i].label for i in held]
    outcomes = list(fitted.map(records[i] for i in held))
    seen = [
        (label, each.result.payload)
        for label, each in zip(truths, outcomes, strict=True)
        if each.result is not None and each.result.payload is not None
    ]
    y, p = [label for label, _ in seen], [risk.probability for _, risk in seen]
    held_truth = [("event" if label else "not event") in risk.possible for label, risk in seen]
    return Site(
        name=str(records[held[0]].group),
        n=len(seen),
        prevalence=float(np.mean(y)),
        mean_risk=float(np.mean(p)),
        auc=auc(p, y) if 0 < sum(y) < len(y) else None,
        coverage=float(np.mean(held_truth)),
        flags=(),
    )


def _flags(site: Site, usual: float) -> tuple[str, ...]:
    found = []
    if site.auc is not None and site.auc < usual - MAX_AUC_LOSS:
        found.append(f"AUC {site.auc:.3f} where {usual:.3f} is usual")
    if abs(site.mean_risk - site.prevalence) > MAX_OFF:
        found.append(f"mean risk {site.mean_risk:.2f} where {site.prevalence:.2f} happened")
    if site.coverage < LEVEL - MAX_UNCOVERED:
        found.append(f"sets hold the truth for {site.coverage:.0%} where {LEVEL:.0%} was promised")
    return tuple(found)
