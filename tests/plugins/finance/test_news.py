"""News: tone by any model, companies from a list, and nothing from the future."""

from types import SimpleNamespace

import pytest

import duomo
from duomo.errors import UsageProblem
from duomo.outcome import outcome_of
from duomo.tasks.nlp.extraction import Entities, Span
from duomo.tasks.results import Classification
from duomo_finance.news import NewsSentiment, Tickers

NAMES = Tickers(names={"AAPL": ("Apple", "Apple Inc."), "F": ("Ford", "Ford Motor"), "ORCL": ("Oracle",)})


@pytest.fixture(scope="module")
def news():
    with NewsSentiment(runner=duomo.load("text-classification", device="cpu"), artifacts={"tickers": NAMES}) as adapter:
        yield adapter


def item(text, **more):
    return {"id": "n1", "text": text, "published": "2024-03-01T09:00:00+00:00", **more}


@pytest.mark.embedded
def test_an_item_has_a_tone_and_its_companies(news):
    made = news(item("Apple had a great, great quarter, and Ford Motor a good one", source="wire"))
    assert made.payload.label == "positive"
    assert made.payload.polarity > 0.5
    assert [(each.ticker, each.first) for each in made.payload.tickers] == [("AAPL", "Apple"), ("F", "Ford Motor")]
    assert made.payload.source == "wire"
    assert made.score.kind == "uncalibrated", "nobody calibrated it, so it is not a probability"
    assert made.provenance.model.startswith("nlp/vader")
    assert made.payload.as_of == made.payload.published


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$AAPL and $F rise", {"AAPL": 1, "F": 1}),
        ("Apple Inc. (NASDAQ: AAPL) beats; Apple rises", {"AAPL": 3}),
        ("F is a letter, and so is a 'forded' river", {}),
        ("Pineapple prices and an oracle", {"ORCL": 1}),
        ("Ford (NYSE:F) recalls", {"F": 2}),
        ("nothing of note", {}),
    ],
)
def test_companies_are_found_by_ticker_and_name(text, found):
    assert {each.ticker: each.count for each in NAMES.find(text)} == found


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("names", "text", "found"),
    [
        ({"YHOO": ("Yahoo!",)}, "Yahoo! rises, and Yahoo! falls", [("YHOO", 2)]),
        ({"ACM": ("Acme Inc.",)}, "Acme Inc. beats expectations", [("ACM", 1)]),
        ({"MCO": ("Moody's",)}, "Moody’s rose; Moody's fell", [("MCO", 2)]),
        ({"FM": ("Ford Motor",)}, "Ford\nMotor, Ford\u00a0Motor and Ford  Motor", [("FM", 3)]),
        ({"NES": ("Nestl\u00e9",)}, "Nestle\u0301 sells water", [("NES", 1)]),
        ({"TM": ("トヨタ",)}, "今日トヨタは上がった", [("TM", 1)]),
        ({"ACM": ("Acme",), "ACB": ("Acme Bank",)}, "Acme Bank lends to Acme", [("ACB", 1), ("ACM", 1)]),
        ({"ACM": ("Acme",), "ACMB": ("Acme",)}, "Acme", [("ACM", 1), ("ACMB", 1)]),
        ({"ACM": ("Acme", " ")}, "Acmed is no Acme", [("ACM", 1)]),
    ],
)
def test_a_name_is_found_as_people_write_it_and_not_within_a_longer_one(names, text, found):
    assert [(each.ticker, each.count) for each in Tickers(names=names).find(text)] == found


def test_an_item_published_after_the_moment_asked_for_is_a_leak(news):
    early = news(item("Great results", as_of="2024-02-28T16:00:00+00:00"))
    assert early.payload is None
    assert [(each.code, each.field) for each in early.findings] == [("LEAK.FUTURE", "text")]
    assert early.decision.outcome == "refer"
    later = news(item("Great results", as_of="2024-03-01T16:00:00+00:00"))
    assert later.findings == []
    assert later.provenance.as_of.day == 1


def test_any_model_of_the_task_will_do_and_its_own_labels_stay():
    class Two:
        def map(self, items, **_):
            for index, _item in enumerate(items):
                meta = duomo.Meta("text-classification", "house/two")
                yield outcome_of(index, str(index), Classification.ranked(["spam", "ham"], [0.2, 0.8]), None, meta)

        def close(self):
            pass

    adapter = NewsSentiment(runner=Two())  # type: ignore[arg-type]
    made = adapter(item("whatever"))
    assert made.payload.label == "ham"
    assert made.payload.polarity is None
    assert made.payload.tickers == []


@pytest.mark.embedded
def test_names_come_from_a_second_model_when_one_is_given(news):
    def names(text):
        start = text.index("Ada")
        return Entities(spans=[Span(label="PER", score=0.9, text="Ada", start=start, end=start + 3)])

    both = NewsSentiment(runner=news.runner, entities=names)  # type: ignore[arg-type]
    made = both(item("A great day for Ada"))
    assert [(each.label, each.text, each.start) for each in made.payload.entities] == [("PER", "Ada", 16)]
    wrong = NewsSentiment(runner=news.runner, entities=lambda text: SimpleNamespace())  # type: ignore[arg-type]
    with pytest.raises(UsageProblem, match="is of another task"):
        wrong(item("A great day"))


@pytest.mark.embedded
def test_bad_items_are_named_and_the_others_go_on(news):
    rows = [item("good"), {"id": "n2", "text": "no time"}, {"id": "n3", "published": "2024-03-01"},
            item("", id="n4"), item("good", published="soon"), item("good", id="n6")]  # fmt: skip
    outcomes = list(news.map(rows))
    assert [each.ok for each in outcomes] == [True, False, False, False, False, True]
    assert "has no 'published'" in outcomes[1].error.what
    assert "has no 'text'" in outcomes[2].error.what
    assert "'text' cannot be used" in outcomes[3].error.what
    assert "'published' cannot be used" in outcomes[4].error.what
