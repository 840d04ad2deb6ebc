"""From scores to the best labels, as every classifier here does it."""

from collections.abc import Sequence

from torch import Tensor

from duomo.tasks.results import Classification

FEW = 16
"""Labels that Python sorts in less time than torch takes to begin."""


def best_labels(scores: Tensor, labels: Sequence[str], top_k: int | None) -> list[Classification]:
    """The `top_k` best of `labels` (all when None) for each row of `scores` (B, labels), best first.

    Of many labels, those with one score stand in any order: to keep theirs takes thirty times as long.
    """
    if len(labels) <= FEW:
        return [Classification.ranked(labels, row, top_k) for row in scores.tolist()]
    best, indices = scores.topk(min(top_k or len(labels), len(labels)))
    return [
        Classification.of([{"name": labels[i], "score": score} for i, score in zip(row, values, strict=True)])
        for row, values in zip(indices.tolist(), best.tolist(), strict=True)
    ]
