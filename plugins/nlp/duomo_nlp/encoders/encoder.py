"""What every encoder of texts shares: loading, plans for several devices, cost, and the bounds of a batch.

A family adds what is its own: `preprocess` (texts to windows of tokens), `forward` and `postprocess`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import torch
from tokenizers import Encoding, Tokenizer

from duomo import Model, WeightsRef
from duomo.errors import WrongTask
from duomo.model import Features, In, R
from duomo.parallel import PipelinePlan, TensorPlan
from duomo_nlp import parallel
from duomo_nlp.checkpoint import load_network, load_tokenizer, max_tokens
from duomo_nlp.encoders import heads
from duomo_nlp.encoders.rows import BUDGET, Rows, pack


class Encoder(Model[In, R]):
    """A transformers encoder with its tokenizer; its features hold ``encodings``, the windows of an item's texts."""

    auto: ClassVar[Any]
    """The Auto class that builds the network."""
    unused: ClassVar[tuple[str, ...]] = ()
    """Prefixes of tensors that are never read, so a checkpoint may lack them."""
    cuts: ClassVar[str] = "longest_first"
    """Which text of a pair is cut into windows, as tokenizers names it."""
    overlap: ClassVar[int] = 0
    """Windows share one token in this many; 0 where they share none."""

    batch_size = 256
    batch_budget = BUDGET
    packed = True

    def __init__(self, network: Any, tokenizer: Tokenizer, limit: int, has_types: bool, weights: WeightsRef) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.limit = limit
        self.has_types = has_types
        self.enable()
        self.configure(weights)

    def enable(self) -> None:
        """Let the network run packed, where its architecture can."""
        heads.enable(self.network)

    def configure(self, weights: WeightsRef) -> None:
        """Take from the network's config and the folder what else this family needs; raise where it is not there."""

    @classmethod
    def check(cls, weights: WeightsRef) -> None:
        """Raise for a checkpoint of another task, before its tensors are read."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and tokenizer, whole.

        Raises:
            WrongTask: the checkpoint was trained for something else.
            WeightsProblem: it is damaged, incomplete, or says something that cannot be honoured.
        """
        cls.check(weights)
        network = load_network(cls.auto, weights, device, dtype, unused=cls.unused)
        wrapper, tokenizer = load_tokenizer(weights)
        limit = max_tokens(network, wrapper, weights)
        tokenizer.enable_truncation(limit, stride=limit // cls.overlap if cls.overlap else 0, strategy=cls.cuts)
        has_types = "token_type_ids" in wrapper.model_input_names and getattr(network.config, "type_vocab_size", 0) > 1
        return cls(network, tokenizer, limit, has_types, weights)

    @classmethod
    def tensor_plan(cls, config: Any) -> TensorPlan | None:
        return parallel.tensor_plan(config)

    @classmethod
    def pipeline_split(cls, config: Any) -> PipelinePlan | None:
        return parallel.pipeline_split(config)

    @staticmethod
    def estimate(item: Any) -> int:
        return 1 + len(item) // 5

    def collate(self, features: list[Features]) -> Any:
        """All windows end to end."""
        return self.pack([window for each in features for window in each["encodings"]])

    def pack(self, windows: Sequence[Encoding], pairs: bool = False) -> list[Rows]:
        """Lay windows end to end; those of pairs with the type of each token, where the network reads it."""
        types = [window.type_ids for window in windows] if pairs and self.has_types else None
        return pack([window.ids for window in windows], types)


def labels_of(config: Any) -> list[str]:
    """The names of a network's labels, in order."""
    return [config.id2label[index] for index in range(config.num_labels)]


def refuse_regression(weights: WeightsRef, config: Any, task: str) -> None:
    """Raise `WrongTask` for a network that was trained to give a number."""
    if config.problem_type == "regression":
        raise WrongTask(
            f"'{weights.folder}' does not do {task}",
            why="it was trained for regression: it gives a number, not labels",
            fix="use a checkpoint that was trained on labels",
        )
