"""A small language model of characters, trained from random numbers: a Transformer to read in one sitting.

A baseline to read and to beat (Vaswani et al. 2017; norms before each part, as in GPT-2). Its vocabulary are the
characters of the training part. Positions are initialised as small as tokens: at a spread of 1 beside 0.02 the network
would learn nothing but how often each character occurs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import pydantic
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from duomo import Model, Prompt, WeightsRef, folders
from duomo.errors import BadInput, BadOption, InputTooLong
from duomo.generating import check_top_p
from duomo.model import Features
from duomo.tasks.nlp.generation import Generation, TextGenerationOptions
from duomo.training import IGNORED, Losses, Trainable

END = "\0"
"""Stands between texts, and for characters that were not in the training part."""
NEW_TOKENS = 128


class Size(NamedTuple):
    """How large a network is."""

    hidden: int
    layers: int
    heads: int
    block: int
    """Characters that it reads."""


class Description(pydantic.BaseModel):
    """What ``duomo.json`` holds."""

    model: Literal["nlp/transformer"] = "nlp/transformer"
    hidden: int = pydantic.Field(gt=0, le=65_536)
    layers: int = pydantic.Field(gt=0, le=1024)
    heads: int = pydantic.Field(gt=0, le=1024)
    block: int = pydantic.Field(gt=0, le=1_048_576)
    characters: str = pydantic.Field(min_length=1)


class Layer(nn.Module):
    """Attention to what came before, and a network for each place, each added to its input."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.norm = nn.LayerNorm(size.hidden)
        self.mixed = nn.Linear(size.hidden, 3 * size.hidden)
        self.out = nn.Linear(size.hidden, size.hidden)
        self.mlp = nn.Sequential(
            nn.LayerNorm(size.hidden),
            nn.Linear(size.hidden, 4 * size.hidden),
            nn.GELU(),
            nn.Linear(4 * size.hidden, size.hidden),
        )

    def forward(self, states: Tensor) -> Tensor:
        """(B, L, H) → (B, L, H)."""
        count, length, width = states.shape
        query, key, value = self.mixed(self.norm(states)).view(count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
        states = states + self.out(mixed.transpose(1, 2).reshape(count, length, width))
        result: Tensor = states + self.mlp(states)
        return result


class Network(nn.Module):
    """Characters (B, L) → logits (B, L, vocabulary)."""

    def __init__(self, size: Size, num_characters: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(num_characters, size.hidden)
        self.places = nn.Embedding(size.block, size.hidden)
        self.layers = nn.ModuleList([Layer(size) for _ in range(size.layers)])
        self.norm = nn.LayerNorm(size.hidden)
        for each in (self.tokens, self.places):
            nn.init.normal_(each.weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        states = self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        for layer in self.layers:
            states = layer(states)
        logits: Tensor = self.norm(states) @ self.tokens.weight.T
        return logits


class Characters(Model[Prompt, Generation]):
    """The network in inference: one character after another, no cache."""

    network: Any
    batch_size = 1

    def __init__(self, size: Size, characters: str) -> None:
        self.size = size
        self.adopt(characters)

    def adopt(self, characters: str) -> None:
        """Take a vocabulary, and a network for it."""
        self.characters = characters
        self.number = {each: at for at, each in enumerate(characters)}
        self.network = Network(self.size, len(characters))

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        about = folders.describe(Description, weights)
        model = cls(Size(about.hidden, about.layers, about.heads, about.block), about.characters)
        folders.fill(model.network, weights)
        model.network.to(device, dtype).eval()
        return model

    def check_options(self, options: TextGenerationOptions) -> None:
        """Refuse a chat, and a choice among characters where the likeliest is taken."""
        if options.chat:
            raise BadOption("this model knows no chats", why="it continues texts", fix="leave chat out")
        check_top_p(options.top_p, bool(options.temperature))

    def preprocess(self, items: Sequence[Prompt], options: TextGenerationOptions) -> list[Features]:
        """Numbers of the characters. Raises `BadInput` for an unknown one, `InputTooLong` for more than are read."""
        return [self._prepare(item, options) for item in items]

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[tuple[str, str, int]]:
        """The text, why it ends, and how many characters were drawn."""
        return [self._write(each) for each in batch]

    def postprocess(
        self, output: list[tuple[str, str, int]], features: list[Features], options: TextGenerationOptions
    ) -> list[Generation]:
        return [
            Generation.model_construct(
                text=text, finish_reason=reason, num_prompt_tokens=len(each["ids"]), num_new_tokens=count
            )
            for (text, reason, count), each in zip(output, features, strict=True)
        ]

    def _prepare(self, item: Prompt, options: TextGenerationOptions) -> Features:
        block = self.size.block
        unknown = sorted(set(_text(item)).difference(self.number))
        if unknown:
            raise BadInput(
                f"this prompt has {unknown[0]!r}, which the model has never read",
                why="it knows the characters of the texts that it has learned from",
                fix="leave it out, or train on texts with it",
            )
        ids = self._ids(item)
        if len(ids) > block and options.long == "error":
            raise InputTooLong(
                f"this prompt has {len(ids):,} characters and the model reads {block:,}",
                why="cutting it silently would lose its beginning",
                fix="shorten it, or long=truncate to keep its end",
            )
        is_cut = len(ids) > block
        return {"ids": ids[-block:], "options": options, "most": item.max_new_tokens, "truncated": is_cut}

    def _ids(self, item: Prompt) -> list[int]:
        return [self.number.get(each, 0) for each in _text(item)]

    def _write(self, features: Features) -> tuple[str, str, int]:
        options: TextGenerationOptions = features["options"]
        draw = torch.Generator()
        draw.seed() if options.seed is None else draw.manual_seed(options.seed)
        device, ids = self.network.norm.weight.device, list(features["ids"])
        text, most = "", min(features["most"] or NEW_TOKENS, options.max_new_tokens or NEW_TOKENS)
        for count in range(most):
            logits = self.network(torch.tensor([ids[-self.size.block :]], device=device))[0, -1].float().cpu()
            new = _choose(logits, options, draw)
            if self.characters[new] == END:
                return text, "stop", count
            ids.append(new)
            text += self.characters[new]
            stop = next((each for each in options.stop if text.endswith(each)), None)
            if stop is not None:
                return text.removesuffix(stop), "stop", count + 1
        return text, "length", most


def _text(item: Prompt) -> str:
    return item.text or "\n".join(message["content"] for message in item.messages)


def _choose(logits: Tensor, options: TextGenerationOptions, draw: torch.Generator) -> int:
    """The likeliest character, or one drawn among the likeliest."""
    if not options.temperature:
        return int(logits.argmax())
    shares, places = (logits / options.temperature).softmax(-1).sort(descending=True)
    kept = shares.masked_fill(shares.cumsum(0) - shares >= (options.top_p or 1.0), 0.0)
    return int(places[kept.multinomial(1, generator=draw)])


class CharactersTrainer(Characters, Trainable[Prompt]):
    """Cross-entropy of the next character, in nats."""

    kind = "none"
    scratch: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "transformer": {"tiny": Size(96, 3, 4, 64), "small": Size(256, 6, 8, 256)}
    }
    joins = False

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        del labels
        return cls.load(weights, device=device, dtype=dtype)

    @classmethod
    def build(
        cls, architecture: str, size: object, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype
    ) -> Self:
        del architecture, labels
        assert isinstance(size, Size)
        model = cls(size, END)
        model.network.to(device, dtype)
        model.has_new_head = model.joins = True
        return model

    def fit_statistics(self, items: Sequence[Prompt], labels: Sequence[object]) -> None:
        """Take the characters of the texts as the vocabulary."""
        found: set[str] = set()
        for item in items:
            found.update(item.text)
        weight = self.network.norm.weight
        self.adopt(END + "".join(sorted(found - {END})))
        self.network.to(weight.device, weight.dtype)

    @property
    def regroups(self) -> bool:
        return self.joins

    def preprocess(self, items: Sequence[Prompt], options: object) -> list[Features]:
        return [{"ids": [*self._ids(item), 0]} for item in items]

    def regroup(self, features: Sequence[Features]) -> list[tuple[int, Features]]:
        """Blocks of one length and the character after each, so that every character has a loss once."""
        flat = torch.tensor([number for each in features for number in each["ids"]])
        owner = [at for at, each in enumerate(features) for _ in each["ids"]]
        starts = range(0, max(1, len(flat) - 1), self.size.block)
        return [(owner[start], {"ids": flat[start : start + self.size.block + 1].tolist()}) for start in starts]

    def cost(self, features: Features) -> int:
        return len(features["ids"])

    def collate(self, features: list[Features]) -> Tensor:  # type: ignore[override]
        """(B, L), padded with `IGNORED`."""
        rows = [torch.tensor(each["ids"][: self.size.block + 1]) for each in features]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=IGNORED)

    def logits(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        return self.network(batch[:, :-1].clamp(min=0)), batch[:, 1:]

    def losses(self, output: tuple[Tensor, Tensor], targets: Sequence[object]) -> Losses:
        logits, wanted = output
        each = cross_entropy(logits.float().transpose(1, 2), wanted, reduction="none", ignore_index=IGNORED)
        return Losses(each.sum(1), (wanted != IGNORED).float().sum(1))

    def targets(self, labels: Sequence[object], features: Sequence[Features]) -> list[None]:
        return [None for _ in labels]

    def save(self, folder: Path) -> None:
        folders.write(self.network, Description(**self.size._asdict(), characters=self.characters), folder)
