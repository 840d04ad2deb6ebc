"""How much each row counts: a factor for its loss and for its share in the mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from duomo.errors import BadInput


def row_weights(given: str | Mapping[str, float], kind: str, rows: Sequence[str], labels: Sequence[str]) -> list[float]:
    """A factor for each row by ``Recipe.class_weight``, of which ``none`` is not asked here.

    Args:
        given: ``balanced``, so that each class counts alike, or a weight for each label; 1 for those left out.
        kind: of label.
        rows: the label of each row.
        labels: those there are.

    Raises:
        BadInput: labels are not names, or a weight is for none of them.
    """
    if kind != "classes":
        raise BadInput(
            "class_weight needs one class a row", why=f"these labels are of kind '{kind}'", fix="leave class_weight out"
        )
    counts = Counter(rows)
    if isinstance(given, str):
        return [len(rows) / (len(counts) * counts[label]) for label in rows]
    unknown = sorted(given.keys() - set(labels))
    if unknown:
        raise BadInput(
            f"class_weight names {', '.join(unknown)}",
            why=f"labels are {', '.join(labels)}",
            fix="weigh only labels that the rows have",
        )
    weights = [given.get(label, 1.0) for label in rows]
    if not any(weights):
        raise BadInput(
            "class_weight is 0 for each row", why="nothing would be learned", fix="a weight above 0 for some label"
        )
    return weights
