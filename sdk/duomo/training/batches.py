"""Rows into micro-batches by what they cost."""

from __future__ import annotations

from collections.abc import Sequence


def cut(rows: Sequence[int], costs: Sequence[int], *, most: int, budget: int, packed: bool) -> list[list[int]]:
    """The rows, in order, in parts of bounded cost; a row that costs more than the budget is alone.

    Args:
        rows: any numbers.
        costs: of each row.
        most: rows of a part.
        budget: cost of a part; 0 for no bound.
        packed: whether a part costs the sum of its rows; otherwise its costliest row, times the number of rows.
    """
    parts: list[list[int]] = []
    total = widest = 0
    for row, cost in zip(rows, costs, strict=True):
        total, widest = total + cost, max(widest, cost)
        size = len(parts[-1]) + 1 if parts else 1
        if not parts or size > most or (budget and (total if packed else size * widest) > budget):
            parts.append([])
            total = widest = cost
        parts[-1].append(row)
    return parts
