"""Outcomes as a table of pandas or polars."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, overload

from duomo.counting import a_type
from duomo.errors import RequirementMissing, UsageProblem
from duomo.outcome import Outcome, OutcomeBase
from duomo.tasks.base import Result
from duomo.writers.columns import class_of_top, columns

if TYPE_CHECKING:
    import pandas
    import polars


@overload
def frame(outcomes: Iterable[Outcome[Result]]) -> pandas.DataFrame: ...
@overload
def frame(outcomes: Iterable[Outcome[Result]], library: Literal["pandas"]) -> pandas.DataFrame: ...
@overload
def frame(outcomes: Iterable[Outcome[Result]], library: Literal["polars"]) -> polars.DataFrame: ...
def frame(
    outcomes: Iterable[Outcome[Result]], library: Literal["pandas", "polars"] = "pandas"
) -> pandas.DataFrame | polars.DataFrame:
    """Make a table of outcomes: a row an item, whether it worked or not, and the columns of the CSV.

    These are ``index``, ``id``, ``ok``, the best part of the result (``top.name``), its fields, ``error.code``,
    ``error.what``, ``model`` and ``ms``. Values are Python's own: lists are lists, and a vector is an array.

    Args:
        outcomes: of one task, from `Runner.map`; they are all read.
        library: ``"pandas"``, or ``"polars"``.

    Raises:
        RequirementMissing: the library is not installed.
        UsageProblem: something else than outcomes was given.
    """
    if library not in ("pandas", "polars"):
        raise UsageProblem(f"no tables of '{library}'", fix='library="pandas" or library="polars"')
    if importlib.util.find_spec(library) is None:
        raise RequirementMissing(
            f"a table of {library} needs {library}", why="it is not installed", fix=f"pip install {library}"
        )
    rows = [_row(outcome) for outcome in _checked(outcomes)]
    names = max((list(row) for row in rows), key=len, default=list(_FIRST + _LAST))
    data = {name: [row.get(name) for row in rows] for name in names}
    if library == "polars":
        import polars

        return polars.DataFrame({name: _arrays(values) for name, values in data.items()}, strict=False)
    import pandas

    return pandas.DataFrame({name: _whole_numbers(values) for name, values in data.items()})


def _whole_numbers(values: list[object]) -> list[object] | pandas.Series[int]:
    """Make a column of whole numbers some of which are missing, which pandas makes floats of; leave any other."""
    there = [value for value in values if value is not None]
    if len(there) == len(values) or not there or not all(type(value) is int for value in there):
        return values
    import pandas

    return pandas.Series(values, dtype="Int64")


def _arrays(values: list[Any]) -> list[Any] | polars.Series:
    """Make a column of arrays some of which are missing, which polars does not make of a list; leave any other."""
    there = [value for value in values if value is not None]
    if len(there) == len(values) or not there or not hasattr(there[0], "dtype"):
        return values
    import polars

    places = iter(range(len(there)))
    rows = polars.Series([None if value is None else next(places) for value in values], dtype=polars.UInt32)
    return polars.Series(there).gather(rows)


_FIRST = ("index", "id", "ok")
_LAST = ("error.code", "error.what", "model", "ms")


def _checked(outcomes: Iterable[Outcome[Result]]) -> Iterator[Outcome[Result]]:
    if isinstance(outcomes, str | Result | OutcomeBase):  # iterating one would give its letters or fields
        outcomes = [outcomes]  # type: ignore[list-item]
    for outcome in outcomes:
        if not isinstance(outcome, OutcomeBase):
            raise UsageProblem(
                f"a table is made of outcomes, and {a_type(outcome)} was given",
                why="an outcome has the result, or the error, and what the item was",
                fix="duomo.frame(runner.map(items))",
            )
        yield outcome


def _row(outcome: Outcome[Result]) -> dict[str, Any]:
    row: dict[str, Any] = {"index": outcome.index, "id": outcome.id, "ok": outcome.ok}
    if outcome.result is not None:
        kind = type(outcome.result)
        top_kind = class_of_top(kind)
        if top_kind is not None:
            best = _best(outcome.result)
            row.update({f"top.{name}": _value(best, name) for name, _ in columns(top_kind)})
        row.update({name: _value(outcome.result, name) for name, _ in columns(kind)})
    error = outcome.error
    ends = (error and error.code, error and error.what, outcome.meta.model, outcome.meta.ms)
    return {**row, **dict(zip(_LAST, ends, strict=True))}


def _best(result: Result) -> object:
    try:
        best: object = getattr(result, "top")  # noqa: B009 - not every result has one
    except IndexError:  # nothing found has no best
        return None
    return best


def _value(part: object, name: str) -> object:
    """Look up a dotted name; results inside become dicts."""
    for each in name.split("."):
        part = getattr(part, each, None)
    if isinstance(part, list):
        return [each.model_dump() if isinstance(each, Result) else each for each in part]
    return part.model_dump() if isinstance(part, Result) else part
