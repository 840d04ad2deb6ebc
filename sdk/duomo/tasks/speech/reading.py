"""What a voice that reads English cannot say: words in another script, endless numbers, and texts without a word."""

from __future__ import annotations

import re
import unicodedata

from duomo.errors import BadInput

_READ = ("LATIN", "FEMININE ORDINAL", "MASCULINE ORDINAL")
"""How the names of the letters begin that are read beside those of ASCII."""
_MOST_DIGITS = 36
"""Most digits of a number that is said: Hibari has English names up to the decillions."""


def foreign_words(text: str) -> list[str]:
    """Words and digits in a script that this voice leaves out or spells letter by letter: any but Latin.

    A Greek letter that stands alone, as in "α-helix", is read by its name.
    """
    found, word = [], ""
    for character in unicodedata.normalize("NFKC", text) + " ":
        is_foreign = not character.isascii() and (character.isalpha() or character.isdecimal())
        if is_foreign and not unicodedata.name(character, "").startswith(_READ):
            word += character
        elif word and unicodedata.category(character).startswith("M"):
            word += character  # a vowel sign or an accent
        elif word:
            if len(word) > 1 or not unicodedata.name(word, "").startswith("GREEK"):
                found.append(word)
            word = ""
    return found


def check_latin(text: str) -> None:
    """Raise `BadInput` for a text with words in another script, which would be left out or spelled."""
    if foreign := foreign_words(text):
        raise BadInput(
            f"this voice cannot say {', '.join(map(repr, foreign[:3]))}{' …' if len(foreign) > 3 else ''}",
            why="it reads English; words in another script would be left out or spelled",
            fix="leave them out, or write them in Latin letters",
        )


def check_numbers(text: str) -> None:
    """Raise `BadInput` for a number that is too large to have a name."""
    for number in re.findall(r"\d[\d,]*", text):
        digits = number.replace(",", "")
        if len(digits) > _MOST_DIGITS:
            raise BadInput(
                f"this voice cannot say {number[:12]!r}…, a number of {len(digits)} digits",
                why=f"it has names for numbers of up to {_MOST_DIGITS} digits",
                fix=f"write the digits apart, to have each said: {' '.join(digits[:3])} …",
            )


def nothing_to_say(text: str) -> BadInput:
    """The error of a text without a word."""
    return BadInput(
        f"there is nothing to say in {text[:40]!r}",
        why="this voice reads English: Latin letters, numbers and common signs",
        fix="pass English text",
    )
