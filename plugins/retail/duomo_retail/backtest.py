"""Judging forecasts: the last periods of every series are held back, from the forecast and from its calibration."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Adapter, Finding, FoldReport, Record, Report, SplitPolicy
from duomo.errors import BadInput, DuomoError, GuardRefused
from duomo_retail.coverage import calibrate
from duomo_retail.panel import Clean, usable
from duomo_retail.predicting import Settings, predict, spreads
from duomo_retail.records import DemandSeries

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class RollingOrigin(SplitPolicy):
    """Several moments, `stride` periods apart; at each, what comes after is judged and what came before is known."""

    origins: int = 1
    stride: int = 1

    def cut(self, records: Sequence[Record[Any]]) -> Iterator[Any]:
        raise GuardRefused(
            "a rolling origin cuts series, not lists of records",
            why="each series has a past and a future of its own",
            fix="DemandForecast.evaluate(records, RollingOrigin(origins=3))",
        )


def evaluate_panel(
    adapter: Adapter[DemandSeries, Any], settings: Settings, items: Iterable[Any], split: SplitPolicy | None
) -> Report:
    """The report of `DemandForecast.evaluate`."""
    policy = split or RollingOrigin()
    if not isinstance(policy, RollingOrigin):
        raise GuardRefused(
            f"LEAK.SPLIT_RANDOM: {type(policy).__name__} would put a series' future among what is learned from",
            why="series of one panel share weeks: a promotion or a holiday in the one tells of the other",
            fix="evaluate(records, RollingOrigin(origins=3, stride=4)), or leave the split out",
        )
    records, lost = _read(adapter, items)
    found = _look_at(adapter, records)
    series = usable(records)
    folds = []
    for back in range(policy.origins):
        cut = settings.horizon + back * policy.stride
        pairs = [(each, each.before(len(each.values) - cut)) for each in series if len(each.values) - cut >= 12]
        if not pairs:
            break
        metrics = judge([whole for whole, _ in pairs], [past for _, past in pairs], settings)
        folds.append(FoldReport(fitted_on=len(pairs), judged_by=len(pairs), metrics=metrics))
    if not folds:
        raise BadInput(
            "no series is long enough to be judged by",
            why=f"none of {len(records)} has 12 periods before the last {settings.horizon}",
            fix="a longer history, or a shorter horizon",
        )
    # Earlier origins may have too short a past for quantiles; a mean is over those that have them.
    names = dict.fromkeys(name for each in folds for name in each.metrics)
    metrics = {name: float(np.mean([each.metrics[name] for each in folds if name in each.metrics])) for name in names}
    return Report(
        adapter=adapter.spec.name,
        version=adapter.spec.version,
        split=repr(policy),
        n=sum(each.judged_by for each in folds),
        unreadable=lost + len(records) - len(series),
        metrics=metrics,
        folds=folds,
        dataset_findings=found,
        disclaimer=adapter.spec.disclaimer,
    )


def _read(adapter: Adapter[DemandSeries, Any], items: Iterable[Any]) -> tuple[list[Record[Any]], int]:
    """The records that can be read, and how many cannot."""
    records: list[Record[Any]] = []
    lost = 0
    for item in items:
        try:
            records += adapter.records([item])
        except DuomoError:
            lost += 1
    return records, lost


def _look_at(adapter: Adapter[DemandSeries, Any], records: Sequence[Record[Any]]) -> list[Finding]:
    """What the guards of the whole panel find. Raises `GuardRefused` for what stops it."""
    found = [each for guard in adapter.guards("dataset") for each in guard(records)]
    stop = next((each for each in found if each.severity == "block"), None)
    if stop is not None:
        raise GuardRefused(f"{stop.code}: {stop.text}", why="the panel cannot be judged by like that", fix=stop.fix)
    return found


def judge(whole: Sequence[Clean], past: Sequence[Clean], settings: Settings) -> dict[str, float]:
    """Metrics of forecasts from the end of `past`, by what `whole` knows of the periods after it.

    sMAPE in per cent, MASE (in units of the seasonal naive error), WAPE and bias (shares of all demand), the pinball
    loss as a share of demand, and for central intervals what they covered and how wide they were.
    """
    horizon = settings.horizon
    points = np.stack(predict(past, settings))
    actual = np.stack([
        np.where(each.known, each.values, np.nan)[len(before.values) :][:horizon]
        for each, before in zip(whole, past, strict=True)
    ])  # fmt: skip
    known = ~np.isnan(actual)
    seen = known.any(axis=1)
    if not seen.any():
        raise BadInput(
            "no series can be judged by",
            why=f"none of {len(whole)} has a demand that is known in the {horizon} periods held back",
            fix="hold back periods in which the articles were in stock",
        )
    error = np.where(known, points - actual, 0.0)
    demand = float(np.where(known, actual, 0.0).sum()) or 1.0
    size = np.where(known, np.abs(points) + np.abs(actual), 1.0)
    count = np.maximum(known.sum(axis=1), 1)
    scales = np.array([_seasonal_naive_error(each, settings) for each in past])
    metrics = {
        # A series of which nothing held back is known was neither right nor wrong.
        "smape": float(((200 * np.abs(error) / np.where(size > 0, size, 1.0)).sum(axis=1) / count)[seen].mean()),
        "mase": _mean((np.abs(error).sum(axis=1) / count / scales)[seen]),
        "wape": float(np.abs(error).sum()) / demand,
        "bias": float(error.sum()) / demand,
    }
    try:
        calibration = calibrate(past, settings)
    except GuardRefused:
        return metrics
    units = spreads(past, [settings.season(each.axis.step) for each in past], list(points))
    rows = np.stack([calibration.quantiles(*each) for each in zip(past, points, units, strict=True)])
    return metrics | _of_quantiles(rows, actual, known, demand, settings.levels)


def _of_quantiles(
    rows: Array, actual: Array, known: NDArray[np.bool_], demand: float, levels: Sequence[float]
) -> dict[str, float]:
    """Pinball loss, and coverage and width of the central intervals; `rows` is (S, horizon, levels)."""
    gap = np.where(known[..., None], actual[..., None] - rows, 0.0)
    losses = np.maximum(np.array(levels) * gap, (np.array(levels) - 1) * gap)
    out = {"pinball": float(losses.sum(axis=(0, 1)).mean()) / demand}
    for low, high in zip(range(len(levels) // 2), range(len(levels) - 1, 0, -1), strict=False):
        share = levels[high] - levels[low]
        inside = (actual >= rows[..., low]) & (actual <= rows[..., high])
        out[f"coverage_{share:.0%}"] = float(inside[known].mean())
        out[f"width_{share:.0%}"] = float((rows[..., high] - rows[..., low])[known].sum()) / demand
    return out


def _mean(values: Array) -> float:
    """Mean of those that are there; NaN where none is, as when all series are constant."""
    given = values[~np.isnan(values)]
    return float(given.mean()) if len(given) else float("nan")


def _seasonal_naive_error(series: Clean, settings: Settings) -> float:
    season = settings.season(series.axis.step)
    lag = season if len(series.values) > season else 1
    error = float(np.abs(series.values[lag:] - series.values[:-lag]).mean())
    return error if error > 0 else np.nan
