"""Texts to rows of token ids and back; what is cut, and how, is in `duomo.tasks.nlp.windows`."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tokenizers import Encoding, Tokenizer

from duomo.errors import InputTooLong
from duomo.model import Features
from duomo.tasks.nlp.windows import read as read, was_cut as was_cut


def features(texts: Iterable[list[Encoding]], long: str) -> list[Features]:
    """Features of texts or pairs that were read into windows."""
    return [{"encodings": each, "windows": len(each), "truncated": was_cut(each, long)} for each in texts]


def check_half(tokenizer: Tokenizer, text: str, limit: int, noun: str, other: str) -> None:
    """Raise `InputTooLong` for a `noun` of more than half the row of `limit` tokens that it shares with an `other`."""
    if len(text.encode()) <= limit // 2 - 4:  # a token takes a byte at least, so that few are worth counting
        return
    counted = tokenizer.encode("", text)  # as the second text, which may be cut
    if counted.overflowing or len(counted) > limit // 2:
        raise InputTooLong(
            f"this {noun} is too long for a model that reads {limit:,} tokens: {text[:39]!r}…",
            why=f"{noun} and {other} share a row, and no more than half of it is for the {noun}",
            fix="ask in fewer words",
        )


def mean_by_text(values: torch.Tensor, weights: list[list[int]]) -> torch.Tensor:
    """Weighted mean of each text's windows.

    Args:
        values: (windows, D), the windows of all texts end to end.
        weights: one list a text, one weight a window.

    Returns:
        (texts, D).
    """
    if values.size(0) == len(weights):
        return values
    parts = torch.split(values, [len(each) for each in weights])
    shares = [values.new_tensor(each) / sum(each) for each in weights]
    return torch.stack([share @ part for share, part in zip(shares, parts, strict=True)])
