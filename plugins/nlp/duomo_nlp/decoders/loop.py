"""The decoding loop: prompts are read group by group and written to together, token by token, against one cache.

Rows that end leave the cache, and groups that wait are read and join it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.functional import pad

from duomo.errors import BadOutput
from duomo.parallel import from_first_rank
from duomo.tasks.nlp.generation import TextGenerationOptions
from duomo_nlp.decoders.kv_cache import join, keep, trim
from duomo_nlp.decoders.reading import Reader
from duomo_nlp.decoders.settings import Processor, Settings
from duomo_nlp.decoders.writing import Writer

AT_ONCE = 32
"""Rows decoded together; more prompts than that wait for places."""
TOKENS_AT_ONCE = 8192
"""Tokens of prompts and answers in the cache; a row alone may have more."""
GROUP = AT_ONCE // 4
"""Rows of one group, and places that must be free before waiting prompts are let in: joining copies the cache."""
NO_TOKEN = -1
"""Stands for the next token of a row whose scores hold no number to choose by."""


class Group(NamedTuple):
    """Prompts of alike lengths, padded on the left."""

    ids: torch.Tensor
    """(B, L), int64."""
    mask: torch.Tensor
    """(B, L), 0 where padded."""


class Row:
    """One prompt, and the answer to it so far."""

    def __init__(
        self,
        ids: list[int],
        writer: Writer,
        generator: torch.Generator,
        processors: list[Processor],
        ends_with: Processor | None,
    ) -> None:
        self.ids = ids
        self.writer = writer
        self.generator = generator
        self.processors = processors
        self.error: BadOutput | None = None
        self._ends_with = ends_with

    @property
    def is_done(self) -> bool:
        """Whether its last token has come."""
        return self.error is not None or self.writer.finish_reason is not None

    def process(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores (V,) of the next token, changed by what the text so far asks for."""
        ids, row = torch.tensor([self.ids], device=scores.device), scores[None]
        for processor in self.processors:
            row = processor(ids, row)
        return row[0]

    def push(self, token: int) -> None:
        """Take the next token."""
        if token == NO_TOKEN:
            self.error = BadOutput(
                f"the model gave no number to choose token {self.writer.num_tokens + 1} of the answer by",
                why="its scores hold NaN or infinity",
                fix="check the weights; with dtype=float16 or an optimize mode, try float32",
            )
            return
        self.ids.append(token)
        self.writer.push(token)
        if self._ends_with is not None and not self.is_done and self._has_ended():
            self.writer.finish("stop")

    def _has_ended(self) -> bool:
        assert self._ends_with is not None
        return bool(self._ends_with(torch.tensor([self.ids]), torch.empty(0)))


def write(
    reader: Reader, settings: Settings, groups: Sequence[Group], rows: Sequence[Row], options: TextGenerationOptions
) -> Iterator[None]:
    """Decode until every row is done; one step of all rows a yield.

    Args:
        reader: the network.
        settings: of the checkpoint.
        groups: prompts, shorter ones first.
        rows: one for each prompt, in the order of `groups`.
        options: of the caller.
    """
    choose = _Choice(settings, options)
    places = iter(rows)
    waiting = deque((group, [next(places) for _ in group.ids]) for group in groups)
    alive: list[Row] = []
    tokens: list[int] = []
    cache: Any = None
    mask = groups[0].mask[:0]
    while True:
        logits = []
        if alive:
            mask = torch.cat([mask, mask.new_ones(len(alive), 1)], 1)
            logits = [reader.read(torch.tensor(tokens, device=mask.device)[:, None], mask, cache).logits[:, -1]]
        if admitted := _admit(reader, waiting, mask, alive):
            outputs = [reader.read(*group, None) for group, _ in admitted]
            logits += [output.logits[:, -1] for output in outputs]
            caches = [output.past_key_values for output in outputs]
            masks = [group.mask for group, _ in admitted]
            if alive:
                masks.insert(0, trim(cache, mask))
                caches.insert(0, cache)
            cache, mask = join(caches), _right_aligned(masks)
            alive = alive + [row for _, some in admitted for row in some]
        tokens = choose(torch.cat(logits).float(), alive)
        for row, token in zip(alive, tokens, strict=True):
            row.push(token)
        yield
        turned = _turned(reader, alive)
        if turned:
            # Longrope: all keys so far are turned otherwise now, so these rows are read again, as longer prompts.
            waiting.append((pad_left([row.ids for row in turned], mask.device), turned))
        kept = keep([not row.is_done and row not in turned for row in alive])
        if not kept and not waiting:
            return
        if len(kept) < len(alive):
            index = torch.tensor(kept, dtype=torch.long)
            if kept:
                cache.reorder_cache(index)  # every kind of layer has it
            mask = mask[index]
            alive, tokens = [alive[at] for at in kept], [tokens[at] for at in kept]


def pad_left(rows: Sequence[Sequence[int]], device: torch.device | str = "cpu") -> Group:
    """Token ids of one group."""
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + list(row) for row in rows], device=device)
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=device)
    return Group(ids, mask)


def _admit(
    reader: Reader, waiting: deque[tuple[Group, list[Row]]], mask: torch.Tensor, rows: list[Row]
) -> list[tuple[Group, list[Row]]]:
    """The groups that come in now: the next ones, as long as there are places and the cache has room."""
    admitted: list[tuple[Group, list[Row]]] = []
    alive = len(rows)
    if not waiting or (alive and (not reader.joins or AT_ONCE - alive < GROUP)):
        return admitted
    side = reader.is_long(len((rows or waiting[0][1])[0].ids))
    held = int(mask.sum())
    while waiting:
        group, some = waiting[0]
        alive, held = alive + len(some), held + int(group.mask.sum())
        full = alive > AT_ONCE or held > TOKENS_AT_ONCE or not reader.joins
        if (full and (admitted or rows)) or reader.is_long(len(some[0].ids)) != side:
            break
        admitted.append(waiting.popleft())
    return admitted


def _turned(reader: Reader, alive: list[Row]) -> list[Row]:
    """Rows whose last token took them over the length where positions are turned otherwise."""
    if reader.turn is None:
        return []
    return [row for row in alive if not row.is_done and len(row.ids) == reader.turn + 1]


def _right_aligned(masks: list[torch.Tensor]) -> torch.Tensor:
    longest = max(mask.shape[1] for mask in masks)
    return torch.cat([pad(mask, (longest - mask.shape[1], 0)) for mask in masks])


class _Choice:
    """The next token of each row, by one caller's options."""

    def __init__(self, settings: Settings, options: TextGenerationOptions) -> None:
        self.samples = settings.temperature(options) > 0
        self.warpers = settings.warpers(options) if self.samples else []

    def __call__(self, logits: torch.Tensor, rows: Sequence[Row]) -> list[int]:
        """Tokens for scores (B, V); `NO_TOKEN` where they hold NaN or infinity."""
        if any(row.processors for row in rows):
            logits = torch.stack([row.process(each) for row, each in zip(rows, logits, strict=True)])
        best = logits.max(-1)  # NaN and infinity are the greatest of all
        chosen = self._draw(logits.cpu(), rows).to(logits.device) if self.samples else best.indices
        tokens: list[int] = from_first_rank(torch.where(best.values.isfinite(), chosen, NO_TOKEN)).tolist()
        return tokens

    def _draw(self, logits: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
        """Drawn on the CPU, one generator a row: a seed gives the same text in any batch and on any device."""
        nothing = torch.empty(len(rows), 0, dtype=torch.long)
        for warper in self.warpers:
            logits = warper(nothing, logits)
        drawn = [
            torch.multinomial(each, 1, generator=row.generator)
            if bool(each.isfinite().all())
            else each.new_zeros(1).long()
            for row, each in zip(rows, torch.softmax(logits, -1), strict=True)
        ]
        return torch.cat(drawn)
