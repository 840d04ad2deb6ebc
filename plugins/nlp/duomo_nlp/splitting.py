"""Sentences of a text by their marks, in the scripts that have some; long texts cut into parts of whole sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise

WIDE = "。！？｡．"
"""Marks of Chinese and Japanese, which are followed by no space."""
ALONE = WIDE + "।॥؟۔։።፧။។"
"""Marks that always end a sentence: those above, of Hindi, Arabic, Urdu, Armenian, Amharic, Burmese and Khmer."""
CLOSE = "\"'”’“»›」』）】》〉)\\]"
"""What closes behind the mark and belongs to the sentence."""
END = re.compile(rf"(?<=[.!?…])[{CLOSE}]*+\s+|(?<=[{ALONE}])(?![{ALONE}.!?…])[{CLOSE}]*+\s*|\n+")
"""Behind the mark that ends a sentence, or a line; a shorthand such as "Dr. " ends one too, which costs a context."""


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Find where each sentence begins and ends, white space aside."""
    edges = [0, *(match.end() for match in END.finditer(text)), len(text)]
    spans = []
    for start, end in pairwise(edges):
        part = text[start:end]
        if bare := part.strip():
            at = start + part.index(bare)
            spans.append((at, at + len(bare)))
    return spans


def parts_of(text: str, fits: Callable[[str], bool]) -> list[str]:
    """`text` in as few parts as fit, each of whole sentences; a sentence that does not fit is a part of its own."""
    if fits(text):
        return [text]
    parts: list[tuple[int, int]] = []
    for start, end in sentence_spans(text):
        if parts and fits(text[parts[-1][0] : end]):
            parts[-1] = (parts[-1][0], end)
        else:
            parts.append((start, end))
    return [text[start:end] for start, end in parts]


def rejoined(texts: Iterable[str]) -> str:
    """Sentences or parts as one text, with a space between them unless the mark at an end goes without."""
    whole = ""
    for text in texts:
        space = " " if whole and not whole.rstrip("」』）】》〉”’").endswith(tuple(WIDE)) else ""
        whole += space + text
    return whole
