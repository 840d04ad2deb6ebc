"""What the readers of texts share: a tokenizer, one graph, and windows in padded batches of alike length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field
from tokenizers import Encoding, Tokenizer

from duomo import Model, WeightsRef
from duomo.model import Features, In, R
from duomo_edge.artifact import Graph, Settings, check_device, check_names, open_graph, read_settings
from duomo_edge.texts.windows import batches, open_tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray


INPUTS = {"ids": "input_ids", "mask": "attention_mask", "types": "token_type_ids"}
"""As transformers names them."""


class TextSettings(Settings):
    """What readers of texts need."""

    inputs: dict[str, str] = Field(default_factory=lambda: dict(INPUTS))
    """The graph's names for token ids, their mask and the type of each token; those it has not are left out."""
    output: str = ""
    """The graph's output that is read; its first where it is left out."""
    most_tokens: int = 0
    """The length of a window, where ``tokenizer.json`` does not set it."""
    pad_id: int = 0


class TextReader(Model[In, R]):
    """A graph on token ids."""

    kind: ClassVar[type[TextSettings]] = TextSettings
    batch_size = 64
    batch_budget = 2048
    packed = True  # rows of alike length share a pass: hardly anything is padded

    def __init__(self, graph: Graph, tokenizer: Tokenizer, settings: Any) -> None:
        self.graph = graph
        self.tokenizer = tokenizer
        self.settings = settings
        self.output = graph.outputs.index(settings.output) if settings.output else 0
        self.configure()

    def configure(self) -> None:
        """Take from the settings what else this reader needs; raise where it is not there."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: object, dtype: object) -> Self:
        """Open the artefact, in its own precision. Raises `WeightsProblem` where it is not whole."""
        del dtype
        check_device(device)
        settings = read_settings(weights, cls.kind)
        graph = open_graph(weights, settings)
        check_names(graph, weights.folder, [settings.inputs["ids"]])
        return cls(graph, open_tokenizer(weights, settings.most_tokens), settings)

    @staticmethod
    def estimate(item: Any) -> int:
        return 1 + len(item) // 5

    def collate(self, features: list[Features]) -> Any:
        return [window for each in features for window in each["encodings"]]

    def run(self, rows: Sequence[Encoding]) -> list[NDArray[np.float32]]:
        """What the graph gives for each row, without padding where it gives one vector a token."""
        found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(rows)
        for places, batch in batches(rows):
            if self.settings.pad_id:
                batch["ids"][batch["mask"] == 0] = self.settings.pad_id
            names = self.settings.inputs
            given = {names[key]: each for key, each in batch.items() if names.get(key) in self.graph.inputs}
            for place, values in zip(places, self.graph(given)[self.output], strict=True):
                # A copy: a view would keep the whole batch.
                found[place] = np.array(values[: len(rows[place])] if values.ndim == 2 else values, np.float32)
        return found
