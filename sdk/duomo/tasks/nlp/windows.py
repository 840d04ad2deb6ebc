"""Texts to windows of tokens by a tokenizer (Rust): one policy for texts longer than the model reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from duomo.errors import InputTooLong

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer


def read(
    tokenizer: Tokenizer, texts: Sequence[str | tuple[str, str]], long: str, *, offsets: bool = False
) -> list[list[Encoding]]:
    """Tokenize `texts`; one list a text, of as many windows as the policy `long` allows.

    The tokenizer's truncation must be set to the length of a window; its stride is what windows share.

    Args:
        tokenizer: with truncation enabled.
        texts: any strings, or pairs of which the truncation's strategy says which is cut.
        long: ``error`` raises for a text of more than one window, ``truncate`` keeps the first (the last, where the
            checkpoint's tokenizer cuts on the left), ``window`` all.
        offsets: whether character offsets are needed; tokenizing is a third quicker without.

    Raises:
        InputTooLong: says how many tokens the text has.
    """
    encode = tokenizer.encode_batch if offsets else tokenizer.encode_batch_fast
    cut = [[first, *first.overflowing] for first in encode(texts)]
    for text, windows in zip(texts, cut, strict=True):
        if len(windows) > 1 and long == "error":
            raise _too_long(text, windows, tokenizer)
    if long != "window":
        return [windows[:1] for windows in cut]
    return [windows[::-1] for windows in cut] if _cuts_left(tokenizer) else cut


def was_cut(windows: list[Encoding], long: str) -> bool:
    """Whether ``truncate`` left part of the text out."""
    return long == "truncate" and bool(windows[0].overflowing)


def _cuts_left(tokenizer: Tokenizer) -> bool:
    """Whether windows are made from the end of the text."""
    assert tokenizer.truncation is not None
    return bool(tokenizer.truncation["direction"] == "left")


def _too_long(text: str | tuple[str, str], windows: list[Encoding], tokenizer: Tokenizer) -> InputTooLong:
    truncation = tokenizer.truncation
    assert truncation is not None
    limit, stride = truncation["max_length"], truncation["stride"]
    cut = int(truncation["strategy"] == "only_second")
    # Each window has the special tokens again, and the text of a pair that is not cut.
    repeated = stride + sum(part != cut for part in windows[-1].sequence_ids)
    count = sum(len(window) for window in windows) - (len(windows) - 1) * repeated
    long = text if isinstance(text, str) else text[cut]
    shown = long if len(long) <= 40 else long[:39] + "…"
    lost, kept = ("beginning", "end") if _cuts_left(tokenizer) else ("end", "beginning")
    return InputTooLong(
        f"this text has {count:,} tokens and the model reads {limit:,}: {shown!r}",
        why=f"cutting it silently would lose its {lost}",
        fix=f"long=truncate reads the {kept}, long=window reads all of it in parts",
    )
