"""Figures on a scanned page: a label in print, and the number that stands beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Self

import pydantic

from duomo.adapters import Adapter, Artifact, Case, Decision, Payload, Record, Uncalibrated
from duomo.tasks.base import Result
from duomo_finance.plugin import DOCUMENT_SCAN

NUMBER = re.compile(r"\(?-?[$€£]?\s?\d{1,3}(?:[.,\s]\d{3})+(?:[.,]\d{1,2})?\)?|\(?-?[$€£]?\s?\d+(?:[.,]\d{1,2})?\)?")
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
        "equity": ("total equity", "shareholders' equity", "stockholders' equity"),
    },
    sums={"assets": ("liabilities", "equity")},
)


class Found(Result):
    """One figure."""

    name: str
    text: str
    value: Decimal
    currency: str
    """From its symbol; empty without one."""
    score: float
    """How sure the reader of print is of the worse of the two lines."""
    box: tuple[float, float, float, float]
    """Left, top, right and bottom of the figure's line, in pixels."""


class ScanFields(Payload):
    """What was found on a page."""

    fields: list[Found]
    missing: list[str]
    sums_hold: bool | None
    """None where a part of a sum was not found."""


class DocumentScan(Adapter[Any, ScanFields]):
    """Takes what the task takes: a picture, its path or its bytes. The artefact ``labels`` says what to look for.

    There is no model of document question answering behind it: it knows labels and their neighbours, not questions.
    """

    spec = DOCUMENT_SCAN
    Output = ScanFields
    task = "optical-character-recognition"

    @property
    def labels(self) -> Labels:
        """What is looked for; a balance sheet's totals, when nothing else was said."""
        found = self.artifacts.get("labels")
        return found if isinstance(found, Labels) else BALANCE_SHEET

    def record(self, value: Any, position: int = 0) -> Record[Any]:
        return Record(value, str(position))

    def prepare(self, record: Record[Any]) -> Any:
        return record.payload

    def interpret(self, case: Case[Any]) -> Uncalibrated | None:
        found = read_fields(case.raw.lines, self.labels)
        return Uncalibrated(value=min(each.score for each in found), method="ocr") if found else None

    def decide(self, case: Case[Any]) -> Decision:
        found = read_fields(case.raw.lines, self.labels)
        for name in _missing(found, self.labels):
            case.find("INPUT.MISSING_VALUE", f"'{name}' was not found on the page", field=name, severity="refer",
                      fix="look at the page, or add the words that stand beside it to the labels")  # fmt: skip
        for each in found:
            if each.score < SURE:
                case.find("QUALITY.SNR", f"'{each.name}' was read with a score of {each.score:.2f}", field=each.name,
                          fix="look at the page, or scan it again with more light and 300 dpi")  # fmt: skip
        if _sums_hold(found, self.labels) is False:
            case.find("QUALITY.FORMAT", "the parts do not add up to their total", field="sums",
                      fix="a digit was misread, or a part has other words")  # fmt: skip
        return Decision(outcome="refer", reason="figures on a scan are confirmed by a person")

    def result(self, case: Case[Any]) -> ScanFields:
        found = read_fields(case.raw.lines, self.labels)
        return ScanFields(fields=found, missing=_missing(found, self.labels), sums_hold=_sums_hold(found, self.labels))

    @classmethod
    def example(cls) -> Self:
        from duomo import load

        return cls(runner=load(cls.task, device="cpu"))

    @classmethod
    def samples(cls) -> list[Any]:
        return [statement(("Total assets", "1,000"), ("Total liabilities", "600"), ("Total equity", equity))
                for equity in ("400", "410")]  # fmt: skip


def read_fields(lines: Sequence[Any], labels: Labels) -> list[Found]:
    """For each label the number on its line, or else the nearest to the right at its height."""
    found = []
    for name, words in labels.words.items():
        for line in lines:
            text = " ".join(line.text.lower().replace("’", "'").split())
            word = next((each for each in words if text.startswith(each)), None)
            if word is None:
                continue
            rest = line.text[len(word) :]
            figure = (line, rest) if NUMBER.search(rest) else _neighbour(line, lines)
            if figure is not None:
                found.append(_found(name, line, *figure))
                break
    return found


def parse_amount(text: str) -> tuple[Decimal, str] | None:
    """A number as it is printed in statements, and its currency: ``(1,234.5)`` is negative, ``1.234,5`` is European."""
    match = NUMBER.search(text)
    if match is None:
        return None
    raw = match[0]
    currency = next((SYMBOLS[each] for each in raw if each in SYMBOLS), "")
    digits = re.sub(r"[^\d.,]", "", raw)
    last = max(digits.rfind("."), digits.rfind(","))
    # What follows the last mark is a fraction, unless it is a group of three.
    if last >= 0 and len(digits) - last - 1 != 3:
        digits = re.sub(r"[.,]", "", digits[:last]) + "." + digits[last + 1 :]
    else:
        digits = re.sub(r"[.,]", "", digits)
    negative = raw.startswith("(") or "-" in raw
    return (-Decimal(digits) if negative else Decimal(digits)), currency


def statement(*lines: tuple[str, str]) -> Any:
    """A made-up statement as a picture (height, width, 3) of uint8."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", (480, 20 + 40 * len(lines)), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(22)
    for i, (label, amount) in enumerate(lines):
        draw.text((20, 15 + 40 * i), label, fill="black", font=font)
        draw.text((340, 15 + 40 * i), amount, fill="black", font=font)
    return np.asarray(page)


def _neighbour(label: Any, lines: Sequence[Any]) -> tuple[Any, str] | None:
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


def _box(line: Any) -> tuple[float, float, float, float]:
    xs, ys = zip(*line.corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _missing(found: Sequence[Found], labels: Labels) -> list[str]:
    return [name for name in labels.words if name not in {each.name for each in found}]


def _sums_hold(found: Sequence[Found], labels: Labels) -> bool | None:
    values: Mapping[str, Decimal] = {each.name: each.value for each in found}
    sums = [(total, parts) for total, parts in labels.sums.items() if {total, *parts} <= set(values)]
    if not sums:
        return None
    return all(values[total] == sum((values[part] for part in parts), Decimal(0)) for total, parts in sums)
