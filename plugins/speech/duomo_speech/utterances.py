"""Parts of a text that are said one at a time, and chance that a seed repeats."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

LONGEST = 500
"""Characters of one pass, half a minute of speech: attention grows with their square."""
_ENDS = re.compile(r"[.!?…。！？।]+\s*")


def pieces(text: str, longest: int = LONGEST) -> list[str]:
    """A text in parts of at most `longest` characters: whole sentences, or else whole words."""
    found = []
    while len(text) > longest:
        last = max((match.end() for match in _ENDS.finditer(text, 0, longest)), default=0)
        at = last or text.rfind(" ", 0, longest) + 1 or longest
        found.append(text[:at])
        text = text[at:]
    return [*found, text]


def lacks_signs(text: str, is_known: Callable[[str], bool]) -> bool:
    """Whether `text` has signs that a reader says as words, such as & and €, and that are not known.

    Marks that are only paused at, such as brackets and quotes, are none of them.
    """
    said = (sign for sign in dict.fromkeys(text) if unicodedata.category(sign)[0] == "S" or sign in "&@#%§")
    return not all(map(is_known, said))


class Noise(TorchFunctionMode):
    """Inside it, on this thread, what is drawn comes from one generator on the CPU, whatever else draws meanwhile."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        if func is torch.randn_like:  # in the order of memory, as torch draws
            drawn = torch.empty_like(args[0], device="cpu", dtype=torch.float32).normal_(generator=self.generator)
            return drawn.to(args[0])
        if func is torch.randn:
            return torch.randn(*args, generator=self.generator, **(kwargs or {}))
        if func is torch.bernoulli and "p" in (kwargs or {}):
            drawn = torch.empty_like(args[0], device="cpu", dtype=torch.float32)
            return drawn.bernoulli_(**(kwargs or {}), generator=self.generator).to(args[0])
        if func is torch.multinomial:
            return func(args[0].cpu(), *args[1:], **(kwargs or {}), generator=self.generator).to(args[0].device)
        return func(*args, **(kwargs or {}))
