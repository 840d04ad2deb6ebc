"""Rows of words and tags as CoNLL has them, and pairs of texts as GLUE has them."""

import itertools
import json
from typing import Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from duomo.data.reading import read_examples
from duomo.data.words import join_words
from duomo.errors import BadInput
from duomo.tasks import TextPairClassification, TokenClassification

WORDS = ["Ada", "Lovelace", "met", "Bob", "in", "New", "York"]
PLACES = [(0, 12, "PER"), (17, 20, "PER"), (24, 32, "LOC")]


def joined(words, tags):
    text, spans = join_words(words, tags)
    return text, cast("list[dict[str, Any]]", spans)


def places(spans):
    return [(each["start"], each["end"], each["label"]) for each in spans]


@pytest.mark.parametrize("tags", [
    ["B-PER", "I-PER", "O", "B-PER", "O", "B-LOC", "I-LOC"],
    ["I-PER", "I-PER", "O", "I-PER", "O", "I-LOC", "I-LOC"],
    ["B-PER", "E-PER", "O", "S-PER", "O", "B-LOC", "E-LOC"],
    ["B-PER", "L-PER", "O", "U-PER", "O", "B-LOC", "L-LOC"],
    ["PER", "PER", "O", "PER", "O", "LOC", "LOC"],
    ["PER", "PER", None, "PER", "", "LOC", "LOC"],
])  # fmt: skip
def test_tags_of_each_scheme_are_the_same_spans(tags):
    text, spans = joined(WORDS, tags)
    assert text == "Ada Lovelace met Bob in New York"
    assert places(spans) == PLACES


@pytest.mark.parametrize(("tags", "names"), [
    (["B-A", "B-A"], [(0, 1, "A"), (2, 3, "A")]),
    (["S-A", "S-A"], [(0, 1, "A"), (2, 3, "A")]),
    (["E-A", "I-A"], [(0, 1, "A"), (2, 3, "A")]),
    (["I-A", "B-A"], [(0, 1, "A"), (2, 3, "A")]),
    (["I-A", "I-B"], [(0, 1, "A"), (2, 3, "B")]),
    (["B-A", "I-A"], [(0, 3, "A")]),
    (["O", "O"], []),
])  # fmt: skip
def test_where_a_span_ends(tags, names):
    assert places(joined(["x", "y"], tags)[1]) == names


@given(st.lists(st.tuples(st.text("ab", min_size=1, max_size=3), st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]))))
def test_spans_are_apart_in_order_and_begin_and_end_with_words(rows):
    words, tags = [word for word, _ in rows], [tag for _, tag in rows]
    if not words:
        return
    text, spans = joined(words, tags)
    inside = [word for word, tag in rows if tag != "O"]
    assert [word for each in spans for word in text[each["start"] : each["end"]].split(" ")] == inside
    assert all(one["end"] < two["start"] for one, two in itertools.pairwise(spans))


@pytest.mark.parametrize(("tags", "words"), [
    (["O"], "this row has 2 words and 1 tags"), ([0, 3], "the tags of this row are numbers"),
])  # fmt: skip
def test_tags_that_cannot_be_read(tags, words):
    with pytest.raises(BadInput, match=words):
        join_words(["a", "b"], tags)


def test_spans_stay_as_they_are():
    assert joined(["Ada", "met"], [{"start": 0, "end": 3, "label": "PER"}])[1][0]["label"] == "PER"


def as_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_parquet(path, rows):
    """As `datasets` writes it: numbers, and their names in the schema."""
    names = ["O", "B-PER", "I-PER"]
    numbers = [{"tokens": row["tokens"], "ner_tags": [names.index(tag) for tag in row["ner_tags"]]} for row in rows]
    feature = {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "List"}
    about = {"huggingface": json.dumps({"info": {"features": {"ner_tags": feature}}})}
    pq.write_table(pa.Table.from_pylist(numbers).replace_schema_metadata(about), path)
    return path


@pytest.mark.parametrize("made", [as_jsonl, as_parquet, lambda _, rows: pd.DataFrame(rows)])
def test_rows_of_tokens_and_tags_are_texts_with_spans(tmp_path, made):
    rows = [{"tokens": ["Ada", "met", "Bob"], "ner_tags": ["B-PER", "O", "B-PER"]}] * 2
    data = made(tmp_path / f"r.{made.__name__[3:]}", rows)
    found = read_examples(data, TokenClassification, (), label="ner_tags")
    assert not found.failed
    assert [(str(each.item), places(each.label)) for each in found.examples] == [
        ("Ada met Bob", [(0, 3, "PER"), (8, 11, "PER")])
    ] * 2


@pytest.mark.parametrize("names", [("sentence1", "sentence2"), ("premise", "hypothesis"), ("text", "text_pair")])
def test_pairs_are_found_by_the_names_that_public_data_sets_give_them(names):
    rows = [{names[0]: "a", names[1]: "b", "label": "yes", "idx": 0}]
    [found] = read_examples(rows, TextPairClassification, (), label="label").examples
    assert (str(found.item.first), str(found.item.second)) == ("a", "b")
