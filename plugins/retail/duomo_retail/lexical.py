"""Which products share words with a query: BM25 over word stems, as sparse rows.

Robertson and Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009. A meaning is not enough: who
asks for a brand or a size wants that very word, and an embedding of a rare word is a guess.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
K1, B = 1.2, 0.5
STOP = frozenset(
    "a an and at by for from i in into is it me my of on or some something that the this to us want with".split()
)


def stem(word: str) -> str:
    """The word without an English plural ending."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "toes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")) else word


class Lexicon:
    """An inverted index: for each stem, the products that have it and how much that says."""

    def __init__(self, texts: Iterable[Sequence[str]]) -> None:
        counts = [Counter(stem(word) for word in text if word not in STOP) for text in texts]
        self.size = len(counts)
        lengths = np.array([sum(each.values()) for each in counts], float)
        mean = float(lengths.mean()) if len(lengths) else 1.0
        postings: dict[str, list[tuple[int, int]]] = {}
        for row, each in enumerate(counts):
            for word, count in each.items():
                postings.setdefault(word, []).append((row, count))
        self._rows: dict[str, NDArray[np.int64]] = {}
        self._weights: dict[str, NDArray[np.float64]] = {}
        for word, found in postings.items():
            rows, number = np.array([row for row, _ in found]), np.array([count for _, count in found], float)
            rarity = math.log(1 + (self.size - len(found) + 0.5) / (len(found) + 0.5))
            self._rows[word] = rows
            self._weights[word] = rarity * number * (K1 + 1) / (number + K1 * (1 - B + B * lengths[rows] / mean))

    def scores(self, query: Sequence[str]) -> NDArray[np.float64]:
        """Share of the best conceivable match, (products,), in [0, 1]; 0 where no word is shared."""
        out = np.zeros(self.size)
        best = 0.0
        for word in {stem(each) for each in query if each not in STOP}:
            if word in self._rows:
                out[self._rows[word]] += self._weights[word]
                best += float(self._weights[word].max())
            else:
                best += math.log(1 + self.size)  # a word that no product has lowers the trust in the others
        return out / best if best else out

    def matched(self, query: Sequence[str], row: int) -> list[str]:
        """The words of the query that a product has."""
        return [word for word in dict.fromkeys(query) if row in self._rows.get(stem(word), ())]
