"""Gradient-boosted trees on the scorecard's fields, in its directions, kept as numbers and never as a pickle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Artifact, FittedOn, Reason, expit
from duomo.errors import RequirementMissing
from duomo_finance.binning import Bins
from duomo_finance.reasons import MAX_REASONS, Catalogue, improved, reason_for
from duomo_finance.scorecard import Scorecard, Values

Vector = NDArray[np.float64]
ITERATIONS, LEARNING_RATE, LEAVES = 150, 0.06, 12


class Tree(Artifact):
    """One tree by its nodes; node 0 is the root, and a leaf has ``left`` -1."""

    feature: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    missing_left: list[bool]
    value: list[float]


class BoostedTrees(Artifact):
    """Log odds of default as a sum over trees.

    Numbers go in as they are and categories by their weight of evidence. Each field is monotone in the direction
    of its bins, so that a better value never raises the PD, and a reason can be trusted.
    """

    kind: ClassVar[str] = "finance.boosted-trees/1"

    fields: tuple[str, ...]
    categories: dict[str, Bins]
    baseline: float
    trees: tuple[Tree, ...]

    @classmethod
    def fit(cls, card: Scorecard, rows: Sequence[Values], y: Vector, *, seed: int = 0) -> BoostedTrees:
        """Boost with scikit-learn and read its trees. Raises `RequirementMissing` without it."""
        try:
            from sklearn.ensemble import HistGradientBoostingClassifier  # the extra, only for fitting
        except ImportError:
            raise RequirementMissing(
                "boosted trees are fitted with scikit-learn", why="it is not installed",
                fix="pip install 'duomo-finance[boosting]'",
            ) from None  # fmt: skip
        names = tuple(field.name for field in card.fields)
        categories = {field.name: bins for field, bins in zip(card.fields, card.bins, strict=True) if not bins.numeric}
        falls = [-1 if not bins.numeric or bins.rising else 1 for bins in card.bins]
        model = HistGradientBoostingClassifier(
            max_iter=ITERATIONS, learning_rate=LEARNING_RATE, max_leaf_nodes=LEAVES, min_samples_leaf=30,
            l2_regularization=1.0, monotonic_cst=falls, early_stopping=False, random_state=seed,
        )  # fmt: skip
        model.fit(_columns(names, categories, rows), y)
        trees = [_tree(stage[0].nodes) for stage in model._predictors]
        baseline = float(np.asarray(model._baseline_prediction).ravel()[0])
        on = FittedOn(n=len(rows), prevalence=float(y.mean()), sha256=card.fitted_on.sha256 if card.fitted_on else "")
        return cls(fields=names, categories=categories, baseline=baseline, trees=tuple(trees), fitted_on=on)

    def log_odds(self, rows: Sequence[Values]) -> Vector:
        """Log odds of default, (rows,)."""
        x = _columns(self.fields, self.categories, rows)
        total = np.full(len(x), self.baseline)
        for tree in self.trees:
            total += _leaf_values(tree, x)
        return total

    def pd(self, rows: Sequence[Values]) -> Vector:
        """Probability of default, (rows,)."""
        return expit(self.log_odds(rows))

    def reasons(self, card: Scorecard, row: Values, catalogue: Catalogue) -> list[Reason]:
        """The fields whose typical good value would lower this applicant's log odds most, one at a time."""
        better = [improved(card, row, name) for name in self.fields]
        odds = self.log_odds([row, *better])
        gained = odds[0] - odds[1:]
        worst = [int(i) for i in np.argsort(-gained, kind="stable")[:MAX_REASONS] if gained[i] > 0.05]
        return [reason_for(card, i, row, float(-gained[i]), catalogue) for i in worst]


def _columns(names: Sequence[str], categories: dict[str, Bins], rows: Sequence[Values]) -> Vector:
    columns = [
        categories[name].transform([row[name] for row in rows])
        if name in categories
        else np.array([row[name] for row in rows], dtype=np.float64)
        for name in names
    ]
    return np.column_stack(columns)


def _tree(nodes: Any) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        feature=np.where(leaf, 0, nodes["feature_idx"]).tolist(),
        # A split of what is missing from all else has an infinite threshold, which JSON has not.
        threshold=np.clip(np.where(leaf, 0.0, nodes["num_threshold"]), -1e300, 1e300).tolist(),
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)).tolist(),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)).tolist(),
        missing_left=nodes["missing_go_to_left"].astype(bool).tolist(),
        value=nodes["value"].tolist(),
    )


def _leaf_values(tree: Tree, x: Vector) -> Vector:
    feature, threshold = np.array(tree.feature), np.array(tree.threshold)
    left, right, missing = np.array(tree.left), np.array(tree.right), np.array(tree.missing_left)
    at = np.zeros(len(x), dtype=np.intp)
    rows = np.arange(len(x))
    while (inner := left[at] >= 0).any():
        i, node = rows[inner], at[inner]
        value = x[i, feature[node]]
        goes_left = np.where(np.isnan(value), missing[node], value <= threshold[node])
        at[i] = np.where(goes_left, left[node], right[node])
    return np.array(tree.value)[at]
