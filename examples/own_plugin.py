"""A plugin of one's own in this process: a model, and a hook that sees every run."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

from duomo import Catalog, Hooks, Model, ModelSpec, RunContext, Text, WeightsRef, hookimpl, load
from duomo.tasks.results import Classification


class Shouting(Model[Text, Classification]):
    """The share of capitals among the letters; batch and tensors could not be simpler."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: Any, dtype: Any) -> Self:
        return cls()

    def preprocess(self, items: Sequence[Text], options: Any) -> list[dict[str, Any]]:
        return [{"share": sum(map(str.isupper, item)) / max(1, sum(map(str.isalpha, item)))} for item in items]

    def forward(self, batch: dict[str, Any]) -> list[float]:
        return batch["share"]

    def postprocess(self, output: list[float], features: Any, options: Any) -> list[Classification]:
        return [Classification.ranked(["loud", "calm"], [share, 1 - share], options.top_k) for share in output]


class House(Hooks):
    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        yield ModelSpec("house/shouting", "text-classification", "__main__:Shouting", "loud?", "MIT", weights="none")

    @hookimpl
    def after_run(self, ctx: RunContext) -> None:
        print(f"audit: {ctx.model} did {ctx.num_ok} item(s)")


with load("text-classification", "house/shouting", catalog=Catalog(extra={"house": House()})) as listen:
    print([outcome.unwrap().top.name for outcome in listen.map(["HELLO THERE", "hello there"])])
