"""Judging an adapter: only on a split that it may be judged by, and with the split in the report."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pydantic

from duomo.adapters.contract import accept
from duomo.adapters.faults import error_of
from duomo.adapters.findings import Finding, find, stops
from duomo.adapters.guards import known_in_time, no_protected, no_shared_groups
from duomo.adapters.records import Record
from duomo.adapters.splits import SplitPolicy
from duomo.counting import counted
from duomo.errors import BadInput, GuardRefused
from duomo.tasks.base import Result

if TYPE_CHECKING:
    from duomo.adapters.contract import AdapterContract


class FoldReport(Result):
    """One fold: what was fitted on, what was judged by, and how it went."""

    fitted_on: int
    judged_by: int
    groups: list[str] = pydantic.Field(default_factory=list)
    """The groups that were held out, where there are few."""
    metrics: dict[str, float]


class Report(Result):
    """An evaluation. The split stands first, because the numbers mean nothing without it."""

    adapter: str
    version: str
    split: str
    n: int
    unreadable: int = 0
    """Records that could not be used at all."""
    metrics: dict[str, float]
    """The mean over folds, weighted by the records judged."""
    folds: list[FoldReport]
    decisions: dict[str, int] = pydantic.Field(default_factory=dict)
    findings: dict[str, int] = pydantic.Field(default_factory=dict)
    """How often each code was found."""
    dataset_findings: list[Finding] = pydantic.Field(default_factory=list)
    disclaimer: str = ""


def evaluate(adapter: AdapterContract[Any, Any], items: Iterable[Any], split: SplitPolicy | None) -> Report:
    """Make the report of `Adapter.evaluate`."""
    records, unreadable = _records(adapter, items)
    leaking = _leaking(adapter, records)
    found = [each for guard in adapter.guards("dataset") for each in guard(records)]
    stop = stops(found)
    if stop is not None:
        raise GuardRefused(f"{stop.code}: {stop.text}", why="the data set cannot be judged by like that", fix=stop.fix)
    policy = split or adapter.split_policy(records)
    decisions: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    folds = []
    for fit, judge in policy.folds(records):
        clean = [records[i] for i in fit if i not in leaking]
        if fit and not clean:
            raise GuardRefused(
                f"{leaking[fit[0]].code}: no record is left to fit on",
                why=f"each of {len(fit)} is stopped: {leaking[fit[0]].text}",
                fix=leaking[fit[0]].fix,
            )
        folds.append(_fold(adapter, clean, [records[i] for i in judge], decisions, codes))
    found += [
        find(
            code,
            f"{counted(count, 'record was', 'records were')} left out wherever something was fitted",
            severity="warn",
        )
        for code, count in sorted(Counter(each.code for each in leaking.values()).items())
    ]
    return Report(
        adapter=adapter.spec.name,
        version=adapter.spec.version,
        split=repr(policy),
        n=sum(each.judged_by for each in folds),
        unreadable=unreadable,
        metrics=_means(folds),
        folds=folds,
        decisions=dict(sorted(decisions.items())),
        findings=dict(sorted(codes.items())),
        dataset_findings=found,
        disclaimer=adapter.spec.disclaimer,
    )


def _records(adapter: AdapterContract[Any, Any], items: Iterable[Any]) -> tuple[list[Record[Any]], int]:
    records: list[Record[Any]] = []
    last, lost = None, 0
    for position, item in enumerate(items):
        try:
            records.append(accept(adapter, item, position))
        except Exception as error:  # as in map(): whatever an adapter raises is about this one record
            last, lost = error_of(adapter, error).to_exception(), lost + 1
    if not records:
        raise last or BadInput("no records to judge by", why="the source is empty", fix="check the data")
    if adapter.label_field and all(each.label is None for each in records):
        raise BadInput(
            f"no record has an answer in '{adapter.label_field}'",
            why="what is judged by must be labelled",
            fix=f"add a column '{adapter.label_field}'",
        )
    return records, lost


def _leaking(adapter: AdapterContract[Any, Any], records: Sequence[Record[Any]]) -> dict[int, Finding]:
    """Positions of records that every adapter stops, which may not teach it anything either."""
    protected = no_protected(adapter.protected)
    stopped = ((i, stops([*known_in_time(each), *protected(each)])) for i, each in enumerate(records))
    return {i: finding for i, finding in stopped if finding is not None}


def _fold(
    adapter: AdapterContract[Any, Any],
    fit: Sequence[Record[Any]],
    judge: Sequence[Record[Any]],
    decisions: Counter[str],
    codes: Counter[str],
) -> FoldReport:
    shared = next(no_shared_groups(fit, judge), None)
    fitted = adapter.fit(fit) if fit else adapter
    # The answers are for `measure` alone.
    asked = [dataclasses.replace(each, label=None) for each in judge]
    judged = []
    for record, outcome in zip(judge, fitted.map(asked), strict=True):
        if outcome.result is None:
            codes[outcome.error.code if outcome.error else ""] += 1
            continue
        if record.label is not None or not adapter.label_field:
            judged.append((record, outcome.result))
        codes.update(each.code for each in outcome.result.findings)
        if outcome.result.decision is not None:
            decisions[outcome.result.decision.outcome] += 1
    if shared is not None:
        codes[shared.code] += 1
    groups = sorted({each.group for each in judge if each.group is not None})
    metrics = {name: float(value) for name, value in fitted.measure(judged).items()}
    return FoldReport(
        fitted_on=len(fit), judged_by=len(judge), groups=groups if len(groups) <= 10 else [], metrics=metrics
    )


def _means(folds: Sequence[FoldReport]) -> dict[str, float]:
    """The mean of each metric over the folds that have it, weighted by the records judged."""
    return {
        name: sum(each.metrics[name] * each.judged_by for each in folds if name in each.metrics)
        / sum(each.judged_by for each in folds if name in each.metrics)
        for name in {name: None for each in folds for name in each.metrics}
    }
