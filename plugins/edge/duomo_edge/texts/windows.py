"""The tokenizer of an artefact, and rows of token ids as padded batches of alike length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Encoding, Tokenizer

from duomo import WeightsRef
from duomo.errors import WeightsMismatch, WeightsMissing

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPARE = 1.2
"""A batch goes on while a row is at most this much longer than its shortest, and `SLACK` tokens."""
SLACK = 4
MOST_TOKENS = 4096
"""Tokens of a batch, padding included."""


def read_tokenizer(weights: WeightsRef) -> Tokenizer:
    """Read ``tokenizer.json``. Raises `WeightsMissing` or `WeightsMismatch`."""
    file = weights.folder / "tokenizer.json"
    if not file.is_file():
        raise WeightsMissing(
            f"'{weights.folder}' has no tokenizer.json", why="texts and tokens are read with it", fix="put it there"
        )
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # it raises Exception itself
        raise WeightsMismatch(f"'{file}' is damaged", why=str(error)[:200], fix="export it again") from None


def open_tokenizer(weights: WeightsRef, most_tokens: int) -> Tokenizer:
    """Read ``tokenizer.json`` for windows of texts. Raises `WeightsMissing` or `WeightsMismatch`.

    Args:
        weights: the folder.
        most_tokens: the length of a window, where the file sets no truncation itself; 0 where it must.
    """
    tokenizer = read_tokenizer(weights)
    tokenizer.no_padding()
    if most_tokens:
        tokenizer.enable_truncation(most_tokens)
    if tokenizer.truncation is None:
        raise WeightsMismatch(
            f"'{weights.folder / 'tokenizer.json'}' does not say how many tokens the model reads",
            fix='"most_tokens": 512 in duomo.json',
        )
    return tokenizer


def batches(rows: Sequence[Encoding]) -> Iterator[tuple[list[int], dict[str, NDArray[np.int64]]]]:
    """Rows of alike length as padded batches: their places, and ``ids``, ``mask`` and ``types``, each (B, L)."""
    order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
    some: list[int] = []
    for at in order:
        longest = len(rows[at])
        if some and (longest > SPARE * len(rows[some[0]]) + SLACK or longest * (len(some) + 1) > MOST_TOKENS):
            yield some, _padded([rows[each] for each in some])
            some = []
        some.append(at)
    if some:
        yield some, _padded([rows[each] for each in some])


def mean_by_text(values: NDArray[np.float32], weights: list[list[int]]) -> NDArray[np.float32]:
    """Weighted mean of each text's windows: (windows, D), the windows of all texts end to end, to (texts, D)."""
    if len(values) == len(weights):
        return values
    parts = np.split(values, np.cumsum([len(each) for each in weights])[:-1])
    shares = [np.asarray(each, np.float32) / np.float32(sum(each)) for each in weights]
    return np.stack([share @ part for share, part in zip(shares, parts, strict=True)])


def _padded(rows: list[Encoding]) -> dict[str, NDArray[np.int64]]:
    shape = len(rows), max(map(len, rows))
    batch = {name: np.zeros(shape, np.int64) for name in ("ids", "mask", "types")}
    for at, row in enumerate(rows):
        batch["ids"][at, : len(row)] = row.ids
        batch["mask"][at, : len(row)] = 1
        batch["types"][at, : len(row)] = row.type_ids
    return batch
