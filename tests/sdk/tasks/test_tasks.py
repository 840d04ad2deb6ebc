"""The shared vocabulary: options that turn strangers away, results that read well and survive JSON."""

import json
import math
from typing import get_origin

import numpy as np
import pydantic
import pytest
from hypothesis import given, settings, strategies as st

from duomo.errors import BadOption, InputMissing
from duomo.inputs import Image, Text
from duomo.resolving import resolve
from duomo.tasks import CORE_TASKS
from duomo.tasks.base import ListOf, Options, Result, Task
from duomo.tasks.multimodal import ImageSearchOptions
from duomo.tasks.multimodal.classification import ZeroShotImageClassificationOptions
from duomo.tasks.nlp.embedding import FeatureExtractionOptions, SemanticSearchOptions
from duomo.tasks.nlp.extraction import Entities, Span
from duomo.tasks.nlp.generation import Generation, TextGenerationOptions
from duomo.tasks.results import Classification, Embedding, Hit, SearchResult
from duomo.tasks.speech import Segment, Transcript
from duomo.tasks.speech.activity import VoiceActivityDetectionOptions
from duomo.tasks.speech.synthesis import Speech
from duomo.tasks.vision import ImageClassificationOptions
from duomo.tasks.vision.detection import Box, Detections
from duomo.tasks.vision.reading import Page, TextLine

TASKS = [resolve(spec.target) for spec in CORE_TASKS]
REQUIRED = {
    "labels": ["a", "b"],
    "corpus": ["a", "b"],
    "images": [np.zeros((2, 2, 3), np.uint8)],
    "good": [np.zeros((2, 2, 3), np.uint8)] * 2,
}
names = st.text(min_size=1, max_size=20)
numbers = st.floats(-1e6, 1e6, width=32)
st.register_type_strategy(float, numbers)


def test_a_task_finds_its_classes_in_its_brackets():
    class Known(Task[Text, Options, Result]):
        """Says what it takes once."""

        name = "known"

    class Narrower(Known):
        """Sets one class itself."""

        Input = Image

    assert (Known.Input, Known.Options, Known.Result) == (Text, Options, Result)
    assert (Narrower.Input, Narrower.Options, Narrower.Result) == (Image, Options, Result)


def good(task) -> dict:
    return {name: REQUIRED[name] for name, field in task.Options.model_fields.items() if field.is_required()}


@pytest.mark.parametrize("spec", CORE_TASKS, ids=lambda spec: spec.name)
def test_the_table_names_a_class_that_says_the_same(spec):
    task = resolve(spec.target)
    assert task.name == spec.name
    assert issubclass(task.Options, Options)
    assert issubclass(task.Result, Result)
    assert callable(task.Input.accept)
    assert task.__doc__


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_options_have_defaults_descriptions_and_turn_strangers_away(task):
    options = task.Options.parse(good(task))
    for name, field in task.Options.model_fields.items():
        assert field.description, f"{task.name}: {name} has no description"
    with pytest.raises(BadOption) as caught:
        task.Options.parse({**good(task), "bananas": 3})
    assert "unknown option 'bananas'" in caught.value.what
    with pytest.raises(pydantic.ValidationError):
        options.bananas = 3


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_result_has_a_json_schema(task):
    assert json.loads(json.dumps(task.Result.model_json_schema()))["properties"]


def test_a_misspelt_option_is_answered_with_the_nearest():
    with pytest.raises(BadOption) as caught:
        ImageClassificationOptions.parse({"topk": 3})
    assert caught.value.fix == "Did you mean 'top_k'?"
    assert caught.value.why.startswith("the options are: top_k")


@pytest.mark.parametrize("value", [0, -1, "many", 1.5, None, [1]])
def test_a_value_out_of_range_is_answered_with_the_range(value):
    with pytest.raises(BadOption) as caught:
        SemanticSearchOptions.parse({"corpus": ["a"], "top_k": value})
    assert repr(value) in caught.value.what
    assert caught.value.why
    assert "how many hits" in caught.value.fix


def test_every_task_that_ranks_its_own_labels_gives_all_of_them_for_none():
    """As the pipelines of transformers do."""
    ranking = [resolve(spec.target) for spec in CORE_TASKS]
    asked = {
        task.name: task.Options.parse({"top_k": None}).top_k
        for task in ranking
        if "labels" in task.Result.model_fields and "top_k" in task.Options.model_fields
    }
    assert {"image-classification", "video-classification", "audio-classification", "text-classification"} <= set(asked)
    assert set(asked.values()) == {None}


def test_a_long_wrong_value_is_not_printed_whole():
    with pytest.raises(BadOption) as caught:
        ImageClassificationOptions.parse({"top_k": "x" * 10_000})
    assert len(caught.value.what) < 120


def test_a_missing_option_is_asked_for():
    with pytest.raises(BadOption) as caught:
        ZeroShotImageClassificationOptions.parse({})
    assert caught.value.what == "option 'labels' is required"
    assert "-p labels=…" in caught.value.fix


def test_words_of_a_command_line_are_read_as_numbers_and_lists():
    assert ImageClassificationOptions.parse({"top_k": "3"}).top_k == 3
    with pytest.raises(BadOption, match="Did you mean 'max_new_tokens'"):
        TextGenerationOptions.parse({"max_length": 8})
    wrong: list[tuple[type[Options], str, tuple[object, ...]]] = [
        (ImageClassificationOptions, "top_k", (True, False)),
        (TextGenerationOptions, "temperature", (True, False)),
        (FeatureExtractionOptions, "normalize", (0, 1, 1.0)),  # as its JSON schema says
    ]
    for cls, name, values in wrong:
        for value in values:
            with pytest.raises(BadOption, match=f"option '{name}' cannot be {value}"):
                cls.parse({name: value})
    assert not FeatureExtractionOptions.parse({"normalize": "false"}).normalize
    assert ZeroShotImageClassificationOptions.parse({"labels": "a cat, a dog,"}).labels == ["a cat", "a dog"]
    assert VoiceActivityDetectionOptions.parse({"threshold": ".7"}).threshold == 0.7  # the same decimal, read twice
    assert SemanticSearchOptions.parse({"corpus": ["a"]}).corpus == ("a",)
    assert TextGenerationOptions.parse({"stop": ["\n"]}).stop == ("\n",)


@pytest.mark.parametrize("labels", ["", " , ", []])
def test_no_labels_are_too_few(labels):
    with pytest.raises(BadOption, match="labels"):
        ZeroShotImageClassificationOptions.parse({"labels": labels})


def test_boxes_lie_on_their_image_and_those_beside_it_are_none():
    found: list[tuple[str, float, list[float]]] = [
        ("edge", 0.6, [-3.5, 2, 30, 9.25]),
        ("sure", 0.9, [1, 1, 4, 4]),
        ("beside", 1.0, [21, 3, 25, 5]),
    ]
    boxes = Detections.found([*found, ("above", 1.0, [2, -9, 5, -1])], (20, 8)).boxes
    assert [(each.label, each.xmin, each.ymin, each.xmax, each.ymax) for each in boxes] == [
        ("sure", 1, 1, 4, 4), ("edge", 0, 2, 20, 8),
    ]  # fmt: skip


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", range(4))
def test_a_box_that_is_not_finite_is_not_made_one_of_the_whole_image(broken, place):
    corners = [1.0, 1.0, 4.0, 4.0]
    corners[place] = broken
    [box] = Detections.found([("broken", 0.9, corners)], (20, 8)).boxes
    assert math.isnan(box.xmin)


def test_pictures_to_search_are_a_folder_a_list_or_names_with_commas(tmp_path):
    import PIL.Image

    for name in ("b.png", "a.JPG", "c.txt", "._a.JPG", ".b.png"):  # macOS leaves such beside images
        PIL.Image.new("RGB", (2, 2)).save(tmp_path / name, "PNG")
    by_folder = ImageSearchOptions.parse({"images": str(tmp_path)})
    assert [image.name for image in by_folder.images] == [str(tmp_path / "a.JPG"), str(tmp_path / "b.png")]
    two = f"{tmp_path / 'b.png'}, {tmp_path / 'a.JPG'}"
    assert len(ImageSearchOptions.parse({"images": two}).images) == 2
    with pytest.raises(InputMissing):
        ImageSearchOptions.parse({"images": [tmp_path / "none.png"]})
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadOption, match="images"):
        ImageSearchOptions.parse({"images": tmp_path / "empty"})


@given(st.lists(st.tuples(names, st.floats(0, 1)), min_size=1, max_size=20), st.integers(1, 30) | st.none())
def test_ranking_puts_the_best_first_and_keeps_the_order_of_ties(pairs, top_k):
    labels = Classification.ranked([name for name, _ in pairs], [score for _, score in pairs], top_k).labels
    expected = sorted(pairs, key=lambda pair: -pair[1])[:top_k]
    assert [(label.name, label.score) for label in labels] == expected


results = st.one_of(
    st.builds(
        lambda pairs: Classification.ranked([n for n, _ in pairs], [s for _, s in pairs]),
        st.lists(st.tuples(names, st.floats(0, 1)), min_size=1, max_size=5),
    ),
    st.builds(Embedding, vector=st.lists(numbers, min_size=1, max_size=8)),
    st.builds(
        SearchResult, query=names, hits=st.lists(st.builds(Hit, index=st.integers(0), item=names, score=numbers))
    ),
    st.builds(Entities, spans=st.lists(st.builds(Span, label=names, score=numbers, text=names, start=st.integers(0)))),
    st.builds(Transcript, text=names, segments=st.lists(st.builds(Segment, start=numbers, end=numbers, text=names))),
    st.builds(Speech, wav=st.binary(max_size=64), sampling_rate=st.integers(1), duration=numbers),
    st.builds(Generation, text=names),
    st.builds(Detections, boxes=st.lists(st.builds(Box, label=names, xmin=numbers, ymin=numbers), max_size=3)),
    st.builds(Page, lines=st.lists(st.builds(TextLine, text=names, corners=st.lists(st.tuples(numbers, numbers))))),
)


@pytest.mark.parametrize("kind", sorted({task.Result for task in TASKS}, key=str))
def test_a_result_is_read_as_its_list_or_says_what_to_write(kind):
    fields = kind.model_fields
    lists = [name for name, field in fields.items() if get_origin(field.annotation) is list]
    result = kind.model_construct(**{name: [1.0, 2.0] if name in (*lists, "vector") else "" for name in fields})
    if issubclass(kind, (ListOf, Embedding)):
        assert list(result) == [1, 2] == list(result[:]) == [result[0], result[-1]]
        assert len(result) == len(kind.model_construct(**{name: [1.0] for name in fields})) * 2
        assert bool(result)
        assert not kind.model_construct(**{name: [] for name in fields})
    else:
        assert not lists or kind.__name__ in ("Action", "Choice", "CodedSound", "Forecast", "Pitch", "TableAnswer")
        with pytest.raises(TypeError, match=f"is not a list: it has result.{next(iter(fields))}"):
            iter(result)
    if kind.__name__ not in ("Embedding", "Separation"):  # whose sources have names
        with pytest.raises(TypeError, match=f"is not .*a dict: it has result.{next(iter(fields))}"):
            result["name"]


@pytest.mark.parametrize("annotation", [tuple[Span, ...], list[Span] | None, list[str], list])
def test_a_class_of_results_that_list_things_needs_a_list_of_them(annotation):
    with pytest.raises(TypeError, match=r"Found has no field of the type list\[Span\]: .* things: list\[Span\]"):
        type("Found", (ListOf[Span],), {"__annotations__": {"spans": annotation}})


def test_a_result_is_read_as_the_list_of_what_it_says_to_list():
    class Found(ListOf[Span]):
        words: list[str]
        spans: list[Span]

    span = Span(label="CITY", text="Rome", start=0, end=4, score=1.0)
    assert list(Found(words=["a", "b"], spans=[span])) == [span]
    assert list(type("Same", (Found,), {})(words=[], spans=[span])) == [span]


@settings(max_examples=60)
@given(results)
def test_every_result_survives_json(result):
    assert type(result).model_validate_json(result.model_dump_json()) == result
    assert type(result).model_validate(json.loads(json.dumps(result.model_dump(mode="json")))) == result


def test_a_result_cannot_be_changed_by_assignment():
    result = Embedding(vector=[1.0])
    with pytest.raises(pydantic.ValidationError):
        result.vector = np.ones(1, np.float32)


def test_a_vector_knows_its_length_and_its_likeness():
    a, b, c = (Embedding(vector=v) for v in ([1.0, 0.0], [2.0, 0.0], [0.0, 3.0]))
    assert a.dim == 2
    assert a.array.dtype == np.float32
    assert a.similarity(b) == pytest.approx(1)
    assert a.similarity(c) == pytest.approx(0)


def test_results_read_like_a_sentence(tmp_path):
    corner = [(0.0, 0.0)] * 4
    page = Page(lines=[TextLine(text=text, score=1, corners=corner) for text in ("one", "two")], width=9, height=9)
    assert page.text == "one\ntwo"
    assert Classification.ranked(["cat", "dog"], [0.2, 0.8]).top.name == "dog"
    speech = Speech.from_samples(np.full(2_400, 0.5, np.float32), 24_000)
    assert speech.duration == pytest.approx(0.1)
    np.testing.assert_allclose(speech.samples, 0.5, atol=1e-4)
    assert speech.save(tmp_path / "a.wav").read_bytes() == speech.wav
