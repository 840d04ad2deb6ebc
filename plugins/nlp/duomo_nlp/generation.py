"""Going on from a prompt: one decoding loop for every causal language model, with or without streaming.

    preprocess   chat template → token ids
    collate      groups of alike lengths, padded on the left, so that every row's next token is at the same place
    forward      each group once, then all rows token by token against one key-value cache; rows that end leave it,
                 and groups that wait are read and join it
    Writer       tokens of one row → text that only grows (`writing.py`)

Greedy output equals ``generate`` of transformers; sampling draws on the CPU, one generator a row, so
that a seed gives the same text in any batch and on any device.
"""

from __future__ import annotations

import inspect
import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

import torch
from jinja2 import TemplateError
from tokenizers import Tokenizer
from torch.nn.functional import pad
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from duomo import Model, Prompt, WeightsRef
from duomo.errors import BadInput, BadOption, InputTooLong, WrongTask
from duomo.model import Features
from duomo.parallel import PipelinePlan, TensorPlan, from_first_rank
from duomo.tasks.nlp.generation import Generation, TextChunk, TextGenerationOptions
from duomo_nlp import parallel
from duomo_nlp.checkpoint import load_network, load_tokenizer, max_tokens
from duomo_nlp.decoders.kv_cache import can_join, join, keep, trim
from duomo_nlp.decoders.writing import Writer
from duomo_nlp.encoders.packed import AFTER_PADDING

PADDING_CPU = 32
PADDING_GPU = 4096
"""Padding worth another pass over the prompts, in tokens: about what starting one costs."""
AT_ONCE = 32
"""Rows decoded together; more prompts than that wait for places."""
TOKENS_AT_ONCE = 8192
"""Tokens of prompts and answers in the cache; a row alone may have more."""
GROUP = AT_ONCE // 4
"""Rows of one group, and places that must be free before waiting prompts are let in: joining copies the cache."""


class Group(NamedTuple):
    """Prompts of alike lengths, padded on the left."""

    ids: torch.Tensor
    """(B, L), int64."""
    mask: torch.Tensor
    """(B, L), 0 where padded."""


class Batch(NamedTuple):
    """Prompts sorted by length."""

    groups: list[Group]
    order: list[int]
    """Which prompt each row is, over all groups."""
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
        ends = network.generation_config.eos_token_id
        self.ends = frozenset(each for each in (*_as_list(ends), wrapper.eos_token_id) if each is not None)
        known = inspect.signature(network.forward).parameters
        self._extra: dict[str, Any] = {"logits_to_keep": 1} if "logits_to_keep" in known else {}
        self._takes_positions = "position_ids" in known
        self._first = network.config.pad_token_id + 1 if network.config.model_type in AFTER_PADDING else 0
        worth = PADDING_CPU if self.device.type == "cpu" else PADDING_GPU
        self._joins = can_join(network.config)
        self._padding = worth if self._joins else math.inf
        if "past_key_values" not in known:
            raise WrongTask(
                f"{type(network).__name__} cannot be used for text-generation here",
                why="it keeps its state in another form than a key-value cache",
                fix="use a transformer decoder (Llama, Qwen, GPT-2, …)",
            )

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        network = load_network(AutoModelForCausalLM, weights, device, dtype)
        wrapper, fast = load_tokenizer(weights)
        return cls(network, wrapper, fast, max_tokens(network, wrapper, weights))

    @classmethod
    def tensor_plan(cls, config: Any) -> TensorPlan | None:
        return parallel.tensor_plan(config)

    @classmethod
    def pipeline_split(cls, config: Any) -> PipelinePlan | None:
        return parallel.pipeline_split(config)

    @staticmethod
    def estimate(item: Any) -> int:
        return 1 + sum(len(message["content"]) for message in item.messages) // 5

    def preprocess(self, items: Sequence[Prompt], options: Any) -> list[Features]:
        chat = bool(self.wrapper.chat_template) if options.chat is None else options.chat
        texts = [self._render(item, chat) for item in items]
        # A chat template writes the special tokens itself.
        encodings = self.tokenizer.encode_batch_fast(texts, add_special_tokens=not chat)
        budgets = [min(item.max_new_tokens or options.max_new_tokens, options.max_new_tokens) for item in items]
        return [self._fit(each.ids, budget, options) for each, budget in zip(encodings, budgets, strict=True)]

    def collate(self, features: list[Features]) -> Batch:
        lengths = [len(each["ids"]) for each in features]
        order = sorted(range(len(features)), key=lengths.__getitem__)
        groups = [[features[at]["ids"] for at in some] for some in self._alike(order, lengths)]
        options = features[0]["options"]
        budgets = [min(each["budget"], self.context - length) for each, length in zip(features, lengths, strict=True)]
        return Batch([_pad(rows) for rows in groups], order, budgets, options)

    def forward(self, batch: Batch) -> list[Writer]:
        """One finished writer a prompt."""
        writers = self._writers(batch)
        for _ in self._steps(batch, writers):
            pass
        return writers

    def postprocess(self, output: list[Writer], features: list[Features], options: Any) -> list[Generation]:
        return [
            Generation.model_construct(
                text=writer.text,
                finish_reason=writer.finish_reason,
                num_prompt_tokens=len(each["ids"]),
                num_new_tokens=writer.num_tokens,
            )
            for writer, each in zip(output, features, strict=True)
        ]

    def stream(self, item: Prompt, options: Any) -> Iterator[TextChunk]:
        batch = self.collate(self.preprocess([item], options)).to(self.device)
        writers = self._writers(batch)
        sent = 0
        for _ in self._steps(batch, writers):
            text, reason = writers[0].text, writers[0].finish_reason
            if len(text) > sent or reason is not None:
                yield TextChunk.model_construct(text=text[sent:], finish_reason=reason)
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
        if not self.wrapper.chat_template:
            raise BadOption("chat=True, but this model has no chat template", fix="leave chat out")
        try:
            text = self.wrapper.apply_chat_template(list(prompt.messages), add_generation_prompt=True, tokenize=False)
        except TemplateError as error:
            raise BadInput("the model's chat template refuses these messages", why=str(error)) from None
        return str(text)

    def _fit(self, ids: list[int], budget: int, options: TextGenerationOptions) -> Features:
        """The prompt with room for at least one token; under ``truncate`` its end, with room for all."""
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

    def _alike(self, order: list[int], lengths: list[int]) -> list[list[int]]:
        """Cut prompts in order of length where padding would cost more than another pass."""
        groups: list[list[int]] = []
        for at in order:
            last = groups[-1] if groups else []
            padding = sum(lengths[at] - lengths[other] for other in last)
            if last and padding <= self._padding and len(last) < (GROUP if self._joins else AT_ONCE):
                last.append(at)
            else:
                groups.append([at])
        return groups

    def _writers(self, batch: Batch) -> list[Writer]:
        return [Writer(self.tokenizer, self.ends, budget, batch.options.stop) for budget in batch.budgets]

    def _steps(self, batch: Batch, writers: list[Writer]) -> Iterator[None]:
        """Decode until every writer has finished; one step of all rows a yield."""
        options, generators = batch.options, [_generator(batch.options.seed) for _ in writers]
        places = iter(batch.order)
        waiting = deque((group, [next(places) for _ in group.ids]) for group in batch.groups)
        rows: list[int] = []
        tokens: list[int] = []
        cache: Any = None
        mask = batch.groups[0].mask[:0]
        while True:
            logits = []
            if rows:
                mask = torch.cat([mask, mask.new_ones(len(rows), 1)], 1)
                logits = [self._read(torch.tensor(tokens, device=mask.device)[:, None], mask, cache).logits[:, -1]]
            if admitted := self._admit(waiting, mask):
                outputs = [self._read(*group, None) for group, _ in admitted]
                logits += [output.logits[:, -1] for output in outputs]
                caches = [output.past_key_values for output in outputs]
                masks = [group.mask for group, _ in admitted]
                if rows:
                    masks.insert(0, trim(cache, mask))
                    caches.insert(0, cache)
                cache, mask = join(caches), _right_aligned(masks)
                rows = rows + [row for _, some in admitted for row in some]
            tokens = _choose(torch.cat(logits).float(), options, [generators[row] for row in rows])
            for row, token in zip(rows, tokens, strict=True):
                writers[row].push(token)
            yield
            kept = keep([writers[row].finish_reason is None for row in rows])
            if not kept and not waiting:
                return
            if len(kept) < len(rows):
                index = torch.tensor(kept, dtype=torch.long)
                if kept:
                    cache.reorder_cache(index)  # every kind of layer has it
                mask = mask[index]
                rows, tokens = [rows[at] for at in kept], [tokens[at] for at in kept]

    def _admit(self, waiting: deque[tuple[Group, list[int]]], mask: torch.Tensor) -> list[tuple[Group, list[int]]]:
        """The groups that come in now: the next ones, as long as there are places and the cache has room."""
        admitted: list[tuple[Group, list[int]]] = []
        alive = len(mask)
        if not waiting or (alive and (not self._joins or AT_ONCE - alive < GROUP)):
            return admitted
        held = int(mask.sum())
        while waiting:
            group, rows = waiting[0]
            alive, held = alive + len(rows), held + int(group.mask.sum())
            full = alive > AT_ONCE or held > TOKENS_AT_ONCE or not self._joins
            if full and (admitted or len(mask)):
                break
            admitted.append(waiting.popleft())
        return admitted

    def _read(self, ids: torch.Tensor, mask: torch.Tensor, cache: Any) -> Any:
        """The network on the next tokens (B, new), with a mask for all tokens so far (B, L)."""
        inputs: dict[str, Any] = dict(self._extra)
        if not bool(mask.all()):
            inputs["attention_mask"] = mask
            if self._takes_positions:
                inputs["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :] + self._first
        return self.network(input_ids=ids, past_key_values=cache, use_cache=True, **inputs)


def _pad(rows: list[list[int]]) -> Group:
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    return Group(ids, mask)


def _right_aligned(masks: list[torch.Tensor]) -> torch.Tensor:
    longest = max(mask.shape[1] for mask in masks)
    return torch.cat([pad(mask, (longest - mask.shape[1], 0)) for mask in masks])


def _choose(logits: torch.Tensor, options: TextGenerationOptions, generators: list[torch.Generator]) -> list[int]:
    """The next token of each row of (B, vocabulary)."""
    if options.temperature == 0:
        likeliest: list[int] = from_first_rank(logits.argmax(-1)).tolist()
        return likeliest
    probabilities = torch.softmax(logits.cpu() / options.temperature, -1)
    if options.top_p < 1:
        # Nucleus sampling (Holtzman et al. 2020): the fewest likeliest tokens that reach top_p together.
        ordered, order = probabilities.sort(-1, descending=True)
        ordered[ordered.cumsum(-1) - ordered >= options.top_p] = 0
        probabilities = torch.zeros_like(probabilities).scatter(-1, order, ordered)
    drawn = [
        torch.multinomial(row, 1, generator=generator) for row, generator in zip(probabilities, generators, strict=True)
    ]
    tokens: list[int] = from_first_rank(torch.cat(drawn).to(logits.device)).tolist()
    return tokens


def _generator(seed: int | None) -> torch.Generator:
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator


def _as_list(value: int | list[int] | None) -> list[int]:
    return value if isinstance(value, list) else [] if value is None else [value]
