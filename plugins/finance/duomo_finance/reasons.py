"""Why an applicant scored low: at most four specific reasons, from a catalogue that the lender can replace."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pydantic

from duomo.adapters import Reason
from duomo_finance.applications import Field
from duomo_finance.scorecard import Scorecard, Values

MAX_REASONS = 4
"""Regulation B, comment 9(b)(2)-1: more than four reasons are not likely to help an applicant."""


class ReasonText(pydantic.BaseModel):
    """What the lender says of one field; ``{value}``, ``{unit}`` and ``{label}`` are filled in."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    code: str
    low: str
    high: str
    is_: str
    missing: str

    @pydantic.field_validator("low", "high", "is_", "missing")
    @classmethod
    def _names_known_parts(cls, text: str) -> str:
        try:
            text.format(value="", unit="", label="")
        except (KeyError, IndexError) as error:
            raise ValueError(f"only {{value}}, {{unit}} and {{label}} are filled in, not {error}") from None
        return text


Catalogue = Mapping[str, ReasonText]
"""By field name."""


def default_text(field: Field) -> ReasonText:
    """Plain words made of the field's label; a lender will want its own."""
    code = field.name.upper().replace(".", "_").replace(" ", "_")
    return ReasonText(
        code=code,
        low="{label} is too low ({value}{unit})",
        high="{label} is too high ({value}{unit})",
        is_="{label}: {value}",
        missing="{label} was not given, or could not be read",
    )


def adverse_reasons(card: Scorecard, row: Values, catalogue: Catalogue | None = None) -> list[Reason]:
    """The fields on which this applicant lost most points against the average of all applicants, the worst first.

    That average is one of the two methods that Regulation B's comment 9(b)(2)-5 names. Only fields that were
    scored can be named, and none that did not cost points; so there may be fewer than `MAX_REASONS`.
    """
    points = card.points([row])[0]
    lost = np.array(card.mean_points) - points
    worst = [int(i) for i in np.argsort(-lost, kind="stable")[:MAX_REASONS] if lost[i] > 0.5]
    return [reason_for(card, i, row, float(-lost[i]), catalogue or {}) for i in worst]


def improved(card: Scorecard, row: Values, feature: str) -> Values:
    """The same applicant with a typical good value of one field: what a reason promises would lower the PD."""
    i = [field.name for field in card.fields].index(feature)
    better = card.bins[i].bins[card.typical[i]]
    if card.bins[i].numeric:
        if better.low is None and better.high is None:
            return {**row, feature: math.nan}
        value: float | str | None = better.high if better.high is not None else _just_above(better.low)
    else:
        value = better.levels[0] if better.levels else None
    return {**row, feature: value}


def _just_above(low: float | None) -> float:
    return math.nextafter(low, math.inf) if low is not None else math.nan


def reason_for(card: Scorecard, i: int, row: Values, contribution: float, catalogue: Catalogue) -> Reason:
    """Field `i` in the words of the catalogue."""
    field, bins = card.fields[i], card.bins[i]
    text = catalogue.get(field.name) or default_text(field)
    value = row[field.name]
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    if missing:
        kind, pattern = "MISSING", text.missing
    elif not bins.numeric:
        kind, pattern = "VALUE", text.is_
    else:
        kind, pattern = ("LOW", text.low) if bins.rising else ("HIGH", text.high)
    shown = f"{value:,.4g}" if isinstance(value, float) and abs(value) < 1000 else (
        f"{value:,.0f}" if isinstance(value, float) else str(value))  # fmt: skip
    unit = f" {field.unit}" if field.unit else ""
    return Reason(
        code=f"{text.code}.{kind}",
        text=pattern.format(value="" if missing else shown, unit=unit, label=field.text.capitalize()),
        feature=field.name,
        contribution=round(contribution, 2),
        direction="adverse",
    )
