"""The store of a run by itself: what comes back, what is refused, and what a kill leaves of it."""

import dataclasses
import itertools
import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st

from duomo.errors import CannotWrite, StoreLocked, StoreMismatch, StoreProblem
from duomo.execution.resuming.store import RunStore
from duomo.outcome import ItemError, Meta, Outcome, outcome_of
from duomo.tasks.multimodal import SearchResult
from duomo.tasks.results import Classification, Embedding, Hit
from duomo.tasks.speech import Segment, Transcript
from duomo.tasks.speech.synthesis import Speech
from duomo.tasks.vision.reading import Page, TextLine

META = Meta("text-classification", "fake/echo", "in-process")
MADE_WITH = {"model": "fake/echo", "option top_k": "null"}
CAT = Classification.ranked(["cat", "dog"], [0.75, 0.25])


def opened(path: Path, **changes: str) -> RunStore:
    opened = RunStore(path)
    opened.begin({**MADE_WITH, **changes})
    return opened


def some(count: int) -> list[tuple[bytes, Outcome]]:
    return [(b"%d" % i, outcome_of(i, str(i), CAT, None, META)) for i in range(count)]


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, in a list of one."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


# What comes back


@pytest.mark.parametrize("result", [
    CAT,
    Embedding(vector=[0.1, -1e-38, 1e38, 1 / 3]),
    Embedding(vector=[float("nan"), float("inf"), -0.0]),
    Speech(wav=bytes(range(256)), sampling_rate=8000, duration=1.5),
    Transcript(text="null \x00 猫 \u2028", segments=[Segment(start=0, end=1, text="")], language=None),
    Page(lines=[TextLine(text="a", score=1, corners=[(0.0, 1.5), (2.0, 3.0)])], width=2, height=3),
    SearchResult(query="q", hits=[Hit(index=0, item="a\nb", score=0.5)]),
], ids=lambda result: type(result).__name__)  # fmt: skip
def test_results_of_every_kind_come_back_the_same(path, result):
    with opened(path) as store:
        store.put([(b"0", outcome_of(0, "a", result, None, META))])
    with opened(path) as store:
        row = store.get("a", b"0")
    back = row.read(type(result))
    assert repr(back) == repr(result)  # NaN is not equal to itself
    assert row.meta == META


@settings(max_examples=40)
@given(name=st.text(), id=st.text(st.characters(codec=None), max_size=20))
@example(name="a", id="\udc80")
def test_any_text_and_any_name_come_back_the_same(tmp_path_factory, name, id):
    result = Classification.ranked([name.encode("utf-8", "ignore").decode()], [1.0])
    error = ItemError("E-X", id, why=name, traceback=name)
    path = tmp_path_factory.mktemp("text") / "run.store"
    with opened(path) as store:
        store.put([(b"0", outcome_of(0, id, result, None, META)), (b"1", outcome_of(1, id, None, error, META))])
    with opened(path) as store:
        assert Classification.model_validate_json(store.get(id, b"0").result) == result
        assert store.get(id, b"1").error == error


def test_what_is_not_there_is_none(path):
    with opened(path) as kept:
        kept.put(some(2))
    with opened(path) as kept:
        assert kept.get("0", b"another digest") is None
        assert kept.get("7", b"0") is None
        assert kept.get("1", b"1").read(Classification) == CAT


def test_before_a_run_has_begun_there_is_nothing(path):
    with RunStore(path) as kept:
        assert kept.get("0", b"0") is None
        assert kept.counts() == {"ok": 0, "failed": 0}


def test_what_this_session_adds_is_for_the_next(path):
    failed = outcome_of(7, "7", None, ItemError("E-X", "it broke"), dataclasses.replace(META, ms=7.0))
    with opened(path) as kept:
        kept.put([*some(2), (b"7", failed)])
        kept.flush()
        assert kept.get("0", b"0") is None, "nothing was there when it was opened"
        assert kept.counts() == {"ok": 2, "failed": 1}
    with opened(path) as kept:
        assert [kept.get(each, each.encode()).meta.ms for each in "0717"] == [0.0, 7.0, 0.0, 7.0]
        assert kept.get("7", b"7").error == failed.error
        assert kept.get("7", b"7").result is None


def test_a_row_that_is_put_again_is_another_attempt(path, rows):
    with opened(path) as kept:
        kept.put([(b"0", outcome_of(0, "0", None, ItemError("E-X", "it broke"), META))])
        kept.flush()
        kept.put(some(1))
    assert rows(path) == [("0", "ok", 2)]


def test_the_order_of_what_it_was_made_with_is_no_difference(path):
    opened(path).close()
    with RunStore(path) as kept:
        kept.begin(dict(reversed(MADE_WITH.items())))


def test_the_very_same_run_comes_before_one_that_means_the_same_in_any_order(path):
    told, untold = {**MADE_WITH, "option long": "cut"}, MADE_WITH
    for fingerprint, num in ((told, 1), (untold, 2)):
        with RunStore(path, force=True) as kept:
            kept.begin(fingerprint)
            kept.put(some(num))
    with RunStore(path) as kept:
        kept.begin(dict(reversed(told.items())), assumed={"option long": "cut"})
        assert kept.counts()["ok"] == 1
        kept.begin({**told, "option prompt": "null"}, assumed={"option long": "cut", "option prompt": "null"})
        assert kept.counts()["ok"] == 2, "of others that mean the same, the latest"


@pytest.mark.parametrize(
    ("plugin", "same"), [("duomo-fake 1.9.2", True), ("duomo-fake 2.0", False), ("fake 1.2", False)]
)
def test_a_plugin_gives_other_results_from_its_next_major_version_on(path, plugin, same):
    opened(path, plugin="duomo-fake 1.2").close()
    if same:
        opened(path, plugin=plugin).close()
    else:
        with pytest.raises(StoreMismatch, match="plugin was duomo-fake 1, now") as caught:
            opened(path, plugin=plugin)
        assert caught.value.why == f"plugin was duomo-fake 1, now {plugin.partition('.')[0]}"


def test_rows_that_share_a_meta_keep_it_once_in_pages_of_16_kilobytes(path, asked):
    with opened(path) as kept:
        kept.put(some(2))
        kept.flush()
        kept.put(some(3)[2:])
    assert asked(path, "SELECT COUNT(*) FROM metas") == [(1,)]
    assert asked(path, "PRAGMA page_size") == [(16384,)]


def test_metas_of_a_batch_whose_texts_have_other_numbers_of_tokens_are_kept_once_each(path, asked):
    metas = [dataclasses.replace(META, num_tokens=count) for count in (5, 9, 5, 9, 5)]
    outcomes = [(b"%d" % i, outcome_of(i, str(i), CAT, None, meta)) for i, meta in enumerate(metas)]
    with opened(path) as kept:
        kept.put(outcomes)
    assert asked(path, "SELECT COUNT(*) FROM metas") == [(2,)]
    with opened(path) as kept:
        assert [kept.get(str(i), b"%d" % i).meta for i in range(5)] == metas


def test_a_store_may_be_used_in_another_thread(path, rows):
    kept, errors = opened(path), []

    def use():
        try:
            kept.put(some(40))
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    kept.close()
    assert (errors, len(rows(path))) == ([], 40)


# Something else than before


@pytest.mark.parametrize(("changes", "words"), [
    ({"model": "fake/other"}, "model was fake/echo, now fake/other"),
    ({"option top_k": "3"}, "option top_k was null, now 3"),
    ({"duomo": "9.9"}, "results was not set, now 9.9"),
])  # fmt: skip
def test_something_else_is_refused_with_the_difference(path, changes, words):
    opened(path).close()
    with pytest.raises(StoreMismatch) as caught:
        opened(path, **changes)
    assert caught.value.why == words
    assert "--force" in caught.value.fix


def test_the_difference_is_that_to_the_latest_of_several_runs(path):
    for top_k in "3456":
        with RunStore(path, force=True) as kept:
            kept.begin({**MADE_WITH, "option top_k": top_k})
    with pytest.raises(StoreMismatch, match="option top_k was 6, now 7"):
        opened(path, **{"option top_k": "7"})


def test_with_force_runs_share_a_file_and_keep_their_own_rows(path):
    other = {**MADE_WITH, "option top_k": "3"}
    with opened(path) as kept:
        kept.put(some(2))
    with RunStore(path, force=True) as kept:
        kept.begin(other)
        assert kept.get("0", b"0") is None
        kept.put(some(1))
        kept.flush()
        assert kept.counts() == {"ok": 1, "failed": 0}
        kept.begin(MADE_WITH)
        assert kept.counts() == {"ok": 2, "failed": 0}
        assert kept.get("1", b"1").read(Classification) == CAT


# Committed in groups, and never torn


@pytest.mark.parametrize(("num", "kept_num"), [(31, 0), (32, 32), (33, 33)])
def test_a_group_is_committed_when_it_has_32_rows(path, tmp_path, clock, rows, as_a_kill_leaves_it, num, kept_num):
    kept = opened(path)
    kept.put(some(num))
    assert len(rows(as_a_kill_leaves_it(path, tmp_path / "now"))) == kept_num
    kept.close()
    assert len(rows(path)) == num


def test_a_group_is_committed_half_a_second_after_the_last(path, tmp_path, clock, rows, as_a_kill_leaves_it):
    kept, seen = opened(path), []
    for number, later in enumerate((0.0, 0.25, 0.25, 0.25, 0.25)):
        clock[0] += later
        kept.put(some(5)[number : number + 1])
        seen.append(len(rows(as_a_kill_leaves_it(path, tmp_path / str(number)))))
    kept.close()
    assert seen == [0, 0, 3, 3, 5]


def test_a_closed_store_is_one_file_and_may_be_closed_again(path, tmp_path, rows):
    kept = opened(path)
    kept.put(some(3))
    kept.close()
    kept.close()
    assert len(rows(path)) == 3
    assert [each.name for each in tmp_path.glob("run.store*")] == ["run.store"]
    with pytest.raises(StoreProblem, match="is closed"):
        kept.counts()


def test_a_torn_log_loses_whole_groups_from_its_end_only(path, tmp_path, as_a_kill_leaves_it):
    kept = opened(path)
    for start in range(0, 160, 32):
        kept.put(some(160)[start : start + 32])
    whole = as_a_kill_leaves_it(path, tmp_path / "whole")
    kept.close()
    log = whole.with_name("run.store-wal")
    dice = random.Random(0)
    for number, cut in enumerate([0, 1, 31, *(dice.randrange(log.stat().st_size) for _ in range(12))]):
        torn = as_a_kill_leaves_it(whole, tmp_path / str(number))
        with open(torn.with_name("run.store-wal"), "r+b") as file:
            file.truncate(cut)
        with opened(torn) as healed:
            count = healed.counts()["ok"]
            assert count % 32 == 0
            assert all((healed.get(str(i), b"%d" % i) is not None) == (i < count) for i in range(160))


# Places and files that cannot be used


def test_a_file_that_is_no_store_is_left_alone(path):
    path.write_text("dear diary\n" * 1000)
    with pytest.raises(StoreProblem, match="is not a store of a run"):
        RunStore(path)
    assert path.read_text() == "dear diary\n" * 1000


def test_a_database_of_another_program_is_left_alone(path, asked):
    asked(path, "CREATE TABLE precious (a)")
    with pytest.raises(StoreProblem, match="database, but no store"):
        RunStore(path)
    assert asked(path, "SELECT name FROM sqlite_master") == [("precious",)]


def test_a_refused_file_is_let_go_at_once(path, asked):
    asked(path, "CREATE TABLE precious (a)")
    with pytest.raises(StoreProblem) as caught:
        RunStore(path)
    asked(path, "INSERT INTO precious VALUES (1)")
    assert "another program made it" in caught.value.why, "whoever keeps the error keeps no lock"


def test_a_store_in_use_is_locked_until_it_is_closed(path):
    first = opened(path)
    with pytest.raises(StoreLocked):
        RunStore(path)
    first.close()
    RunStore(path).close()


def test_an_error_of_the_disk_costs_its_group_and_no_other(path, rows, monkeypatch):
    class Failing(sqlite3.Connection):
        """Writes the rows of a group and then finds the disk broken, the first time."""

        groups = itertools.count()

        def executemany(self, *args):
            super().executemany(*args)
            if next(Failing.groups) == 0:
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorname = "SQLITE_IOERR_WRITE"
                raise error

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=Failing, **kwargs))
    kept, all_rows = opened(path), some(64)
    with pytest.raises(CannotWrite, match="cannot be written") as caught:
        kept.put(all_rows[:32])
    assert caught.value.why == "disk I/O error"
    kept.put(all_rows[32:])
    kept.close()
    monkeypatch.undo()
    assert [id for id, _, _ in rows(path)] == [str(i) for i in range(32, 64)]
    with opened(path) as again:
        assert again.get("40", b"40").meta == META, "what the lost group shared was lost with it"


def test_a_store_says_in_its_header_that_it_is_ours(path, asked):
    opened(path).close()
    assert asked(path, "PRAGMA application_id") == [(int.from_bytes(b"duom"),)]


def test_a_result_with_half_a_character_is_kept_and_comes_back_spelled_out(path):
    result = Classification.ranked(["half \udc80", "nan"], [float("nan"), 0.5])
    with RunStore(path) as store:
        store.begin({})
        store.put([(b"1", outcome_of(0, "a", result, None, META))])
    with RunStore(path) as again:
        again.begin({})
        row = again.get("a", b"1")
    assert row is not None
    found = Classification.model_validate_json(row.result)
    assert {each.name for each in found.labels} == {"half \\udc80", "nan"}
