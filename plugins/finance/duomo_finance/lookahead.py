"""What a strategy may know beyond the bars it is shown: data that it carries, and decisions that no bar explains."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import dis
import functools
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Finding, find
from duomo_finance.bars import Bars
from duomo_finance.engine import Strategy, ask
from duomo_finance.strategies import Signals, bend, weights_of

Vector = NDArray[np.float64]
DEPTH = 5
"""How many objects deep data is looked for: attribute, closure, partial, container."""
FIX = (
    "decide by what decide(history) is given, or pass the function to `signal`, whose future can be bent; where all of "
    "the data was known in time, override LEAK.FUTURE with the reason"
)


def audit_rule(what: Strategy | Signals, bars: Bars, *, seed: int = 0) -> list[Finding]:
    """Look for knowledge of the future that bending the bars of `audit_signals` cannot reach.

    A strategy is shown the past only, but it may hold a table of the whole history, and a function of bars may read
    other bars than those it is given. Two things tell: data as long as the panel in its attributes, closure or
    globals; and decisions that vary in time but stay the same when every bar is replaced by another.

    Args:
        what: A strategy, or a function of all bars.
        bars: The panel that it is tried on.
        seed: Of the bars that replace the panel.

    Returns:
        LEAK.FUTURE that blocks, where it carries prices of this very panel; LEAK.FUTURE for a person where it could
        not be audited; nothing otherwise.
    """
    least = max(len(bars) // 2, 3)
    for path, data in _carried(what, least, path="", depth=DEPTH, seen=set()):
        if _holds_prices(data, bars):
            return [find("LEAK.FUTURE", f"'{path}' holds prices of this panel that it has not been shown yet",
                         field=path, fix=FIX)]  # fmt: skip
        return [_unaudited(f"it decides with data of its own, '{path}', which is as long as the panel", path)]
    try:
        honest = _decisions(copy.deepcopy(what), bars)
        if _is_constant(honest):
            return []
        random = np.random.default_rng(seed)
        others = [_decisions(copy.deepcopy(what), _replaced(bars, factor, random)) for factor in (10.0, 0.1)]
    except Exception:  # what is wrong with it is said where it is run
        return []
    if all(np.array_equal(honest, other, equal_nan=True) for other in others):
        return [_unaudited("its decisions vary in time, and are the same whatever bars it is shown")]
    return []


def _replaced(bars: Bars, factor: float, random: np.random.Generator) -> Bars:
    """Other prices, in another season: what a strategy does by the calendar is known."""
    shift = dt.timedelta(days=101) * factor
    return dataclasses.replace(bend(bars, 0, factor, random), times=tuple(each + shift for each in bars.times))


def _unaudited(why: str, field: str = "decide") -> Finding:
    return find("LEAK.FUTURE", f"it could not be audited: {why}", field=field, fix=FIX, severity="refer")


def _decisions(what: Any, bars: Bars) -> Vector:
    """Weights of each bar, (bars, symbols); NaN where a strategy leaves things as they are."""
    if not hasattr(what, "decide"):
        return weights_of(what, bars)
    said = ask(bars, what)
    return np.array([np.full(len(bars.symbols), np.nan) if each is None else each for each in said])


def _is_constant(decisions: Vector) -> bool:
    """Whether there is one decision only, taken once or again and again."""
    taken = decisions[~np.isnan(decisions).any(axis=1)]
    return len(taken) < 2 or bool((taken == taken[0]).all())


def _holds_prices(data: object, bars: Bars) -> bool:
    """Whether more than half of the panel's closes are in it."""
    if isinstance(data, Bars):
        data = data.close
    try:
        values = np.asarray(data, float).ravel()
    except (TypeError, ValueError):
        return False
    closes = bars.close[np.isfinite(bars.close)]
    # Weights of 0 and 1 are not prices, whatever the prices are.
    return len(np.unique(closes)) > 2 and bool(np.isin(closes, values).mean() > 0.5)


def _carried(what: object, least: int, path: str, depth: int, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Data of at least this many rows that an object can reach, with the name under which it does."""
    if id(what) in seen or depth < 0 or isinstance(what, types.ModuleType | type | str | bytes | int | float):
        return
    seen.add(id(what))
    if _rows(what) >= least:
        yield path or type(what).__name__, what
        return
    for name, each in _parts(what):
        yield from _carried(each, least, f"{path}.{name}" if path else name, depth - 1, seen)


def _rows(what: object) -> int:
    if isinstance(what, Bars | list | tuple | dict | set | frozenset):
        return len(what)
    shape = getattr(what, "shape", None)  # numpy, pandas, polars
    return int(shape[0]) if isinstance(shape, tuple) and shape and isinstance(shape[0], int) else 0


def _parts(what: object) -> Iterator[tuple[str, Any]]:
    """What an object is made of, each with its name."""
    if isinstance(what, Mapping):
        yield from ((str(key), each) for key, each in what.items())
    elif isinstance(what, list | tuple | set | frozenset):
        yield from ((str(i), each) for i, each in enumerate(what))
    elif isinstance(what, functools.partial):
        yield from (("func", what.func), ("args", what.args), ("keywords", what.keywords))
    elif isinstance(what, types.MethodType):
        yield from (("self", what.__self__), (what.__func__.__name__, what.__func__))
    elif isinstance(what, types.FunctionType):
        yield from _of_function(what)
    elif not isinstance(what, np.ndarray) and type(what).__module__ != "builtins":
        yield from getattr(what, "__dict__", {}).items()
        for slot in getattr(type(what), "__slots__", ()):
            if hasattr(what, slot):
                yield str(slot), getattr(what, slot)
        for name, each in vars(type(what)).items():
            if isinstance(each, types.FunctionType) or not name.startswith("__"):
                yield name, each


def _of_function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Its closure, its defaults, and the globals that its code names."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet
            continue
    yield from (("defaults", function.__defaults__ or ()), ("defaults", function.__kwdefaults__ or {}))
    codes = [function.__code__]
    for code in codes:
        codes += [each for each in code.co_consts if isinstance(each, types.CodeType)]
        for step in dis.get_instructions(code):
            if step.opname == "LOAD_GLOBAL" and step.argval in function.__globals__:
                yield step.argval, function.__globals__[step.argval]
