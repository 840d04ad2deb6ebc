"""Sentiment by VADER."""

from typing import Any

import pytest

import duomo
from duomo.errors import InputTooLong

pytestmark = pytest.mark.embedded

SENTIMENTS: list[tuple[str, str]] = [
    ("positive", "I love this phone, the battery is fantastic."),
    ("positive", "What a wonderful evening, thank you so much!"),
    ("positive", "The staff were friendly and very helpful."),
    ("positive", "Best coffee in town, highly recommended."),
    ("positive", "She was delighted with the beautiful flowers."),
    ("positive", "This is the most enjoyable book I have read in years."),
    ("positive", "Great value, fast delivery, happy customer :)"),
    ("positive", "The food was not bad at all."),
    ("positive", "A brilliant, funny and touching film."),
    ("positive", "I am so proud of our amazing team!"),
    ("positive", "The room was clean and the view gorgeous."),
    ("positive", "Finally an update that works perfectly."),
    ("positive", "He gave me good advice and kind words."),
    ("positive", "The concert was AWESOME!!!"),
    ("negative", "This is the worst meal I have ever had."),
    ("negative", "I hate waiting and the service was terrible."),
    ("negative", "The battery died after a week, what a disappointment."),
    ("negative", "Rude staff, dirty room, never again."),
    ("negative", "The film was boring and the acting awful."),
    ("negative", "I am sad and angry about this decision."),
    ("negative", "The update ruined everything and support ignored me."),
    ("negative", "Not a good product, it broke on day one."),
    ("negative", "Horrible noise all night :("),
    ("negative", "They lied to us and stole our money."),
    ("negative", "The plot is a mess and the ending stupid."),
    ("negative", "Unfortunately the parcel arrived damaged."),
    ("negative", "It was painful to watch such a failure."),
    ("negative", "The customer service sucks."),
    ("neutral", "The train leaves at nine from platform four."),
    ("neutral", "The box contains twelve pencils."),
    ("neutral", "She put the book on the table."),
    ("neutral", "The meeting is on Tuesday."),
    ("neutral", "Water boils at one hundred degrees."),
    ("neutral", "The house has two floors and a garage."),
    ("neutral", "He walked to the station in the morning."),
    ("neutral", "The report has forty pages."),
    ("neutral", "My car is blue."),
    ("neutral", "They live in a village near the border."),
    ("neutral", "The shop opens at eight."),
    ("neutral", "Copy the file into the folder."),
]
"""(label, sentence): 40 sentences."""


@pytest.fixture(scope="module")
def runner() -> duomo.Runner[Any]:
    return duomo.load("text-classification", "nlp/vader")


def test_plain_sentences_are_told_right(runner: duomo.Runner[Any]) -> None:
    """40 of 40 when written: they say what they mean. On film reviews it is right about 70 % of the time."""
    outcomes = runner.map([sentence for _, sentence in SENTIMENTS])
    right = sum(outcome.unwrap().top.name == label for outcome, (label, _) in zip(outcomes, SENTIMENTS, strict=True))
    assert right >= 36


def test_the_best_label_is_the_one_that_the_thresholds_name(runner: duomo.Runner[Any]) -> None:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    for _, sentence in SENTIMENTS:
        compound = analyzer.polarity_scores(sentence)["compound"]
        expected = "positive" if compound >= 0.05 else "negative" if compound <= -0.05 else "neutral"
        result = runner(sentence)
        assert result.top.name == expected
        assert sum(label.score for label in result.labels) == pytest.approx(1)


def test_a_mixed_text_keeps_both_sides_under_multi_label(runner: duomo.Runner[Any]) -> None:
    result = runner("The food was great but the service was terrible.", multi_label=True)
    shares = {label.name: label.score for label in result.labels}
    assert shares["positive"] > 0.1
    assert shares["negative"] > 0.1


def test_a_long_text_is_refused_cut_or_averaged_as_asked(runner: duomo.Runner[Any]) -> None:
    text = "I love it. " * 200 + "I hate it. " * 400
    with pytest.raises(InputTooLong, match="1,800 words and VADER reads 512"):
        runner(text)
    cut, whole = next(runner.map([text], long="truncate")), next(runner.map([text], long="window"))
    assert (cut.meta.truncated, cut.unwrap().top.name) == (True, "positive")
    assert (whole.meta.windows, whole.unwrap().top.name) == (4, "negative")


def test_an_emoji_counts_as_telephones_type_it(runner: duomo.Runner[Any]) -> None:
    """Behind a heart stands a sign that is not seen, and it was neutral."""
    plain = runner("I \u2764 it").labels
    assert plain[0].name == "positive"
    assert runner("I \u2764\ufe0f it").labels == plain
    assert runner("\U0001f468\u200d\u2764\ufe0f\u200d\U0001f468").top.name == "positive"


@pytest.mark.parametrize(
    "text", ["This isn’t great", "This isnʼt great", "This isn't\u200b great", "Ｔｈｉｓ ｉｓｎ't ｇｒｅａｔ"]
)
def test_a_negation_is_one_with_every_apostrophe_and_width(runner: duomo.Runner[Any], text: str) -> None:
    """With a printer's apostrophe it was .90 positive."""
    assert runner(text) == runner("This isn't great")
    assert runner(text).top.name == "negative"
