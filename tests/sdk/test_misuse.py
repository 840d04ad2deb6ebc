"""What people write first who know other libraries: answered with what to write here, never with a wrong result."""

import copy
import os
import pathlib
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import PIL.Image
import pytest

import duomo
from duomo.catalog import default_catalog
from duomo.errors import BadInput, BadOption, NotFound, UnknownTask, UsageProblem, nearest
from duomo.inputs import Audio, Image, Text
from duomo.keywords import dtype_name
from duomo.resolving import resolve
from duomo.tasks import Embedding, SentenceSimilarity, ZeroShotClassification
from duomo.testing.fakes import fake_catalog

PHOTO = np.arange(40 * 30 * 3, dtype=np.uint8).reshape(40, 30, 3)


def refusal(accept, value) -> duomo.DuomoError:
    with pytest.raises(duomo.DuomoError) as error:
        accept(value)
    return error.value


@pytest.mark.parametrize("kind", [Image, Audio, Text])
def test_many_items_where_one_is_taken_are_answered_with_map(kind):
    pandas = pytest.importorskip("pandas")
    assert "runner.map(items)" in refusal(kind.accept, ["a.png", "b.png"]).fix
    assert "runner.map(items)" in refusal(kind.accept, (each for each in "ab")).fix
    assert "runner.map(rows, key=0)" in refusal(kind.accept, ("a.png", 1)).fix
    table = pandas.DataFrame({"text": ["a"]})
    if kind is not Audio and kind is not Image:  # both have __array__, and are refused as such
        assert 'column="' in refusal(kind.accept, table).fix


@pytest.mark.parametrize("cell", [None, float("nan")])
def test_an_empty_cell_of_a_table_is_said_to_be_missing(cell):
    pandas = pytest.importorskip("pandas")
    assert "dropna" in refusal(Text.accept, cell).fix
    assert "dropna" in refusal(Text.accept, pandas.NA).fix


def test_a_row_without_the_usual_key_is_told_how_to_name_one():
    assert "key='sentence'" in refusal(Text.accept, {"id": 1, "sentence": "a cat", "label": "cat"}).fix
    assert "(--field file)" in refusal(Image.accept, {"id": "1", "file": "photos/cat.jpg", "label": "cat"}).fix
    assert "there is none" in refusal(Text.accept, {"id": "1", "text": None}).what


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "is empty"),
        ("~/no such.png", str(pathlib.Path.home() / "no such.png")),
        ("photos/*.png", ".glob('*.png')"),
        ("A" * 5000, "base64.b64decode"),
        pytest.param("photos\\a.png", "photos/a.png", marks=pytest.mark.skipif(os.sep == "\\", reason="a path there")),
    ],
)
def test_a_path_that_is_none_says_what_to_write(path, words):
    error = refusal(Image.accept, path)
    assert words in error.what + error.fix


def test_a_text_of_windows_says_its_encoding():
    assert "-f utf-16" in refusal(Text.accept, "I love it".encode("utf-16")).fix
    assert "-f latin1" in refusal(Text.accept, "café".encode("latin-1")).fix


def test_a_file_that_is_not_a_text_is_not_sent_to_be_converted(tmp_path):
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF\0")
    error = refusal(Text.accept, tmp_path / "cat.jpg")
    assert error.what == f"'{tmp_path / 'cat.jpg'}' is not UTF-8"
    assert "zero bytes" in error.why
    assert error.fix == f"check what it really holds: file {tmp_path / 'cat.jpg'}"


HEADS = {
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic": "HEIC", b"<!DOCTYPE html><html>404": "a web page",
    b"version https://git-lfs.github.com/spec/v1": "Git LFS", b"\xff\xf1\x50\x80": "AAC",
    b"\x1aE\xdf\xa3": "Matroska or WebM", b"PK\3\4": "a ZIP archive",
}  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_a_file_of_another_kind_is_called_what_it_looks_like(head):
    for read in (lambda content: Image.accept(content).pil(), lambda content: Audio.accept(content).samples()):
        assert HEADS[head] in refusal(read, head + bytes(200)).why


def test_an_image_of_a_known_format_and_an_unknown_kind_is_not_said_to_be_of_none():
    floats = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
    assert "TIFF of a kind that is not read" in refusal(lambda content: Image.accept(content).pil(), floats).what


def test_a_broken_head_of_webp_is_not_said_to_be_of_another_format():
    assert refusal(lambda content: Image.accept(content).pil(), b"RIFF\0\0\0\0WEBP" + b"x" * 99).what == (
        "this image is WEBP of a kind that is not read"
    )


def test_what_to_type_does_not_say_whether_a_name_is_a_file_here(tmp_path):
    """Bytes come with any name, from a server's client too."""
    (tmp_path / "there").write_bytes(b"nothing known")
    rows = [{"bytes": b"nothing known", "path": str(tmp_path / name)} for name in ("there", "where")]
    there, where = (refusal(lambda row: Image.accept(row).pil(), row).fix for row in rows)
    assert there == where.replace("where", "there")
    assert "save it to a file" in there
    assert f"file {tmp_path / 'there'}" in refusal(lambda path: Image.accept(path).pil(), tmp_path / "there").fix


def test_samples_and_their_rate_in_the_other_order_are_told_so():
    assert "other way round" in refusal(Audio.accept, (16000, np.zeros(16000, np.float32))).why
    assert "positive int" in refusal(Audio.accept, (np.zeros(16000, np.float32), True)).what


def test_grey_levels_of_mode_i_are_not_guessed():
    grey = PIL.Image.fromarray(PHOTO).convert("L")
    error = refusal(lambda image: Image.accept(image).pil(), grey.convert("I"))
    assert "could be of 8 bits or of 16" in error.what
    deep = PIL.Image.fromarray(np.asarray(grey).astype(np.int32) * 257)
    assert deep.mode == "I"
    assert np.array_equal(Image.accept(deep).array(), np.asarray(grey.convert("RGB")))
    black = Image.accept(PIL.Image.new("I", (4, 4))).array()
    assert black.max() == 0


def test_the_lines_of_one_image_are_not_images():
    assert Image.accept(PHOTO).array().shape == (40, 30, 3)
    line = refusal(lambda array: Image.accept(array).pil(), PHOTO[0])
    assert "a line of pixels" in line.what
    assert "runner.map([array])" in line.fix
    assert Image.accept(PHOTO[:4, :3, 0]).array().shape == (4, 3, 3)


@pytest.mark.parametrize(
    ("dtype", "name"), [("fp16", "float16"), ("half", "float16"), ("bf16", "bfloat16"), ("int4", "auto")]
)
def test_a_dtype_by_another_name_is_answered_with_ours(dtype, name):
    with pytest.raises(UsageProblem) as error:
        dtype_name(dtype)
    assert f'dtype="{name}"' in error.value.fix


def test_a_dtype_of_torch_is_known():
    torch = pytest.importorskip("torch")
    assert dtype_name(torch.bfloat16) == "bfloat16"
    assert 'dtype="auto"' in refusal(dtype_name, torch.int8).fix


def test_what_is_not_a_task_or_a_model_is_said():
    assert "named by a str" in refusal(lambda task: duomo.run(task, "a"), None).why
    error = refusal(lambda model: duomo.load("text-classification", model, catalog=fake_catalog()), object())
    assert "a model is named" in error.what
    with pytest.raises(UnknownTask) as unknown:
        fake_catalog().task("fake/echo")
    assert unknown.value.why == "it is a model, for text-classification"
    assert 'duomo.load("text-classification", "fake/echo")' in unknown.value.fix
    with pytest.raises(UnknownTask) as unknown:
        fake_catalog().task(__file__)
    assert "the task comes first" in unknown.value.why


def test_a_model_that_is_on_the_hub_only_is_told_how_to_be_named():
    with pytest.raises(NotFound) as error:
        fake_catalog().model("roberta-large-mnli")
    assert "hf:org/name" in error.value.fix


@pytest.mark.parametrize(("typed", "is_said"), [("echoo", True), ("elmo", False)])
def test_a_model_of_another_task_is_named_for_a_slip_of_the_keyboard_only(typed, is_said):
    with pytest.raises(NotFound) as error:
        fake_catalog().model(typed, "image-classification")
    assert ("'fake/echo' does" in error.value.why) is is_said


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("candidate_labels", "labels"),
        ("normalize_embeddings", "normalize"),
        ("image", "image-classification"),
        ("zero-shot", "zero-shot-classification"),
        ("translation_en_to_de", "translation"),
        ("Object_Detection", "object-detection"),
        ("summarize", "summarization"),
    ],
)
def test_names_of_other_libraries_find_ours(typed, meant):
    tasks = (*fake_catalog().tasks, "labels", "normalize")
    assert meant in nearest(typed, tasks)
    assert "dialogue" not in nearest(typed, tasks)


def test_an_unknown_option_is_named_before_one_that_is_missing():
    with pytest.raises(BadOption) as error:
        ZeroShotClassification.Options.parse({"candidate_labels": ["a", "b"]})
    assert error.value.what == "unknown option 'candidate_labels'"
    assert error.value.fix == "Did you mean 'labels'?"


@pytest.mark.parametrize(
    ("task", "option", "place"),
    [
        ("semantic-search", {"corpus": ["a", "  "]}, "corpus.1"),
        ("zero-shot-classification", {"labels": ["", "b"]}, "labels.0"),
        ("zero-shot-image-classification", {"labels": ["b", "\n"]}, "labels.1"),
        ("zero-shot-audio-classification", {"labels": ["b", "\t"]}, "labels.1"),
    ],
)
def test_an_empty_text_to_compare_with_is_refused_by_its_place(task, option, place):
    """An empty label was MiniLM's first for "x" with .97, an empty text of a corpus its best hit."""
    options = resolve(default_catalog().task(task).target, owner=task).Options
    with pytest.raises(BadOption, match=f"{place}.*\n.*empty"):
        options.parse(option)


def test_a_label_that_is_given_twice_is_refused():
    with pytest.raises(BadOption) as error:
        ZeroShotClassification.Options.parse({"labels": ["a", "b", "a"]})
    assert "twice" in error.value.why


@pytest.mark.parametrize("copied", [pickle.dumps, copy.deepcopy])
def test_a_runner_that_is_sent_to_another_process_says_what_to_do(copied):
    with (
        duomo.load("text-classification", "fake/echo", catalog=fake_catalog()) as runner,
        pytest.raises(UsageProblem, match="cannot be copied or sent to another process") as caught,
    ):
        copied(runner)
    assert 'executor="local"' in caught.value.fix


def test_a_name_that_a_result_does_not_have_is_answered_with_those_it_has():
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog()) as runner:
        [outcome] = runner.map(["fine"])
    with pytest.raises(AttributeError, match=r"'label'; it has labels, .*top"):
        print(outcome.result.label)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"outcome.unwrap\(\).top"):
        print(outcome.top)  # type: ignore[union-attr]
    assert not hasattr(outcome.result, "_repr_png_")
    assert not hasattr(outcome, "__len__")


@pytest.mark.parametrize("other", ["a text", np.zeros(2), None])
def test_an_angle_is_one_between_two_vectors_of_one_length(other):
    with pytest.raises(UsageProblem, match="a vector of 3 numbers is expected"):
        Embedding(vector=[1.0, 0.0, 0.0]).similarity(other)


def test_a_file_is_not_a_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("best.pt").touch()
    with pytest.raises(NotFound, match=r"best\.pt") as caught:
        duomo.load("image-classification", "best.pt", catalog=fake_catalog())
    assert "it is a file" in caught.value.why


def test_a_table_is_made_of_outcomes():
    pytest.importorskip("pandas")
    frame: Any = duomo.frame
    for wrong in ([3], "text", SentenceSimilarity.Result.model_construct(scores=[1.0])):
        with pytest.raises(UsageProblem) as error:
            frame(wrong)
        assert "duomo.frame(runner.map(items))" in error.value.fix
    with duomo.load("text-classification", catalog=fake_catalog()) as echo:
        [outcome] = echo.map(["a"])
    assert len(frame(outcome)) == 1


def test_minus_one_is_the_cpu_in_another_library():
    with pytest.raises(UsageProblem) as error:
        duomo.load("text-classification", devices=-1, executor="local", catalog=fake_catalog())
    assert 'device="cpu"' in error.value.fix


def test_advice_wakes_no_library():
    code = "import sys, duomo.inputs.advice; print({'numpy', 'pandas', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_errors_of_an_item_keep_their_kind():
    assert isinstance(refusal(Text.accept, ["a"]), BadInput)


def test_a_run_without_an_item_and_the_methods_of_other_libraries_are_told_what_to_write():
    with pytest.raises(UsageProblem, match="got no item") as caught:
        duomo.run("question-answering", question="Who?", context="Ada.")  # type: ignore[call-overload]
    assert caught.value.fix == 'duomo.run("question-answering", (question, context))'
    with duomo.load("text-classification", catalog=fake_catalog()) as runner:
        for name in ("predict", "encode", "generate", "transcribe"):
            with pytest.raises(AttributeError, match=rf"has no '{name}'; it is called: runner\(item\), .*map\(items\)"):
                getattr(runner, name)
        assert not hasattr(runner, "__array__")
