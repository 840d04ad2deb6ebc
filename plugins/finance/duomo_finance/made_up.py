"""Made-up applications, prices, transactions and news: for examples and conformance tests, never for claims."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

MONDAY = dt.datetime(2024, 1, 1)


def applications(num_rows: int = 600, seed: int = 0) -> list[dict[str, Any]]:
    """Loan applications of one lender, two fifths of which default; ``sex`` has no part in who does."""
    random = np.random.default_rng(seed)
    rows = []
    for i in range(num_rows):
        income = float(np.exp(random.normal(7.6, 0.4)))
        price = float(np.exp(random.normal(7.2, 0.5)))
        amount = price * float(random.uniform(0.3, 1.0))
        years = int(random.integers(0, 30))
        home = str(random.choice(["owner", "rent", "parents"]))
        odds = 2.5 * amount / price - 0.09 * years - 0.9 * np.log(income / 2000) + (home == "rent") - 1.6
        rows.append(
            {
                "id": f"A{i:04d}",
                "income": round(income),
                "amount": round(amount),
                "price": round(price),
                "years_in_job": years,
                "home": home,
                "currency": "EUR",
                "sex": str(random.choice(["female", "male"])),
                "status": "default" if random.random() < 1 / (1 + np.exp(-odds)) else "paid",
            }
        )
    return rows


def bars(num_bars: int = 750, num_symbols: int = 3, seed: int = 0) -> list[dict[str, Any]]:
    """Daily bars of made-up shares whose returns have fat tails and quiet and wild times."""
    random = np.random.default_rng(seed)
    volatility = np.exp(np.cumsum(random.normal(0, 0.05, num_bars)) * 0.5) * 0.01
    days = [MONDAY + dt.timedelta(days=i + 2 * (i // 5)) for i in range(num_bars)]
    rows = []
    for j in range(num_symbols):
        returns = 0.0003 + volatility * random.standard_t(5, num_bars)
        close = 100 * np.exp(np.cumsum(returns))
        start = close * np.exp(-returns * random.uniform(0, 1, num_bars))
        rows += [
            {"time": days[i].date().isoformat(), "symbol": f"S{j}", "open": float(start[i]),
             "high": float(max(start[i], close[i]) * 1.002), "low": float(min(start[i], close[i]) * 0.998),
             "close": float(close[i]), "volume": 1000.0, "currency": "EUR"}
            for i in range(num_bars)
        ]  # fmt: skip
    return rows


def transactions(num_rows: int = 1500, share: float = 0.02, seed: int = 0) -> list[dict[str, Any]]:
    """Card payments of a few weeks; the fraudulent ones are larger, at night, and far from home."""
    random = np.random.default_rng(seed)
    rows = []
    for i in range(num_rows):
        fraud = bool(random.random() < share)
        rows.append(
            {
                "id": f"T{i:05d}",
                "account": f"K{int(random.integers(0, 80)):03d}",
                "time": (MONDAY + dt.timedelta(minutes=20 * i)).isoformat(),
                "amount": round(float(np.exp(random.normal(5.5 if fraud else 3.3, 0.9))), 2),
                "hour": int(random.normal(3, 1) % 24) if fraud else int(random.normal(14, 4) % 24),
                "km_from_home": round(float(np.exp(random.normal(5.5 if fraud else 1.5, 1.0))), 1),
                "payments_last_hour": int(random.poisson(3.0 if fraud else 0.3)),
                "currency": "EUR",
                "fraud": int(fraud),
            }
        )
    return rows


def filing(assets: int = 1000, liabilities: int = 600, equity: int = 400) -> str:
    """A small balance sheet in XBRL, in millions of euros."""
    facts = {"Assets": assets, "Liabilities": liabilities, "Equity": equity}
    lines = "".join(
        f'<ifrs:{name} contextRef="now" unitRef="eur" decimals="-6">{value}000000</ifrs:{name}>'
        for name, value in facts.items()
    )
    return (
        '<xbrl xmlns="http://www.xbrl.org/2003/instance" xmlns:iso4217="http://www.xbrl.org/2003/iso4217" '
        'xmlns:ifrs="https://xbrl.ifrs.org/taxonomy/2024/ifrs-full">'
        '<context id="now"><entity><identifier scheme="http://standards.iso.org/iso/17442">MADEUP</identifier></entity>'
        "<period><instant>2024-12-31</instant></period></context>"
        f'<unit id="eur"><measure>iso4217:EUR</measure></unit>{lines}</xbrl>'
    )
