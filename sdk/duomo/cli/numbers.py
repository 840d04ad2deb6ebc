"""Numbers of the command line."""

from __future__ import annotations

import math

import click


class Finite(click.FloatRange):
    """A number that is one: nothing is beyond NaN, so a limit of NaN would be none, and no comparison finds it."""

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number, or fail where it is NaN or without end."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number
