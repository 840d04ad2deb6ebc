"""Whether groups fare alike: approval ratios with their uncertainty, errors by group, calibration by group, proxies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from duomo.adapters import Finding, auc, find, name_in
from duomo.tasks.base import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOUR_FIFTHS = 0.8
"""The four-fifths rule of 29 CFR 1607.4 D: a ratio below it is evidence of adverse impact, not proof."""
NUM_RESAMPLES = 2000
MIN_GROUP = 30
"""A smaller group is reported, but raises nothing: its rate is mostly chance."""
CALIBRATION_GAP = 0.03
PROXY_AUC = 0.75


class GroupReport(Result):
    """How one group fares."""

    name: str
    n: int
    approval: float
    ratio: float
    """Its approval rate over that of the reference group (adverse impact ratio)."""
    ratio_low: float
    ratio_high: float
    """95 % bootstrap interval of the ratio."""
    approved_of_good: float
    """Share of those who did not default that is approved (equal opportunity compares these)."""
    approved_of_bad: float
    predicted: float
    observed: float


class FairnessReport(Result):
    """Groups of one protected attribute, side by side."""

    attribute: str
    reference: str
    groups: list[GroupReport]
    equal_opportunity_difference: float
    equalized_odds_difference: float
    findings: list[Finding]

    @property
    def worst_ratio(self) -> float:
        """The lowest adverse impact ratio of a group that is large enough to say so."""
        return min((each.ratio for each in self.groups if each.n >= MIN_GROUP), default=float("nan"))


def fairness_report(
    attribute: str,
    groups: Sequence[Any],
    approved: ArrayLike,
    pd: ArrayLike,
    events: ArrayLike,
    *,
    reference: str | None = None,
    features: Mapping[str, NDArray[np.float64]] | None = None,
    seed: int = 0,
) -> FairnessReport:
    """Compare the groups of a protected attribute that the model never saw.

    Args:
        attribute: Its name, for the report.
        groups: The group of each applicant; None for unknown, who are left out.
        approved: Whether each was (or would be) approved.
        pd: Predicted probability of default.
        events: 1 for default.
        reference: The group to compare with; the one approved most often when None.
        features: Columns that the model saw, to look for stand-ins of the attribute.
        seed: Of the bootstrap.
    """
    name_of = np.array([name_in(each) or "" for each in groups])
    yes, p, y = (np.asarray(each, dtype=np.float64) for each in (approved, pd, events))
    names = sorted(set(name_of) - {""})
    large = [name for name in names if (name_of == name).sum() >= MIN_GROUP] or names
    base = reference or max(large, key=lambda name: float(yes[name_of == name].mean()))
    random = np.random.default_rng(seed)
    reports = [_group(name, name_of == name, name_of == base, yes, p, y, random) for name in names]
    compared = [each for each in reports if each.n >= MIN_GROUP]
    good, bad = [each.approved_of_good for each in compared], [each.approved_of_bad for each in compared]
    found = [finding for each in compared if each.name != base for finding in _impact(attribute, base, each)]
    found += [finding for each in compared for finding in _calibration(attribute, each)]
    found += _proxies(attribute, name_of, features or {}, names)
    return FairnessReport(
        attribute=attribute,
        reference=base,
        groups=reports,
        equal_opportunity_difference=_spread(good),
        equalized_odds_difference=max(_spread(good), _spread(bad)),
        findings=found,
    )


def _group(
    name: str,
    here: NDArray[Any],
    base: NDArray[Any],
    yes: NDArray[Any],
    p: NDArray[Any],
    y: NDArray[Any],
    random: np.random.Generator,
) -> GroupReport:
    rate, of_base, n, n_base = float(yes[here].mean()), float(yes[base].mean()), int(here.sum()), int(base.sum())
    # Resampling 0s and 1s with replacement is a binomial draw of their mean.
    ratios = (random.binomial(n, rate, NUM_RESAMPLES) / n) / np.maximum(
        random.binomial(n_base, of_base, NUM_RESAMPLES) / n_base, 1e-9
    )
    low, high = np.quantile(ratios, [0.025, 0.975]) if not np.array_equal(here, base) else (1.0, 1.0)
    return GroupReport(
        name=name,
        n=n,
        approval=rate,
        ratio=rate / of_base if of_base else float("nan"),
        ratio_low=float(low),
        ratio_high=float(high),
        approved_of_good=_mean(yes[here & (y == 0)]),
        approved_of_bad=_mean(yes[here & (y == 1)]),
        predicted=float(p[here].mean()),
        observed=float(y[here].mean()),
    )


def _impact(attribute: str, base: str, group: GroupReport) -> list[Finding]:
    if not group.ratio < FOUR_FIFTHS:  # nor where nobody at all was approved, and there is no ratio
        return []
    sure = "" if group.ratio_high < FOUR_FIFTHS else "; the interval reaches over .80, so chance is not excluded"
    return [
        find(
            "FAIR.AIR",
            f"{attribute}={group.name} is approved {group.ratio:.3f} times as often as {base} "
            f"(95 % interval {group.ratio_low:.3f} to {group.ratio_high:.3f}, n={group.n}){sure}",
            field=attribute,
            fix="look for a less discriminatory alternative: another cutoff, fewer or other features; have it reviewed",
        )
    ]


def _calibration(attribute: str, group: GroupReport) -> list[Finding]:
    gap = group.predicted - group.observed
    error = np.sqrt(max(group.observed * (1 - group.observed), 1e-4) / group.n)
    if abs(gap) < CALIBRATION_GAP or abs(gap) < 1.96 * error:
        return []
    return [
        find(
            "CALIB.OFF",
            f"{attribute}={group.name}: predicted {group.predicted:.3f}, observed {group.observed:.3f} (n={group.n})",
            field=attribute,
            fix="the features mean something else in this group; more of its history, or a feature that tells why",
        )
    ]


def _proxies(
    attribute: str, name_of: NDArray[Any], features: Mapping[str, NDArray[np.float64]], names: list[str]
) -> list[Finding]:
    found = []
    for feature, column in features.items():
        for name in names:
            power = auc(column, name_of == name)
            if max(power, 1 - power) >= PROXY_AUC and (name_of == name).sum() >= MIN_GROUP:
                found.append(
                    find(
                        "FAIR.PROXY",
                        f"'{feature}' tells {attribute}={name} with an AUC of {max(power, 1 - power):.2f}",
                        field=feature,
                        fix="show that it is needed for the business and that nothing less telling does as well",
                    )
                )
                break
    return found


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _spread(values: list[float]) -> float:
    known = [each for each in values if not np.isnan(each)]
    return max(known) - min(known) if known else float("nan")
