"""SymSpell: misspelt English words corrected, by a list of words and how often each is used.

Source: Garbe, https://github.com/wolfgarbe/SymSpell; the package ``symspellpy`` and its list of 82,765 words (MIT). A
word that is not in the list becomes the most frequent one of those that are nearest, or itself with its apostrophe;
words beside it are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Self

import regex
from symspellpy import SymSpell, Verbosity

from duomo import Model, Text, WeightsRef
from duomo.errors import BadInput
from duomo.model import Features
from duomo.tasks.nlp.editing import Corrected, Correction, SpellingCorrectionOptions
from duomo.weights import verify

if TYPE_CHECKING:
    import torch

WORD = regex.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
"""By `regex`: to `re` an accent that is a character of its own ends a word, and what is left of it would be mended."""
NO_WORD = re.compile(r"[\d_@/\\]|\w\.\w")
"""What is in addresses, names of files and identifiers: they are left as they are, all from space to space."""
APOSTROPHE = re.compile("['’]")
BEHIND = frozenset("s ll ve d re m".split())
"""What stands behind an apostrophe at the end of a word of its own."""
LEAST = 3
"""Letters: shorter words have too many neighbours."""
EDITS = 2
END = re.compile(r"(?<!\b[A-Z])(?<!\b(?:Mr|Ms|Dr|St))(?<!\bMrs)(?<!\b(?:Prof|Capt))[.!?:]\W*$|^\W*$")
"""Before a word that begins a sentence: a capital letter there makes no name. Titles and initials end no sentence."""


ENGLISH = frozenset(
    """
    the of and to in is that it for was on are as with his they at be this from have or by one had not but what all were
    when we there can an your which their said if do will each about how up out them then she many some so these would
    other into has more her two him my than who its now did get been i you he me us our am could should because where
    """.split()
)
FOREIGN = frozenset(
    """
    ich ist nicht und das der ein eine einen einem einer für auf sich auch wie wir sie haben habe heute keine kein
    zum zur bei nach aus oder aber noch nur wenn doch sind wird werden über guten hallo danke bitte
    je ne pas que qui avec elle nous vous sont mais cette ces où une suis bonjour merci
    pero como está estoy tengo muy hola gracias
    della nel gli è anche questo più grazie
    não uma mais foi ele você são obrigado
    het een niet voor zijn ik dat maar ook naar wordt
    och att det som är inte jag på ikke og jeg nie jest się
    """.split()
)
"""The most frequent words of English, and of others those that are none."""


class Spelling(Model[Text, Corrected]):
    """The list of words, and what lies within two letters of each."""

    batch_size = 32

    def __init__(self, words: SymSpell) -> None:
        self.words = words

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the list after comparing its digest; it takes some seconds."""
        del device, dtype  # a list of words has none
        verify(weights.spec)
        words = SymSpell(max_dictionary_edit_distance=EDITS, prefix_length=7)
        words.load_dictionary(weights.path, 0, 1, encoding="utf-8")
        return cls(words)

    @staticmethod
    def estimate(item: Text) -> int:
        return 1 + len(item) // 5

    def preprocess(self, items: Sequence[Text], options: SpellingCorrectionOptions) -> list[Features]:
        for item in items:
            demand_english(str(item))
        return [{"text": item, "edits": options.max_edits, "keep": frozenset(options.keep)} for item in items]

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[list[Correction]]:
        """The corrections of each text."""
        return [self._corrections(each["text"], each["edits"], each["keep"]) for each in batch]

    def postprocess(
        self, output: list[list[Correction]], features: list[Features], options: SpellingCorrectionOptions
    ) -> list[Corrected]:
        results = []
        for corrections, each in zip(output, features, strict=True):
            parts, at = [], 0
            for correction in corrections:
                parts += [each["text"][at : correction.start], correction.after]
                at = correction.end
            text = "".join([*parts, each["text"][at:]])
            results.append(Corrected.model_construct(text=text, corrections=corrections))
        return results

    def _corrections(self, text: str, edits: int, keep: frozenset[str]) -> list[Correction]:
        found = []
        for match in _words(text):
            word = match.group()
            if word in keep or word.lower() in FOREIGN or self._is_left_alone(word, text[: match.start()]):
                continue
            # A capital with two letters wrong is rather a name, at the beginning of a sentence too: Zdenek, not Derek.
            after = self._mended(word, edits if word.islower() else min(edits, 1))
            if after != word:
                found.append(Correction.model_construct(before=word, after=after, start=match.start(), end=match.end()))
        return found

    def _is_left_alone(self, word: str, before: str) -> bool:
        """Short words, names, abbreviations, and words of other scripts."""
        first = APOSTROPHE.split(word)[0]
        if len(word) < LEAST or not APOSTROPHE.sub("", word).isascii():
            return True
        if word.islower():
            return False
        return not (first.istitle() and END.search(before[-20:]))

    def _mended(self, word: str, edits: int) -> str:
        plain = APOSTROPHE.sub("'", word.lower())
        near = self.words.lookup(plain, Verbosity.CLOSEST, max_edit_distance=edits)
        if near and near[0].distance == 0:
            return word
        mark = APOSTROPHE.search(word)
        if mark and word[mark.end() :].lower() in BEHIND:  # the list has next to no teacher's, but many teachers
            noun = word[: mark.start()]
            return (self._mended(noun, edits) if len(noun) >= LEAST else noun) + word[mark.start() :]
        # Of the nearest, don't for dont, and else the most frequent.
        after = next((each.term for each in near if each.term.replace("'", "") == plain), near[0].term if near else "")
        if not after or (mark and "'" not in after):
            return word
        after = after.replace("'", mark[0]) if mark else after
        return after.capitalize() if word[0].isupper() else after


def demand_english(text: str) -> None:
    """Raise `BadInput` for a text with more of the frequent words of other languages than of English ones."""
    words = [match.group().lower() for match in WORD.finditer(text)]
    foreign = [word for word in words if word in FOREIGN]
    if len(foreign) > sum(word in ENGLISH for word in words):
        raise BadInput(
            f"this text is not English: {', '.join(dict.fromkeys(foreign[:3]))}",
            why="the list of words is English, and words of other languages would become those next to them",
            fix="leave it out; where it is English all the same, correct its sentences one by one",
        )


def _words(text: str) -> Iterator[regex.Match[str]]:
    """Find the words of a text, but none that is a part of something else."""
    for run in re.finditer(r"\S+", text):
        if NO_WORD.search(run.group()) is None:
            yield from WORD.finditer(text, run.start(), run.end())
