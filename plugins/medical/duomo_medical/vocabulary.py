"""Words of medicine that nobody is called; `benchmarks/medical_words.py` makes their list."""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Iterator

_BRITISH = (("ae", "e"), ("oe", "e"), ("our", "or"), ("isation", "ization"), ("ise", "ize"), ("yse", "yze"))
_PREFIX = re.compile(
    r"(?:hypo|hyper|poly|peri|para|neo|sub|pre|post|anti|non|inter|intra|extra|trans|micro|macro|pan|retro|supra|infra|"
    r"endo|epi|bi|multi|over|under)-?(?=\w{5})"
)
_SUFFIX = re.compile(r"(?:s|es|al|ally|ic|ous|ly|ed|ing)$")


def is_medical(word: str) -> bool:
    """Whether a word is of ICD-10-CM, of DICOM's terms or a drug's name, in American or British spelling."""
    return word.isascii() and any(spelled in _words() for spelled in _spellings(word.lower()))


def _spellings(word: str) -> Iterator[str]:
    yield word
    for british, american in _BRITISH:
        if british in word:
            yield word.replace(british, american)
    if len(word) > 6:
        yield _SUFFIX.sub("", word)
        if match := _PREFIX.match(word):
            yield word[match.end() :]


@functools.cache
def _words() -> frozenset[str]:
    return frozenset(importlib.resources.files(__package__).joinpath("medicine.txt").read_text("utf-8").split())
