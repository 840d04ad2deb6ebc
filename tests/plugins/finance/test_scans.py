"""Scanned statements: labels, the numbers beside them, and what a person must look at."""

from decimal import Decimal

import pytest

import duomo
from duomo.tasks.vision import Page, TextLine
from duomo_finance.scans import BALANCE_SHEET, DocumentScan, Labels, parse_amount, read_fields, statement


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,234", (Decimal(1234), "")),
        ("$ 1,234.50", (Decimal("1234.50"), "USD")),
        ("€1.234,50", (Decimal("1234.50"), "EUR")),
        ("(1,234)", (Decimal(-1234), "")),
        ("-12.5", (Decimal("-12.5"), "")),
        ("1 234 567", (Decimal(1234567), "")),
        ("£7", (Decimal(7), "GBP")),
        ("n/a", None),
    ],
)
def test_amounts_are_read_as_statements_print_them(text, amount):
    assert parse_amount(text) == amount


def line(text, x, y, score=0.99):
    width, height = 10 * len(text), 20
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    return TextLine(text=text, score=score, corners=[tuple(map(float, each)) for each in corners])


def test_a_number_belongs_to_the_label_on_its_line():
    lines = [line("Total assets", 0, 0), line("note 4", 300, 2), line("1,000", 400, 3), line("950", 500, 1),
             line("Total liabilities 600", 0, 40), line("Shareholders’ equity", 0, 80),
             line("(400)", 400, 82)]  # fmt: skip
    found = {each.name: each for each in read_fields(lines, BALANCE_SHEET)}
    assert found["liabilities"].value == 600
    assert found["equity"].value == -400
    assert found["assets"].value == 1000, "not the note, and not last year's column"
    assert found["assets"].box == (400.0, 3.0, 450.0, 23.0)


class Reader:
    """A reader of print that gives the same page for whatever it is shown."""

    def __init__(self, *lines):
        self.page = Page(lines=list(lines), width=600, height=200)

    def map(self, items, **_):
        for index, _item in enumerate(items):
            yield duomo.Outcome(index, str(index), self.page, None, duomo.Meta("ocr", "house/reader"))


def test_every_figure_goes_to_a_person_with_what_is_doubtful():
    adapter = DocumentScan(
        runner=Reader(line("Total assets", 0, 0), line("1,000", 400, 0), line("Total liabilities", 0, 40, 0.7),
                      line("600", 400, 40), line("Total equity", 0, 80), line("410", 400, 80))
    )  # fmt: skip
    result = adapter("page.png")
    assert result.decision.outcome == "refer"
    assert result.human_review == "required"
    assert {(each.code, each.field) for each in result.findings} == {
        ("QUALITY.SNR", "liabilities"),
        ("QUALITY.FORMAT", "sums"),
    }
    assert result.payload.sums_hold is False
    assert result.score.value == 0.7


def test_what_was_not_found_is_named_and_labels_can_be_ones_own():
    labels = Labels(words={"iban": ("iban",), "due": ("amount due", "total due")})
    adapter = DocumentScan(runner=Reader(line("Amount due: € 12,50", 0, 0)), artifacts={"labels": labels})
    result = adapter("page.png")
    assert [(each.name, each.value, each.currency) for each in result.payload.fields] == [
        ("due", Decimal("12.50"), "EUR")
    ]
    assert result.payload.missing == ["iban"]
    assert [(each.code, each.field) for each in result.findings] == [("INPUT.MISSING_VALUE", "iban")]
    assert result.payload.sums_hold is None


@pytest.mark.embedded
def test_a_drawn_statement_is_read_by_the_core_task():
    with DocumentScan(runner=duomo.load("optical-character-recognition", device="cpu")) as adapter:
        result = adapter(
            statement(("Total assets", "$ 1,000"), ("Total liabilities", "$ 600"), ("Total equity", "$ 400"))
        )
    assert {each.name: int(each.value) for each in result.payload.fields} == {
        "assets": 1000,
        "liabilities": 600,
        "equity": 400,
    }
    assert result.payload.sums_hold
