"""Text in the form that rules are written for, and the way back to the text as it was."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_COMPATIBLE = ("<wide>", "<narrow>", "<font>", "<noBreak>")
_SIGNS = {**dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"), **dict.fromkeys("\u2044\u2215", "/")}
_BETWEEN_DIGITS = ((re.compile(r"(?<=\d)[·•∙⋅・](?=\d)"), "."), (re.compile("(?<=[0-9])[年月](?=[0-9])"), "-"))
"""Signs of numbers and dates that are something else, such as a bullet, anywhere but there; one for one."""
_LINES = dict.fromkeys("\x0b\x0c\r\x85\u2028\u2029", "\n")


class Plain(NamedTuple):
    """`text` as rules read it; its piece [a:b] is [origin[a]:origin[b]] of the text it was made from."""

    text: str
    origin: list[int]
    """One entry a character, and one for the end."""


def plain(text: str) -> Plain:
    """Write a text with accents in one with their letters, plain blanks, signs and line ends, and nothing unseen.

    `re` ends a word at a combining mark, a soft hyphen or a joiner, and a name would stay in part. Marks that no
    letter takes are left out.
    """
    letters: list[str] = []
    origin: list[int] = []
    for start, cluster in _clusters(text):
        for letter in unicodedata.normalize("NFC", cluster):
            for each in _simple(letter):
                letters.append(each)
                origin.append(start)
    found = "".join(letters)
    for sign, usual in _BETWEEN_DIGITS:
        found = sign.sub(usual, found)
    return Plain(found, [*origin, len(text)])


def without_accents(text: str) -> str:
    """Letters without their accents, one for one."""
    return "".join(_bare(letter) for letter in text)


def _clusters(text: str) -> Iterator[tuple[int, str]]:
    """Each letter with the marks behind it, without what is not seen between them."""
    start, cluster = 0, ""
    for at, letter in enumerate(text):
        if unicodedata.category(letter) == "Cf" or (letter == "\r" and text[at + 1 : at + 2] == "\n"):
            continue
        if cluster and unicodedata.category(letter).startswith("M") and len(cluster) < 32:
            cluster += letter
            continue
        if cluster:
            yield start, cluster
        start, cluster = at, letter
    if cluster:
        yield start, cluster


def _simple(letter: str) -> str:
    kind = unicodedata.category(letter)
    if kind == "Zs" or letter == "\t":
        return " "
    if kind.startswith("M"):
        return ""
    if unicodedata.decomposition(letter).startswith(_COMPATIBLE) or "\ufb00" <= letter <= "\ufb06":
        letter = unicodedata.normalize("NFKC", letter)
    return _LINES.get(letter) or "".join(_SIGNS.get(each, each) for each in letter)


def _bare(letter: str) -> str:
    base, *marks = list(unicodedata.normalize("NFD", letter))
    return base if marks and all(unicodedata.combining(mark) for mark in marks) else letter
