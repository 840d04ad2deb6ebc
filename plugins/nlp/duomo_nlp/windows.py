"""Texts to rows of token ids and back: one policy for texts longer than the model reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from tokenizers import Encoding, Tokenizer

from duomo.errors import InputTooLong

TOKENS_A_PASS = 16_384
"""The windows of one long text may be thousands; so many tokens share a forward pass."""


def read(tokenizer: Tokenizer, texts: Sequence[str], long: str, *, offsets: bool = False) -> list[list[Encoding]]:
    """Tokenize `texts`; one list a text, of as many windows as the policy `long` allows.

    The tokenizer's truncation must be set to the length of a window; its stride is what windows share.

    Args:
        tokenizer: with truncation enabled.
        texts: any strings.
        long: ``error`` raises for a text of more than one window, ``truncate`` keeps the first, ``window`` all.
        offsets: whether character offsets are needed; tokenizing is a third quicker without.

    Raises:
        InputTooLong: says how many tokens the text has.
    """
    encode = tokenizer.encode_batch if offsets else tokenizer.encode_batch_fast
    cut = [[first, *first.overflowing] for first in encode(texts)]
    for text, windows in zip(texts, cut, strict=True):
        if len(windows) > 1 and long == "error":
            raise _too_long(text, windows, tokenizer)
    return cut if long == "window" else [windows[:1] for windows in cut]


def was_cut(windows: list[Encoding], long: str) -> bool:
    """Whether ``truncate`` left part of the text out."""
    return long == "truncate" and bool(windows[0].overflowing)


class Padded(NamedTuple):
    """Rows of token ids as one batch, filled up at the end."""

    ids: torch.Tensor
    """(B, L), int64."""
    mask: torch.Tensor | None
    """(B, L): 1 for a token, 0 where filled up; None when nothing was."""

    def to(self, device: torch.device) -> Padded:
        """The same on another device."""
        return Padded(self.ids.to(device), None if self.mask is None else self.mask.to(device))

    def passes(self) -> Iterator[Padded]:
        """Parts of at most `TOKENS_A_PASS` tokens, in order."""
        size = max(1, TOKENS_A_PASS // self.ids.shape[1])
        for at in range(0, len(self.ids), size):
            yield Padded(self.ids[at : at + size], None if self.mask is None else self.mask[at : at + size])


def pad(rows: Sequence[Sequence[int]], pad_id: int) -> Padded:
    """Join rows of token ids of any lengths."""
    lengths = [len(row) for row in rows]
    longest = max(lengths)
    if min(lengths) == longest:
        return Padded(torch.tensor(rows), None)
    ids = torch.tensor([[*row, *[pad_id] * (longest - len(row))] for row in rows])
    return Padded(ids, (torch.arange(longest) < torch.tensor(lengths)[:, None]).long())


def mean_by_text(values: torch.Tensor, weights: list[list[int]]) -> torch.Tensor:
    """Weighted mean of each text's windows.

    Args:
        values: (windows, D), the windows of all texts end to end.
        weights: one list a text, one weight a window.

    Returns:
        (texts, D).
    """
    if len(values) == len(weights):
        return values
    parts = torch.split(values, [len(each) for each in weights])
    shares = [values.new_tensor(each) / sum(each) for each in weights]
    return torch.stack([share @ part for share, part in zip(shares, parts, strict=True)])


def _too_long(text: str, windows: list[Encoding], tokenizer: Tokenizer) -> InputTooLong:
    truncation = tokenizer.truncation
    assert truncation is not None
    limit, stride = truncation["max_length"], truncation["stride"]
    repeated = stride + sum(windows[-1].special_tokens_mask)
    count = sum(len(window) for window in windows) - (len(windows) - 1) * repeated
    shown = text if len(text) <= 40 else text[:39] + "…"
    return InputTooLong(
        f"this text has {count:,} tokens and the model reads {limit:,}: {shown!r}",
        why="cutting it silently would lose its end",
        fix="long=truncate reads the beginning, long=window reads all of it in parts",
    )
