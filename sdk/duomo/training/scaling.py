"""Numbers to mean 0 and spread 1."""

from __future__ import annotations

import math
from collections.abc import Sequence


def mean_and_spread(numbers: Sequence[float]) -> tuple[float, float]:
    """The mean and the standard deviation of finite numbers of any size; 1 for the spread of equal ones."""
    # Exact, and squares neither overflow nor vanish.
    exponent = math.frexp(max(map(abs, numbers)))[1]
    scaled = [math.ldexp(each, -exponent) for each in numbers]
    mean = math.fsum(scaled) / len(scaled)
    spread = math.sqrt(math.fsum((each - mean) ** 2 for each in scaled) / len(scaled))
    return math.ldexp(mean, exponent), math.ldexp(spread, exponent) or 1.0
