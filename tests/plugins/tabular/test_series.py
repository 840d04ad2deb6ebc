"""How series go on and what does not fit in: against statsforecast and the bare networks, and on made series."""

import decimal
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers as tf
from click.testing import CliRunner
from scipy.stats import siegelslopes

import duomo
from duomo.cli import cli
from duomo.errors import BadInput, BadOption, WrongTask
from duomo.inputs import Series
from duomo.tasks import CORE_TASKS
from tests.plugins.tabular import tiny_series as tiny

MONTHS = np.arange(72)
NOISE = np.random.default_rng(0).normal(0, 1, 84)
SALES = 50 + 0.5 * np.arange(84) + 10 * np.sin(2 * np.pi * np.arange(84) / 12) + NOISE
PAST, FUTURE = SALES[:72], SALES[72:]


@pytest.mark.equals("statsforecast and the bare networks, to 1e-4", "time-series-forecasting")
@pytest.mark.parametrize("name", ["auto-ets", "auto-theta"])
def test_forecasts_are_those_of_statsforecast(name: str) -> None:
    models = pytest.importorskip("statsforecast.models")
    runner = duomo.load("time-series-forecasting", f"tabular/{name}", device="cpu")
    bare = {"auto-ets": models.AutoETS, "auto-theta": models.AutoTheta}[name](season_length=12)
    unit = 64 / PAST.std()  # in which it is fitted: theta's optimiser stops elsewhere in another
    expected = {key: each / unit for key, each in bare.forecast(y=PAST * unit, h=12, level=[80]).items()}
    items = [PAST, PAST[:30], PAST * 3]
    alone = [runner(item, season=12, levels=[0.9, 0.1, 0.5]) for item in items]
    together = [each.unwrap() for each in runner.map(items, batch_size=3, season=12, levels=[0.9, 0.1, 0.5])]
    assert together == alone
    assert alone[0].mean == pytest.approx(expected["mean"].tolist(), rel=1e-9)
    assert [each.level for each in alone[0].quantiles] == pytest.approx([0.1, 0.5, 0.9])
    low, middle, high = alone[0].quantiles
    # Theta's are read off 200 paths there.
    close = {"rel": 1e-9} if name == "auto-ets" else {"abs": 0.1 * NOISE.std()}
    if name == "auto-theta":
        expected |= drawn_ends(bare.fit(PAST * unit).model_, unit)
    assert low.values == pytest.approx(expected["lo-80"].tolist(), **close)
    assert high.values == pytest.approx(expected["hi-80"].tolist(), **close)
    assert middle.values == alone[0].mean


def drawn_ends(fitted: Any, unit: float) -> dict[str, np.ndarray]:
    """What statsforecast's theta gives of 100,000 paths."""
    theta = pytest.importorskip("statsforecast.theta")
    paths = theta.simulate_theta(fitted, 12, 100_000, seed=1) / unit
    return {"lo-80": np.quantile(paths, 0.1, axis=0), "hi-80": np.quantile(paths, 0.9, axis=0)}


@pytest.mark.parametrize("name", ["auto-ets", "auto-theta"])
@pytest.mark.parametrize(
    "series", [100 + NOISE, 100 + np.cumsum(NOISE), np.round(3 + NOISE)], ids=["level", "walk", "counts"]
)
def test_intervals_widen_with_each_step(name: str, series: np.ndarray) -> None:
    """Theta's were those of 200 paths, and went up and down."""
    result = duomo.load("time-series-forecasting", f"tabular/{name}", device="cpu")(series, horizon=24)
    low, high = (np.array(each.values) for each in result.quantiles)
    assert np.diff(high - low).min() >= -1e-9 * np.ptp(series)


@pytest.mark.parametrize("name", ["auto-ets", "auto-theta"])
def test_a_forecast_does_not_depend_on_the_unit(name: str) -> None:
    """Theta gave others in small units, .2 and .7 of a spread away; of numbers such as 1e300 both had none."""
    pytest.importorskip("statsforecast")
    runner = duomo.load("time-series-forecasting", f"tabular/{name}", device="cpu")
    for series in (100 + np.cumsum(NOISE), np.round(10 + 2 * NOISE)):
        expected = runner(series, horizon=4)
        for unit in (1000.0, 7.0, 1e-3, 1e-12, 1e-300, 1e300):
            found = runner(series * unit, horizon=4)
            rows = [[each.mean, *(part.values for part in each.quantiles)] for each in (found, expected)]
            assert np.array(rows[0]) / unit == pytest.approx(np.array(rows[1]), rel=1e-6)


def test_a_season_is_worth_more_than_repeating_last_year() -> None:
    pytest.importorskip("statsforecast")
    result = duomo.load("time-series-forecasting", "tabular/auto-ets", device="cpu")(PAST, horizon=12, season=12)
    error = float(np.abs(np.array(result.mean) - FUTURE).mean())
    assert error < float(np.abs(PAST[-12:] - FUTURE).mean()) / 2
    inside = [low <= truth <= high for low, truth, high in zip(
        result.quantiles[0].values, FUTURE, result.quantiles[1].values, strict=True)]  # fmt: skip
    assert sum(inside) >= 7


def test_short_and_constant_series_and_those_with_gaps() -> None:
    pytest.importorskip("statsforecast")
    runner = duomo.load("time-series-forecasting", "tabular/auto-ets", device="cpu")
    outcomes = list(runner.map([[1.0, 2.0], [5] * 9, [1.0, float("nan")] * 9, [], ["x"], PAST], horizon=3))
    assert [each.ok for each in outcomes] == [False, True, False, False, False, True]
    assert "too few for a forecast" in outcomes[0].error.what
    with pytest.raises(BadInput, match="it needs 7"):
        runner([1.0, 5.0, 2.0, 7.0, 3.0, 8.0], season=3)
    assert len(runner([1.0, 5.0, 2.0, 7.0, 3.0, 8.0, 2.5], horizon=3).mean) == 3
    assert "value 2 of this series is nan" in outcomes[2].error.what
    flat = outcomes[1].unwrap()
    assert flat.mean == [5, 5, 5]
    assert flat.quantiles[0].values == [5, 5, 5]
    with pytest.raises(BadOption, match="levels"):
        runner(PAST, levels=[0.0])


def test_a_series_may_have_any_usual_shape() -> None:
    for value in ([1, 2.5], (1.0, 2.5), np.array([1, 2.5]), pd.Series([1, 2.5]), {"values": [1, 2.5]}):
        assert Series.accept(value).values == (1.0, 2.5)
    assert Series.accept([np.int64(1), np.float32(2.5), decimal.Decimal("0.5")]).values == (1.0, 2.5, 0.5)


def test_times_that_do_not_ascend_are_refused():
    pd = pytest.importorskip("pandas")
    days = pd.Series([1.0, 2.0, 3.0], index=pd.date_range("2026-01-01", periods=3))
    assert Series.accept(days).values == (1.0, 2.0, 3.0)
    assert Series.accept(pd.Series([1.0, 2.0], index=["b", "a"])).values == (1.0, 2.0)
    written = days.set_axis([str(each.date()) for each in days.index])
    dates = days.set_axis([each.date() for each in days.index])
    for series in (written, dates, days.set_axis(["2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00", "2026-03-30"])):
        assert Series.accept(series).values == (1.0, 2.0, 3.0)
    berlin = days.tz_localize("Europe/Berlin")
    for series in (days[::-1], berlin[::-1], days.to_period("D")[::-1], days.iloc[[0, 0]], written[::-1], dates[::-1]):
        with pytest.raises(BadInput, match="do not ascend"):
            Series.accept(series)


@pytest.mark.parametrize(
    ("form", "freq"),
    [
        ("%d.%m.%Y", "D"), ("%m/%d/%Y", "D"), ("%d/%m/%Y", "MS"), ("%Y/%m/%d", "D"), ("%d-%b-%Y", "D"),
        ("%d.%m.%y", "D"), ("%m/%d/%Y %H:%M", "h"), ("%Y-%m", "MS"), ("%b %Y", "MS"),
        ("%YQ%q", "QS"), ("%Y-Q%q", "QS"), ("%Y", "YS"), ("%Y%m", "MS"), ("%G-W%V", "W-MON"),
    ],
)  # fmt: skip
def test_a_table_newest_first_is_refused_however_its_dates_are_written(form: str, freq: str) -> None:
    days = (
        pd.period_range("2003-01-01", periods=30, freq="D")
        if freq == "D"
        else pd.date_range("2003", periods=30, freq=freq)
    )
    texts = [each.strftime(form.replace("%q", str((each.month + 2) // 3))) for each in days]
    assert len(Series.accept(pd.Series(range(30), index=texts)).values) == 30
    with pytest.raises(BadInput, match="do not ascend"):
        Series.accept(pd.Series(range(30), index=texts[::-1]))
    if texts[0].isdecimal():
        with pytest.raises(BadInput, match="do not ascend"):
            Series.accept(pd.Series(range(30), index=list(map(int, texts))[::-1]))


def test_labels_that_are_no_dates_may_stand_in_any_order() -> None:
    for labels in (
        range(29, -1, -1),
        range(2030, 2000, -1),
        [f"A{at}" for at in range(30)],
        [str(at) for at in range(30)],
    ):
        index = [*list(labels)[15:], *list(labels)[:15]]
        assert len(Series.accept(pd.Series(range(30), index=index)).values) == 30
    assert len(Series.accept(pd.Series(range(30), index=range(29, -1, -1))).values) == 30


@pytest.mark.parametrize("freq", ["MS", "ME", "QS", "YS", "W", "D", "B", "h", "1500ms", "10ms"])
def test_a_time_that_is_missing_is_refused_and_calendars_are_not(freq: str) -> None:
    index = pd.date_range("2024-03-01", periods=48, freq=freq)
    whole = pd.Series(range(48), index=index)
    assert Series.accept(whole).values == tuple(range(48))
    if freq != "B":  # where weekends are missing, a holiday is no gap
        with pytest.raises(BadInput, match="times of this series are missing"):
            Series.accept(whole.drop(index[20]))


def test_changed_clocks_and_the_hours_of_a_market_are_no_gaps() -> None:
    for freq in ("D", "h"):
        berlin = pd.date_range("2024-03-25", periods=300, freq=freq, tz="Europe/Berlin")
        assert len(Series.accept(pd.Series(range(300), index=berlin)).values) == 300
    market = [day + pd.Timedelta(hours=9 + hour) for day in pd.bdate_range("2024", periods=20) for hour in range(7)]
    assert len(Series.accept(pd.Series(range(140), index=pd.DatetimeIndex(market))).values) == 140


def test_one_value_that_breaks_a_season_that_is_always_the_same_is_found() -> None:
    """STL has no spread to weigh by there, and followed it: it was not found."""
    values = [1.0, 2, 3, 4] * 8 + [1, 2, 9, 4] + [1, 2, 3, 4] * 3
    with duomo.load("time-series-anomaly-detection") as find:
        assert [(each.index, each.expected) for each in find(values, season=4)] == [(34, 3.0)]


def test_a_number_beyond_a_float_is_refused():
    with pytest.raises(BadInput, match="value 2 of this series is inf"):
        Series.accept([1, 10**400])


NETWORKS: dict[str, Any] = {
    "patch_tst": tf.PatchTSTForPrediction,
    "patch_ts_mixer": tf.PatchTSMixerForPrediction,
    "timesfm": tf.TimesFmModelForPrediction,
    "timesfm2_5": tf.TimesFm2_5ModelForPrediction,
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_forecasts_are_those_of_the_network(kind: str, tmp_path: Path) -> None:
    getattr(tiny, kind)(tmp_path)
    network = NETWORKS[kind].from_pretrained(tmp_path).eval()
    runner = duomo.load("time-series-forecasting", f"dir:{tmp_path}", device="cpu")
    items = [PAST, PAST[:40], np.abs(NOISE[:60]), NOISE[:50]]
    for item, outcome in zip(items, runner.map(items, batch_size=4, horizon=5), strict=True):
        values = torch.tensor(item[-runner_context(kind) :], dtype=torch.float32)
        with torch.inference_mode():
            if kind.startswith("timesfm"):
                output = network(past_values=[values], **{"freq": [0]} if kind == "timesfm" else {})
                expected, full = output.mean_predictions[0, :5], output.full_predictions[0, :5]
                quantiles = {0.1: full[:, 1], 0.9: full[:, 9]}
            else:
                expected, quantiles = network(past_values=values[None, :, None]).prediction_outputs[0, :5, 0], {}
        for result in (outcome.unwrap(), runner(item, horizon=5)):
            assert result.mean == pytest.approx(expected.tolist(), rel=1e-4)
            assert {each.level: each.values for each in result.quantiles} == {
                level: pytest.approx(each.tolist(), rel=1e-4) for level, each in quantiles.items()
            }
        assert outcome.meta.truncated


def runner_context(kind: str) -> int:
    return 32 if kind.startswith("timesfm") else 24


def test_what_a_network_was_not_trained_for_is_refused(tmp_path: Path) -> None:
    tiny.patch_tst(tmp_path)
    runner = duomo.load("time-series-forecasting", f"dir:{tmp_path}", device="cpu")
    short, good = runner.map([PAST[:10], PAST], horizon=6)
    assert "too few for this model" in short.error.what
    assert good.ok
    with pytest.raises(BadOption, match="horizon"):
        runner(PAST, horizon=7)
    with pytest.raises(BadOption, match="season"):
        runner(PAST, horizon=3, season=12)
    with pytest.raises(BadOption, match="no quantiles"):
        runner(PAST, horizon=3, levels=[0.2])
    with pytest.raises(BadInput, match="more than this model computes with"):
        runner(PAST * 1e280, horizon=3)
    two = tmp_path / "two"
    tiny.patch_tst(two, num_input_channels=2)
    with pytest.raises(WrongTask, match="2 variables"):
        duomo.load("time-series-forecasting", f"dir:{two}", device="cpu")


@pytest.mark.equals("statsmodels' STL and Hampel's filter in pandas, to 1e-4", "time-series-anomaly-detection")
@pytest.mark.parametrize("count", [7, 8, 15])
@pytest.mark.parametrize("unit", [0.1, 1.0, 1000.0])
def test_a_straight_line_goes_on_with_intervals_of_no_width(count: int, unit: float) -> None:
    found = duomo.load("time-series-forecasting", "tabular/auto-ets", device="cpu")(
        unit * np.arange(1, count + 1), horizon=20
    )
    line = pytest.approx(unit * np.arange(count + 1, count + 21), rel=1e-6)
    assert found.mean == line
    assert [each.values for each in found.quantiles] == [line, line]


def by_hand(series: np.ndarray) -> np.ndarray:
    """What is expected of a series without a season, one value after the other, by scipy's lines."""
    mirrored = np.concatenate([series[5:0:-1], series, series[-2:-7:-1]])
    found = []
    for at, value in enumerate(series):
        around = mirrored[at : at + 11]
        usual = np.median(around)
        fit = np.median(np.abs(around - usual))
        lines = []
        for first in np.clip([at - 5, at - 10, at], 0, len(series) - 11):
            window = series[first : first + 11]
            slope, start = siegelslopes(window)
            lines.append((np.median(np.abs(window - start - slope * np.arange(11))), start + slope * (at - first)))
        middle, *sides = lines
        if middle[0] < fit:
            fit, usual = middle
        near = [usual, *(line for size, line in sides if size < fit / 2)]
        found.append(min(near, key=lambda each: abs(value - each)))
    return np.array(found)


@pytest.mark.parametrize("season", [1, 12])
def test_scores_are_distances_from_the_decomposition_of_statsmodels_or_a_running_median(season: int) -> None:
    runner = duomo.load("time-series-anomaly-detection", "tabular/residuals", device="cpu")
    series = SALES.copy()
    series[[20, 55]] += (60, -40)
    if season > 1:
        seasonal = pytest.importorskip("statsmodels.tsa.seasonal")
        distances = np.abs(seasonal.STL(series, period=12, robust=True).fit().resid)
    else:
        distances = np.abs(series - by_hand(series))
    # Under a normal law half of the distances lie within .6745 standard deviations, and nine tenths within 1.6449.
    half, most = (np.quantile(distances, share, method="lower") for share in (0.5, 0.9))
    spread = max(half / 0.67449, most / 1.64485)
    if season == 1:
        bends = np.abs(np.diff(series, 2))
        spread = max(spread, np.quantile(bends, 0.5, method="lower") / 0.67449 / 6**0.5)
    result = runner(series, season=season)
    assert result.scores == pytest.approx(distances / spread, rel=1e-4, abs=1e-9)
    assert [each.index for each in result.anomalies] == [at for at in range(84) if distances[at] > 5 * spread]


STEPS = np.arange(120.0)
WAVE = np.sin(2 * np.pi * STEPS / 12)


@pytest.mark.parametrize(
    ("series", "season"),
    [
        (5 * STEPS, 1),
        (5 * STEPS + np.random.default_rng(1).normal(0, 0.01, 120), 1),
        (-300 * STEPS, 1),
        (STEPS**2, 1),
        (np.exp(STEPS / 20), 1),
        (np.abs(STEPS - 60), 1),
        (np.tile(np.arange(20.0), 6), 1),
        (np.where(STEPS < 60, 0.0, 5.0) + np.random.default_rng(2).normal(0, 0.1, 120), 1),
        (100 + 2 * STEPS + 10 * WAVE, 12),
        ((100 + 2 * STEPS) * (1 + 0.2 * WAVE), 12),
        (np.exp(STEPS / 40) * (1 + 0.2 * WAVE), 12),
        (np.tile([3.0, 1, 4, 1, 5, 9, 2], 18)[:120] - STEPS, 7),
    ],
)
def test_what_lies_beside_a_large_outlier_on_a_line_or_at_a_bend_is_none(series: np.ndarray, season: int) -> None:
    runner = duomo.load("time-series-anomaly-detection", "tabular/residuals", device="cpu")
    assert runner(series, season=season).anomalies == []
    far = series.copy()
    far[33] += 20 * np.abs(series).max()
    (found,) = runner(far, season=season).anomalies
    assert found.index == 33
    assert found.expected == pytest.approx(series[33], abs=0.02 * np.abs(series).max())


def test_one_value_of_eight_may_be_far_off() -> None:
    runner = duomo.load("time-series-anomaly-detection", "tabular/residuals", device="cpu")
    assert [each.index for each in runner([0, 1, 2, 3, 100, 5, 6, 7]).anomalies] == [4]
    assert [each.index for each in runner([5, 5, 6, 5, 50, 6, 5, 6]).anomalies] == [4]


def test_values_that_do_not_fit_in_are_found() -> None:
    pytest.importorskip("statsmodels")
    runner = duomo.load("time-series-anomaly-detection", "tabular/residuals", device="cpu")
    spoilt = SALES.copy()
    spoilt[[20, 55]] += [40, -35]
    result = runner(spoilt, season=12)
    assert [each.index for each in result.anomalies] == [20, 55]
    assert len(result.scores) == len(spoilt)
    assert result.anomalies[0].expected == pytest.approx(SALES[20], abs=5)
    assert runner(SALES, season=12).anomalies == []
    level = np.concatenate([[5.0] * 10, [50.0], [5.0] * 10])
    assert [each.index for each in runner(level).anomalies] == [10]
    assert runner([3.0] * 10).anomalies == []
    outcomes = list(runner.map([spoilt, [1.0, 2.0]], season=12))
    assert outcomes[0].unwrap() == result
    assert "too few" in outcomes[1].error.what


STEPS = np.arange(120)
GROWTH = {
    "a straight line": 3.0 * STEPS,
    "a line with noise": STEPS + np.resize(NOISE, 120),
    "growth": 1.05**STEPS,
    "growth with noise": 1.04**STEPS * np.exp(0.05 * np.resize(NOISE, 120)),
    "below 0": -(1.04**STEPS) * np.exp(0.05 * np.resize(NOISE, 120)),
    "decay": 1000 * 0.96**STEPS,
    "beyond squares": 1e300 * 1.05**STEPS,
    "counts from 0": np.random.default_rng(3).poisson(1.05**STEPS - 1).astype(float),
    "seasons that grow": 1.03**STEPS * (1 + 0.3 * np.sin(STEPS * np.pi / 6)) * np.exp(0.03 * np.resize(NOISE, 120)),
}


@pytest.mark.parametrize("name", GROWTH)
def test_growth_is_no_anomaly_and_hides_none(name: str) -> None:
    """The ends of a line and the last values of exponential growth were anomalies, and early ones were missed."""
    series, season = GROWTH[name], 12 if "seasons" in name else 1
    find = duomo.load("time-series-anomaly-detection", "tabular/residuals", device="cpu")
    assert find(series, season=season).anomalies == []
    for at in (60, 117, 119):
        spoilt = series.copy()
        spoilt[at] *= 3
        assert [each.index for each in find(spoilt, season=season).anomalies] == [at]


@pytest.mark.parametrize("name", ["auto-ets", "auto-theta", "residuals"])
def test_the_names_of_before_are_taken_with_a_warning(name: str) -> None:
    task: Any = "time-series-anomaly-detection" if name == "residuals" else "time-series-forecasting"
    with pytest.warns(DeprecationWarning, match=f"'multimodal/{name}' is now 'tabular/{name}'"):
        runner = duomo.load(task, f"multimodal/{name}", device="cpu")
    assert runner.meta.model == f"tabular/{name}"


def test_a_row_without_values_is_answered_with_how_a_series_is_named():
    with pytest.raises(BadInput, match="this row has no 'values'") as caught:
        Series.accept({"date": "2026-01-01", "sold": 13.1})
    assert "it has: date, sold" in caught.value.why
    assert "--field NAME" in caught.value.fix


@pytest.mark.parametrize("marker", [9999.0, 3.4e38, -3.4e38, 1e100])
def test_what_stands_for_no_value_hides_no_other_anomaly(marker: float) -> None:
    find = duomo.load("time-series-anomaly-detection", "tabular/residuals", device="cpu")
    series = (100 + np.random.default_rng(0).normal(0, 1, 60)).tolist()
    series[20], series[40] = marker, 500.0
    found = find(series)
    assert [each.index for each in found.anomalies] == [20, 40]
    assert np.isfinite(found.scores).all()


@pytest.mark.parametrize("name", ["time-series-forecasting", "time-series-anomaly-detection"])
def test_the_example_of_a_task_runs_with_its_default_model(name: str) -> None:
    pytest.importorskip("statsforecast")
    [example] = [shlex.split(spec.example) for spec in CORE_TASKS if spec.name == name]
    at = example.index("<<<")
    done = CliRunner().invoke(cli, example[1:at], input=example[at + 1])
    assert done.exit_code == 0, done.output
