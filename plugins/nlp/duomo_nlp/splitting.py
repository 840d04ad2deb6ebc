"""Long texts cut into parts of whole sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])|\n+")
"""Behind the mark that ends a sentence, or a line; a shorthand such as "Dr. " ends one too, which costs a context."""


def parts_of(text: str, fits: Callable[[str], bool]) -> list[str]:
    """`text` in as few parts as fit, each of whole sentences; a sentence that does not fit is a part of its own."""
    if fits(text):
        return [text]
    parts: list[str] = []
    for sentence in _sentences(text):
        joined = f"{parts[-1]} {sentence}" if parts else sentence
        if parts and fits(joined):
            parts[-1] = joined
        else:
            parts.append(sentence)
    return parts


def _sentences(text: str) -> list[str]:
    ends = [0, *(match.end() for match in END.finditer(text)), len(text)]
    return [part for start, end in pairwise(ends) if (part := text[start:end].strip())]
