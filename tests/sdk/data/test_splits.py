"""Equal inputs stay on one side, classes keep their shares, and what is odd is found."""

import hypothesis.strategies as st
from hypothesis import given

from duomo.data.checks import check_rows
from duomo.data.examples import Example, content, words
from duomo.data.splits import split
from duomo.inputs import Text, TextPair
from duomo.training.material import split_rows

GROUPS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab")), min_size=1, max_size=60)


@given(GROUPS, st.floats(0.05, 0.6), st.integers(0, 9))
def test_no_group_is_on_both_sides_and_no_row_is_lost(rows, share, seed):
    groups, strata = [group for group, _ in rows], [stratum for _, stratum in rows]
    train, held = split(groups, strata, share, seed)
    assert sorted([*train, *held]) == list(range(len(rows)))
    assert not {groups[at] for at in train} & {groups[at] for at in held}
    assert (train, held) == split(groups, strata, share, seed)


def test_each_class_is_held_out_in_its_share():
    strata = ["a"] * 80 + ["b"] * 20
    train, held = split(range(100), strata, 0.2, 0)
    assert [strata[at] for at in held].count("a") == 16
    assert [strata[at] for at in held].count("b") == 4
    assert len(train) == 80


def test_a_class_of_one_row_is_trained_on():
    train, held = split(range(11), ["a"] * 10 + ["b"], 0.2, 0)
    assert 10 in train
    assert len(held) == 2


def examples(*texts):
    return [Example(str(at), Text(text), None) for at, text in enumerate(texts)]


def test_texts_that_differ_in_case_or_white_space_alone_are_equal():
    first, second, third = examples("Good  film", " good film", "good films")
    assert content(first) == content(second) != content(third)
    pairs = [Example("", TextPair(Text(one), Text("So.")), None) for one in ("Good  film", " good film", "good films")]
    first, second, third = pairs
    assert content(first) == content(second) != content(third)


def test_words_are_what_is_left_of_texts_without_their_signs():
    assert [words(each) for each in examples("Good film!", " good, film …", "ça va?", "?!")] == [
        "good film", "good film", "ça va", None,
    ]  # fmt: skip
    assert words(Example("", TextPair(Text("A, b"), Text("C!")), None)) == "a b\nc"
    assert words(Example("", {"height": 1.0}, None)) is None


def test_texts_that_differ_in_signs_alone_stay_on_one_side():
    some = [
        each._replace(label="ab"[at % 2])
        for at, each in enumerate(examples(*(f"{n}{sign}" for n in range(20) for sign in ("", ".", " !"))))
    ]
    parts = split_rows(some, len(some), "classes", 0.2, 0)
    assert {words(some[at]) for at in parts.train}.isdisjoint({words(some[at]) for at in parts.held})
    assert parts.held


def test_duplicates_contradictions_leaks_and_rare_classes_are_found():
    some = examples("one", "one", "two", "two", "three", "four", "five")
    contents = [content(each) for each in some]
    labels = ["a", "a", "a", "b", "a", "c", "a"]
    found = {each.what: each for each in check_rows(some, contents, labels, [0, 2, 3, 4, 5], [1, 6])}
    assert found["1 row repeats another row's input"].rows == ("3",), "and no row of the other part"
    assert found["1 input has two labels or more"].rows == ("2", "3")
    assert found["1 held-out row is in the training part too"].rows == ("1",)
    assert "2 classes have fewer than 2 rows to train on: b, c" in found


def test_a_class_that_is_not_held_out_is_found():
    some = examples(*"abcdefghij")
    labels = ["x"] * 6 + ["y"] * 4
    found = [each.what for each in check_rows(some, list("abcdefghij"), labels, [0, 1, 6, 7], [2, 3, 4, 5])]
    assert found == ["1 class is not among the held-out rows: y"]
    assert not list(check_rows(some, list("abcdefghij"), range(10), [0, 1, 6, 7], [2, 3, 4, 5], are_names=False))
