"""A whole small world in one process: a plugin, its models and a catalog, with no weights and no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from duomo.catalog import Catalog
from duomo.hooks import Hooks, hookimpl
from duomo.model import Features, Model
from duomo.plugins import Selection
from duomo.specs import ModelSpec
from duomo.tasks.results import Classification


class EchoModel(Model[Any, Classification]):
    """Labels a text with itself; some words in the text make it misbehave.

    ``poison`` raises in `preprocess`, ``crash`` in `forward`, ``mute`` loses a result.
    """

    batch_size = 4

    @classmethod
    def load(cls, weights: Any, *, device: Any, dtype: Any) -> Self:  # noqa: ARG003
        return cls()

    @staticmethod
    def estimate(item: Any) -> int:
        return len(item)

    def preprocess(self, items: Sequence[Any], options: Any) -> list[Features]:
        for item in items:
            if "poison" in item:
                raise ValueError(f"poison in {item!r}")
        return [{"text": str(item)} for item in items]

    def collate(self, features: list[Features]) -> list[str]:
        return [each["text"] for each in features]

    def forward(self, batch: list[str]) -> list[str]:
        if any("crash" in text for text in batch):
            raise RuntimeError("crash in the forward pass")
        return batch

    def postprocess(self, output: list[str], features: list[Features], options: Any) -> list[Classification]:
        kept = [text for text in output if "mute" not in text]
        return [Classification.ranked([text, "other"], [1.0, 0.0], options.top_k) for text in kept]


class FakePlugin(Hooks):
    """A plugin named ``fake`` with the models it is given, `EchoModel` as ``fake/echo`` by default."""

    def __init__(self, *models: ModelSpec) -> None:
        self.models = models or (echo_spec(),)

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return self.models


def echo_spec(name: str = "fake/echo", **changes: Any) -> ModelSpec:
    """The spec of `EchoModel`, with fields changed."""
    spec = ModelSpec(
        name,
        "text-classification",
        "duomo.testing.fakes:EchoModel",
        "gives back what it gets",
        "Apache-2.0",
        weights="none",
    )
    return spec._replace(**changes)


def fake_catalog(*models: ModelSpec, **plugins: Hooks) -> Catalog:
    """A catalog with no installed plugins: ``fake`` with `models`, and any given by name."""
    return Catalog(Selection(allow=frozenset()), extra={"fake": FakePlugin(*models), **plugins})
