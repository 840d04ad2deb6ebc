"""Fields of a scanned page: a label in print and the number beside it, or a question and a model that answers it."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Self

import pydantic

from duomo import Runner
from duomo.adapters import Adapter, Artifact, Case, Decision, Payload, Record, Uncalibrated
from duomo.tasks.base import Result
from duomo_finance.plugin import DOCUMENT_SCAN

_GROUPS = r"[1-9]\d{0,2}(?P<mark>[.,'’\s])\d{3}(?:(?P=mark)\d{3})*(?!\d)(?:(?!(?P=mark))[.,]\d+)?"
_LAKHS = r"[1-9]\d?(?:,\d\d)+,\d{3}(?!\d)(?:\.\d+)?"
NUMBER = re.compile(
    r"(?P<open>\()?(?:(?P<sign>[-−]\s?|–))?(?P<before>[$€£])?\s?(?P<inner>[-−–])?"
    rf"(?P<digits>{_LAKHS}|{_GROUPS}|\d+(?:[.,]\d+)?)"
    r"(?:\s?(?P<after>[$€£])(?!\s?\d))?(?P<end>[-−–](?!\s?\d))?\)?"
)
"""An amount: in groups of three by one mark, in Indian groups or in none; signs and symbols before it or behind."""
_BESIDE = re.compile(r"\([^()]*\)?|\b(?:USD|EUR|GBP|CHF|JPY|CNY|CAD|AUD|US|Rs)\b", re.IGNORECASE)
"""What may stand between a label and its number."""
_NOTE = re.compile(r"\(?\bnotes? ?\d+\w?(?:(?:,| and| &) ?\d+\w?)*\)?", re.IGNORECASE)
_OTHER = re.compile(r"[^\W\d_]")
SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP"}
SURE = 0.9
"""A line read with less is for a person."""


class Labels(Artifact):
    """What to look for: field to the words that stand beside it."""

    kind: ClassVar[str] = "finance.labels/1"

    words: dict[str, tuple[str, ...]]
    sums: Mapping[str, tuple[str, ...]] = pydantic.Field(default_factory=dict)
    """Total to its parts, which must come out."""


BALANCE_SHEET = Labels(
    words={
        "assets": ("total assets",),
        "liabilities": ("total liabilities",),
        "equity": (
            "total equity",
            "total shareholders' equity",
            "total stockholders' equity",
            "shareholders' equity",
            "stockholders' equity",
        ),
    },
    sums={"assets": ("liabilities", "equity")},
)


class Questions(Artifact):
    """What to ask a model about a page, where no label was found."""

    kind: ClassVar[str] = "finance.questions/1"

    model: str
    """A model of the task question-answering, such as ``dir:models/answers``; it is asked about the print that was
    read."""
    asked: dict[str, str]
    """Field to its question, such as ``due: What is the amount due?``"""


class Found(Result):
    """One field."""

    name: str
    text: str
    value: Decimal | None
    """None for an answer that is not a single amount, such as a date."""
    currency: str
    """From its symbol; empty without one."""
    score: float
    """How sure the reader of print is of the worst of its lines, or the model of its answer if that is less."""
    box: tuple[float, float, float, float]
    """Left, top, right and bottom of the lines it stands on, in pixels."""
    question: str = ""
    """What was asked; empty when a label found it."""


class ScanFields(Payload):
    """What was found on a page."""

    fields: list[Found]
    missing: list[str]
    sums_hold: bool | None
    """None where a part of a sum was not found."""


class DocumentScan(Adapter[Any, ScanFields]):
    """Takes what the task takes: an image, its path or its bytes. The artefact ``labels`` says what to look for.

    With the artefact ``questions``, the model that it names answers for the fields that no label found.
    """

    spec = DOCUMENT_SCAN
    Output = ScanFields
    task = "optical-character-recognition"

    @property
    def labels(self) -> Labels:
        """What is looked for; a balance sheet's totals, when nothing was said and nothing is asked."""
        found = self.artifacts.get("labels")
        if isinstance(found, Labels):
            return found
        return BALANCE_SHEET if self.questions is None else Labels(words={})

    @property
    def questions(self) -> Questions | None:
        """What is asked."""
        found = self.artifacts.get("questions")
        return found if isinstance(found, Questions) else None

    def record(self, value: object, position: int = 0) -> Record[Any]:
        return Record(value, str(position))

    def prepare(self, record: Record[Any]) -> Any:
        return record.payload

    def interpret(self, case: Case[Any]) -> Uncalibrated | None:
        found = read_fields(case.raw.lines, self.labels)
        if self.questions is not None:
            found += self._answers(case.raw, self.questions, {each.name for each in found})
        case.raw = found
        return Uncalibrated(value=min(each.score for each in found), method="ocr") if found else None

    def decide(self, case: Case[Any]) -> Decision:
        for name in self._missing(case.raw):
            case.find("INPUT.MISSING_VALUE", f"'{name}' was not found on the page", field=name, severity="refer",
                      fix="look at the page, or add the words that stand beside it to the labels")  # fmt: skip
        for each in case.raw:
            if each.score < SURE:
                how = "answered" if each.question else "read"
                case.find("QUALITY.SNR", f"'{each.name}' was {how} with a score of {each.score:.2f}", field=each.name,
                          fix="look at the page, or scan it again with more light and 300 dpi")  # fmt: skip
        if _sums_hold(case.raw, self.labels) is False:
            case.find("QUALITY.FORMAT", "the parts do not add up to their total", field="sums",
                      fix="a digit was misread, or a part has other words")  # fmt: skip
        return Decision(outcome="refer", reason="figures on a scan are confirmed by a person")

    def result(self, case: Case[Any]) -> ScanFields:
        return ScanFields(fields=case.raw, missing=self._missing(case.raw), sums_hold=_sums_hold(case.raw, self.labels))

    def close(self) -> None:
        super().close()
        if "_answerer" in self.__dict__:
            self._answerer.close()

    def _missing(self, found: Sequence[Found]) -> list[str]:
        wanted = dict.fromkeys((*self.labels.words, *(self.questions.asked if self.questions else ())))
        return [name for name in wanted if name not in {each.name for each in found}]

    @functools.cached_property
    def _answerer(self) -> Runner[Any]:
        from duomo import load

        assert self.questions is not None
        return load("question-answering", self.questions.model)

    def _answers(self, page: Any, questions: Questions, known: set[str]) -> list[Found]:
        """Answers to the questions about fields that are not known yet; none on an empty page."""
        asked = {name: question for name, question in questions.asked.items() if name not in known}
        if not asked or not page.text.strip():
            return []
        outcomes = self._answerer.map([(question, page.text) for question in asked.values()], may_abstain=True)
        tops = [outcome.unwrap().top for outcome in outcomes]
        return [_answered(name, asked[name], top, page) for name, top in zip(asked, tops, strict=True) if top]

    @classmethod
    def example(cls) -> Self:
        from duomo import load

        return cls(runner=load(cls.task, device="cpu"))

    @classmethod
    def samples(cls) -> list[Any]:
        return [statement(("Total assets", "1,000"), ("Total liabilities", "600"), ("Total equity", equity))
                for equity in ("400", "410")]  # fmt: skip


def read_fields(lines: Sequence[Any], labels: Labels) -> list[Found]:
    """For each label the number on its line, or else the nearest to the right at its height.

    A line that goes on with other words is of something else: total liabilities *and equity*, net income *per share*.
    """
    found = []
    for name, words in labels.words.items():
        for line in lines:
            shown = " ".join(line.text.split())
            text = shown.lower().replace("’", "'")
            rest = next((_NOTE.sub("", shown[len(each) :]) for each in words if text.startswith(each)), None)
            if rest is None or _OTHER.search(_BESIDE.sub("", NUMBER.split(rest, maxsplit=1)[0])):
                continue
            figure = (line, rest) if NUMBER.search(rest) else _neighbour(line, lines)
            if figure is not None:
                found.append(_found(name, line, *figure))
                break
    return found


def parse_amount(text: str) -> tuple[Decimal, str] | None:
    """A number as it is printed in statements, and its currency: ``(1,234.5)`` is negative, ``1.234,5`` is European.

    A group of three behind a single mark is thousands, ``1.234``, unless a 0 is before it.
    """
    match = NUMBER.search(text)
    if match is None:
        return None
    digits = match["digits"]
    if match["mark"]:
        digits = digits.replace(match["mark"], "")
    elif digits.count(",") > 1:
        digits = digits.replace(",", "")
    value = Decimal(digits.replace(",", "."))
    currency = SYMBOLS.get(match["before"] or match["after"], "")
    is_negative = any(match[each] for each in ("open", "sign", "inner", "end"))
    return (-value if is_negative else value), currency


def statement(*lines: tuple[str, str]) -> Any:
    """A made-up statement as an image (height, width, 3) of uint8."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    # As high as wide at least: a reader enlarges a strip until its lower side is long enough.
    page = Image.new("RGB", (480, max(480, 20 + 40 * len(lines))), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(22)
    for i, (label, amount) in enumerate(lines):
        draw.text((20, 15 + 40 * i), label, fill="black", font=font)
        draw.text((340, 15 + 40 * i), amount, fill="black", font=font)
    return np.asarray(page)


def _neighbour(label: object, lines: Sequence[Any]) -> tuple[Any, str] | None:
    left, top, right, bottom = _box(label)
    beside = []
    for each in lines:
        box = _box(each)
        overlap = min(bottom, box[3]) - max(top, box[1])
        if each is not label and box[0] >= (left + right) / 2 and overlap > (bottom - top) / 2:
            beside.append((box[0], each))
    for _, each in sorted(beside, key=lambda pair: pair[0]):
        if NUMBER.search(each.text) and not each.text.lower().startswith("note"):
            return each, each.text
    return None


def _found(name: str, label: Any, line: Any, text: str) -> Found:
    amount = parse_amount(text)
    assert amount is not None
    return Found(name=name, text=text.strip(), value=amount[0], currency=amount[1],
                 score=min(label.score, line.score), box=_box(line))  # fmt: skip


def _answered(name: str, question: str, answer: Any, page: Any) -> Found:
    """An answer with its lines; in the text of a page they are joined by a line break."""
    touched, at = [], 0
    for line in page.lines:
        if at < answer.end and answer.start < at + len(line.text):
            touched.append(line)
        at += len(line.text) + 1
    text = answer.text.strip()
    value, currency = (NUMBER.fullmatch(text) and parse_amount(text)) or (None, "")
    boxes = [_box(line) for line in touched]
    left, top, right, bottom = zip(*boxes, strict=True)
    score = min(answer.score, *(line.score for line in touched))
    box = (min(left), min(top), max(right), max(bottom))
    return Found(name=name, text=text, value=value, currency=currency, score=score, box=box, question=question)


def _box(line: Any) -> tuple[float, float, float, float]:
    xs, ys = zip(*line.corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _sums_hold(found: Sequence[Found], labels: Labels) -> bool | None:
    values: Mapping[str, Decimal] = {each.name: each.value for each in found if each.value is not None}
    sums = [(total, parts) for total, parts in labels.sums.items() if {total, *parts} <= set(values)]
    if not sums:
        return None
    return all(values[total] == sum((values[part] for part in parts), Decimal(0)) for total, parts in sums)
