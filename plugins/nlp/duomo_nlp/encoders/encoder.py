"""What every encoder of texts shares: loading, plans for several devices, cost, and the bounds of a batch.

A family adds what is its own: `preprocess` (texts to windows of tokens), `forward` and `postprocess`.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import torch
from tokenizers import Encoding, Tokenizer

from duomo import Model, WeightsRef
from duomo.model import Features, In, R
from duomo.pretrained import Network
from duomo.vocabulary import refuse_rowless
from duomo_nlp import parallel
from duomo_nlp.checkpoint import load_network, load_tokenizer, max_tokens, set_ends
from duomo_nlp.encoders import heads
from duomo_nlp.encoders.rows import BUDGET, Rows, pack

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Types = Literal["never", "pairs", "always"]
"""When a network is given the type of each token: which text of a pair it belongs to, or what its tokenizer says."""


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

    def __init__(self, network: Network, tokenizer: Tokenizer, limit: int, types: Types, weights: WeightsRef) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.limit = limit
        self.types = types
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
    def auto_of(cls, weights: WeightsRef) -> Any:
        """Choose the class that builds this checkpoint's network; `auto`, unless a family knows better."""
        del weights
        return cls.auto

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and tokenizer, whole.

        Raises:
            WrongTask: the checkpoint was trained for something else.
            WeightsProblem: it is damaged, incomplete, or says something that cannot be honoured.
        """
        cls.check(weights)
        network = load_network(cls.auto_of(weights), weights, device, dtype, unused=cls.unused)
        wrapper, tokenizer = load_tokenizer(weights)
        set_ends(weights, wrapper, tokenizer)
        refuse_rowless(network, wrapper)
        limit = max_tokens(network, wrapper, weights)
        tokenizer.enable_truncation(
            limit,
            stride=limit // cls.overlap if cls.overlap else 0,
            strategy=cls.cuts,
            direction=wrapper.truncation_side,
        )
        return cls(network, tokenizer, limit, types_of(network, wrapper, tokenizer), weights)

    tensor_plan = staticmethod(parallel.tensor_plan)
    pipeline_split = staticmethod(parallel.pipeline_split)

    @staticmethod
    def estimate(item: Sequence[Any]) -> int:
        return 1 + len(item) // 5

    def collate(self, features: list[Features]) -> Any:
        """All windows end to end."""
        return self.pack([window for each in features for window in each["encodings"]])

    def pack(self, windows: Sequence[Encoding], pairs: bool = False) -> list[Rows]:
        """Lay windows end to end; those of pairs with the type of each token, where the network reads it."""
        read = self.types == "always" or (pairs and self.types == "pairs")
        types = [window.type_ids for window in windows] if read else None
        return pack([window.ids for window in windows], types)


def types_of(network: PreTrainedModel, wrapper: PreTrainedTokenizerBase, tokenizer: Tokenizer) -> Types:
    """When the checkpoint's own tokenizer and network use token types."""
    size = getattr(network.config, "type_vocab_size", None)
    if "token_type_ids" not in wrapper.model_input_names or (size is not None and size < 2):
        return "never"
    if "token_type_ids" not in inspect.signature(network.forward).parameters:
        return "never"
    # Networks with a table of types take zeros where nothing is given; others, such as XLNet, do something else then.
    takes_zeros = size is not None
    return "pairs" if takes_zeros and not any(tokenizer.encode("a").type_ids) else "always"
