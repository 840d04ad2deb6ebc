"""Going on from a prompt: one decoding loop for every causal language model, with or without streaming.

    preprocess   chat template → token ids
    collate      groups of alike lengths, padded on the left, so that every row's next token is at the same place
    forward      each group once, then all rows token by token against one key-value cache (`decoders/loop.py`)
    Writer       tokens of one row → text that only grows (`decoders/writing.py`)

The text equals that of ``generate`` of transformers with the checkpoint's own generation config, for each prompt
alone; sampling draws on the CPU, one generator a row, so that a seed gives the same text in any batch and on any
device.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

import torch
from jinja2 import TemplateError
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from duomo import Model, Prompt, WeightsRef
from duomo.errors import BadInput, BadOption, InputTooLong
from duomo.generating import check_top_p
from duomo.model import Features
from duomo.tasks.nlp.generation import Generation, TextChunk, TextGenerationOptions
from duomo.vocabulary import refuse_rowless
from duomo_nlp import parallel
from duomo_nlp.checkpoint import load_network, load_tokenizer, max_tokens
from duomo_nlp.decoders import loop
from duomo_nlp.decoders.loop import AT_ONCE, TOKENS_AT_ONCE, Group, Row, pad_left
from duomo_nlp.decoders.reading import Reader
from duomo_nlp.decoders.settings import Settings
from duomo_nlp.decoders.writing import Writer, marks_of

PADDING_CPU = 32
PADDING_GPU = 4096
"""Padding worth another pass over the prompts, in tokens: about what starting one costs."""


class Batch(NamedTuple):
    """Prompts sorted by length."""

    groups: list[Group]
    order: list[int]
    """Which prompt each row is, over all groups."""
    prompts: list[list[int]]
    """Token ids, in the order of the items."""
    budgets: list[int]
    """The most tokens each prompt may be given."""
    options: TextGenerationOptions

    def to(self, device: torch.device, *, non_blocking: bool = False) -> Batch:
        """The same on another device."""
        groups = [Group(*(each.to(device, non_blocking=non_blocking) for each in group)) for group in self.groups]
        return self._replace(groups=groups)


class CausalLM(Model[Prompt, Generation]):
    """A decoder-only language model."""

    batch_size = 4 * AT_ONCE
    batch_budget = 4 * TOKENS_AT_ONCE
    # Prompts of unlike lengths are read in groups, and written to together: a batch costs the sum of its items.
    packed = True

    def __init__(
        self, network: PreTrainedModel, wrapper: PreTrainedTokenizerBase, fast: Tokenizer, context: int
    ) -> None:
        self.network = network
        self.device = network.device
        self.wrapper = wrapper
        self.tokenizer = fast
        self.context = context
        config: Any = network.generation_config
        ends = {each for each in (*_as_list(config.eos_token_id), wrapper.eos_token_id) if each is not None}
        self.ends = frozenset(ends)
        self.settings = Settings(config, self.ends, wrapper, network.name_or_path)
        self.reader = Reader(network)
        worth = PADDING_CPU if self.device.type == "cpu" else PADDING_GPU
        self._padding = 0 if not self.reader.pads else worth if self.reader.joins else math.inf
        self._begin = _as_list(config.bos_token_id)[:1]

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        network = load_network(AutoModelForCausalLM, weights, device, dtype)
        wrapper, fast = load_tokenizer(weights)
        refuse_rowless(network, wrapper)
        return cls(network, wrapper, fast, max_tokens(network, wrapper, weights))

    tensor_plan = staticmethod(parallel.tensor_plan)
    pipeline_split = staticmethod(parallel.pipeline_split)

    @staticmethod
    def estimate(item: Prompt) -> int:
        return 1 + sum(len(message["content"]) for message in item.messages) // 5

    def check_options(self, options: TextGenerationOptions) -> None:
        """Refuse a chat without a template, and a choice among tokens where the likeliest is taken."""
        if options.chat and not self.wrapper.chat_template:
            raise BadOption("option 'chat' cannot be True", why="this model has no chat template", fix="leave it out")
        check_top_p(options.top_p, self.settings.temperature(options) > 0)

    def preprocess(self, items: Sequence[Prompt], options: TextGenerationOptions) -> list[Features]:
        chat = bool(self.wrapper.chat_template) if options.chat is None else options.chat
        texts = [self._render(item, chat) for item in items]
        # A chat template writes the special tokens itself.
        encodings = self.tokenizer.encode_batch_fast(texts, add_special_tokens=not chat)
        return [
            self._fit(each.ids or self._beginning(), item.max_new_tokens, options)
            for each, item in zip(encodings, items, strict=True)
        ]

    def collate(self, features: list[Features]) -> Batch:
        prompts: list[list[int]] = [each["ids"] for each in features]
        order = sorted(range(len(features)), key=lambda at: len(prompts[at]))
        groups = [pad_left([prompts[at] for at in some]) for some in self._alike(order, [*map(len, prompts)])]
        options = features[0]["options"]
        budgets = [min(each["budget"], self.context - len(each["ids"])) for each in features]
        return Batch(groups, order, prompts, budgets, options)

    def forward(self, batch: Batch) -> list[Row]:
        """One finished row a prompt."""
        rows = self._rows(batch)
        for _ in self._steps(batch, rows):
            pass
        return rows

    def postprocess(
        self, output: list[Row], features: list[Features], options: TextGenerationOptions
    ) -> list[Generation]:
        for row in output:
            if row.error is not None:
                raise row.error
        return [
            Generation.model_construct(
                text=row.writer.text,
                finish_reason=row.writer.finish_reason,
                num_prompt_tokens=len(each["ids"]),
                num_new_tokens=row.writer.num_tokens,
            )
            for row, each in zip(output, features, strict=True)
        ]

    def stream(self, item: Prompt, options: TextGenerationOptions) -> Iterator[TextChunk]:
        features = self.preprocess([item], options)
        batch = self.collate(features).to(self.device)
        [row] = rows = self._rows(batch)
        sent = 0
        for _ in self._steps(batch, rows):
            if row.error is not None:
                raise row.error
            text, reason = row.writer.text, row.writer.finish_reason
            if len(text) > sent or reason is not None:
                ends = reason is not None
                yield TextChunk.model_construct(
                    text=text[sent:],
                    finish_reason=reason,
                    num_prompt_tokens=len(features[0]["ids"]) if ends else None,
                    num_new_tokens=row.writer.num_tokens if ends else None,
                )
                sent = len(text)

    def _render(self, prompt: Prompt, chat: bool) -> str:
        if not chat:
            if not prompt.text:
                raise BadInput(
                    "a list of messages needs a chat template",
                    why="this model has none, or chat=False was asked for",
                    fix="pass a str; or use a model that was tuned for chat",
                )
            return prompt.text
        try:
            text = self.wrapper.apply_chat_template(list(prompt.messages), add_generation_prompt=True, tokenize=False)
        except TemplateError as error:
            raise BadInput(
                "the model's chat template refuses these messages", why=str(error), fix="user and assistant take turns"
            ) from None
        return str(text)

    def _fit(self, ids: list[int], own: int | None, options: TextGenerationOptions) -> Features:
        """The prompt with room for at least one token; under ``truncate`` its end, with room for all."""
        budget = self.settings.max_new_tokens(options, len(ids))
        budget = min(own or budget, budget)
        if len(ids) < self.context:
            return {"ids": ids, "budget": budget, "options": options}
        if options.long == "error":
            raise InputTooLong(
                f"this prompt has {len(ids):,} tokens and the model reads {self.context:,} with its answer",
                why="cutting it silently would lose its beginning",
                fix="shorten it, or long=truncate to keep its end",
            )
        room = max(1, self.context - budget)
        return {"ids": ids[-room:], "budget": budget, "options": options, "truncated": True}

    def _beginning(self) -> list[int]:
        """What stands for a prompt without tokens."""
        if self._begin:
            return self._begin
        raise BadInput(
            "this prompt is empty",
            why="the model has no token that a text begins with, so there is nothing to go on from",
            fix="give it at least one word",
        )

    def _alike(self, order: list[int], lengths: list[int]) -> list[list[int]]:
        """Cut prompts in order of length where padding would cost more than another pass, or give other results."""
        groups: list[list[int]] = []
        most = loop.GROUP if self.reader.joins else loop.AT_ONCE
        for at in order:
            last = groups[-1] if groups else []
            padding = sum(lengths[at] - lengths[other] for other in last)
            alike = last and self.reader.is_long(lengths[at]) == self.reader.is_long(lengths[last[0]])
            if alike and padding <= self._padding and len(last) < most:
                last.append(at)
            else:
                groups.append([at])
        return groups

    def _rows(self, batch: Batch) -> list[Row]:
        options, marks = batch.options, marks_of(self.tokenizer, batch.options.stop)
        return [
            Row(
                [*ids],
                Writer(self.tokenizer, self.ends, budget, options.stop, marks),
                _generator(options.seed),
                self.settings.processors(ids, budget),
                self.settings.stops,
            )
            for ids, budget in zip(batch.prompts, batch.budgets, strict=True)
        ]

    def _steps(self, batch: Batch, rows: list[Row]) -> Iterator[None]:
        return loop.write(self.reader, self.settings, batch.groups, [rows[at] for at in batch.order], batch.options)


def _generator(seed: int | None) -> torch.Generator:
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator


def _as_list(value: int | list[int] | None) -> list[int]:
    return value if isinstance(value, list) else [] if value is None else [value]
