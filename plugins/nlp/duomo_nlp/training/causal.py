"""The next token: any transformers decoder, fine-tuned on texts and chats, or trained from random numbers.

Rows are padded on the right, where a decoder cannot see it; padding has no loss. From random numbers, texts are joined
and cut into blocks of one length, so that nothing is padded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, PreTrainedTokenizerBase

from duomo import Prompt, WeightsRef, pretrained
from duomo.errors import BadInput
from duomo.model import Features
from duomo.training import IGNORED, Losses, Parts, Trainable
from duomo.vocabulary import refuse_rowless
from duomo_nlp import parallel
from duomo_nlp.checkpoint import load_network, load_tokenizer, max_tokens, mostly_unknown
from duomo_nlp.training.scratch import SIZES, Size, blocks, decoder, new_tokenizer

BUDGET = 4096
"""Tokens of a micro-batch."""


class Batch(NamedTuple):
    """Rows of tokens."""

    ids: Tensor
    """(B, L), padded with zeros."""
    wanted: Tensor
    """(B, L), `IGNORED` for padding, and for what is no answer where answers alone are learned."""


class Output(NamedTuple):
    """What the network says."""

    logits: Tensor
    """(B, L, vocabulary)."""
    wanted: Tensor


class Causal(Trainable[Prompt]):
    """Cross-entropy over the vocabulary, for every token but the first."""

    kind = "none"
    batch_budget = BUDGET
    marks_answers = True
    scratch: ClassVar[Mapping[str, Mapping[str, object]]] = dict.fromkeys(("llama", "gpt2"), SIZES)
    network: Any
    size: Size
    look: Callable[[Sequence[int]], None] | None = None
    """Raises for a token that the network has no vector for."""
    block = 0
    """Tokens of a row in pre-training; 0 where each text is a row."""

    def __init__(self, network: Any, wrapper: PreTrainedTokenizerBase, tokenizer: Tokenizer, limit: int) -> None:
        self.network, self.wrapper, self.tokenizer, self.limit = network, wrapper, tokenizer, limit

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        del labels
        network = load_network(AutoModelForCausalLM, weights, device, dtype)
        wrapper, tokenizer = load_tokenizer(weights)
        look = refuse_rowless(network, wrapper)
        model = cls(network, wrapper, tokenizer, max_tokens(network, wrapper, weights))
        model.look = look
        return model

    @classmethod
    def build(
        cls, architecture: str, size: object, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype
    ) -> Self:
        del labels
        assert isinstance(size, Size)
        auto: Any = AutoModelForCausalLM
        network = auto.from_config(decoder(architecture, size), dtype=dtype)
        wrapper = new_tokenizer((), size, is_bert=False)
        model = cls(network.to(device), wrapper, wrapper.backend_tokenizer, size.block)
        model.has_new_head, model.block, model.size = True, size.block, size
        return model

    def check_row(self, features: Features) -> None:
        if self.look is not None:
            self.look(features["ids"])

    def fit_statistics(self, items: Sequence[Prompt], labels: Sequence[Any]) -> None:
        """Learn the tokenizer of a network that starts from random numbers."""
        if self.block:
            self.wrapper = new_tokenizer([self._text(each) for each in items], self.size, is_bert=False)
            self.tokenizer = self.wrapper.backend_tokenizer

    @property
    def regroups(self) -> bool:
        return self.block > 0

    def parts(self) -> Parts:
        split, prefix = parallel.pipeline_split(self.network.config), self.network.base_model_prefix
        head = [name for name, _ in self.network.named_children() if name != prefix]
        return Parts(tuple(head), f"{prefix}.{split.layers}" if split else "")

    def preprocess(self, items: Sequence[Prompt], options: Any) -> list[Features]:
        found: list[Features] = []
        for item in items:
            # A chat template writes the special tokens itself.
            has_special = not item.text and bool(self.wrapper.chat_template)
            encoding = self.tokenizer.encode(self._text(item), add_special_tokens=not has_special)
            ids: list[int] = encoding.ids
            end = self.wrapper.eos_token_id
            # Its end, too, maybe before a line break; the first token may be the same one.
            is_ended = ids[-1:] == [end] or (has_special and end in ids[1:])
            if not self.block and end is not None and not is_ended:
                ids = [*ids, end]
            is_long = not self.block and len(ids) > self.limit
            is_unknown = mostly_unknown(encoding, self.wrapper.unk_token_id)
            ids = ids[: self.limit] if is_long else ids
            found.append({"ids": ids, "truncated": is_long, "unknown": is_unknown})
            if self.only_answers:
                found[-1]["answers"] = self._answers(item, encoding, len(ids))
        return found

    def regroup(self, features: Sequence[Features]) -> list[tuple[int, Features]]:
        """Blocks of one length; texts are parted by the token of the end."""
        end = self.wrapper.eos_token_id
        return [(at, {"ids": ids}) for at, ids in blocks([each["ids"] for each in features], self.block, end)]

    def targets(self, labels: Sequence[Any], features: Sequence[Features]) -> list[None]:
        return [None for _ in labels]

    def cost(self, features: Features) -> int:
        """Tokens."""
        return len(features["ids"])

    def collate(self, features: list[Features]) -> Batch:
        longest = max(len(each["ids"]) for each in features)
        ids = torch.zeros(len(features), longest, dtype=torch.long)
        wanted = torch.full_like(ids, IGNORED)
        for row, each in enumerate(features):
            size = len(each["ids"])
            ids[row, :size] = torch.tensor(each["ids"])
            learned = torch.tensor(each.get("answers", [True] * size))
            wanted[row, :size] = ids[row, :size].where(learned, IGNORED)
        return Batch(ids, wanted)

    def logits(self, batch: Batch) -> Output:
        return Output(self.network(input_ids=batch.ids, use_cache=False).logits, batch.wanted)

    def losses(self, output: Output, targets: Sequence[Any]) -> Losses:
        logits, wanted = output.logits[:, :-1].float(), output.wanted[:, 1:]
        each = cross_entropy(logits.transpose(1, 2), wanted, reduction="none", ignore_index=IGNORED)
        return Losses(each.sum(1), (wanted != IGNORED).float().sum(1))

    def save(self, folder: Path) -> None:
        with pretrained.quiet():
            self.network.save_pretrained(folder)
            self.wrapper.save_pretrained(folder)

    def _answers(self, item: Prompt, encoding: Encoding, size: int) -> list[bool]:
        """Which of `size` tokens have a character of the assistant's messages, or of the sign of their end."""
        spans = self._spans(item)
        marks = [any(first < end and start < last for first, last in spans) for start, end in encoding.offsets]
        # The token of the end that was added belongs to what it ends.
        marks += [item.messages[-1]["role"] == "assistant"] * (size - len(marks))
        if not any(marks[1:size]):  # nothing goes before the first
            why = "its answers lie behind what the model reads" if any(marks) else "no message is the assistant's"
            raise BadInput("this row has no answer to learn", why=why, fix="leave it out, or only_answers=False")
        return marks[:size]

    def _spans(self, item: Prompt) -> list[tuple[int, int]]:
        """From where to where in the text the messages of the assistant are: behind what asks for them."""
        if item.text or not self.wrapper.chat_template:
            raise BadInput(
                "only_answers needs messages and a chat template",
                why="this row is a text" if item.text else "the checkpoint has no template, so that no role is written",
                fix='a column messages: [{"role": "user", "content": "…"}, …]; or only_answers=False',
            )
        text, spans = self._text(item), []
        for at, message in enumerate(item.messages):
            if message["role"] != "assistant":
                continue
            asked, answered = (self._written(item.messages[:end], asks=end == at) for end in (at, at + 1))
            if not (text.startswith(answered) and answered.startswith(asked)):
                raise BadInput(
                    f"the chat template writes message {at + 1} otherwise when others follow or go before",
                    why="which of its tokens are the answer cannot be told",
                    fix="end the chat with that message, or only_answers=False",
                )
            spans.append((len(asked), len(answered)))
        return spans

    def _text(self, item: Prompt) -> str:
        """The text, or the chat as the checkpoint's template writes it."""
        if item.text:
            return item.text
        if not self.wrapper.chat_template:
            return "\n".join(message["content"] for message in item.messages)
        return self._written(item.messages)

    def _written(self, messages: Sequence[dict[str, str]], *, asks: bool = False) -> str:
        """A chat as the template writes it; `asks` adds what an answer goes on from."""
        return str(self.wrapper.apply_chat_template(list(messages), add_generation_prompt=asks, tokenize=False))
