"""Keywords, central sentences, sentences and spelling: what the pieces do, and how good they are on plain texts."""

import random
from typing import Any

import numpy as np
import pytest
import torch

import duomo
from duomo.errors import BadInput, BadOption
from duomo_nlp.central import candidates, centrality, diverse
from duomo_nlp.splitting import parts_of, rejoined, sentence_spans

REPORT = (
    "Solar power plants turn sunlight into electricity. The new solar power plant in Spain has two million panels. "
    "Its panels follow the sun during the day. My aunt likes marmalade. The electricity of the plant is enough for "
    "ninety thousand homes. Engineers clean the panels with robots, since dust costs electricity."
)


def test_candidates_begin_and_end_with_words_that_say_something() -> None:
    text = "The cat of Paris sat. A Cat, of the 3 cats!"
    found = [text[start:end] for start, end in candidates(text, 3)]
    assert found == ["cat", "cat of Paris", "Paris", "Paris sat", "sat", "cats"]
    assert candidates("it is of the 12 ...", 2) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी भाषा, दिल्ली", ["हिन्दी", "हिन्दी भाषा", "भाषा", "दिल्ली"]),
        ("cafe\u0301 — nai\u0308ve", ["cafe\u0301", "nai\u0308ve"]),
        ("می\u200cخواهم؟ خوب", ["می\u200cخواهم", "خوب"]),
        ("שָׁלוֹם! עולם", ["שָׁלוֹם", "עולם"]),
        ("北京很大。上海也很大。", ["北京很大", "上海也很大"]),
        ("🙂 cat 🙂", ["cat"]),
    ],
)
def test_words_of_any_script_are_whole(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in candidates(text, 2)] == words


def test_diverse_candidates_are_far_from_those_taken() -> None:
    scores = torch.tensor([0.9, 0.89, 0.3])
    alike = torch.tensor([[1.0, 0.99, 0.1], [0.99, 1.0, 0.1], [0.1, 0.1, 1.0]])
    assert diverse(scores, alike, 2, 0.0) == [0, 1]
    assert diverse(scores, alike, 2, 0.7) == [0, 2]
    assert diverse(scores, alike, 9, 0.5) == [0, 2, 1]


def test_a_vector_like_all_others_is_central() -> None:
    vectors = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), dim=-1)
    scores = centrality(vectors)
    assert scores == pytest.approx([2**-0.5 / 2, 2**-0.5, 2**-0.5 / 2], abs=1e-6)
    assert centrality(vectors[:1]) == [1.0]


def test_spans_of_sentences_leave_white_space_out() -> None:
    text = "  One. Two!\n\nThree"
    assert [text[start:end] for start, end in sentence_spans(text)] == ["One.", "Two!", "Three"]


@pytest.mark.parametrize(
    "sentences",
    [
        ["他说：“你好！”", "然后走了。", "「はい。」", "什么？！", "好……吗？"],
        ["هل هذا صحيح؟", "نعم."],
        ["यह एक घर है।", "वह चला गया॥"],
        ["یہ گھر ہے۔", "وہ گیا۔"],
        ["“One.”", "Two (see there.)", "«Trois!»", "„Vier?“", "5"],
        ["สวัสดี", "ครับ 🙂"],
    ],
)
def test_sentences_end_at_the_marks_of_their_script_and_go_together_again(sentences: list[str]) -> None:
    space = "" if "。" in sentences[1] else "\n" if "ค" in sentences[1] else " "
    text = space.join(sentences)
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences
    assert rejoined(sentences) == text.replace("\n", " ")
    assert parts_of(text, lambda part: part in sentences) == sentences
    rest = text.removesuffix(space + sentences[-1])
    assert parts_of(text, lambda part: len(part) < len(text)) == [rest, sentences[-1]]


def test_a_long_run_of_marks_is_read_in_time_that_grows_with_it() -> None:
    for text in ("." * 200_000, "。" * 200_000, '."' * 100_000, "\n" * 200_000, "。”" * 100_000):
        assert sum(end - start for start, end in sentence_spans(text)) <= len(text)


@pytest.mark.equals(
    "cosines of the vectors of feature-extraction, to 1e-5", "keyword-extraction", "extractive-summarization"
)
@pytest.mark.embedded
def test_scores_are_cosines_of_the_vectors_of_texts(minilm: Any) -> None:
    def cosines(texts: list[str]) -> Any:
        vectors = np.array([minilm("feature-extraction")(each, normalize=True).vector for each in texts])
        return vectors @ vectors.T

    keywords = minilm("keyword-extraction")(REPORT).keywords
    alike = cosines([REPORT, *(each.text for each in keywords)])
    assert [each.score for each in keywords] == pytest.approx(alike[0, 1:].tolist(), abs=1e-5)
    sentences = minilm("extractive-summarization")(REPORT, num_sentences=1000).sentences
    alike = cosines([each.text for each in sentences])
    expected = (alike.sum(1) - 1) / (len(sentences) - 1)
    assert [each.score for each in sentences] == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.embedded
def test_keywords_say_what_a_text_is_about(minilm: Any) -> None:
    runner = minilm("keyword-extraction")
    result = runner(REPORT)
    assert len(result.keywords) == 5
    assert all(REPORT[each.start : each.end] == each.text for each in result.keywords)
    assert any("solar" in each.text.lower() for each in result.keywords[:2])
    assert not any("aunt" in each.text or "marmalade" in each.text for each in result.keywords)
    scores = [each.score for each in result.keywords]
    assert scores == sorted(scores, reverse=True)
    alike = runner(REPORT, diversity=0.0)
    assert min(each.score for each in alike.keywords) >= min(scores)
    assert all(len(each.text.split()) == 1 for each in runner(REPORT, max_words=1).keywords)
    [bad, good] = runner.map(["12 34 of the", REPORT])
    assert "no word that could be a keyword" in bad.error.what
    assert good.ok


@pytest.mark.embedded
def test_central_sentences_are_those_of_the_text_in_its_order(minilm: Any) -> None:
    runner = minilm("extractive-summarization")
    result = runner(REPORT, num_sentences=3)
    assert [REPORT[each.start : each.end] for each in result.sentences] == [each.text for each in result.sentences]
    assert [each.start for each in result.sentences] == sorted(each.start for each in result.sentences)
    assert "marmalade" not in result.summary_text
    assert result.method == "extractive"
    assert runner("One sentence alone.").summary_text == "One sentence alone."
    long = " ".join([REPORT] * 20)
    [outcome] = runner.map([long])
    assert len(outcome.unwrap().sentences) == 3


@pytest.fixture(scope="module")
def splitter() -> duomo.Runner:
    pytest.importorskip("pysbd")
    return duomo.load("sentence-splitting", "nlp/pysbd", device="cpu")


@pytest.mark.equals("the package's own sentences, the same", "sentence-splitting")
def test_sentences_are_where_they_are_said_to_be(splitter: Any) -> None:
    import pysbd

    text = "Dr. Smith paid $3.50 at 5 p.m. in Washington, D.C. yesterday. Was it real? Was it real?\n\nNo (see fig. 3)."
    found = splitter(text).sentences
    assert [each.text for each in found] == [
        "Dr. Smith paid $3.50 at 5 p.m. in Washington, D.C. yesterday.",
        "Was it real?",
        "Was it real?",
        "No (see fig. 3).",
    ]
    assert [text[each.start : each.end] for each in found] == [each.text for each in found]
    assert [each.strip() for each in pysbd.Segmenter("en").segment(text)] == [each.text for each in found]
    assert len(splitter("私は猫です。名前はまだない。", language="Japanese").sentences) == 2
    quoted = "他说：“走吧。”然后走了。“好！”“再见。”"
    assert [each.text for each in splitter(quoted, language="zh").sentences] == [
        "他说：“走吧。”", "然后走了。", "“好！”", "“再见。”",
    ]  # fmt: skip
    signs = "Look ☝ there. A flat ♭ or two. And ∯ too! & more"
    found = splitter(signs).sentences
    assert [signs[each.start : each.end] for each in found] == [each.text for each in found]
    assert "".join("".join(each.text for each in found).split()) == "".join(signs.split()), "nothing is lost"
    with pytest.raises(BadOption, match="language"):
        splitter("Hello.", language="klingon")


def test_a_long_line_is_split_in_blocks_as_in_one_go(splitter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(0)
    parts = [
        "Dr. Smith paid $3.50 at 5 p.m. in Washington, D.C. yesterday.",
        "“No,” he said. “Never!”",
        "See fig. 3 (p. 5).",
    ]
    text = " ".join(chance.choice(parts) for _ in range(40))
    whole = splitter(text)
    monkeypatch.setattr("duomo_nlp.models.pysbd_splitter.BLOCK", 70)
    assert splitter(text) == whole
    assert len(whole.sentences) > 40


def test_a_sentence_without_an_end_is_read_in_pieces_and_stays_one(
    splitter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pysbd

    sizes, segment = [], pysbd.Segmenter.segment

    def noted(self: Any, text: str) -> Any:
        sizes.append(len(text))
        return segment(self, text)

    monkeypatch.setattr(pysbd.Segmenter, "segment", noted)
    long = " ".join(["See Dr. No"] * 1500)
    text = f"It was so. {long}. Was it real?\n \nx{'y' * 9000}"
    assert [each.text for each in splitter(text).sentences] == [
        "It was so.", f"{long}.", "Was it real?", f"x{'y' * 9000}"
    ]  # fmt: skip
    assert max(sizes) <= 4000, "its time grows with the square of what it is given"


@pytest.fixture(scope="module")
def speller() -> duomo.Runner:
    pytest.importorskip("symspellpy")
    return duomo.load("spelling-correction", "nlp/symspell", device="cpu")


WORDS = "receive happiness language definitely camera beautiful government because people different tomorrow".split()


@pytest.mark.embedded
def test_typos_are_mended_and_right_words_stay(speller: Any) -> None:
    chance = random.Random(0)
    typos = []
    for word in WORDS:
        at = chance.randrange(1, len(word) - 1)
        typos += [word[:at] + word[at + 1 :], word[:at] + word[at + 1] + word[at] + word[at + 2 :]]
    wanted = [word for word in WORDS for _ in range(2)]
    found = [outcome.unwrap().text for outcome in speller.map(typos)]
    assert sum(a == b for a, b in zip(found, wanted, strict=True)) >= 0.85 * len(wanted)
    assert [speller(word).text for word in WORDS] == WORDS


@pytest.mark.parametrize(
    "text",
    ["Das ist nicht gut.", "Je ne sais pas pourquoi il est parti", "No tengo tiempo para la reunion", "Guten Tag",
     "Ich habe heute keine Zeit", "non è questo"],
)  # fmt: skip
def test_a_text_that_is_not_english_does_not_become_english(speller, text):
    """It was mended to: As is night gut."""
    with pytest.raises(BadInput, match="this text is not English"):
        speller(text)


@pytest.mark.parametrize(
    ("text", "mended"),
    [("I recieve teh mail", "I receive the mail"),
     ("aux cable recieved", "aux cable received"), ("and she recieved danke, merci", "and she received danke, merci"),
     ("Los Angeles recieved", "Los Angeles received"), ("kindergarten", "kindergarten")],
)  # fmt: skip
def test_a_foreign_word_or_two_in_english_stop_nothing(speller, text, mended):
    assert speller(text).text == mended


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("The teacher's pet ate the dog's bone, yesterday's news and the boss's lunch.", None),
        ("The startup’s cafe’s children’s menu; y'all can ask ma'am at 5 o'clock.", None),
        ("The goverment's plan, the goverment’s too.", "The government's plan, the government’s too."),
        ("I dont think she dosn't, he dosn’t, they were'nt.", "I don't think she doesn't, he doesn’t, they weren't."),
    ],
)
def test_an_apostrophe_stays_where_it_is_right_and_comes_where_it_was_left_out(
    speller: Any, text: str, mended: str | None
) -> None:
    assert speller(text).text == (mended or text)


@pytest.mark.equals("the package's own look-up, the same words", "spelling-correction")
@pytest.mark.embedded
def test_words_are_those_of_the_package(speller: Any) -> None:
    from symspellpy import Verbosity

    package = speller.executor.worker.model.words  # the package's own, which takes seconds to fill
    typos = [word[:at] + word[at + 1 :] for word in WORDS for at in range(1, 5)]
    expected = [package.lookup(each, Verbosity.TOP, max_edit_distance=2)[0].term for each in typos]
    assert [outcome.unwrap().text for outcome in speller.map(typos)] == expected


@pytest.mark.embedded
def test_case_marks_names_and_numbers_stay(speller: Any) -> None:
    text = "Definately! I recieved 3 parcels from Mr. Xiaoqq, NATO and teh post."
    result = speller(text)
    assert result.text == "Definitely! I received 3 parcels from Mr. Xiaoqq, NATO and the post."
    assert [text[each.start : each.end] for each in result.corrections] == ["Definately", "recieved", "teh"]
    assert speller(text, keep=["teh"]).text.endswith("and teh post.")
    assert speller("Nothing is wrong here. Zdenek lives in Praha. Mr. Smyth met Prof. J. Jonhson.").corrections == []
    assert speller("Recieved. Teh end.").text == "Received. The end."
    for foreign in ("nai\u0308ve cafe\u0301", "हिन्दी", "你好 мир مرحبا שלום", "🙂👩‍👩‍👧"):
        assert speller(foreign).text == foreign


@pytest.mark.embedded
@pytest.mark.parametrize(
    "text", ["emaill@exmaple.com", "https://teh.com", "see teh.txt", "recieve_all(x)", "teh42", "a/teh"]
)
def test_addresses_and_identifiers_are_no_words(speller: Any, text: str) -> None:
    assert speller(text).text == text
    assert speller(f"{text} teh end.").text == f"{text} the end."
