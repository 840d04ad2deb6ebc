"""Bad input, task by task: an error of its item or of its options, with words."""

from typing import Any

import numpy as np
import pytest

from duomo.errors import BadOption, DuomoError, InputUnreadable
from duomo.inputs import Image, Video
from duomo.resolving import resolve
from duomo.tasks import CORE_TASKS
from tests.sdk.inputs.test_pdf import ENCRYPTED

TASKS: dict[str, Any] = {spec.name: resolve(spec.target) for spec in CORE_TASKS}
NEED_LABELS = [
    name for name, task in TASKS.items() if name.startswith("zero-shot") or name == "text-image-segmentation"
]
PAGES = [name for name, task in TASKS.items() if task.Input is Image]
BOUNDED = [name for name, task in TASKS.items() if "max_new_tokens" in task.Options.model_fields]
DRAWN = [name for name, task in TASKS.items() if "temperature" in task.Options.model_fields]
ITEMS: dict[str, list[tuple[Any, str]]] = {
    "question-answering": [("who?", "a question and a text"), ({"question": "who?"}, "a question and a text"),
                           (("who?", ""), "is empty"), (("", "Ada was born."), "is empty")],
    "table-question-answering": [
        ("how many?", "a question and a table"), ({"question": "how many?"}, "a question and a table"),
        (("how many?", []), "a table is expected"),
        (("how many?", [["a", "b"], ["1"]]), "row 1 of this table has 1 cell"),
        (("how many?", {"a": ["1", "2"], "b": ["1"]}), "of different length"),
        (("how many?", [{"a": "1"}, {"b": "2"}]), "row 2 of this table has other columns"),
    ],
    "visual-question-answering": [("who?", "a question and an image"), (("who?", ""), "is empty")],
    "document-question-answering": [("who?", "a question and the image of a page"), (("who?", ""), "is empty")],
    "image-text-to-text": [([], "chat"), ({"image": []}, "chat")],
    "multiple-choice": [("who?", "a list of choices"), (("who?", []), "at least one text")],
    "text-ranking": [("who?", "a list of texts"), (("who?", []), "at least one text")],
    "sentence-similarity": [("a cat", "a list of texts"), (("a cat", []), "at least one text")],
    "text-pair-classification": [("a cat", "a pair of texts"), (("a cat", ""), "is empty")],
    "time-series-forecasting": [([], "is empty"), ([1, None, 3], "value 2 of this series is not a number")],
    "time-series-anomaly-detection": [([], "is empty"), (["a"], "value 1 of this series is not a number")],
    "tabular-classification": [({}, "row"), ("a", "row")],
    "mask-generation": [({"image": np.zeros((8, 9, 3), np.uint8), "boxes": [[5, 5, 2, 2]]}, "box")],
    "pose-estimation": [({"image": np.zeros((8, 9, 3), np.uint8), "boxes": [[1, 2, 3]]}, "box")],
    "video-classification": [([], "a video is expected")],
    "translation": [("", "is empty"), (" \n", "is empty")],
    "summarization": [("", "is empty")],
    "text2text-generation": [("", "is empty")],
    "fill-mask": [("", "is empty")],
    "image-captioning": [(None, "image")],
    "audio-classification": [(([], 16_000), "audio"), ((np.zeros(9, np.float32), 0), "rate")],
    "speech-enhancement": [(([], 16_000), "audio")],
    "speaker-diarization": [((np.zeros(9, np.float32),), "audio")],
}  # fmt: skip


@pytest.mark.parametrize("name", NEED_LABELS)
def test_labels_that_are_missing_are_asked_for(name):
    for options, words in (
        ({}, "option 'labels' is required"),
        ({"labels": []}, "'labels"),
        ({"labels": [""]}, "'labels.0' cannot be"),
    ):
        with pytest.raises(BadOption, match=words) as caught:
            TASKS[name].Options.parse(options)
        assert caught.value.fix


@pytest.mark.parametrize(("name", "item", "words"), [(name, *each) for name, rows in ITEMS.items() for each in rows])
def test_an_item_that_lacks_a_part_is_an_error_with_words(name, item, words):
    with pytest.raises(DuomoError) as caught:
        TASKS[name].Input.accept(item)
    assert words in caught.value.what
    assert caught.value.fix


@pytest.mark.parametrize("name", PAGES)
def test_an_encrypted_pdf_is_an_error_of_its_item_in_every_task_with_images(name):
    with pytest.raises(InputUnreadable, match="is encrypted"):
        TASKS[name].Input.accept(ENCRYPTED).pil()


def test_a_video_without_frames_is_said_to_have_none():
    for value in (np.zeros((0, 4, 4, 3), np.uint8), b"no video at all"):
        with pytest.raises(DuomoError) as caught:
            Video.accept(value).spread(4)
        assert "video" in caught.value.what


@pytest.mark.parametrize("name", BOUNDED)
def test_a_bound_of_no_tokens_is_refused(name):
    for bound in (0, -3):
        with pytest.raises(BadOption, match="'max_new_tokens' cannot be"):
            TASKS[name].Options.parse({"max_new_tokens": bound})


@pytest.mark.parametrize("name", DRAWN)
def test_a_temperature_below_nought_is_refused(name):
    for value in (-1, "warm", float("nan")):
        with pytest.raises(BadOption, match="'temperature' cannot be"):
            TASKS[name].Options.parse({"temperature": value})
