"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import Hooks, ModelSpec, hookimpl
from duomo_tabular.series.listing import SERIES

MLP = ModelSpec(
    "tabular/mlp",
    "tabular-classification",
    "duomo_tabular.mlp:TabularClassifier",
    "a small network for numbers, names and missing cells, trained by you",
    "Apache-2.0",
    weights="given",
    trainer="duomo_tabular.mlp:ClassificationTrainer",
    limits="no free texts and no dates; boosted trees do better on many tables",
)


class Tabular(Hooks):
    """Rows of tables, and series of numbers."""

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return (
            MLP,
            MLP._replace(
                task="tabular-regression",
                loader="duomo_tabular.mlp:TabularRegressor",
                trainer="duomo_tabular.mlp:RegressionTrainer",
            ),
            *SERIES,
        )


plugin = Tabular()
