"""Outcomes in files: what is written reads back the same, and a torn file is made whole."""

import contextlib
import csv
import io
import json
import os
import sys
from typing import Annotated, Literal

import pydantic
import pytest
from hypothesis import given, settings, strategies as st

from duomo.errors import BadInput, BadOption, CannotWrite, RequirementMissing, UsageProblem
from duomo.outcome import ItemError, Meta, Outcome, outcome_of
from duomo.tasks import CORE_TASKS
from duomo.tasks.base import Result
from duomo.tasks.nlp.extraction import Entities, Span
from duomo.tasks.results import Classification, Embedding, SearchResult
from duomo.tasks.speech import Transcript
from duomo.tasks.speech.speakers import Verification
from duomo.tasks.speech.synthesis import Speech
from duomo.tasks.vision.reading import Page, TextLine
from duomo.writers.files import GrowingFile
from duomo.writers.formats import open_writer
from duomo.writers.text import JsonlWriter

META = Meta("text-classification", "fake/echo", "in-process", batch=4, ms=1.25)
FAILED = ItemError.of(BadInput("no 'cat'", why="it, left\nhome"))


def outcomes(results: list) -> list[Outcome]:
    return [outcome_of(i, f"item {i}", *((None, each) if isinstance(each, ItemError) else (each, None)), META)  # type: ignore[call-arg]
            for i, each in enumerate(results)]  # fmt: skip


def labels(*names: str) -> Classification:
    return Classification.ranked(names, [1 / (i + 1) for i in range(len(names))])


MANY = outcomes([labels(f"label {i}", "猫", 'a "quoted",\r\nname') if i % 5 else FAILED for i in range(40)])


def written(path, some: list[Outcome], result: type[Result] = Classification, *, resume: bool = False) -> bytes:
    with open_writer(path, result, resume=resume) as writer:
        for outcome in some:
            writer.write(outcome)
    return path.read_bytes()


def read_csv(path) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_parquet(path) -> list[dict]:
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path).to_pylist()


# The formats


def test_a_line_of_json_is_the_outcome(tmp_path):
    lines = written(tmp_path / "out.jsonl", MANY).decode().splitlines()
    assert [json.loads(line) for line in lines] == [outcome.to_dict() for outcome in MANY]


def test_a_csv_has_a_line_an_item_and_the_best_first(tmp_path):
    written(tmp_path / "out.csv", MANY)
    rows = read_csv(tmp_path / "out.csv")
    heading = ["index", "id", "ok", "top.name", "top.score", "labels", "error.code", "error.what", "model", "ms"]
    assert list(rows[0]) == heading
    assert [row["index"] for row in rows] == [str(i) for i in range(40)]
    assert [rows[0][name] for name in heading[2:8]] == ["false", "", "", "", "E-INPUT", "no 'cat'"]
    assert [rows[1][name] for name in heading[2:5]] == ["true", "label 1", "1.0"]
    assert json.loads(rows[1]["labels"])[2]["name"] == 'a "quoted",\r\nname'


@pytest.mark.parametrize(("result", "heading"), [
    (Embedding, "vector"),
    (Transcript, "text segments language"),
    (Verification, "same score threshold"),
    (SearchResult, "top.index top.item top.score query hits"),
    (Page, "lines width height"),
])  # fmt: skip
def test_the_headings_are_those_of_the_result_class_whatever_the_rows(tmp_path, result, heading):
    written(tmp_path / "out.csv", outcomes([FAILED]), result)
    [row] = read_csv(tmp_path / "out.csv")
    assert list(row) == ["index", "id", "ok", *heading.split(), "error.code", "error.what", "model", "ms"]


def test_a_result_in_a_result_has_columns_of_its_own(tmp_path):
    class Pair(Result):
        left: Verification
        right: Verification | None

    one = Verification(same=True, score=0.5, threshold=0.1)
    written(tmp_path / "out.csv", outcomes([Pair(left=one, right=None)]), Pair)
    [row] = read_csv(tmp_path / "out.csv")
    assert (row["left.same"], row["left.score"], row["right.same"]) == ("true", "0.5", "")


def test_nothing_found_has_no_best(tmp_path):
    written(tmp_path / "out.csv", outcomes([labels()]))
    [row] = read_csv(tmp_path / "out.csv")
    assert (row["top.name"], row["labels"]) == ("", "[]")


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)  # type: ignore[arg-type]


@settings(max_examples=60)
@given(texts=st.lists(st.tuples(TEXT, TEXT, st.floats(allow_nan=False, allow_infinity=False)), max_size=5))
def test_any_text_and_number_reads_back_from_csv_as_it_was(tmp_path_factory, texts):
    spans = [Entities(spans=[Span(label=a, score=x, text=b, start=0, end=len(b))]) for a, b, x in texts]
    path = tmp_path_factory.mktemp("csv") / "out.csv"
    some = [made(i, a, each) for i, ((a, _, _), each) in enumerate(zip(texts, spans, strict=True))]
    written(path, some, Entities)
    rows = read_csv(path)
    assert [row["id"] for row in rows] == [a for a, _, _ in texts]
    assert [json.loads(row["spans"]) for row in rows] == [each.to_dict()["result"]["spans"] for each in some]


def made(index: int, id: str, result: Result) -> Outcome:
    return outcome_of(index, id, result, None, META)


def test_a_name_that_is_not_valid_text_is_written_all_the_same(tmp_path):
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow.json")
    odd = [made(0, os.fsdecode(b"caf\xe9.jpg"), labels("a"))]
    # Written as \udce9, which JSON has but half of its readers refuse, it would cost polars and pyarrow the whole file.
    written(tmp_path / "out.jsonl", odd)
    assert polars.read_ndjson(tmp_path / "out.jsonl")["id"].to_list() == ["caf\\udce9.jpg"]
    assert arrow.read_json(tmp_path / "out.jsonl")["id"].to_pylist() == ["caf\\udce9.jpg"]
    written(tmp_path / "out.json", odd)
    assert json.loads((tmp_path / "out.json").read_bytes())[0]["id"] == "caf\\udce9.jpg"
    written(tmp_path / "out.csv", odd)
    assert read_csv(tmp_path / "out.csv")[0]["id"] == "caf\\udce9.jpg"
    written(tmp_path / "out.parquet", odd)
    assert read_parquet(tmp_path / "out.parquet")[0]["id"] == "caf\\udce9.jpg"


def test_a_name_that_is_not_valid_text_may_be_in_an_error_or_a_result(tmp_path):
    name = os.fsdecode(b"bad\xff.jpg")
    odd = outcomes(
        [ItemError.of(BadInput(f"'{name}' is not an image", fix=f"look at {name}")), labels("a"), labels(name)]
    )
    with open_writer(tmp_path / "out.parquet", Classification) as writer:
        for outcome in odd:
            writer.write(outcome)
    bad, good, named = read_parquet(tmp_path / "out.parquet")
    assert (bad["error"]["what"], bad["error"]["fix"]) == (r"'bad\udcff.jpg' is not an image", r"look at bad\udcff.jpg")
    assert good["result"]["labels"][0]["name"] == "a"
    assert named["result"]["labels"][0]["name"] == r"bad\udcff.jpg"


def test_parquet_has_the_shape_of_the_json_with_types(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet

    written(tmp_path / "out.parquet", MANY)
    assert read_parquet(tmp_path / "out.parquet") == [
        {name: value for name, value in outcome.to_dict().items() if name != "schema"} for outcome in MANY
    ]
    schema = pyarrow.parquet.read_schema(tmp_path / "out.parquet")
    assert schema.field("result").type == pa.struct(
        [("labels", pa.list_(pa.struct([("name", pa.string()), ("score", pa.float64())])))]
    )
    assert schema.field("meta").type.field("ms").type == pa.float64()


@pytest.mark.parametrize("result", [
    Speech(wav=bytes(range(256)), sampling_rate=8000, duration=1.5),
    Page(lines=[TextLine(text="a", score=1, corners=[(0.0, 1.5), (2.0, 3.0)])], width=2, height=3),
    Transcript(text="", segments=[], language=None),
], ids=lambda result: type(result).__name__)  # fmt: skip
def test_parquet_keeps_bytes_numbers_and_gaps(tmp_path, result):
    written(tmp_path / "out.parquet", outcomes([result]), type(result))
    [row] = read_parquet(tmp_path / "out.parquet")
    assert type(result).model_validate(row["result"]) == result


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("spec", CORE_TASKS, ids=lambda spec: spec.name)
def test_the_results_of_every_task_have_columns(tmp_path, spec, suffix):
    from duomo.resolving import resolve

    path = tmp_path / f"out.{suffix}"
    written(path, outcomes([FAILED]), resolve(spec.target).Result)
    assert len(read_csv(path) if suffix == "csv" else read_parquet(path)) == 1


def test_parquet_is_written_in_row_groups_of_bounded_memory(tmp_path, monkeypatch):
    import pyarrow.parquet

    monkeypatch.setattr("duomo.writers.parquet.PARQUET_BYTES", 100_000)
    loud = [Speech(wav=b"x" * 1000, sampling_rate=8000, duration=1.0)] * 500
    written(tmp_path / "out.parquet", outcomes(loud), Speech)
    assert pyarrow.parquet.ParquetFile(tmp_path / "out.parquet").num_row_groups == 4
    assert len(read_parquet(tmp_path / "out.parquet")) == 500


# Going on


@settings(max_examples=80)
@given(done=st.integers(0, 40), torn=st.integers(0, 600), suffix=st.sampled_from(["jsonl", "csv"]))
def test_a_file_that_ends_anywhere_becomes_what_an_undisturbed_run_writes(tmp_path_factory, done, torn, suffix):
    folder = tmp_path_factory.mktemp("torn")
    whole = written(folder / f"whole.{suffix}", MANY)
    path = folder / f"out.{suffix}"
    cut = written(path, MANY[:done])
    path.write_bytes(cut[: max(0, len(cut) - torn)])
    assert written(path, MANY, resume=True) == whole


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_what_agrees_is_never_written_again(tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"
    whole = written(path, MANY)
    path.write_bytes(whole[:-7])
    with open_writer(path, Classification, resume=True) as writer:
        for number, outcome in enumerate(MANY):
            writer.write(outcome)
            assert len(path.read_bytes()) == (len(whole) if number == 39 else len(whole) - 7)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_an_item_that_was_tried_again_and_all_after_it_are_replaced(tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"
    written(path, MANY)
    healed = [*MANY[:10], made(10, "item 10", labels("healed")), *MANY[11:30]]
    assert written(path, healed, resume=True) == written(tmp_path / f"whole.{suffix}", healed)


def test_a_run_that_is_stopped_while_it_catches_up_costs_no_row(tmp_path):
    path = tmp_path / "out.jsonl"
    whole = written(path, MANY)
    with pytest.raises(KeyboardInterrupt), open_writer(path, Classification, resume=True) as writer:
        writer.write(MANY[0])
        raise KeyboardInterrupt
    assert path.read_bytes() == whole


def test_a_shorter_run_leaves_nothing_of_a_longer_one(tmp_path):
    path = tmp_path / "out.jsonl"
    written(path, MANY)
    assert written(path, MANY[:3], resume=True) == written(tmp_path / "whole.jsonl", MANY[:3])


def test_without_resume_a_file_is_replaced(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("old\n" * 1000)
    assert written(path, []) == b""


def test_every_row_is_in_the_file_as_soon_as_it_is_written(tmp_path):
    path = tmp_path / "out.jsonl"
    with open_writer(path, Classification) as writer:
        for number, outcome in enumerate(MANY, 1):
            writer.write(outcome)
            assert path.read_bytes().count(b"\n") == number


def test_parquet_stays_as_it_was_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "out.parquet"
    written(path, MANY)
    with pytest.raises(KeyboardInterrupt), open_writer(path, Classification, resume=True) as writer:
        writer.write(MANY[0])
        raise KeyboardInterrupt
    assert len(read_parquet(path)) == 40
    assert len(read_parquet(tmp_path / "out.parquet.partial")) == 1, "what there was can be read"
    written(path, MANY[:5], resume=True)
    assert len(read_parquet(path)) == 5
    assert not (tmp_path / "out.parquet.partial").exists()


# What cannot be done


def test_another_suffix_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(UsageProblem, match="does not say in which format") as caught:
        open_writer(tmp_path / "out.xlsx", Classification)
    assert ".parquet" in caught.value.why


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RequirementMissing) as caught:
        open_writer(tmp_path / "out.parquet", Classification)
    assert caught.value.fix == "pip install 'duomo[parquet]'"


def test_a_field_that_may_be_anything_has_no_parquet_type(tmp_path):
    class Loose(Result):
        value: int | str

    with pytest.raises(UsageProblem, match="no Parquet type"):
        open_writer(tmp_path / "out.parquet", Loose)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_folder_that_is_not_there_is_said(tmp_path, suffix):
    with pytest.raises(CannotWrite, match="cannot be written") as caught:
        open_writer(tmp_path / "no" / f"out.{suffix}", Classification)
    assert caught.value.why == "No such file or directory"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which Linux has")
@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
def test_a_full_disk_is_said_in_words_and_only_once(tmp_path, name):
    (tmp_path / name).symlink_to("/dev/full")
    (tmp_path / f"{name}.partial").symlink_to("/dev/full")
    with pytest.raises(CannotWrite) as caught, open_writer(tmp_path / name, Classification) as writer:
        writer.write(MANY[0])
    assert caught.value.why == "No space left on device"
    assert caught.value.__context__ is None or not isinstance(caught.value.__context__, CannotWrite)


def test_a_row_torn_by_a_full_disk_is_healed_by_the_next_run(tmp_path, monkeypatch):
    path = tmp_path / "out.jsonl"

    class Full(io.BytesIO):
        def write(self, data):
            path.write_bytes(path.read_bytes() + data[:20])
            raise OSError(28, "No space left on device")

    whole = written(tmp_path / "whole.jsonl", MANY)
    with pytest.raises(CannotWrite), open_writer(path, Classification) as writer:
        for outcome in MANY[:6]:
            writer.write(outcome)
        growing = writer._file  # type: ignore[attr-defined]  # where the disk is full
        growing._file.close()  # the lock goes with it
        monkeypatch.setattr(growing, "_file", Full())  # the disk is full for it alone
        writer.write(MANY[6])
    assert not path.read_bytes().endswith(b"\n")
    assert written(path, MANY, resume=True) == whole


def test_a_growing_file_takes_text_like_any_other(tmp_path):
    file = GrowingFile(tmp_path / "a.txt")
    print("one", "two", file=file, flush=True)
    file.close()
    assert (tmp_path / "a.txt").read_bytes() == b"one two\n"


# What may be chosen


def test_chosen_fields_are_the_columns_and_the_keys(tmp_path):
    fields = ("id", "labels.0.name", "error.code", "meta.ms")
    for name in ("out.csv", "out.jsonl", "out.json"):
        with open_writer(tmp_path / name, Classification, fields=fields) as writer:
            for outcome in MANY[:2]:
                writer.write(outcome)
    expected = [
        {"id": "item 0", "labels.0.name": None, "error.code": "E-INPUT", "meta.ms": 1.25},
        {"id": "item 1", "labels.0.name": "label 1", "error.code": None, "meta.ms": 1.25},
    ]
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == expected
    assert json.loads((tmp_path / "out.json").read_text()) == expected
    shown = [{name: "" if value is None else str(value) for name, value in row.items()} for row in expected]
    assert read_csv(tmp_path / "out.csv") == shown


@pytest.mark.parametrize("name", ["out.jsonl", "out.json", "out.csv", "out.html", "out.parquet", "out.npy"])
def test_two_writers_do_not_share_a_file(name, tmp_path):
    result = Embedding if name == "out.npy" else Classification
    one = [] if name == "out.npy" else MANY[:1]
    with open_writer(tmp_path / name, result) as writer:
        for resume in (False, True):
            with pytest.raises(CannotWrite, match="is being written already") as caught:
                open_writer(tmp_path / name, result, resume=resume)
            assert caught.value.fix
        for outcome in one:
            writer.write(outcome)
    alone = (tmp_path / name).read_bytes()
    with open_writer(tmp_path / name, result) as again:  # the first has ended
        for outcome in one:
            again.write(outcome)
    assert (tmp_path / name).read_bytes() == alone


def test_writers_may_share_what_is_no_file():
    with JsonlWriter(os.devnull, Classification) as one, JsonlWriter(os.devnull, Classification) as other:
        for outcome in MANY[:2]:
            one.write(outcome)
            other.write(outcome)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    reader = os.open(tmp_path / "pipe.jsonl", os.O_RDONLY | os.O_NONBLOCK)
    with open_writer(tmp_path / "pipe.jsonl", Classification) as writer:
        writer.write(MANY[1])
        assert os.read(reader, 1 << 16).decode() == MANY[1].to_json() + "\n"
    os.close(reader)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
@pytest.mark.parametrize("name", ["out.parquet", "out.npy"])
def test_a_file_that_is_written_whole_does_not_replace_a_pipe(name, tmp_path):
    os.mkfifo(tmp_path / name)
    reader = os.open(tmp_path / name, os.O_RDONLY | os.O_NONBLOCK)
    with contextlib.suppress(CannotWrite):  # a format that goes back to its beginning
        open_writer(tmp_path / name, Embedding).close()
    os.close(reader)
    assert (tmp_path / name).is_fifo()


def test_a_field_that_no_result_has_is_refused_before_a_file_is_made(tmp_path):
    with pytest.raises(BadOption, match="has no field 'lables'") as caught:
        open_writer(tmp_path / "out.csv", Classification, fields=("lables",))
    assert "Did you mean 'labels'?" in caught.value.why
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(UsageProblem, match="Parquet holds whole outcomes"):
        open_writer(tmp_path / "out.parquet", Classification, fields=("id",))


def test_a_result_of_one_of_several_kinds_has_the_columns_of_all(tmp_path):
    class Sure(Result):
        kind: Literal["sure"] = "sure"
        value: float

    class Between(Result):
        kind: Literal["between"] = "between"
        low: float
        high: float

    class Either(Result):
        score: Annotated[Sure | Between, pydantic.Field(discriminator="kind")] | None

    some = outcomes([Either(score=Sure(value=0.5)), Either(score=Between(low=0.0, high=1.0)), Either(score=None)])
    written(tmp_path / "out.csv", some, Either)
    rows = [
        [row[f"score.{name}"] for name in ("kind", "value", "low", "high")] for row in read_csv(tmp_path / "out.csv")
    ]
    assert rows == [["sure", "0.5", "", ""], ["between", "", "0.0", "1.0"], ["", "", "", ""]]


@pytest.mark.parametrize("start", list("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"))
def test_a_text_that_starts_a_formula_is_marked_on_request_and_a_number_never(tmp_path, start):
    some = [made(-1, f"{start}1", labels(f"{start}cmd|' /C calc'!A0"))]
    written(tmp_path / "raw.csv", some)
    assert read_csv(tmp_path / "raw.csv")[0]["id"] == f"{start}1"
    with open_writer(tmp_path / "safe.csv", Classification, csv_safe=True) as writer:
        writer.write(some[0])
    [row] = read_csv(tmp_path / "safe.csv")
    assert (row["id"], row["top.name"], row["index"]) == (f"'{start}1", f"'{start}cmd|' /C calc'!A0", "-1")


@pytest.mark.parametrize("first", ["id,name,score,error\n0,a,1,\n", "index,id,ok\r\n", "\nindex"])
def test_a_csv_with_other_columns_is_not_gone_on_with(tmp_path, first):
    path = tmp_path / "out.csv"
    path.write_text(first, newline="")
    with pytest.raises(CannotWrite, match="has other columns than this run writes") as caught:
        open_writer(path, Classification, resume=True)
    assert "move it away" in caught.value.fix
    assert path.read_bytes() == first.encode()
    assert written(path, MANY[:1]) == written(tmp_path / "new.csv", MANY[:1]), "without resume it is replaced"


def test_a_heading_that_was_cut_off_is_gone_on_with(tmp_path):
    whole = written(tmp_path / "whole.csv", MANY[:2])
    for length in (0, 1, 9):
        (tmp_path / "out.csv").write_bytes(whole[:length])
        assert written(tmp_path / "out.csv", MANY[:2], resume=True) == whole


@pytest.mark.parametrize("name", ["out.jsonl", "out.json"])
def test_json_goes_to_any_file_that_takes_text(name):
    class Stream(io.StringIO):
        def cut(self) -> None:
            self.complete = True

        def close(self) -> None:
            self.text = self.getvalue()

    from duomo.writers import WRITERS

    stream = Stream()
    with WRITERS[os.path.splitext(name)[1]](stream, Classification) as writer:  # type: ignore[arg-type]
        writer.write(MANY[1])
    assert writer.files == []
    assert stream.complete
    parsed = json.loads(stream.text)
    assert (parsed if name == "out.jsonl" else parsed[0]) == MANY[1].to_dict()
