"""A whole small world in one process: a plugin, its models and a catalog, with no weights and no torch."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

from duomo.catalog import Catalog
from duomo.hooks import Hooks, hookimpl
from duomo.model import Features, Model
from duomo.plugins.selection import Selection
from duomo.specs import AdapterSpec, ModelSpec
from duomo.tasks.results import Classification

if TYPE_CHECKING:
    from collections.abc import Sized

    from duomo.tasks.nlp import TextClassificationOptions

THERMOMETER = AdapterSpec(
    "fake/thermometer",
    "duomo.testing.thermometer:Thermometer",
    "whether a machine is about to fail, by its temperature",
    "manufacturing",
    disclaimer="Supports the work of people who know the machine.",
    intended_use="tests",
    not_for=("real machines",),
    inputs=("csv", "jsonl", "parquet"),
    data_classes=("PII",),
)
ECHO_ADAPTER = AdapterSpec(
    "fake/notes",
    "duomo.testing.thermometer:EchoAdapter",
    "what a text classifier says of notes",
    "manufacturing",
    tasks=("text-classification",),
    disclaimer="Supports the work of people who read the notes.",
    intended_use="tests",
    not_for=("real notes",),
    human_review="none",
)


class EchoModel(Model[Any, Classification]):
    """Labels a text with itself; some words in the text make it misbehave.

    ``poison`` raises in `preprocess`, ``crash`` in `forward`, ``mute`` loses a result.
    """

    batch_size = 4

    @classmethod
    def load(cls, weights: object, *, device: object, dtype: object) -> Self:  # noqa: ARG003
        return cls()

    @staticmethod
    def estimate(item: Sized) -> int:
        return len(item)

    def preprocess(self, items: Sequence[Any], options: object) -> list[Features]:
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

    def postprocess(
        self, output: list[str], features: list[Features], options: TextClassificationOptions
    ) -> list[Classification]:
        kept = [text for text in output if "mute" not in text]
        return [Classification.ranked([text, "other"], [1.0, 0.0], options.top_k) for text in kept]


class FaultyModel(EchoModel):
    """An `EchoModel` that can also do what no other exception does, for executors with processes of their own.

    In `forward`: ``exits`` leaves the process, ``segfaults`` crashes it, ``hangs`` never comes back,
    ``grips`` neither, and lets no other thread run; ``naps`` takes a hundredth of a second, ``waits PATH``
    until there is a file at this path, and more than two ``heavy`` texts do not fit a batch. The parts of
    a stream are the words of a text.
    """

    def forward(self, batch: list[str]) -> list[str]:
        for text in batch:
            if "exits" in text:
                os._exit(3)
            if "segfaults" in text:
                ctypes.string_at(0)
            if "hangs" in text:
                time.sleep(3600)
            if "grips" in text:
                ctypes.PyDLL(None).sleep(3600)
            if "naps" in text:
                time.sleep(0.01)
            if "waits " in text:
                while not os.path.exists(text.partition("waits ")[2]):
                    time.sleep(0.01)
        if sum("heavy" in text for text in batch) > 2:
            raise MemoryError("more than two heavy texts")
        return super().forward(batch)

    def stream(self, item: object, options: object) -> Iterator[str]:
        for word in str(item).split():
            yield self.forward([word])[0]


class FakePlugin(Hooks):
    """A plugin named ``fake``: the models it is given, `EchoModel` as ``fake/echo`` by default, and two adapters."""

    def __init__(self, *models: ModelSpec) -> None:
        self.models = models or (echo_spec(),)

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return self.models

    @hookimpl
    def register_adapters(self) -> Iterable[AdapterSpec]:
        return (THERMOMETER, ECHO_ADAPTER) if all(each.plugin == "fake" for each in self.models) else ()


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


def faulty_spec(**changes: Any) -> ModelSpec:
    """The spec of `FaultyModel`, with fields changed."""
    return echo_spec(loader="duomo.testing.fakes:FaultyModel", **changes)


def fake_catalog(*models: ModelSpec, **plugins: Hooks) -> Catalog:
    """A catalog with no installed plugins: ``fake`` with `models`, and any given by name."""
    return Catalog(Selection(allow=frozenset()), extra={"fake": FakePlugin(*models), **plugins})
