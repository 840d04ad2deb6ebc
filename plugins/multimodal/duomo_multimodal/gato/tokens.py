"""Text, images, observations and actions as one sequence of tokens.

Source: Reed et al. 2022, "A Generalist Agent", https://arxiv.org/abs/2205.06175, section 2.1 and appendices B and C.

text         ids [0, 1024): here the bytes of UTF-8; the paper has 32,000 word pieces
image        patches of 16 x 16 in raster order, pixels in [-1, 1] over the root of the patch size, 4
discrete     whole numbers, ids [0, 1024): they share the range of texts
continuous   observations are mu-law encoded into [-1, 1], actions lie there already; 1,024 uniform bins, ids from 1,024
step         observations in the order of their names, a separator, the action
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import pydantic
import torch
from torch import Tensor

TEXT, LEVELS = 1024, 1024
SEPARATOR = TEXT + LEVELS
VOCABULARY = SEPARATOR + 1
END = 0
"""The byte that ends a text."""
MU, M = 100.0, 256.0
PATCH = 16
"""Pixels of a patch's side."""
PLACES = 128
"""Rows and columns of an image, however many pixels it has."""
IMAGE = -1
"""Stands among the ids where a patch is."""
LOCAL = 64
"""Tokens of an observation at most; the paper has 512."""
ACTING, NOWHERE = LOCAL, LOCAL + 1
"""Local positions of all tokens of actions, and of what is part of no step."""


class Values(pydantic.BaseModel):
    """Numbers of one kind."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    kind: Literal["continuous", "discrete"] = "continuous"
    count: int = pydantic.Field(default=1, gt=0, le=LOCAL)
    choices: int = pydantic.Field(default=LEVELS, gt=0, le=LEVELS)
    """Discrete values lie in [0, `choices`)."""

    @property
    def ids(self) -> tuple[int, int]:
        """The range of their tokens."""
        return (0, self.choices) if self.kind == "discrete" else (TEXT, TEXT + LEVELS)


class Environment(pydantic.BaseModel):
    """What an environment shows, and what can be done in it."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    observations: dict[str, Values] = pydantic.Field(min_length=1)
    action: Values


class Tokens(NamedTuple):
    """A sequence of L tokens, P of which are patches."""

    ids: Tensor
    """(L,), `IMAGE` where a patch is."""
    local: Tensor
    """(L,), the local observation position."""
    learned: Tensor
    """(L,), whether its loss counts: texts and actions."""
    patches: Tensor
    """(P, 3, 16, 16)."""
    places: Tensor
    """(P, 4): first and last row, first and last column of a patch, in `PLACES`."""

    def __len__(self) -> int:
        return len(self.ids)


def join(parts: Sequence[Tokens]) -> Tokens:
    """One sequence after another."""
    return Tokens(*(torch.cat(column) for column in zip(*map(tuple, parts), strict=True)))


def of_text(text: bytes, *, ends: bool = False) -> Tokens:
    """A text, and the token that ends it."""
    return _plain([*text, END] if ends else list(text), [NOWHERE] * (len(text) + ends), learned=True)


def of_image(pixels: Tensor) -> Tokens:
    """An image (3, H, W) in [0, 1]; its sides are multiples of `PATCH`."""
    rows, columns = pixels.shape[1] // PATCH, pixels.shape[2] // PATCH
    cut = pixels.unfold(1, PATCH, PATCH).unfold(2, PATCH, PATCH)  # (3, rows, columns, 16, 16)
    patches = cut.permute(1, 2, 0, 3, 4).flatten(0, 1)
    places = [(*_span(row, rows), *_span(column, columns)) for row in range(rows) for column in range(columns)]
    count = rows * columns
    return Tokens(
        torch.full((count,), IMAGE), torch.arange(count), torch.zeros(count, dtype=torch.bool),
        (2 * patches - 1) / math.sqrt(PATCH), torch.tensor(places),
    )  # fmt: skip


def of_step(
    environment: Environment, seen: Mapping[str, Sequence[float]], done: Sequence[float] | None = None
) -> Tokens:
    """An observation, the separator, and the action where there is one."""
    ids = [id for name in sorted(seen) for id in encode(environment.observations[name], seen[name], observed=True)]
    tokens = _plain([*ids, SEPARATOR], [*range(len(ids)), NOWHERE])
    return tokens if done is None else join((tokens, of_action(environment, done)))


def of_action(environment: Environment, done: Sequence[float]) -> Tokens:
    """An action."""
    ids = encode(environment.action, done, observed=False)
    return _plain(ids, [ACTING] * len(ids), learned=True)


def encode(kind: Values, values: Sequence[float], *, observed: bool) -> list[int]:
    """Numbers to tokens. Raises `ValueError` for a discrete one that is not a whole number in range."""
    if kind.kind == "discrete":
        wrong = next((each for each in values if each != int(each) or not 0 <= each < kind.choices), None)
        if wrong is not None:
            raise ValueError(f"{wrong:g} is not a whole number from 0 to {kind.choices - 1}")
        return [int(each) for each in values]
    squeezed = [mu_law(each) if observed else each for each in values]
    return [TEXT + max(0, min(LEVELS - 1, int((each + 1) / 2 * LEVELS))) for each in squeezed]


def decode_action(kind: Values, ids: Sequence[int]) -> list[float]:
    """Tokens of an action to numbers: the middle of each bin."""
    if kind.kind == "discrete":
        return [float(each) for each in ids]
    return [(each - TEXT + 0.5) / LEVELS * 2 - 1 for each in ids]


def mu_law(value: float) -> float:
    """A number near to [-1, 1], finer near 0; equation (2) of the paper."""
    return math.copysign(math.log(abs(value) * MU + 1.0) / math.log(M * MU + 1.0), value)


def _span(at: int, count: int) -> tuple[int, int]:
    return at * PLACES // count, max((at + 1) * PLACES // count - 1, at * PLACES // count)


def _plain(ids: list[int], local: list[int], *, learned: bool = False) -> Tokens:
    return Tokens(
        torch.tensor(ids, dtype=torch.long), torch.tensor(local, dtype=torch.long), torch.full((len(ids),), learned),
        torch.zeros(0, 3, PATCH, PATCH), torch.zeros(0, 4, dtype=torch.long),
    )  # fmt: skip
