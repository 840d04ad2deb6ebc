"""News: the tone of an item by any model of text-classification, the companies it names, as of a moment."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import pydantic

from duomo import Runner
from duomo.adapters import Adapter, Artifact, Case, Inputs, Payload, Record, Uncalibrated
from duomo.errors import UsageProblem, a_type
from duomo.tasks.base import Result
from duomo_finance.made_up import MONDAY
from duomo_finance.plugin import NEWS_SENTIMENT

POSITIVE, NEGATIVE = ("positive", "pos", "bullish"), ("negative", "neg", "bearish")
FIRST_OF_CJK = "\u2e80"
"""Names in Chinese, Japanese and Korean stand between letters, without spaces."""
SHORT = 3
"""A ticker of fewer letters is an English word too often; it counts only as ``$F`` or ``(NYSE: F)``."""


class NewsItem(Inputs):
    """One item."""

    text: str = pydantic.Field(min_length=1)
    published: dt.datetime
    """When anybody could read it."""
    as_of: dt.datetime | None = None
    """The moment for which the tone is wanted; the time of publication when left out."""
    source: str = ""
    id: str = ""


class Tickers(Artifact):
    """Which companies to look for: ticker to the names they go by."""

    kind: ClassVar[str] = "finance.tickers/1"

    names: dict[str, tuple[str, ...]]

    def find(self, text: str) -> list[Mention]:
        """Those that the text names, in the order of their first mention; a name inside a longer one does not count."""
        text = unicodedata.normalize("NFC", text)
        hits = [
            (match.start(), match.end(), ticker)
            for ticker, names in self.names.items()
            for pattern in _patterns(ticker, names)
            for match in pattern.finditer(text)
        ]
        found: dict[str, list[tuple[int, int]]] = {}
        longest = (0, 0)
        for start, end, ticker in sorted(set(hits), key=lambda hit: (hit[0], -hit[1], hit[2])):
            if end > longest[1] or (start, end) == longest:
                longest = (start, end)
                found.setdefault(ticker, []).append(longest)
        return [
            Mention(ticker=ticker, count=len(places), first=text[slice(*places[0])]) for ticker, places in found.items()
        ]


class Mention(Result):
    """One company in one text."""

    ticker: str
    count: int
    first: str
    """The words by which it was first named."""


class Entity(Result):
    """A name that the model of token-classification found."""

    label: str
    text: str
    start: int
    end: int


class NewsTone(Payload):
    """The tone of one item."""

    label: str
    scores: dict[str, float]
    polarity: float | None
    """Score of positive less that of negative, in [-1, 1]; None where the model's labels are others."""
    tickers: list[Mention]
    entities: list[Entity]
    """Empty without a model for them."""
    published: dt.datetime
    as_of: dt.datetime
    source: str


class NewsSentiment(Adapter[NewsItem, NewsTone]):
    """Any model of the task, by name; the artefact ``tickers`` says which companies to look for.

    Args:
        runner: A loaded model of text-classification; `duomo.adapt` loads it.
        artifacts: ``tickers``, and a ``calibrator`` for its scores where there are labels to fit one on.
        secret: Of pseudonyms.
        entities: A loaded model of token-classification, when names beyond the list are wanted.
    """

    spec = NEWS_SENTIMENT
    Input = NewsItem
    Output = NewsTone
    task = "text-classification"
    key_field = "id"

    def __init__(
        self,
        *,
        runner: Runner[Any] | None = None,
        artifacts: Mapping[str, Artifact] | None = None,
        secret: bytes | str | None = None,
        entities: Runner[Any] | None = None,
    ) -> None:
        super().__init__(runner=runner, artifacts=artifacts, secret=secret)
        self.entities = entities

    def record(self, value: object, position: int = 0) -> Record[NewsItem]:
        """An item that knows since when its text is known: asked for an earlier moment, it is LEAK.FUTURE."""
        record: Record[NewsItem] = super().record(value, position)
        item = record.payload
        return Record(
            item, record.key, record.group, item.as_of or item.published, {"text": item.published},
            label=record.label, source=record.source, findings=record.findings,
        )  # fmt: skip

    def prepare(self, record: Record[NewsItem]) -> str:
        return record.payload.text

    def interpret(self, case: Case[NewsItem]) -> Uncalibrated:
        scores = {each.name: each.score for each in case.raw.labels}
        return Uncalibrated(value=case.raw.top.score, by_class=scores, method="model")

    def result(self, case: Case[NewsItem]) -> NewsTone:
        item, tickers = case.record.payload, self.artifacts.get("tickers")
        scores = {each.name: each.score for each in case.raw.labels}
        return NewsTone(
            label=case.raw.top.name,
            scores=scores,
            polarity=_polarity(scores),
            tickers=tickers.find(item.text) if isinstance(tickers, Tickers) else [],
            entities=self._entities(item.text),
            published=item.published,
            as_of=item.as_of or item.published,
            source=item.source,
        )

    @classmethod
    def example(cls) -> Self:
        from duomo import load

        names = {"ACME": ("Acme", "Acme Corporation"), "F": ("Fictional Motors",)}
        return cls(runner=load("text-classification", device="cpu"), artifacts={"tickers": Tickers(names=names)})

    @classmethod
    def samples(cls) -> list[Any]:
        texts = (
            "Acme beats expectations with a great quarter",
            "Fictional Motors warns of a terrible loss",
            "Shares of $F fell",
        )
        return [{"id": str(i), "text": text, "published": MONDAY.isoformat()} for i, text in enumerate(texts)]

    def close(self) -> None:
        super().close()
        if self.entities is not None:
            self.entities.close()

    def _entities(self, text: str) -> list[Entity]:
        if self.entities is None:
            return []
        found = self.entities(text)
        if not hasattr(found, "spans"):
            raise UsageProblem("the model for entities is of another task", why=f"it gives {a_type(found)}",
                               fix="duomo.load('token-classification', model)")  # fmt: skip
        return [Entity(label=each.label, text=each.text, start=each.start, end=each.end) for each in found.spans]


def _polarity(scores: Mapping[str, float]) -> float | None:
    lower = {name.lower(): score for name, score in scores.items()}
    good = [lower[name] for name in POSITIVE if name in lower]
    bad = [lower[name] for name in NEGATIVE if name in lower]
    return good[0] - bad[0] if good and bad else None


def _patterns(ticker: str, names: Sequence[str]) -> list[re.Pattern[str]]:
    bare = re.escape(ticker)
    found = [re.compile(rf"\${bare}\b"), re.compile(rf"(?<=: ){bare}(?=\))|(?<=:){bare}(?=\))")]
    if len(ticker) >= SHORT:
        found.append(re.compile(rf"(?<![\w$:.]){bare}\b"))
    # The longest name first, so that a part of it does not count again.
    spelled = [_spelled(name) for name in sorted(names, key=len, reverse=True) if name.strip()]
    return [*found, re.compile("|".join(spelled), re.IGNORECASE)] if spelled else found


def _spelled(name: str) -> str:
    """A pattern of a name: any space between its words, any apostrophe, and no letter before or behind a letter."""
    words = unicodedata.normalize("NFC", name).split()
    pattern = r"\s+".join(re.sub("['’]", "['’]", re.escape(word)) for word in words)
    before, behind = (letter.isalnum() and letter < FIRST_OF_CJK for letter in (words[0][0], words[-1][-1]))
    return (r"(?<!\w)" if before else "") + pattern + (r"(?!\w)" if behind else "")
