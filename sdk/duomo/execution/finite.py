"""Whether what a model gave is made of numbers: one reduction a tensor, for every task."""

from __future__ import annotations

import math
import sys
from typing import Any

from duomo.errors import BadOutput

_HOLDERS, _ROWS = (dict, list, tuple), (list, tuple)  # named once: a union is built at every look


def check_output(output: object) -> bool:
    """Raise `BadOutput` where what the network gave holds NaN or infinity; True where it holds minus infinity.

    A score of minus infinity may be meant, as a mask: it is an error only where it reaches a result.
    """
    total = _sum(output)
    if math.isfinite(total):
        return False
    if total != -math.inf:
        raise _not_finite("NaN or infinity came out of the network")
    return True


def check_results(results: list[Any]) -> None:
    """Raise `BadOutput` where a result holds a number that is not finite."""
    if not all(map(_is_finite, results)):
        raise _not_finite("infinity came out of the network, and went into a result")


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
        if output.dtype is torch.float32:
            return float(output.sum().item())
        # Half precision overflows in a sum of its own kind; whole numbers are finite.
        return float(output.sum(dtype=torch.float32).item()) if output.is_floating_point() else 0.0
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(output, numpy.ndarray) and output.dtype.kind == "f":
        return float(output.sum(dtype=numpy.float64))
    return 0.0


def _is_finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    if hasattr(value, "dtype"):
        return math.isfinite(_sum(value))
    return all(map(_is_finite, vars(value).values())) if hasattr(value, "__dict__") else True
