"""Words that were hidden: any transformers encoder with a head for masked language modelling (Devlin et al. 2019).

Of each row 15 % of the tokens are asked for, at least one: 80 % of them read a mask, 10 % another token, 10 % stay.
Which they are is drawn again for each row and epoch; held-out rows are asked for the same ones each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor
from transformers import AutoModelForMaskedLM

from duomo import Text, WeightsRef
from duomo.errors import WeightsProblem
from duomo.model import Features
from duomo.training import IGNORED, Losses, token_cross_entropy
from duomo_nlp.encoders import windows
from duomo_nlp.encoders.heads import hidden_states
from duomo_nlp.encoders.rows import Rows, batches, by_token, pack
from duomo_nlp.filling import HEADS
from duomo_nlp.training.encoders import EncoderTrainer
from duomo_nlp.training.scratch import SIZES, Size, bert, blocks, new_tokenizer

SHARE = 0.15
MASKED, REPLACED = 0.8, 0.9
"""Draws below the first read a mask, those below the second another token."""


class Batch(NamedTuple):
    """Rows with hidden tokens, and what they were."""

    parts: list[Rows]
    wanted: list[Tensor]
    """For each part (N,), in the order of the input: the token, or `IGNORED`."""
    lengths: list[int]


class Asked(NamedTuple):
    """What the network says of the tokens that are asked for."""

    logits: Tensor
    """(M, vocabulary)."""
    wanted: Tensor
    """(M,)."""
    counts: list[int]
    """How many of them each row has."""


class Masked(EncoderTrainer[Text]):
    """Cross-entropy over the vocabulary, for the tokens that are asked for."""

    kind = "none"
    auto = AutoModelForMaskedLM
    scratch: ClassVar[Mapping[str, Mapping[str, object]]] = {"bert": SIZES}
    block = 0
    """Tokens of a row in pre-training; 0 where each text is a row."""

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        model = super().open(weights, labels=labels, device=device, dtype=dtype)
        number = model.tokenizer.token_to_id(str(model.wrapper.mask_token))
        if number is None:
            raise WeightsProblem(
                f"the tokenizer of '{weights.folder}' has no mask token",
                why="it hides the words that are to be learned", fix="use a checkpoint with a mask_token",
            )  # fmt: skip
        model.mask_id = number
        return model

    @classmethod
    def build(
        cls, architecture: str, size: object, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype
    ) -> Self:
        del architecture, labels
        assert isinstance(size, Size)
        auto: Any = cls.auto
        network = auto.from_config(bert(size), dtype=dtype).to(device)
        wrapper = new_tokenizer("", size, is_bert=True)
        model = cls(network, wrapper, wrapper.backend_tokenizer, ())
        model.has_new_head, model.block, model.size = True, size.block, size
        return model

    mask_id: int
    size: Size

    def fit_statistics(self, items: Sequence[Text], labels: Sequence[Any]) -> None:
        """Learn the tokenizer of a network that starts from random numbers."""
        if self.block:
            self.wrapper = new_tokenizer(items, self.size, is_bert=True)
            self.tokenizer = self.wrapper.backend_tokenizer
            self.mask_id = self._number("[MASK]")

    @property
    def regroups(self) -> bool:
        return self.block > 0

    def preprocess(self, items: Sequence[Text], options: Any) -> list[Features]:
        if self.block:
            return [{"ids": each.ids} for each in self.tokenizer.encode_batch(items, add_special_tokens=False)]
        read = windows.read(self.tokenizer, items, "truncate")
        return [
            {
                **self._asked(each[0].ids, each[0].special_tokens_mask),
                "truncated": bool(each[0].overflowing),
                "unknown": self.is_unknown(each[0]),
            }
            for each in read
        ]

    def regroup(self, features: Sequence[Features]) -> list[tuple[int, Features]]:
        """Blocks of one length, [CLS] and [SEP] around each; texts are parted by [SEP]."""
        first, last = self._number("[CLS]"), self._number("[SEP]")
        found = []
        for place, ids in blocks([each["ids"] for each in features], self.block - 2, last):
            special = [1, *(int(token == last) for token in ids), 1]
            if not all(special):
                found.append((place, self._asked([first, *ids, last], special)))
        return found

    def vary(self, features: Features, draw: torch.Generator) -> Features:
        return {**features, **self._hide(features["plain"], features["special"], draw)}

    def collate(self, features: list[Features]) -> Batch:  # type: ignore[override]
        parts = pack([each["ids"] for each in features])
        flat = torch.cat([each["wanted"] for each in features])
        sizes = [part.ids.shape[1] for part in parts]
        return Batch(parts, list(torch.split(flat, sizes)), [len(each["ids"]) for each in features])

    def logits(self, batch: Batch) -> Asked:
        found = []
        for rows, wanted in zip(batch.parts, batch.wanted, strict=True):
            asked = wanted != IGNORED
            if self.is_packed and self.network.config.model_type in HEADS:
                states = by_token(hidden_states(self.base, rows), rows)[asked]
                found.append(HEADS[self.network.config.model_type](self.network, states))
            else:
                logits = torch.cat([self.network(**each).logits.flatten(0, 1) for each in batches(rows)])
                found.append(by_token(logits, rows)[asked])
        every = torch.cat(batch.wanted)
        counts = [int((row != IGNORED).sum()) for row in torch.split(every, batch.lengths)]
        return Asked(torch.cat(found), every[every != IGNORED], counts)

    def losses(self, output: Asked, targets: Sequence[Any]) -> Losses:
        return token_cross_entropy(output.logits, torch.split(output.wanted, output.counts))

    def targets(self, labels: Sequence[Any], features: Sequence[Features]) -> list[None]:
        return [None for _ in labels]

    def has_trunk(self, upper: int) -> bool:
        return False

    def _number(self, token: str) -> int:
        number: int | None = self.tokenizer.token_to_id(token)
        assert number is not None
        return number

    def _asked(self, ids: list[int], special: list[int]) -> Features:
        """A row with the tokens hidden that its own content says."""
        draw = torch.Generator().manual_seed(hash(tuple(ids)) & (2**63 - 1))  # of whole numbers: the same everywhere
        return {"plain": ids, "special": special, **self._hide(ids, special, draw)}

    def _hide(self, ids: list[int], special: list[int], draw: torch.Generator) -> Features:
        plain, words = torch.tensor(ids), torch.tensor(special) == 0
        ranks = torch.rand(len(ids), generator=draw).masked_fill(~words, 2.0).argsort()
        some = ranks[: min(int(words.sum()), max(1, round(SHARE * int(words.sum()))))]
        how = torch.rand(len(some), generator=draw)
        others = torch.randint(self.tokenizer.get_vocab_size(), (len(some),), generator=draw)
        shown, wanted = plain.clone(), torch.full_like(plain, IGNORED)
        wanted[some] = plain[some]
        shown[some] = torch.where(how < MASKED, self.mask_id, torch.where(how < REPLACED, others, plain[some]))
        return {"ids": shown.tolist(), "wanted": wanted}
