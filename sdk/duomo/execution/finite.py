"""Whether what a model gave is made of numbers: one reduction a tensor, and one sum a result, for every task."""

from __future__ import annotations

import math
import sys
import types
import typing
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from duomo.errors import BadOutput
from duomo.tasks.encoding import Vector

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_HOLDERS, _ROWS = (dict, list, tuple), (list, tuple)  # named once: a union is built at every look
FEW = 64
"""Numbers of a tensor that Python adds up in less time than a reduction of torch takes to begin."""
Adder: TypeAlias = Callable[[Any], float]
ADDERS: dict[object, Adder | None] = {}
"""What adds up the numbers of a value, by its class; None where it holds none. A class is looked at once."""


def check_output(output: object) -> None:
    """Raise `BadOutput` where what the network gave holds NaN or infinity.

    A score of minus infinity may be meant, as a mask: it is an error only where it reaches a result.
    """
    total = _sum(output)
    # A sum may also be too large for its parts.
    if not math.isfinite(total) and total != -math.inf and _is_bad(output):
        raise _not_finite("NaN or infinity came out of the network")


def check_results(results: list[Any]) -> None:
    """Raise `BadOutput` where a result holds a number that is not finite."""
    for each in results:
        kind = type(each)
        add = ADDERS[kind] if kind in ADDERS else _adder_of(kind)
        if add is None:
            continue
        try:
            total = add(each)
        except (TypeError, AttributeError):  # another thing in a field than its annotation says
            total = math.nan
        # A sum may also be too large for its parts.
        if not math.isfinite(total) and not _is_finite(each):
            raise _not_finite("one was made behind the network, or came out of it and went into a result")


def _not_finite(why: str) -> BadOutput:
    return BadOutput(
        "the model's output holds numbers that are not finite",
        why=why,
        fix="check the weights for NaN and infinity; with a half-precision dtype or a speed mode, try float32",
    )


def _sum(output: object) -> float:
    """Add up all floating tensors and arrays in `output`: NaN wins, and infinities of both signs are NaN."""
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, _ROWS):
        total = 0.0
        for each in output:
            # Plain numbers and other objects are not walked: networks give tensors.
            if not isinstance(each, str) and (isinstance(each, _HOLDERS) or hasattr(each, "dtype")):
                total += _sum(each)
        return total
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(output, torch.Tensor):
        if not output.is_floating_point():
            return 0.0  # whole numbers are finite
        if output.numel() <= FEW:
            return float(sum(output.flatten().tolist()))
        if output.dtype is torch.float32:
            return float(output.sum().item())
        return float(output.sum(dtype=torch.float32).item())  # half precision overflows in a sum of its own kind
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(output, numpy.ndarray) and output.dtype.kind == "f":
        with numpy.errstate(over="ignore"):
            return float(output.sum(dtype=numpy.float64))
    return 0.0


def _is_bad(output: object) -> bool:
    """Whether a number among those that `_sum` adds up is NaN or infinity: one by one, and a mask is fine."""
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, _ROWS):
        return any(map(_is_bad, output))
    return hasattr(output, "dtype") and not _are_finite(output, are_masks_fine=True)


def _are_finite(values: object, *, are_masks_fine: bool = False) -> bool:
    """Whether each number of a tensor, an array or one of its numbers is finite."""
    array: Any = values
    library: Any = sys.modules["torch" if type(values).__module__.startswith("torch") else "numpy"]
    if library.__name__ == "numpy" and array.dtype.kind != "f":
        return True
    fine = library.isfinite(array)
    return bool((fine | (array == -math.inf) if are_masks_fine else fine).all())


def _is_finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    if hasattr(value, "dtype"):
        return _are_finite(value)
    return all(map(_is_finite, vars(value).values())) if hasattr(value, "__dict__") else True


def _adder_of(kind: object) -> Adder | None:
    """Return what adds up the numbers of a value that is annotated so; None for one without numbers."""
    if kind in ADDERS:
        return ADDERS[kind]
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    fields: Mapping[str, FieldInfo] | None = getattr(kind, "__pydantic_fields__", None)
    if fields is not None:
        ADDERS[kind] = zero_if_finite  # should it hold one of its own kind
        found = ADDERS[kind] = _of_fields(fields)
        return found
    if origin is typing.Literal:
        return None
    if origin not in (*_ROWS, typing.Union, types.UnionType):
        return zero_if_finite
    add = next(filter(None, map(_adder_of, parts)), None)
    if add is None:
        return None
    if origin in _ROWS:
        return sum if add is _itself else lambda values: sum(map(add, values))
    return _or_zero if add is _itself else lambda value: 0.0 if value is None else add(value)


def _of_fields(fields: Mapping[str, FieldInfo]) -> Adder | None:
    found = [(attrgetter(name), _adder_of(field.annotation)) for name, field in fields.items()]
    adders = [(get, add) for get, add in found if add is not None]
    if len(adders) != 1:
        return (lambda value: sum([add(get(value)) for get, add in adders])) if adders else None
    [(get, add)] = adders
    return get if add is _itself else lambda value: add(get(value))


def _itself(value: float) -> float:
    return value


def _or_zero(value: float | None) -> float:
    return value or 0.0


def _squares(vector: Vector) -> float:
    return float(sys.modules["numpy"].vdot(vector, vector))  # the fastest, and it warns of no overflow as `dot` does


def zero_if_finite(value: object) -> float:
    """Add up a value of which nothing is known: a walk through it."""
    return 0.0 if _is_finite(value) else math.nan


ADDERS |= dict.fromkeys((str, int, bool, bytes, type(None)))
ADDERS |= {float: _itself, Vector: _squares}
