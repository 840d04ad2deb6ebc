"""Rows of words and tags, as CoNLL files and the data sets made of them hold them: a text, and spans in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeGuard

from duomo.errors import BadInput

_TAG = re.compile(r"([BIESLU])-(.+)", re.DOTALL)
"""A tag of IOB, BIOES or BILOU; others are names of their own, or "O" for a word outside."""
STARTS, ENDS = "BSU", "ESLU"


def is_words(value: object) -> TypeGuard[Sequence[str]]:
    """Whether it is a list of words."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(each, str) for each in value)


def join_words(words: Sequence[str], label: object) -> tuple[str, object]:
    """Return the words with spaces between them, and their tags as spans in characters of that text.

    Neighbours of one name are one span, unless a prefix says where another begins. A label that is not a tag for each
    word stays as it is.

    Args:
        words: of one row.
        label: tags such as ``["B-PER", "I-PER", "O"]``, or anything else.

    Raises:
        BadInput: there are more words than tags, or fewer, or tags are numbers.
    """
    text = " ".join(words)
    if not isinstance(label, list | tuple) or not all(isinstance(each, str | int | None) for each in label):
        return text, label
    if len(label) != len(words):
        raise BadInput(
            f"this row has {len(words)} words and {len(label)} tags", why="each word has a tag", fix="correct the row"
        )
    if any(isinstance(each, int) for each in label):
        raise BadInput(
            f"the tags of this row are numbers: {list(label)!r:.60}",
            why="the data does not say which name each stands for",
            fix='names, such as ["B-PER", "I-PER", "O"]; datasets has them in features[column].feature.names',
        )
    return text, _spans(words, label)


def _spans(words: Sequence[str], tags: Sequence[str | None]) -> list[dict[str, Any]]:
    spans: list[dict[str, Any]] = []
    is_open, at = False, 0
    for word, tag in zip(words, tags, strict=True):
        found = _TAG.fullmatch(tag or "O")
        prefix, name = found.groups() if found else ("I", tag or "O")
        if is_open and prefix not in STARTS and name == spans[-1]["label"]:
            spans[-1]["end"] = at + len(word)
        elif name != "O":
            spans.append({"start": at, "end": at + len(word), "label": name})
        is_open = name != "O" and prefix not in ENDS
        at += len(word) + 1
    return spans
