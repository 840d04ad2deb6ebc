"""Scanned statements: labels, the numbers beside them, and what a person must look at."""

from decimal import Decimal

import pytest
from PIL import Image

import duomo
from duomo.outcome import outcome_of
from duomo.tasks.vision.reading import Page, TextLine
from duomo_finance.scans import (
    BALANCE_SHEET,
    NUMBER,
    DocumentScan,
    Labels,
    Questions,
    parse_amount,
    read_fields,
    statement,
)


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
        ("0.125", (Decimal("0.125"), "")),
        ("1.234", (Decimal(1234), "")),
        ("12,345.678", (Decimal("12345.678"), "")),
        ("1234.5678", (Decimal("1234.5678"), "")),
        ("1'234'567.50", (Decimal("1234567.50"), "")),
        ("1,23,456", (Decimal(123456), "")),
        ("12,34,567.5", (Decimal("1234567.5"), "")),
        ("1,234-", (Decimal(-1234), "")),
        ("\u2212 5", (Decimal(-5), "")),
        ("\u20135", (Decimal(-5), "")),
        ("$-5", (Decimal(-5), "USD")),
        ("12.345 €", (Decimal(12345), "EUR")),
        ("600 $ 700", (Decimal(600), "")),
        ("2024-01", (Decimal(2024), "")),
        ("n/a", None),
    ],
)
def test_amounts_are_read_as_statements_print_them(text, amount):
    assert parse_amount(text) == amount
    is_whole = amount is not None and text not in ("600 $ 700", "2024-01")
    assert bool(NUMBER.fullmatch(text)) == is_whole, "an answer that is an amount is matched to its end"


def line(text, x, y, score=0.99):
    width, height = 10 * len(text), 20
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    return TextLine(text=text, score=score, corners=[tuple(map(float, each)) for each in corners])  # type: ignore[misc]


def test_a_number_belongs_to_the_label_on_its_line():
    lines = [line("Total assets", 0, 0), line("note 4", 300, 2), line("1,000", 400, 3), line("950", 500, 1),
             line("Total liabilities 600", 0, 40), line("Shareholders’ equity", 0, 80),
             line("(400)", 400, 82)]  # fmt: skip
    found = {each.name: each for each in read_fields(lines, BALANCE_SHEET)}
    assert found["liabilities"].value == 600
    assert found["equity"].value == -400
    assert found["assets"].value == 1000, "not the note, and not last year's column"
    assert found["assets"].box == (400.0, 3.0, 450.0, 23.0)


def test_a_line_that_goes_on_with_other_words_is_of_something_else():
    labels = Labels(words={**BALANCE_SHEET.words, "income": ("net income",)})
    lines = [
        line("Total liabilities  and equity", 0, 0), line("1,000", 400, 2), line("Net income per share 1.25", 0, 40),
        line("Total stockholders’ equity (note 4): USD 400", 0, 80), line("Net income ....... $ 90", 0, 160),
        line("Total liabilities (in thousands)", 0, 120), line("600", 400, 122),
    ]  # fmt: skip
    values = {each.name: each.value for each in read_fields(lines, labels)}
    assert values == {"equity": 400, "liabilities": 600, "income": 90}


class Reader:
    """A reader of print that gives the same page for whatever it is shown."""

    def __init__(self, *lines):
        self.page = Page(lines=list(lines), width=600, height=200)

    def map(self, items, **_):
        for index, _item in enumerate(items):
            yield outcome_of(index, str(index), self.page, None, duomo.Meta("ocr", "house/reader"))


def test_every_figure_goes_to_a_person_with_what_is_doubtful():
    adapter = DocumentScan(
        runner=Reader(line("Total assets", 0, 0), line("1,000", 400, 0), line("Total liabilities", 0, 40, 0.7),  # type: ignore[arg-type]
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
    assert result.score.value == 0.7  # type: ignore[union-attr]  # handed through


def test_what_was_not_found_is_named_and_labels_can_be_ones_own():
    labels = Labels(words={"iban": ("iban",), "due": ("amount due", "total due")})
    adapter = DocumentScan(runner=Reader(line("Amount due: € 12,50", 0, 0)), artifacts={"labels": labels})  # type: ignore[arg-type]
    result = adapter("page.png")
    assert [(each.name, each.value, each.currency) for each in result.payload.fields] == [
        ("due", Decimal("12.50"), "EUR")
    ]
    assert result.payload.missing == ["iban"]
    assert [(each.code, each.field) for each in result.findings] == [("INPUT.MISSING_VALUE", "iban")]
    assert result.payload.sums_hold is None


@pytest.mark.embedded
def test_a_drawn_statement_is_read_by_the_core_task_as_an_array_by_its_bytes_and_by_its_path(tmp_path):
    page = statement(("Total assets", "$ 1,000"), ("Total liabilities", "$ 600"), ("Total equity", "$ 400"))
    path = tmp_path / "page.png"
    Image.fromarray(page).save(path)
    with DocumentScan(runner=duomo.load("optical-character-recognition", device="cpu")) as adapter:
        result, *others = [adapter(each) for each in (page, path.read_bytes(), path, str(path))]
    assert {each.name: int(each.value) for each in result.payload.fields} == {
        "assets": 1000,
        "liabilities": 600,
        "equity": 400,
    }
    assert result.payload.sums_hold
    for other in others:
        assert other.payload == result.payload
        assert (other.decision, other.findings, other.score) == (result.decision, result.findings, result.score)


@pytest.fixture(scope="module")
def answerer(tmp_path_factory):
    from tests.plugins.answerer import save

    folder = tmp_path_factory.mktemp("answers")
    save(folder)
    return f"dir:{folder}"


def test_a_checkpoint_that_the_user_names_answers_what_no_label_finds(answerer, tmp_path):
    lines = [line("Amount due: € 12,50", 0, 0), line("to be paid by 3 may 2026", 0, 40)]
    labels = Labels(words={"due": ("amount due",)})
    asked = {"due": "what is due?", "paid_by": "paid by when?", "iban": "which iban?"}
    questions = Questions(model=answerer, asked=asked)
    DocumentScan(artifacts={"labels": labels, "questions": questions}).save(tmp_path)
    text = "\n".join(each.text for each in lines)
    with duomo.load("question-answering", answerer) as model:
        own = {name: model((asked[name], text), may_abstain=True).top for name in ("paid_by", "iban")}
    assert any(own.values()), "the made-up checkpoint must answer something, or this test says nothing"
    with DocumentScan.load(tmp_path, runner=Reader(*lines)) as adapter:  # type: ignore[arg-type]
        adapter.runner.close = lambda: None  # type: ignore[method-assign]
        result = adapter("page.png")
    found = {each.name: each for each in result.payload.fields}
    assert (found["due"].value, found["due"].question) == (Decimal("12.50"), ""), "a label comes before a question"
    for name, top in own.items():
        if top is None:
            assert name in result.payload.missing
            continue
        assert (found[name].text, found[name].question) == (top.text.strip(), asked[name])
        assert found[name].score == pytest.approx(min(top.score, 0.99), abs=1e-5)
        first, last = (0 if at <= len(lines[0].text) else 1 for at in (top.start, top.end - 1))
        assert (found[name].box[1], found[name].box[3]) == (40 * first, 40 * last + 20)
    assert result.decision.outcome == "refer"


class Answerer:
    """A model that gives the stretch of the text that a list of its own names, with a score."""

    def __init__(self, **answers):
        self.answers = answers

    def map(self, items, **_):
        from duomo.tasks.nlp.extraction import Answer, Answers

        for index, (question, text) in enumerate(items):
            stretch, score = self.answers.get(question, ("", 0.0))
            at = text.find(stretch)
            found = [Answer(text=stretch, score=score, start=at, end=at + len(stretch))] if stretch else []
            yield outcome_of(index, str(index), Answers(answers=found), None, duomo.Meta("qa", "house/answers"))

    def close(self):
        pass


def test_an_answer_is_an_amount_only_where_it_is_nothing_else_and_an_unsure_one_is_said(monkeypatch):
    lines = [line("we ask you for $ 1,200.50", 0, 0, 0.8), line("within 30 days", 0, 40), line("of 3 may", 0, 80)]
    model = Answerer(total=("$ 1,200.50", 0.95), until=("30 days\nof 3 may", 0.4))
    monkeypatch.setattr(duomo, "load", lambda task, name: {("question-answering", "house/answers"): model}[task, name])
    questions = Questions(model="house/answers", asked={"total": "total", "until": "until", "vat": "vat"})
    result = DocumentScan(runner=Reader(*lines), artifacts={"questions": questions})("page.png")  # type: ignore[arg-type]
    found = {each.name: each for each in result.payload.fields}
    # handed through
    assert (found["total"].value, found["total"].currency, found["total"].score) == (Decimal("1200.50"), "USD", 0.8)
    assert (found["until"].value, found["until"].score) == (None, 0.4)  # handed through
    assert found["until"].box == (0.0, 40.0, 140.0, 100.0), "both lines"
    assert result.payload.missing == ["vat"], "and not a balance sheet's totals, which nobody asked for"
    assert {(each.code, each.field) for each in result.findings} == {
        ("INPUT.MISSING_VALUE", "vat"), ("QUALITY.SNR", "total"), ("QUALITY.SNR", "until"),
    }  # fmt: skip
    assert result.score.value == 0.4  # type: ignore[union-attr]  # handed through


def test_an_empty_page_is_not_asked_about(monkeypatch):
    monkeypatch.setattr(duomo, "load", lambda *_: pytest.fail("no model is needed for an empty page"))
    questions = Questions(model="house/answers", asked={"total": "total"})
    result = DocumentScan(runner=Reader(), artifacts={"questions": questions})("page.png")  # type: ignore[arg-type]
    assert result.payload.missing == ["total"]
