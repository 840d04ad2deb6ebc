"""Runs with a store: killed, refused, filled up, changed or repeated, and what the next run makes of it."""

import collections
import dataclasses
import gc
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import duomo
from duomo import Hooks, hookimpl
from duomo.errors import (
    BadOption,
    CannotWrite,
    StoreLocked,
    StoreMismatch,
    StoreProblem,
    SystemicError,
    UsageProblem,
)
from duomo.execution.resuming import resume
from duomo.execution.resuming.store import GROUP_ROWS, RunStore
from duomo.outcome import Failure, Meta, outcome_of
from duomo.tasks.results import Classification
from duomo.testing.fakes import EchoModel, echo_spec, fake_catalog

META = Meta("text-classification", "fake/echo", "in-process")
MADE_WITH = {"model": "fake/echo", "option top_k": "null"}
CAT = Classification.ranked(["cat", "dog"], [0.75, 0.25])


class Counting(EchoModel):
    """Notes every text it computes; texts in `broken` fail."""

    calls: ClassVar[Counter[str]] = Counter()
    broken: ClassVar[set[str]] = set()

    def forward(self, batch):
        Counting.calls.update(batch)
        if Counting.broken & set(batch):
            raise ValueError("broken for now")
        return super().forward(batch)


class Seeing(EchoModel):
    """Takes pictures."""

    @staticmethod
    def estimate(item):
        return 1

    def preprocess(self, items, options):
        return [{"text": "a picture"} for _ in items]


@pytest.fixture
def runner(monkeypatch):
    monkeypatch.setitem(sys.modules, "the_store_tests", sys.modules[__name__])
    Counting.calls, Counting.broken = Counter(), set()
    with duomo.load(
        "text-classification", catalog=fake_catalog(echo_spec(loader="the_store_tests:Counting"))
    ) as runner:
        yield runner


# What comes back


ITEMS = [f"text {'x' * (97 * i % 31)} {i}" for i in range(60)]


def test_a_second_run_gives_equal_outcomes_and_computes_nothing(runner, path):
    items = [*ITEMS, "poison", "crash", "mute"]
    first = list(runner.map(items, store=path))
    calls = Counting.calls.copy()
    assert list(runner.map(items, store=path)) == first
    assert [outcome.ok for outcome in first[-4:]] == [True, False, False, False]
    assert Counting.calls == calls


def test_a_flush_moves_nothing_in_a_store(runner, path):
    words = ["one", "two", "one", "", "three"]
    flushed = [each for word in words for each in (word, duomo.FLUSH)]
    first = list(runner.map(flushed, store=path, dedupe=True))
    calls = Counting.calls.copy()
    again = list(runner.map(words, store=path))
    assert [(each.index, each.id, each.result) for each in first] == [(e.index, e.id, e.result) for e in again]
    assert Counting.calls == calls, "nothing was computed again"
    assert calls["one"] == 1


def test_a_store_changes_no_outcome(runner, path):
    items = ["", *ITEMS, "poison", None]

    def without_times(outcomes):
        return [(each.index, each.id, each.result, each.error) for each in outcomes]

    assert without_times(runner.map(items, store=path)) == without_times(runner.map(items))


def test_what_is_refused_at_the_border_is_looked_at_anew(runner, path, tmp_path):
    late = tmp_path / "late.txt"
    assert [each.ok for each in runner.map(["a", late], store=path)] == [True, False]
    late.write_text("here I am")
    assert [each.ok for each in runner.map(["a", late], store=path)] == [True, True]
    assert Counting.calls == {"a": 1, "here I am": 1}


def test_only_a_changed_file_is_computed_again(runner, path, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    files = [tmp_path / "one", tmp_path / "two"]
    list(runner.map(files, store=path))
    files[0].write_text("ONE")
    os.utime(files[1], (0, 0))
    assert [each.result.top.name for each in runner.map(files, store=path)] == ["ONE", "two"]
    assert Counting.calls == {"one": 1, "two": 1, "ONE": 1}


def test_new_items_are_computed_among_old_ones_in_their_places(runner, path):
    list(runner.map(ITEMS[:40:2], store=path))
    (old := Counting.calls.copy()).update(ITEMS[20:])
    longer = ITEMS[:40:2] + ITEMS[20:]
    assert [each.result.top.name for each in runner.map(longer, store=path)] == longer
    assert Counting.calls == old


def test_an_error_comes_back_with_all_its_words_and_raises_as_ours(runner, path):
    [first] = runner.map(["poison"], store=path)
    [again] = runner.map(["poison"], store=path)
    assert "raise ValueError" in again.error.traceback
    assert (again.error.type, again.error.fix) == ("ValueError", first.error.fix)
    with pytest.raises(duomo.errors.ModelFailed, match="poison"):
        again.unwrap()


# Trying again


def test_trying_again_without_a_store_is_refused(runner):
    with pytest.raises(UsageProblem, match="has no store to look in"):
        list(runner.map(["a"], retry_failed=True))


def test_retrying_computes_the_failed_items_and_no_other(runner, path, rows):
    Counting.broken = {ITEMS[3], ITEMS[50]}
    first = list(runner.map(ITEMS, store=path))
    assert [each.index for each in first if not each.ok] == [3, 50]
    Counting.broken, Counting.calls = set(), Counter()
    assert list(runner.map(ITEMS, store=path)) == first, "a failure is an outcome too"
    assert not Counting.calls
    second = list(runner.map(ITEMS, store=path, retry_failed=True))
    assert all(each.ok for each in second)
    assert set(Counting.calls) == {ITEMS[3], ITEMS[50]}
    attempts = {id: (status, count) for id, status, count in rows(path)}
    assert (attempts["3"], attempts["4"]) == (("ok", 2), ("ok", 1))


def test_options_are_compared_before_anything_is_read(runner, path):
    list(runner.map(["a"], store=path))
    with pytest.raises(StoreMismatch, match="something else") as caught:
        runner.map((pytest.fail("read") for _ in "x"), store=path, top_k=1)
    assert caught.value.why == "option top_k was null, now 1"
    assert list(runner.map(["a"], store=path)), "the refused call left the store open for others"


def test_all_that_decides_about_results_is_compared(runner):
    made_with = resume.fingerprint(runner.meta, runner.task.Options())
    assert set(made_with) >= {"task", "model", "plugin", "revision", "dtype", "results"} | {
        f"option {name}" for name in ("top_k", "multi_label", "long")
    }
    assert not {"device", "executor", "batch", "ms"} & set(made_with), "a run may go on elsewhere"


OLD = {
    "task": "text-classification", "model": "fake/echo", "plugin": "birds 1.2.0", "revision": "abc", "dtype": "float32",
    "optimize": "none", "duomo": "0.1.0", "option top_k": "null",
}  # fmt: skip
"""What 0.1.0 wrote into a store, without the options that came later."""


@pytest.mark.parametrize(
    ("change", "goes_on"),
    [
        ({"duomo": None, "results": "1"}, True),
        ({"duomo": None, "results": "1", "option prompt": "null"}, True),
        ({"duomo": None, "results": "1", "plugin": "birds 1.9.4"}, True),
        ({"duomo": None, "results": "2"}, False),
        ({"duomo": None, "results": "1", "option prompt": '"query: "'}, False),
        ({"duomo": None, "results": "1", "plugin": "birds 2.0.0"}, False),
        ({"duomo": None, "results": "1", "revision": "abd"}, False),
        ({"duomo": None, "results": "1", "option top_k": "5"}, False),
        ({"duomo": "0.0.9"}, False),
    ],
)
def test_a_store_of_an_earlier_version_is_gone_on_with_while_results_are_the_same(path, change, goes_on):
    """A later version adds options with defaults; its number of results says whether it computes the same."""
    now = {name: value for name, value in {**OLD, **change}.items() if value is not None}
    assumed = {"option top_k": "null", "option prompt": "null"}
    with RunStore(path) as store:
        store.begin(OLD)
        store.put([(b"digest", outcome_of(0, "a", None, duomo.ItemError("E-INPUT", "no text"), META))])
    with RunStore(path) as store:
        if goes_on:
            store.begin(now, assumed)
            assert store.get("a", b"digest") is not None
        else:
            with pytest.raises(StoreMismatch) as caught:
                store.begin(now, assumed)
            assert " was " in caught.value.why


def test_a_default_that_changed_is_a_difference(path):
    with RunStore(path) as store:
        store.begin(OLD)
    with RunStore(path) as store, pytest.raises(StoreMismatch, match="something else"):
        store.begin({**OLD, "option top_k": "5"}, {"option top_k": "5"})


def test_an_option_that_is_long_or_no_json_is_compared_by_its_content(tmp_path):
    import PIL.Image

    from duomo.tasks.multimodal import ImageSearchOptions
    from duomo.tasks.nlp.embedding import SemanticSearchOptions

    def made_with(options):
        return resume.fingerprint(META, options)

    for name in ("a.png", "b.png"):
        PIL.Image.new("RGB", (2, 2)).save(tmp_path / name)
    before = made_with(ImageSearchOptions.parse({"images": str(tmp_path)}))
    assert made_with(ImageSearchOptions.parse({"images": str(tmp_path)})) == before
    PIL.Image.new("RGB", (3, 3)).save(tmp_path / "b.png")
    assert made_with(ImageSearchOptions.parse({"images": str(tmp_path)})) != before
    long = [SemanticSearchOptions.parse({"corpus": ["word " * 50 + end]}) for end in ("a", "b")]
    assert made_with(long[0]) != made_with(long[1])
    assert all(len(text) < 200 for text in made_with(long[0]).values())


def test_force_starts_anew_and_going_back_finds_the_old_rows(runner, path):
    first = list(runner.map(ITEMS, store=path))
    with RunStore(path, force=True) as forced:
        assert [len(each.result.labels) for each in runner.map(ITEMS, store=forced, top_k=1)] == [1] * 60
    assert Counting.calls == dict.fromkeys(ITEMS, 2)
    assert list(runner.map(ITEMS, store=path)) == first
    assert Counting.calls == dict.fromkeys(ITEMS, 2)


class Halving(Hooks):
    """A plugin that changes an option before the run."""

    @hookimpl
    def before_run(self, ctx):
        ctx.options["top_k"] = 1


def test_options_that_a_plugin_changed_are_what_counts(path):
    with duomo.load("text-classification", catalog=fake_catalog(watching=Halving())) as runner:
        first = list(runner.map(["a"], store=path))
        assert list(runner.map(["a"], store=path)) == first
    with duomo.load("text-classification", catalog=fake_catalog()) as runner:
        assert list(runner.map(["a"], store=path, top_k=1)) == first
        with pytest.raises(StoreMismatch):
            runner.map(["a"], store=path)


# Lazy, bounded, interrupted


def test_a_finished_run_is_given_back_lazily_and_in_flat_memory(runner, path):
    def run():
        return runner.map((f"item {i}" for i in range(12_000)), store=path, batch_size=32)

    def peak(use):
        tracemalloc.start()
        use(run())
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    collections.deque(run(), maxlen=0)
    Counting.calls.clear()
    # How far a thread reads ahead differs from run to run, but it is a window, and not the whole input.
    passing, holding = peak(lambda outcomes: collections.deque(outcomes, maxlen=0)), peak(list)
    assert not Counting.calls
    assert passing < holding / 3
    read = itertools.count()
    outcomes = runner.map((f"item {next(read)}" for _ in itertools.count()), store=path)
    assert [each.index for each in itertools.islice(outcomes, 3)] == [0, 1, 2]
    outcomes.close()
    assert next(read) < 5_000


def test_what_was_computed_is_kept_before_its_turn_comes(runner, path, tmp_path, rows):
    items = ["long " * 30 if i % 4 == 0 else "short" for i in range(200)]
    outcomes = runner.map((f"{i} {text}" for i, text in enumerate(items)), store=path)
    first = next(outcomes)
    assert first.index == 0
    computed = sum(Counting.calls.values())
    outcomes.close()
    assert computed > 1
    assert len(rows(path)) == sum(Counting.calls.values())


def test_a_consumer_that_stops_loses_nothing_and_lets_the_store_go(runner, path):
    for outcome in runner.map(ITEMS, store=path, batch_size=4):
        if outcome.index == 20:
            break
    del outcome
    assert len(list(runner.map(ITEMS, store=path, batch_size=4))) == 60
    assert set(Counting.calls.values()) == {1}


def test_a_source_that_raises_and_a_run_that_is_stopped_keep_what_was_done(runner, path, rows):
    def source():
        yield from ITEMS[:10]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(runner.map(source(), store=path))
    assert len(rows(path)) == 10


def test_failures_without_any_success_are_kept_unless_they_stop_the_run(runner, path, rows):
    Counting.broken = set(ITEMS)
    assert not any(each.ok for each in runner.map(ITEMS[:5], store=path))
    assert [each.ok for each in runner.map(ITEMS[:5], store=path)] == [False] * 5
    with pytest.raises(SystemicError):
        list(runner.map(ITEMS, store=path, batch_size=1))
    assert len(rows(path)) == 5, "nothing was wrong with these items"
    Counting.broken = set()
    again = list(runner.map(ITEMS, store=path))
    assert [each.index for each in again if not each.ok] == [0, 1, 2, 3, 4]
    assert all(each.ok for each in runner.map(ITEMS, store=path, retry_failed=True))


def test_an_item_that_the_executor_refuses_is_refused_again(runner, path, monkeypatch, rows):
    def estimate(item):
        if item == "odd":
            raise ValueError("no cost")
        return 1

    monkeypatch.setattr(Counting, "estimate", staticmethod(estimate))
    for _ in range(2):
        outcomes = list(runner.map(["a", "odd", "b"], store=path, dedupe=True))
        assert [each.ok for each in outcomes] == [True, False, True]
    assert len(rows(path)) == 2


def test_a_wrong_option_does_not_even_make_a_store(runner, path):
    with pytest.raises(BadOption):
        runner.map(["a"], store=path, top_n=1)
    assert not path.exists()


def test_an_open_store_may_be_given_and_stays_open(runner, path):
    with RunStore(path) as kept:
        list(runner.map(ITEMS[:5], store=kept))
        list(runner.map(ITEMS[:8], store=kept))
        assert kept.counts() == {"ok": 8, "failed": 0}
    assert set(Counting.calls.values()) == {1}
    with pytest.raises(StoreProblem, match="closed"):
        runner.map(["a"], store=kept)


# Repetitions


def test_equal_items_are_computed_once_and_keep_their_places(runner):
    items = [f"word {i * i % 7}" for i in range(50)]
    outcomes = list(runner.map(items, dedupe=True, batch_size=3))
    assert [each.result.top.name for each in outcomes] == items
    assert [(each.index, each.id) for each in outcomes] == [(i, str(i)) for i in range(50)]
    assert Counting.calls == dict.fromkeys(items, 1)
    list(runner.map(items, batch_size=3))
    assert sum(Counting.calls.values()) > len(set(items)) + 40, "only when asked"


def test_repeats_that_fail_are_held_by_nobody_where_there_is_no_store(runner):
    alive = [
        sum(type(each) is Failure for each in gc.get_objects())
        for outcome in runner.map(["good", *["poison"] * 4000], dedupe=True)
        if outcome.index in (2000, 4000)
    ]
    assert alive[1] - alive[0] < 1000, "as many as came in between"


def test_repeated_failures_fail_alike_and_refused_items_are_left_alone(runner):
    items = ["a", "poison", "", "a", "poison", None, ""]
    outcomes = list(runner.map(items, dedupe=True))
    assert [each.ok for each in outcomes] == [True, False, False, True, False, False, False]
    assert outcomes[1].error == outcomes[4].error
    assert [each.index for each in outcomes] == list(range(7))


def test_repetitions_have_rows_of_their_own_in_a_store(runner, path, rows):
    items = ["a", "b", "a", "a", "b"]
    first = list(runner.map(items, dedupe=True, store=path))
    assert sorted(id for id, _, _ in rows(path)) == ["0", "1", "2", "3", "4"]
    assert list(runner.map(items, store=path)) == first
    assert Counting.calls == {"a": 1, "b": 1}
    more = list(runner.map([*items, "a"], dedupe=True, store=path))
    assert more[:5] == first
    assert Counting.calls == {"a": 1, "b": 1}, "repeating what the store has needs no run either"


def test_repeats_of_what_failed_on_a_sick_machine_are_computed_again_with_it(runner, path):
    texts = [text for at in range(40) for text in (f"text {at}",) * 2]
    Counting.broken = set(texts)
    with pytest.raises(SystemicError, match="all failed alike"):
        list(runner.map(texts, store=path, dedupe=True, batch_size=1))
    Counting.broken = set()
    assert all(outcome.ok for outcome in runner.map(texts, store=path, dedupe=True))


@pytest.mark.parametrize("known", [{"dedupe": True}, {"store": "run.store"}])
def test_an_item_that_cannot_be_told_from_others_fails_alone(tmp_path, known):
    class Lazy:
        shape = (2, 2, 3)

        def __array__(self, *_, **__):
            raise RuntimeError("chunk 3 is damaged")

    known = {name: tmp_path / value if name == "store" else value for name, value in known.items()}
    catalog = fake_catalog(echo_spec(task="image-classification", loader="the_store_tests:Seeing"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "the_store_tests", sys.modules[__name__])
        with duomo.load("image-classification", "fake/echo", catalog=catalog) as runner:
            pictures = [np.full((2, 2, 3), 1, np.uint8), Lazy(), np.full((2, 2, 3), 2, np.uint8)]
            oks = [outcome.ok for outcome in runner.map(pictures, **known)]
    assert oks == [True, False, True]


def test_failures_that_are_known_count_too(runner, path):
    Counting.broken = {"bad"}
    with pytest.raises(SystemicError, match="more than 2 items failed"):
        list(runner.map(["good", *["bad"] * 3000], dedupe=True, max_failed=2))
    list(runner.map(["good", "bad", "bad.", "bad.."], store=path, batch_size=1))
    with pytest.raises(SystemicError, match="more than 0 items failed"):
        list(runner.map(["good", "bad"], store=path, max_failed=0))


def test_so_many_distinct_inputs_are_remembered_and_no_more(runner, monkeypatch):
    monkeypatch.setattr(resume, "DEDUPE_ITEMS", 4)
    items = [*"abcd", "a", *"efg", "a", "b"]
    assert len(list(runner.map([f"{each} text" for each in items], dedupe=True, batch_size=1))) == len(items)
    assert Counting.calls["a text"] == 1, "seen again in between"
    assert Counting.calls["b text"] == 2


@settings(max_examples=40)
@given(items=st.lists(st.sampled_from(["a", "b", "cc", "poison", ""]), max_size=30), size=st.integers(1, 5))
def test_no_mixture_of_repetitions_moves_or_changes_an_item(items, size):
    with duomo.load("text-classification", catalog=fake_catalog()) as runner:
        items = ["a", *items]
        plain, deduped = (list(runner.map(items, batch_size=size, dedupe=dedupe)) for dedupe in (False, True))
    assert [(e.index, e.id, e.result, e.error and e.error.what) for e in deduped] == [
        (e.index, e.id, e.result, e.error and e.error.what) for e in plain
    ]


def test_a_row_that_does_not_fit_the_result_class_is_no_result(runner, path, asked):
    list(runner.map(["a"], store=path))
    asked(path, """UPDATE rows SET result = '{"labels": 7}'""")
    with pytest.raises(StoreProblem, match="item '0' cannot be read"):
        list(runner.map(["a"], store=path))


@pytest.mark.parametrize("place", ["no/such/folder/run.store", "."])
def test_a_place_that_cannot_be_written_is_said_before_anything_is_read(runner, tmp_path, place):
    with pytest.raises(CannotWrite) as caught:
        runner.map((pytest.fail("read") for _ in "x"), store=tmp_path / place)
    assert caught.value.why.startswith("there is no folder" if "no" in place else "unable to open")


def test_a_full_disk_ends_the_run_in_words_and_costs_nothing_that_was_kept(runner, path, monkeypatch, rows):
    items = [f"{i} {'x' * 2000}" for i in range(200)]
    connect = sqlite3.connect

    def small_disk(*args, **kwargs):
        db = connect(*args, **kwargs)
        db.execute("PRAGMA max_page_count = 20")
        return db

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", small_disk)
        small = RunStore(path)
    with pytest.raises(CannotWrite, match="cannot be written") as caught:
        list(runner.map(items, store=small))
    assert "full" in caught.value.why
    small.close()
    kept = len(rows(path))
    assert 0 < kept < 200
    assert [each.result.top.name for each in runner.map(items, store=path)] == items
    assert sum(Counting.calls.values()) <= 200 + GROUP_ROWS + 4


def test_a_file_that_vanishes_before_it_is_read_is_an_error_of_its_own(runner, path, tmp_path, monkeypatch):
    from duomo.inputs import Text

    @dataclasses.dataclass
    class OnDisk:
        source: Path
        name: str = ""

    items = [Text.accept("a"), OnDisk(tmp_path / "gone.txt", "gone.txt"), Text.accept("b")]
    monkeypatch.setattr(Text, "accept", lambda value: value)  # they are accepted already
    outcomes = runner.map(items, store=path)
    assert [(each.ok, each.error and each.error.code) for each in outcomes] == [
        (True, None), (False, "E-INPUT-UNREADABLE"), (True, None)]  # fmt: skip


def test_a_second_run_is_kept_out_at_once(runner, path):
    outcomes = runner.map(ITEMS, store=path)
    next(outcomes)
    with pytest.raises(StoreLocked, match="in use") as caught:
        runner.map((pytest.fail("read") for _ in "x"), store=path)
    assert "another run has it open" in caught.value.why
    outcomes.close()
    assert len(list(runner.map(ITEMS, store=path))) == 60


# Real processes, really killed


CHILD = """
import json, sys, time
import duomo
from duomo.testing.fakes import EchoModel, echo_spec, fake_catalog
from duomo.writers import open_writer

folder, output, pause, hold = sys.argv[1:]

class Slow(EchoModel):
    num = 0

    def forward(self, batch):
        Slow.num += len(batch)
        with open(f"{folder}/calls", "a") as file:
            file.write("".join(f"{json.dumps(text)}\\n" for text in batch))
        time.sleep(float(pause) * len(batch) if Slow.num < int(hold) else 3600)
        return batch

items = [f"{i} 猫\\n" + "x" * (97 * i % 61) for i in range(400)]
items[7] = items[300] = "poison"
with (
    duomo.load("text-classification", catalog=fake_catalog(echo_spec(loader="__main__:Slow"))) as runner,
    open_writer(f"{folder}/{output}", runner.task.Result, resume=True) as writer,
):
    for outcome in runner.map(items, store=f"{folder}/run.store"):
        writer.write(outcome)
"""


def start(folder: Path, output: str, pause: float = 0.002, hold: int = 1000) -> subprocess.Popen:
    """Run `CHILD`; `pause` is in seconds for each item, and at item number `hold` it stops for good."""
    command = [sys.executable, "-c", CHILD, str(folder), output, str(pause), str(hold)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def calls(folder: Path) -> list[str]:
    """What was computed; the last line may be torn."""
    path = folder / "calls"
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")] if path.exists() else []


def wait_for_call(number: int, folder: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while len(calls(folder)) < number and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def table(path: Path) -> list:
    """The rows of an output file without what differs from run to run."""
    if path.suffix == ".csv":
        import csv

        with open(path, newline="", encoding="utf-8") as file:
            return [{**row, "ms": None} for row in csv.DictReader(file)]
    if path.suffix == ".parquet":
        import pyarrow.parquet

        records = pyarrow.parquet.read_table(path).to_pylist()
    else:
        records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [{**each, "meta": {**each["meta"], "ms": None, "batch": None}} for each in records]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    for output in ("out.jsonl", "out.csv", "out.parquet"):
        assert start(folder, output).wait(60) == 0
    assert len(calls(folder)) == 398, "the second and the third run found all in the store"
    return folder


@pytest.mark.multiproc
@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.parquet"])
def test_killed_again_and_again_at_most_a_group_is_lost(tmp_path, uninterrupted, output, asked, as_a_kill_leaves_it):
    dice, kills = random.Random(output), 0
    for number in range(5):
        process = start(tmp_path, output, pause=0.005)
        if number > 0:  # the first is killed on its way in
            wait_for_call(len(calls(tmp_path)) + 1, tmp_path, process)
        time.sleep(dice.uniform(0.0, 0.2))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        left = as_a_kill_leaves_it(tmp_path / "run.store", tmp_path / f"kill {number}")
        assert asked(left, "PRAGMA integrity_check") == [("ok",)], "whole, though it may have no table yet"
    assert start(tmp_path, output).wait(60) == 0
    assert kills >= 3
    assert table(tmp_path / output) == table(uninterrupted / output)
    done = Counter(calls(tmp_path))
    assert set(done) == set(calls(uninterrupted))
    group_and_batch = GROUP_ROWS + 2 * EchoModel.batch_size
    assert sum(done.values()) - len(done) <= kills * group_and_batch


@pytest.mark.multiproc
def test_the_output_grows_meanwhile_and_a_kill_frees_the_store(tmp_path):
    process, out, sizes = start(tmp_path, "out.jsonl", pause=0.02, hold=44), tmp_path / "out.jsonl", []
    for number in (8, 24, 40):
        wait_for_call(number, tmp_path, process)
        sizes.append(out.stat().st_size)
    assert 0 < sizes[0] < sizes[1] < sizes[2]
    with pytest.raises(StoreLocked):
        RunStore(tmp_path / "run.store")
    second = start(tmp_path, "other.jsonl")
    assert second.wait(60) == 1
    assert "is in use" in second.stderr.read()
    process.kill()
    process.wait()
    RunStore(tmp_path / "run.store").close()


def test_repeats_of_a_failure_count_however_soon_they_come(runner):
    run = runner.map(["good", *["bad poison"] * 10], dedupe=True, max_failed=2)
    assert [next(run).ok for _ in range(4)] == [True, False, False, False]
    with pytest.raises(SystemicError, match="more than 2 items failed"):
        next(run)
