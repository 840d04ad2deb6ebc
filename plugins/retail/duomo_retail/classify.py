"""A logistic regression over a table with numbers and categories: its terms can be read, saved and explained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from duomo.adapters import Artifact, Finding, FittedOn, find, fit_logistic, is_amount, is_missing, name_in, number_in
from duomo.errors import BadInput, UsageProblem

Array = NDArray[np.float64]
Row = Mapping[str, Any]
RIDGE = 1.0
"""Penalty on each weight; the intercept is free."""
KNOTS = (0.2, 0.4, 0.6, 0.8)
MANY = 20
"""A number with more distinct values than this may have a bent line."""
NUMERIC = 0.9
"""A column in which so large a share are numbers is one of numbers; a slip in it is missing, and no category."""
FAR = 10
"""Standard deviations beyond which a number is said to be odd; its slope goes on as it was."""
RARE = 10
"""A category with fewer rows is taken together with the unknown ones."""


class Term(Artifact):
    """What one column adds to the log-odds."""

    column: str
    mean: float = 0.0
    scale: float = 1.0
    knots: list[float] = pydantic.Field(default_factory=list)
    """Knots of a number, in standard deviations from its mean: where its slope may change."""
    middle: list[float] = pydantic.Field(default_factory=list)
    """Means of a number and of what lies above each knot: the usual row is 0 beside them, as an empty cell is."""
    weights: list[float] = pydantic.Field(default_factory=list)
    """Weights of a number: its slope per standard deviation, and what each knot adds to it."""
    categories: dict[str, float] = pydantic.Field(default_factory=dict)
    """Weight of each value of a category; 0 for one that was not seen."""

    def contribution(self, row: Row) -> float:
        """To the log-odds of this row, beside what the usual row has; 0 where the value is missing."""
        value = row.get(self.column)
        if self.categories:
            return self.categories.get(_name(value), 0.0)
        if is_missing(value):
            return 0.0
        z = (_number(value, self.column) - self.mean) / self.scale
        bent = _bent(np.array([z]), self.knots)[0]
        return float(np.dot(bent - self.middle if self.middle else bent, self.weights))

    def unfamiliar(self, value: object) -> Finding | None:
        """What is odd about a value: it is missing, a category that few or no rows had, or a number far from all."""
        if is_missing(value):
            if "" in self.categories:
                return None
            text = f"'{self.column}' is empty; it adds nothing to the score"
            return find("INPUT.MISSING_VALUE", text, field=self.column, severity="info")
        if self.categories and _name(value) not in self.categories:
            text = f"'{self.column}' has a value that few or none of the rows had that were learned from"
            fix = "look at its spelling, capitals and spaces too; fit again where the value is new"
            return find("OOD.RANGE", text, field=self.column, fix=fix, severity="warn")
        if not self.categories and _is_number(value) and abs(float(str(value)) - self.mean) > FAR * self.scale:
            text = f"'{self.column}' is more than {FAR} standard deviations from what was learned from"
            return find("OOD.RANGE", text, field=self.column, fix="look whether its unit is right", severity="warn")
        return None


class Logistic(Artifact):
    """Log-odds as a sum over columns."""

    kind: ClassVar[str] = "retail.logistic/1"
    intercept: float
    terms: list[Term]
    known: list[str] = pydantic.Field(default_factory=list)
    """Columns that whoever fitted it said are known before the event, whatever they tell."""

    @classmethod
    def fit(cls, rows: Sequence[Row], labels: Sequence[float]) -> Self:
        """Fit to rows and answers of 0 or 1, by Newton's method with a ridge. Raises `UsageProblem` for one class."""
        y = np.asarray(labels, float)
        if len(set(y.tolist())) < 2:
            raise UsageProblem(
                "one answer cannot be learned", why="all labels are equal", fix="take rows of both kinds"
            )
        columns = [_column(rows, name) for name in dict.fromkeys(name for row in rows for name in row)]
        design = np.concatenate([np.ones((len(rows), 1)), *(values for _, _, values in columns)], axis=1)
        weights = fit_logistic(design, y, [1e-9, *[RIDGE] * (design.shape[1] - 1)]).weights
        terms, at = [], 1
        for term, values_of, values in columns:
            mine = weights[at : at + values.shape[1]]
            at += values.shape[1]
            terms.append(
                term.model_copy(update={"categories": dict(zip(values_of, mine.tolist(), strict=True))})
                if values_of
                else term.model_copy(update={"weights": mine.tolist()})
            )
        on = FittedOn(n=len(rows), prevalence=float(y.mean()))
        return cls(intercept=float(weights[0]), terms=terms, fitted_on=on)

    def contributions(self, row: Row) -> dict[str, float]:
        """What each column adds to the log-odds."""
        return {term.column: term.contribution(row) for term in self.terms}

    def log_odds(self, row: Row) -> float:
        """Log-odds of one row."""
        return self.intercept + sum(self.contributions(row).values())


def _column(rows: Sequence[Row], name: str) -> tuple[Term, list[str], Array]:
    """A column as a term without weights, its categories, and its part of the design."""
    values = [row.get(name) for row in rows]
    if _is_numeric(values):
        numbers = np.array([_number(each, name) if _is_number(each) else np.nan for each in values])
        mean, scale = float(np.nanmean(numbers)), float(np.nanstd(numbers)) or 1.0
        z = (numbers - mean) / scale
        knots = np.unique(np.nanquantile(z, KNOTS)).tolist() if len(np.unique(z[~np.isnan(z)])) > MANY else []
        bent = _bent(z, knots)
        middle = np.nanmean(bent, axis=0)
        term = Term(column=name, mean=mean, scale=scale, knots=knots, middle=middle.tolist())
        return term, [], np.where(np.isnan(z)[:, None], 0.0, bent - middle)
    texts = [_name(each) for each in values]
    kept = sorted(each for each in set(texts) if texts.count(each) >= RARE) or sorted(set(texts))[:1]
    return Term(column=name), kept, np.array([[float(text == each) for each in kept] for text in texts])


def values_of(rows: Sequence[Row], name: str) -> tuple[list[float | str | None], bool]:
    """A column as a term reads it, and whether it is one of names: NaN or None where a value is missing."""
    values = [row.get(name) for row in rows]
    if _is_numeric(values):
        return [_number(each, name) if _is_number(each) else math.nan for each in values], False
    return [name_in(each) for each in values], True


def demand_plain_numbers(rows: Sequence[Row], names: Iterable[str]) -> None:
    """Raise `BadInput` for a column of numbers some of which no program reads: they would be names, or left out."""
    for name in names:
        given = [value for row in rows if not is_missing(value := row.get(name))]
        amounts = [each for each in given if not _is_number(each) and is_amount(each)]
        if amounts and len(amounts) + sum(map(_is_number, given)) >= NUMERIC * len(given):
            count = f"{len(amounts):,} of {len(given):,} cells"
            raise BadInput(
                f"'{name}' holds numbers, and {count} are written as {amounts[0]!r:.40}",
                why="they would be taken for names, or be left out",
                fix="write plain numbers such as 1250.5, without signs, units and marks between thousands",
            )


def _is_numeric(values: Sequence[object]) -> bool:
    given = [each for each in values if not is_missing(each)]
    return bool(given) and sum(map(_is_number, given)) >= NUMERIC * len(given)


def _bent(z: Array, knots: Sequence[float]) -> Array:
    """A number and what of it lies above each knot, (n, 1 + knots)."""
    return np.stack([z, *(np.maximum(z - knot, 0.0) for knot in knots)], axis=1)


def _name(value: object) -> str:
    """A cell of names as text: what is missing has one name, and so has a whole number, however it is written."""
    return name_in(value) or ""


def _is_number(value: object) -> bool:
    return number_in(value) is not None


def _number(value: object, column: str) -> float:
    number = number_in(value)
    if number is None:
        raise BadInput(
            f"'{column}' is not a number",
            why="it was one in the rows that were learned from",
            fix=f"correct '{column}'",
        )
    return number
