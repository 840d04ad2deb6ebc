"""retail/customer-value: what a customer who buys without a contract will buy, and what that is worth."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from duomo.adapters import (
    Adapter,
    Artifact,
    Case,
    Finding,
    Guard,
    Payload,
    Reason,
    Record,
    Uncalibrated,
    find,
)
from duomo.errors import BadInput
from duomo_retail.buying import BgNbd, GammaGamma
from duomo_retail.plugin import CUSTOMER_VALUE
from duomo_retail.purchases import (
    Summary,
    Window as Window,
    as_purchases,
    by_customer,
    days_of,
    end_of,
    last_day,
    summary,
    usable,
)
from duomo_retail.records import Customer

A = TypeVar("A", bound=Artifact)


class Quintiles(Artifact):
    """Where fifths of the customers begin, for scores from 1 to 5."""

    kind: ClassVar[str] = "retail.rfm/1"
    recency: list[float]
    frequency: list[float]
    monetary: list[float]


class CustomerWorth(Payload):
    """One customer. Recency counts back from the end of what was seen, in units."""

    recency: float
    frequency: int
    """Purchases after the first."""
    monetary: float
    """Mean value of a purchase."""
    rfm: tuple[int, int, int]
    """From 1 to 5, 5 the best fifth."""
    segment: str
    probability_alive: float
    """By the model; nobody observes whether a customer has left."""
    expected_purchases: float
    expected_value: float
    """Value of one purchase; everybody's mean where there was none to repeat."""
    lifetime_value: float
    """Value of the purchases expected within the horizon, discounted."""
    horizon: float
    currency: str


ENOUGH_CUSTOMERS = 100
DEPENDENT = 0.3
"""Rank correlation of spend with frequency from which the model of spend does not hold; CDNOW has less than 0.2."""


class CustomerValue(Adapter[Customer, CustomerWorth]):
    """RFM, BG/NBD and Gamma-Gamma. `fit` needs the artefact ``window``, or takes the last purchase for its end."""

    spec = CUSTOMER_VALUE
    Input = Customer
    Output = CustomerWorth
    key_field = "customer_id"
    group_field = "customer_id"

    def read(self, source: str | os.PathLike[str]) -> Iterator[Any]:
        """One customer, from rows of customer_id, date and amount in any order."""
        return by_customer(super().read(source))

    def guards(self, phase: str) -> Sequence[Guard]:
        if phase == "input":
            return [_one_currency, _returns, self._not_after_the_end]
        return [_one_currency_in_all, _spend_follows_frequency] if phase == "dataset" else []

    def prepare(self, record: Record[Customer]) -> Summary:
        return summary(record.payload, self._window())

    def score(self, prepared: Sequence[Summary]) -> Sequence[tuple[Summary, float, float, float]]:
        window, buying, spending = self._window(), self._get("buying", BgNbd), self._get("spending", GammaGamma)
        seen = as_purchases(prepared)
        alive = buying.probability_alive(seen)
        expected = buying.expected_purchases(seen, window.horizon)
        value = spending.expected_value(seen.frequency, np.array([each.value for each in prepared]))
        return [(s, float(a), float(e), float(v)) for s, a, e, v in zip(prepared, alive, expected, value, strict=True)]

    def interpret(self, case: Case[Customer]) -> Uncalibrated:
        """Expected purchases: it ranks customers well, and is too low or too high for a single one."""
        return Uncalibrated(value=case.raw[2], method="bg-nbd")

    def explain(self, case: Case[Customer]) -> Sequence[Reason]:
        seen, alive, _, _ = case.raw
        if not seen.frequency:
            return [Reason(code="ONE_PURCHASE", text="bought once; what is said is what holds for such customers")]
        silence, usual = seen.age - seen.recency, seen.recency / seen.frequency
        text = f"silent for {silence:.0f} units, after one purchase every {usual:.1f}"
        reason = Reason(code="SILENCE", text=text, feature="dates", contribution=alive, direction="favourable")
        return [reason if alive >= 0.5 else reason.model_copy(update={"direction": "adverse"})]

    def result(self, case: Case[Customer]) -> CustomerWorth:
        seen, alive, expected, value = case.raw
        window, quintiles = self._window(), self._get("quintiles", Quintiles)
        years = window.horizon * window.unit_days / 365.25
        names = [each for each in case.record.payload.currency if each]
        rfm = (
            6 - _fifth(quintiles.recency, seen.age - seen.recency),
            _fifth(quintiles.frequency, seen.frequency),
            _fifth(quintiles.monetary, seen.mean),
        )
        return CustomerWorth(
            recency=seen.age - seen.recency,
            frequency=seen.frequency,
            monetary=seen.mean,
            rfm=rfm,
            segment=_segment(rfm, alive),
            probability_alive=alive,
            expected_purchases=expected,
            expected_value=value,
            # Purchases are spread over the horizon; half of it is their mean distance.
            lifetime_value=expected * value / (1 + window.yearly_discount) ** (years / 2),
            horizon=window.horizon,
            currency=names[0] if names else "",
        )

    def fit(self, records: Sequence[Record[Customer]]) -> Self:
        """Fit both models to customers as they were seen by the end of the window.

        Those that cannot be used, such as one without a purchase by then, are left out.
        """
        window = self.artifacts.get("window")
        if not isinstance(window, Window):
            window = Window(end=last_day(records))
        seen = usable(records, window)
        back = [each for each in seen if each.frequency and each.value > 0]
        spending = GammaGamma.fit(
            np.array([each.frequency for each in back], float), np.array([each.value for each in back])
        )
        artifacts: dict[str, Artifact] = {
            "window": window,
            "buying": BgNbd.fit(as_purchases(seen)),
            "spending": spending,
            "quintiles": Quintiles(
                recency=_cuts([each.age - each.recency for each in seen]),
                frequency=_cuts([each.frequency for each in seen]),
                monetary=_cuts([each.mean for each in seen]),
            ),
        }
        fitted = type(self)(artifacts=artifacts, secret=self.secret)
        fitted.origin = self.origin
        return fitted

    @classmethod
    def example(cls) -> Self:
        adapter = cls()
        people = [
            {"customer_id": str(i), "dates": [f"2025-{1 + (i + k * (1 + i % 5)) % 9:02d}-0{1 + i % 7}"
             for k in range(1 + i % 4)], "amounts": [10.0 + i % 9 + k for k in range(1 + i % 4)]} for i in range(60)
        ]  # fmt: skip
        return adapter.fit(adapter.records(people))

    @classmethod
    def samples(cls) -> list[Any]:
        return [
            {"customer_id": "p", "dates": ["2025-01-03", "2025-04-01", "2025-06-09"], "amounts": [12.0, 30.0, 8.5]},
            {"customer_id": "q", "dates": ["2025-02-11"], "amounts": [40.0]},
        ]

    def _window(self) -> Window:
        return self._get("window", Window)

    def _get(self, name: str, kind: type[A]) -> A:
        fix = "CustomerValue().fit(records), or duomo.adapt('retail/customer-value', artifacts=FOLDER)"
        return self.artifact(name, kind, "retail/customer-value was not fitted", fix)

    def _not_after_the_end(self, record: Record[Customer]) -> Iterator[Finding]:
        end = end_of(self._window())
        late = sum(day > end for day in days_of(record.payload))
        if late == len(record.payload.dates):
            raise BadInput(
                f"customer '{record.key}' has no purchase by {end}",
                why="there is nothing to go by",
                fix="leave them out",
            )
        if late:
            text = f"{late} purchases lie after {end}, the end of the window; they were not used"
            yield find("LEAK.FUTURE", text, field="dates", record=record.key, severity="info")


def _cuts(values: Sequence[float]) -> list[float]:
    return [float(each) for each in np.quantile(values, [0.2, 0.4, 0.6, 0.8])]


def _fifth(cuts: Sequence[float], value: float) -> int:
    return 1 + sum(value > cut for cut in cuts)


def _segment(rfm: tuple[int, int, int], alive: float) -> str:
    recency, frequency, monetary = rfm
    if alive < 0.5:
        return "lapsing, was valuable" if frequency + monetary >= 8 else "lapsing"
    if frequency >= 4:
        return "loyal, valuable" if monetary >= 4 else "loyal"
    return "new or occasional" if recency >= 3 else "quiet"


def _one_currency(record: Record[Customer]) -> Iterator[Finding]:
    names = sorted({each for each in record.payload.currency if each})
    if len(names) > 1:
        text = f"amounts are in {', '.join(names[:4])}"
        fix = "convert to one currency at the rate of the day"
        yield find("UNITS.CURRENCY_MIXED", text, field="currency", record=record.key, fix=fix)


def _one_currency_in_all(records: Sequence[Record[Customer]]) -> Iterator[Finding]:
    names = sorted({each for record in records for each in record.payload.currency if each})
    if len(names) > 1:
        text = f"customers pay in {', '.join(names[:4])}"
        yield find("UNITS.CURRENCY_MIXED", text, field="currency", fix="convert to one currency, or fit one model each")


def _spend_follows_frequency(records: Sequence[Record[Customer]]) -> Iterator[Finding]:
    """CALIB.OFF where those who buy more often also spend more, or less, each time: Gamma-Gamma takes both apart."""
    customers = [each.payload for each in records]
    repeated = []
    for each in customers:
        with contextlib.suppress(BadInput):
            days = len(set(days_of(each)))
            if days > 1 and np.isfinite(each.amounts).all():
                repeated.append((days, float(np.mean(each.amounts))))
    if len(repeated) < ENOUGH_CUSTOMERS:
        return
    often, spent = np.array(repeated, float).T
    ranks = [np.unique(each, return_inverse=True)[1].astype(float) for each in (often, spent)]
    if min(each.std() for each in ranks) == 0:
        return
    together = float(np.corrcoef(ranks)[0, 1])
    if abs(together) >= DEPENDENT:
        more = "more" if together > 0 else "less"
        yield find(
            "CALIB.OFF",
            f"customers who buy more often spend {more} each time (rank correlation {together:.2f})",
            field="amounts",
            fix="fit groups of customers by how often they buy: the value of each purchase is taken to be independent",
        )


def _returns(record: Record[Customer]) -> Iterator[Finding]:
    count = sum(each < 0 for each in record.payload.amounts)
    if count:
        text = f"{count} amounts are below 0: returns are not purchases and were not counted"
        yield find("OOD.RANGE", text, field="amounts", record=record.key, fix="net returns with their purchase",
                   severity="warn")  # fmt: skip
