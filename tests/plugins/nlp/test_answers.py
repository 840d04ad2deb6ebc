"""Question answering: the likeliest stretch of the context, over windows, in whole words."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

import duomo
from duomo.errors import InputTooLong
from duomo_nlp.answers import QuestionAnswering

Make = Callable[..., Path]
QUESTION = "who met Bob in Paris?"
CONTEXT = "Ada met Bob in Paris. the cat sat on the mat 東京 and ran, to London!"
LONG = " ".join([CONTEXT] * 6)
FAMILIES = ["bert", "distilbert", "roberta", "camembert", "electra", "modernbert", "mpnet"]


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, checkpoint: Make) -> Path:
    return checkpoint(request.param, AutoModelForQuestionAnswering)


@pytest.fixture(scope="module")
def bert(checkpoint: Make) -> Path:
    return checkpoint("bert", AutoModelForQuestionAnswering)


@pytest.fixture(scope="module")
def runner(bert: Path) -> duomo.Runner[Any]:
    return duomo.load("question-answering", f"dir:{bert}")


def by_hand(folder: Path, question: str, context: str, longest: int = 30) -> dict[tuple[int, int], float]:
    """(first character, one past the last) → probability of every span of tokens, by the bare model."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoding = tokenizer(question, context, return_offsets_mapping=True)
    parts = encoding.sequence_ids(0)
    network = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    ids = {
        name: torch.tensor([encoding[name]])
        for name in tokenizer.model_input_names
        if name in encoding and (name != "token_type_ids" or getattr(network.config, "type_vocab_size", 0) > 1)
    }
    with torch.no_grad():
        output = network(**ids)
    kept = torch.tensor([at == 0 or part == 1 for at, part in enumerate(parts)])
    start, end = (
        logits[0].masked_fill(~kept, -torch.inf).softmax(-1).tolist()
        for logits in (output.start_logits, output.end_logits)
    )
    inside = [at for at, part in enumerate(parts) if part == 1]
    offsets = encoding["offset_mapping"]
    spans: dict[tuple[int, int], float] = {}
    for first, last in itertools.combinations_with_replacement(inside, 2):
        if last - first < longest:
            # Widened to whole words, as the words of the context are those between spaces and signs.
            word_of = encoding.token_to_word
            low = encoding.word_to_chars(word_of(first), sequence_index=1)[0]
            high = encoding.word_to_chars(word_of(last), sequence_index=1)[1]
            assert low <= offsets[first][0]
            spans[low, high] = max(spans.get((low, high), 0.0), start[first] * end[last])
    return spans


@pytest.mark.equals("the bare network's spans, scores to 1e-5", "question-answering")
def test_the_best_answers_are_those_of_the_bare_model(folder: Path) -> None:
    expected = sorted(by_hand(folder, QUESTION, CONTEXT).items(), key=lambda each: -each[1])[:3]
    found = duomo.load("question-answering", f"dir:{folder}")((QUESTION, CONTEXT), top_k=3).answers
    assert [(answer.start, answer.end) for answer in found] == [place for place, _ in expected]
    assert [answer.score for answer in found] == pytest.approx([score for _, score in expected], abs=1e-5)
    assert [CONTEXT[answer.start : answer.end] for answer in found] == [answer.text for answer in found]


def test_a_batch_gives_what_each_item_gives_alone(runner: duomo.Runner[Any]) -> None:
    items = [(QUESTION, CONTEXT[:at]) for at in (20, 30, 50, 65)] + [("where?", CONTEXT), (QUESTION, LONG)]
    alone = [runner(item) for item in items]
    together = [outcome.unwrap() for outcome in runner.map(items)]
    for one, same in zip(alone, together, strict=True):
        assert (one.top.start, one.top.end) == (same.top.start, same.top.end)
        assert one.top.score == pytest.approx(same.top.score, abs=1e-5)


@pytest.mark.parametrize("context", ["  Ada\r\nBob\tParis  ", "Ada\u2003Bob\u00a0Paris", "\n\nAda\n\n"])
def test_an_answer_has_no_white_space_around_it_and_is_not_white_space_alone(checkpoint: Make, context: str) -> None:
    folder = checkpoint("roberta", AutoModelForQuestionAnswering)  # whose tokenizer makes tokens of tabs
    answers = duomo.load("question-answering", f"dir:{folder}")((QUESTION, context), top_k=50).answers
    assert answers
    places = [(answer.start, answer.end) for answer in answers]
    assert len(set(places)) == len(places)
    for answer in answers:
        assert answer.text == context[answer.start : answer.end] == answer.text.strip() != ""


def test_an_answer_is_no_longer_than_asked_for(runner: duomo.Runner[Any]) -> None:
    for answer in runner((QUESTION, "a b c d e f g h"), max_answer_tokens=2, top_k=50).answers:
        assert len(answer.text.split()) <= 2


def planted(model: QuestionAnswering, context: str, answer: str, how_sure: float, none: float = 0.0) -> Any:
    """What the model says to logits that point at `answer` wherever a window holds it whole."""
    features = model.preprocess([_question(context)], _Options)  # type: ignore[arg-type]
    rows = []
    for encoding in features[0]["encodings"]:
        row = torch.zeros(len(encoding), 2)
        row[0] = none
        at = context.index(answer)
        for token, (part, (start, end)) in enumerate(zip(encoding.sequence_ids, encoding.offsets, strict=True)):
            if part == 1:
                row[token, 0] += how_sure * (start == at)
                row[token, 1] += how_sure * (end == at + len(answer))
        rows.append(row)
    return model.postprocess(torch.cat(rows), features, _Options)[0], features[0]  # type: ignore[arg-type]


class _Options:
    top_k, max_answer_tokens, may_abstain, long = 1, 30, False, "window"


def _question(context: str) -> Any:
    return duomo.tasks.nlp.extraction.QuestionAnswering.Input.accept((QUESTION, context))


def test_the_best_answer_of_all_windows_is_found_wherever_it_stands(runner: duomo.Runner[Any]) -> None:
    model: Any = runner.executor.worker.model  # type: ignore[attr-defined]
    for place in (0, 40, 90):
        words = ["the"] * 90
        words.insert(place, "London")
        answers, features = planted(model, " ".join(words), "London", 8.0)
        assert features["windows"] > 2
        assert answers.top.text == "London"
        assert answers.top.start == 4 * place


def test_whole_words_are_answered_even_where_the_model_points_inside(runner: duomo.Runner[Any]) -> None:
    model: Any = runner.executor.worker.model  # type: ignore[attr-defined]
    context = "the cat met Londoners on the mat"
    features = model.preprocess([_question(context)], _Options)
    [encoding] = features[0]["encodings"]
    row = torch.zeros(len(encoding), 2)
    inside = [at for at, token in enumerate(encoding.tokens) if token.startswith("##")]
    row[inside[1], 0] = row[inside[2], 1] = 9.0
    assert model.postprocess(row, features, _Options)[0].top.text == "Londoners"


def test_a_model_that_may_abstain_gives_no_answer_where_none_is_surer(
    runner: duomo.Runner[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = runner.executor.worker.model  # type: ignore[attr-defined]
    monkeypatch.setattr(_Options, "may_abstain", True)
    sure, _ = planted(model, CONTEXT, "London", 8.0, none=4.0)
    unsure, _ = planted(model, CONTEXT, "London", 1.0, none=4.0)
    assert sure.top.text == "London"
    assert unsure.answers == []
    assert unsure.top is None


def test_long_contexts_follow_the_policy(runner: duomo.Runner[Any]) -> None:
    with pytest.raises(InputTooLong) as caught:
        runner((QUESTION, LONG), long="error")
    assert "Ada met Bob in Paris" in caught.value.what
    [cut] = runner.map([(QUESTION, LONG)], long="truncate")
    [whole] = runner.map([(QUESTION, LONG)])
    assert (cut.meta.truncated, cut.meta.windows) == (True, 1)
    assert (whole.meta.truncated, whole.meta.windows > 2) == (False, True)


def test_the_length_of_a_long_context_is_said_in_tokens(runner: duomo.Runner[Any]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(runner.meta.model.removeprefix("dir:"))
    count = len(tokenizer(QUESTION, LONG)["input_ids"])
    with pytest.raises(InputTooLong, match=f"{count:,} tokens and the model reads 64"):
        runner((QUESTION, LONG), long="error")


def test_a_question_that_leaves_no_room_is_refused_alone(runner: duomo.Runner[Any]) -> None:
    good, bad = runner.map([(QUESTION, CONTEXT), (LONG, CONTEXT)])
    assert good.ok
    assert bad.error.code == "E-INPUT-TOO-LONG"
    assert "ask in fewer words" in bad.error.fix


def test_a_question_of_short_tokens_is_refused_and_does_not_panic(runner: duomo.Runner[Any]) -> None:
    for count in (33, 45, 60):
        [outcome] = runner.map([("?" * count, CONTEXT)])
        assert outcome.error is not None
        assert outcome.error.type == "InputTooLong"


def test_an_empty_context_is_an_error_of_its_item(runner: duomo.Runner[Any]) -> None:
    bad, good = runner.map([(QUESTION, ""), (QUESTION, CONTEXT)])
    assert "this text is empty" in bad.error.what
    assert good.ok


@pytest.mark.parametrize("context", ["東京都に行く大阪に行く。", "阪に行くLondon東京", "行く 東京都 大阪"])
def test_an_answer_in_a_script_without_spaces_is_not_all_of_it(checkpoint: Make, context: str) -> None:
    """To XLM-R and RoBERTa all that stands between spaces or marks is one word."""
    folder = checkpoint("xlm-roberta", AutoModelForQuestionAnswering)
    answers = duomo.load("question-answering", f"dir:{folder}")({"question": QUESTION, "context": context}, top_k=3)
    assert len(answers) == 3
    assert all(each.text == context[each.start : each.end] for each in answers)
    assert answers[0].score == pytest.approx(max(by_hand(folder, QUESTION, context).values()), abs=1e-6)
