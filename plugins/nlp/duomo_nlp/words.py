"""Where words and characters of a text begin and end, for tokens that stand within them."""

from __future__ import annotations

import regex

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\u3000-\u303f\uff00-\uffef"
UNSPACED = regex.compile(f"[{_UNSPACED}]")
"""Letters and marks of languages that put no spaces between words."""
_LETTER = rf"[[\p{{L}}\p{{N}}\p{{M}}]--[{_UNSPACED}\p{{Hangul}}]]"
_WITHIN = regex.compile(rf"(?V1)(?<={_LETTER})(?={_LETTER})|(?<=\d)(?=[.,]\d)|(?<=\d[.,])(?=\d)")
_SEEN = regex.compile(r"\X")
_GOES_ON = regex.compile(r"[\p{Grapheme_Extend}\p{Mc}\u200d]|(?<=\u200d)|(?<=(?<!\p{RI})(?:\p{RI}\p{RI})*\p{RI})\p{RI}")


def is_within_word(text: str, at: int) -> bool:
    """Whether a word, or a number such as 5,975.4, goes on at this place of a text.

    Korean words are not counted, nor those of languages without spaces: names end within what stands between spaces.
    """
    return _WITHIN.match(text, at) is not None


def is_within_letter(text: str, at: int) -> bool:
    """Whether what a reader sees as one letter goes on at this place: an accent, a part of a joined emoji."""
    return text[at : at + 1] > "\u02ff" and _GOES_ON.match(text, at) is not None


def whole_letters(text: str, start: int, end: int) -> tuple[int, int]:
    """The same stretch, widened to what a reader sees as one letter each: accents, syllables of Hangul, joined emoji.

    A normalizer that composes letters tells of an "e" and an accent behind it the place of the "e" alone
    (https://github.com/huggingface/tokenizers/issues/1201).
    """
    while 0 < start < end and is_within_letter(text, start):
        start -= 1
    if start < end < len(text) and text[end] > "\u02ff":
        end = next(seen.end() for seen in _SEEN.finditer(text, start) if seen.end() >= end)
    return start, end
