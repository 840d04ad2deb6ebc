"""What all encoders share in training: a network and its tokenizer opened and saved, packed rows, the frozen trunk.

Attention runs packed under autograd as it does in inference, so that no padding is computed and the order of the rows
stays random. Dropout is that of the checkpoint's config, inside attention too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor
from transformers import AutoModel, PreTrainedTokenizerBase

from duomo import WeightsRef, pretrained
from duomo.model import Features
from duomo.training import Parts, Trainable
from duomo.vocabulary import refuse_rowless
from duomo_nlp import parallel
from duomo_nlp.checkpoint import check_language, load_tokenizer, max_tokens, mostly_unknown
from duomo_nlp.encoders import heads, packed
from duomo_nlp.encoders.encoder import types_of
from duomo_nlp.encoders.heads import NO_PADDING, hidden_states
from duomo_nlp.encoders.rows import Groups, Rows, by_token, pack

if TYPE_CHECKING:
    from duomo.pretrained import Network

In = TypeVar("In")
BUDGET = 4096
"""Tokens of a micro-batch: what autograd keeps of BERT is 24 × width × 4 bytes for each token and layer."""


class EncoderTrainer(Trainable[In]):
    """An encoder with a head."""

    auto: ClassVar[Any]
    """The Auto class of the network with its head."""
    numbers: ClassVar[int] = 0
    """Numbers that the head gives where there are no labels."""
    cuts: ClassVar[str] = "longest_first"
    """Which text of a pair is cut, as tokenizers names it."""
    batch_budget = BUDGET
    packed = True

    network: Any
    look: Callable[[Sequence[int]], None] | None = None
    """Raises for a token that the network has no vector for."""

    def __init__(
        self, network: Network, wrapper: PreTrainedTokenizerBase, tokenizer: Tokenizer, labels: Sequence[str]
    ) -> None:
        self.network = network
        self.wrapper = wrapper
        self.tokenizer = tokenizer
        self.labels = list(labels)
        self.base: Any = network.base_model
        heads.adjust(network)
        self.is_packed = packed.enable(self.base)
        self.types = types_of(network, wrapper, tokenizer)

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        network, is_new = open_network(cls.auto, weights, labels, dtype, numbers=cls.numbers)
        check_language(network)
        notes = cls.settle(network) if labels else []
        network = network.to(device)
        if cls.numbers == 1:
            network.config.problem_type = "regression"
        wrapper, tokenizer = load_tokenizer(weights)
        look = refuse_rowless(network, wrapper)
        model = cls(network, wrapper, tokenizer, pretrained.labels_of(network.config) if labels else [])
        model.look = look
        model.has_new_head, model.notes = is_new, notes
        model.cut_to(max_tokens(network, wrapper, weights))
        return model

    @staticmethod
    def settle(network: Network) -> list[str]:
        """Have a network with labels say what is learned; a note for a person where it said something else."""
        return pretrained.say_one_label(network)

    def cut_to(self, limit: int) -> None:
        """Let the tokenizer cut texts to `limit` tokens."""
        self.tokenizer.enable_truncation(limit, strategy=self.cuts)

    def parts(self) -> Parts:
        """The head is all that stands beside or on the encoder."""
        prefix = self.network.base_model_prefix
        head = [name for name, _ in self.network.named_children() if name != prefix]
        if getattr(self.base, "pooler", None) is not None:
            head.insert(0, f"{prefix}.pooler")
        split = parallel.pipeline_split(self.network.config)
        return Parts(tuple(head), f"{prefix}.{split.layers}" if split else "")

    def check_row(self, features: Features) -> None:
        if self.look is not None:
            self.look(features["ids"])

    def is_unknown(self, encoding: Encoding) -> bool:
        """Whether more than half of the tokens of a row, special ones not counted, are unknown to the tokenizer."""
        return mostly_unknown(encoding, self.wrapper.unk_token_id)

    def cost(self, features: Features) -> int:
        """Tokens."""
        return len(features["ids"])

    def collate(self, features: list[Features]) -> list[Rows]:
        is_read = "types" in features[0] and self.types != "never"
        types = [each["types"] for each in features] if is_read else None
        return pack([each["ids"] for each in features], types)

    def save(self, folder: Path) -> None:
        """Write the folder; tokenizer and padding as the checkpoint has them, not as `open` set them to train."""
        config, cut = self.network.config, self.tokenizer.truncation
        pad = getattr(config, "pad_token_id", None)
        config.pad_token_id = None if pad == NO_PADDING else pad
        self.tokenizer.no_truncation()
        with pretrained.quiet():
            self.network.save_pretrained(folder)
            self.wrapper.save_pretrained(folder)
        config.pad_token_id = pad
        if cut is not None:
            self.tokenizer.enable_truncation(**cut)

    def has_trunk(self, upper: int) -> bool:
        return self.is_packed and (upper == 0 or self.network.config.model_type in packed.LIKE_BERT)

    def features(self, batch: list[Rows], upper: int) -> list[Tensor]:
        """Hidden states of each row's tokens (L, H), from below the `upper` highest layers."""
        flat: list[Tensor] = []
        for rows in batch:
            states = below(self.base, upper, rows)
            lengths = [length for count, length in rows.groups for _ in range(count)]
            ordered = by_token(states, rows)
            flat += torch.split(ordered, [lengths[at] for at in rows.back.tolist()])
        return flat


def open_network(
    auto: Any, weights: WeightsRef, labels: Sequence[str], dtype: torch.dtype, *, numbers: int = 0
) -> tuple[Any, bool]:
    """The network with a head for `labels`, and whether it is new: the checkpoint's own where it knows them all.

    Without labels the head gives `numbers`, as many as the network likes if 0. The encoder is whole or
    `WeightsMismatch` is raised; a pooler that the checkpoint lacks is new.
    """
    config = pretrained.load_config(weights.folder)
    names = {} if config is None else config.id2label
    fits = set(labels) <= set(names.values()) if labels else not numbers or len(names) == numbers
    if _has_head(auto, weights) and fits:
        return pretrained.load_network(auto, weights, dtype=dtype), False
    base = pretrained.load_network(AutoModel, weights, dtype=dtype, may_miss=("pooler.",))
    config = pretrained.config_for(weights, labels, **({"num_labels": numbers} if numbers else {}))
    with pretrained.quiet():
        network = auto.from_config(config, dtype=dtype)
    network.base_model.load_state_dict(base.state_dict(), strict=False)
    return network, True


def _has_head(auto: type[Any], weights: WeightsRef) -> bool:
    suffix = auto.__name__.removeprefix("AutoModel")
    return any(name.endswith(suffix) for name in weights.config().get("architectures") or ())


def below(base: Network, upper: int, rows: Rows) -> Tensor:
    """Hidden states (N, H) from below the `upper` highest layers of an encoder, in the order of the groups."""
    if not upper:
        return hidden_states(base, rows)
    stack = base.encoder.layer
    base.encoder.layer = stack[: len(stack) - upper]
    try:
        return hidden_states(base, rows)
    finally:
        base.encoder.layer = stack


def above(base: Network, features: Sequence[Tensor], upper: int, *, first_only: bool) -> tuple[Tensor, list[int]]:
    """Run the `upper` highest layers of a BERT on hidden states of rows, (L, H) each.

    Returns:
        States of all tokens (N, H), or of the first of each row (R, H), sorted by length; and for each row its place
        among the sorted.
    """
    order = sorted(range(len(features)), key=lambda at: len(features[at]))
    hidden = torch.cat([features[at] for at in order])[None]
    groups = groups_of([len(features[at]) for at in order])
    for layer in base.encoder.layer[len(base.encoder.layer) - upper :]:
        is_last = layer is base.encoder.layer[-1]
        hidden = layer(hidden, None, groups=groups, **({"first_only": first_only} if is_last else {}))
    return hidden[0], sorted(range(len(order)), key=order.__getitem__)


def groups_of(lengths: Sequence[int]) -> Groups:
    """(C, L) of each group of equal lengths, from lengths in rising order."""
    found: list[tuple[int, int]] = []
    for length in lengths:
        if found and found[-1][1] == length:
            found[-1] = (found[-1][0] + 1, length)
        else:
            found.append((1, length))
    return tuple(found)
