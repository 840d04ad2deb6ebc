"""Gradient-boosted trees on the scorecard's fields, in its directions, kept as numbers and never as a pickle."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Artifact, FittedOn, Reason, expit
from duomo.errors import RequirementMissing
from duomo_finance.binning import Bins
from duomo_finance.reasons import MAX_REASONS, Catalogue, improved, reason_for
from duomo_finance.scorecard import Scorecard, Values

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

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
        model.fit(columns(names, categories, rows), y)
        trees = [_tree(stage[0].nodes) for stage in model._predictors]
        baseline = float(np.asarray(model._baseline_prediction).ravel()[0])
        on = FittedOn(n=len(rows), prevalence=float(y.mean()), sha256=card.fitted_on.sha256 if card.fitted_on else "")
        return cls(fields=names, categories=categories, baseline=baseline, trees=tuple(trees), fitted_on=on)

    def log_odds(self, rows: Sequence[Values]) -> Vector:
        """Log odds of default, (rows,)."""
        x = columns(self.fields, self.categories, rows)
        return np.asarray(self.baseline + self._forest.leaf_values(x).sum(axis=1))

    @functools.cached_property
    def _forest(self) -> _Forest:
        return _Forest(self.trees)

    def pd(self, rows: Sequence[Values]) -> Vector:
        """Probability of default, (rows,)."""
        return expit(self.log_odds(rows))

    def gains(self, card: Scorecard, rows: Sequence[Values]) -> Vector:
        """How far the typical good value of each field alone would lower the log odds, (rows, fields)."""
        better = [improved(card, row, name) for row in rows for name in self.fields]
        after = self.log_odds(better).reshape(len(rows), len(self.fields))
        return np.asarray(self.log_odds(rows)[:, None] - after)

    def reasons(self, card: Scorecard, row: Values, gained: Vector, catalogue: Catalogue) -> list[Reason]:
        """The fields whose typical good value would lower this applicant's log odds most, by its row of `gains`."""
        worst = [int(i) for i in np.argsort(-gained, kind="stable")[:MAX_REASONS] if gained[i] > 0.05]
        return [reason_for(card, i, row, float(-gained[i]), catalogue) for i in worst]


def columns(names: Sequence[str], categories: dict[str, Bins], rows: Sequence[Values]) -> Vector:
    """What the trees see, (rows, fields): numbers as they are, categories by their weight of evidence."""
    columns = [
        categories[name].transform([row[name] for row in rows])
        if name in categories
        else np.array([row[name] for row in rows], dtype=np.float64)
        for name in names
    ]
    return np.column_stack(columns)


def _tree(nodes: NDArray[Any]) -> Tree:
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


class _Forest:
    """The nodes of all trees in one array each, so that all rows go down all trees at once."""

    def __init__(self, trees: Sequence[Tree]) -> None:
        self.roots = np.cumsum([0, *(len(tree.value) for tree in trees)])[:-1].astype(np.int32)
        first = np.repeat(self.roots, [len(tree.value) for tree in trees])
        self.feature = _joined([tree.feature for tree in trees], np.int32)
        self.threshold = _joined([tree.threshold for tree in trees], np.float64)
        left, right = (_joined([getattr(tree, side) for tree in trees], np.int32) for side in ("left", "right"))
        self.leaf = left < 0
        # A leaf leads to itself: a row that has arrived may be asked again.
        itself = np.arange(len(left), dtype=np.int32)
        self.left, self.right = np.where(self.leaf, itself, left + first), np.where(self.leaf, itself, right + first)
        self.missing_left = _joined([tree.missing_left for tree in trees], np.bool_)
        self.value = _joined([tree.value for tree in trees], np.float64)

    def leaf_values(self, x: Vector) -> Vector:
        """What each tree adds for each row, (rows, trees)."""
        at = np.tile(self.roots, (len(x), 1))
        rows = np.arange(len(x))[:, None]
        missing = np.isnan(x)
        holes = bool(missing.any())
        while not self.leaf[at].all():
            feature = self.feature[at]
            goes_left = x[rows, feature] <= self.threshold[at]
            if holes:
                goes_left = np.where(missing[rows, feature], self.missing_left[at], goes_left)
            at = np.where(goes_left, self.left[at], self.right[at])
        return np.asarray(self.value[at])


def _joined(parts: Sequence[Sequence[Any]], kind: DTypeLike) -> NDArray[Any]:
    return np.concatenate([np.asarray(each, kind) for each in parts]) if parts else np.zeros(0, kind)
