"""The tree of errors, what they carry and how names are suggested."""

import difflib
import inspect
import pickle
import re

import pytest

from duomo import errors
from duomo.errors import DuomoError, UnknownModel, did_you_mean, nearest

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, DuomoError)]


def drawn_tree() -> set[tuple[str, str]]:
    """(class, base) pairs of the picture at the top of the module."""
    pairs, stack = set(), ["DuomoError"]
    for line in (inspect.getdoc(errors) or "").splitlines():
        match = re.match(r"((?:│   |    )*)(?:├|└)── ([\w ·]+?)(?:  |$)", line)
        if match is None:
            continue
        depth = len(match[1]) // 4 + 1
        for name in match[2].split(" · "):
            pairs.add((name, stack[depth - 1]))
        stack[depth:] = [match[2]]
    return pairs


def test_the_drawing_is_the_tree():
    real = {(cls.__name__, cls.__base__.__name__) for cls in CLASSES if cls is not DuomoError}
    assert drawn_tree() == real


def test_every_class_has_a_code_of_its_own():
    codes = [cls.code for cls in CLASSES]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"E(-[A-Z]+)+", code) for code in codes)


def test_exit_codes_are_those_of_the_command_line():
    assert {cls.exit_code for cls in CLASSES} == {1, 2, 4, 5}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_crosses_processes_with_all_its_parts(cls):
    error = pickle.loads(pickle.dumps(cls("no cat", why="it left", fix="call it")))
    assert type(error) is cls
    assert (error.what, error.why, error.fix) == ("no cat", "it left", "call it")


def test_an_error_reads_as_what_why_and_fix():
    text = str(DuomoError("no cat", why="it left", fix="call it\nor feed it"))
    assert text == "no cat\n  why: it left\n  fix: call it\n       or feed it"
    assert str(DuomoError("no cat")) == "no cat"


def test_the_nearest_names_come_best_first():
    known = ["vision/efficientnet-lite0", "nlp/minilm", "nlp/langid", "speech/whisper-tiny.en"]
    assert nearest("nlp/minilmm", known)[0] == "nlp/minilm"
    assert nearest("minilm", known)[0] == "nlp/minilm"
    assert nearest("whisper-tiny", known) == ["speech/whisper-tiny.en"]
    assert nearest("zzz", known) == []
    assert len(nearest("aaaa", ["aaaa1", "aaaa2", "aaaa3", "aaaa4"], count=2)) == 2


def test_neither_capitals_nor_what_stands_between_words_count():
    assert nearest("--topk", ["--dtype", "--drop", "--top-k"])[0] == "--top-k"
    assert nearest("TopK", ["dtype", "top_k"]) == ["top_k"]
    assert nearest("OBJECT_DETECTION", ["face-detection", "object-detection"])[0] == "object-detection"
    assert nearest("maxnewtokens", ["max_labels", "max_new_tokens", "tokens"])[0] == "max_new_tokens"
    assert nearest("MiniLM_L6", ["nlp/minilm", "speech/mini", "nlp/minilm-l6"])[0] == "nlp/minilm-l6"


def test_a_bare_name_finds_the_thing_before_longer_names():
    assert nearest("clip", ["clip-a", "clips/z", "vision/clip"])[0] == "vision/clip"
    assert nearest("nlp/clip", ["vision/clip", "nlp/clips"])[:2] == ["vision/clip", "nlp/clips"]
    assert nearest("nlp/clip", ["vision/clip", "nlp/clip"])[0] == "nlp/clip", "the plugin that was named"
    assert nearest("", ["a", "b"]) == []
    assert nearest("zzz", ["", "a"]) == [], "a column without a name is near nothing"


def test_a_name_of_any_length_is_compared_in_the_same_work(monkeypatch):
    compared = []
    ratio = difflib.SequenceMatcher.ratio
    monkeypatch.setattr(difflib.SequenceMatcher, "ratio", lambda self: compared.append(len(self.b)) or ratio(self))
    assert nearest("top_k" + " x" * 500_000, ["top_k", "long", "step"]) == ["top_k"], "its word is in it"
    assert nearest("goldfich", ["goldfish", *(f"one of many labels, {i}" for i in range(10_000))]) == ["goldfish"]
    assert len(compared) < 10, "most are told apart by their length and letters"


def test_a_suggestion_is_a_question_or_nothing():
    assert did_you_mean("cta", ["cat", "dog"]) == "Did you mean 'cat'?"
    assert did_you_mean("zzz", ["cat"]) == ""


def test_one_except_clause_catches_all_of_a_kind():
    with pytest.raises(errors.NotFound):
        raise UnknownModel("no model")


@pytest.mark.parametrize(
    ("value", "words"), [(1, "an int"), ("", "a str"), (None, "None"), (OSError(), "an OSError"), ([], "a list")]
)
def test_a_type_stands_behind_its_article(value: object, words: str) -> None:
    assert errors.a_type(value) == words


@pytest.mark.parametrize(
    "words", ["an Image", "an ndarray", "a URL", "a UInt8", "an Unfit", "a unit", "an ExecutorSpec"]
)
def test_an_article_is_as_it_sounds(words: str) -> None:
    assert errors.with_article(words.partition(" ")[2]) == words
