"""Files that grow and folders that fill."""

import os
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from duomo.inputs.live import Feed, Folder, Tail, files


def next_of(items):
    return next(each for each in items if each is not None)


def test_lines_that_are_added_come_whole_and_those_of_before_do_not(tmp_path):
    log = tmp_path / "log"
    log.write_text("old\n")
    with Feed([Tail(log)]) as feed, open(log, "ab", buffering=0) as writer:
        items = iter(feed)
        writer.write(b"first\r\nsec")
        assert next_of(items).value == b"first"
        writer.write(b"ond\n\n")
        second = next_of(items)
        assert second.value == b"second"
        assert second.name == f"{log}:2"


def test_a_file_that_is_replaced_or_cut_is_read_from_its_start(tmp_path):
    log = tmp_path / "log"
    log.write_text("")
    with Feed([Tail(log)]) as feed:
        items = iter(feed)
        (tmp_path / "new").write_text("rotated\n")
        os.replace(tmp_path / "new", log)
        assert next_of(items).value == b"rotated"
        log.write_text("cut\n")
        assert next_of(items).value == b"cut"


def test_what_is_added_just_before_a_file_is_replaced_is_not_lost(tmp_path, monkeypatch):
    log, stat = tmp_path / "log", Path.stat
    log.write_text("")

    def late(path, **given):
        """What happens between a look at the file's end and one at its name."""
        if path == log and rotates.is_set():
            rotates.clear()
            with open(log, "ab") as writer:
                writer.write(b"late\n")
            (tmp_path / "new").write_bytes(b"rotated\n")
            os.replace(tmp_path / "new", log)
        return stat(path, **given)

    rotates = threading.Event()
    monkeypatch.setattr(Path, "stat", late)
    with Feed([Tail(log)]) as feed:
        items = iter(feed)
        rotates.set()
        assert [next_of(items).value for _ in range(2)] == [b"late", b"rotated"]


def test_files_that_appear_come_once_they_have_stopped_growing(tmp_path):
    (tmp_path / "old.txt").write_text("old")
    with Feed([Folder(tmp_path, suffixes=(".txt",))]) as feed:
        items = iter(feed)
        (tmp_path / "half.txt.part").write_text("half")
        (tmp_path / "picture.png").write_text("another kind")
        (tmp_path / "new.txt").write_text("new")
        assert next_of(items).value == tmp_path / "new.txt"
        os.replace(tmp_path / "half.txt.part", tmp_path / "half.txt")
        assert next_of(items).value == tmp_path / "half.txt"
    assert feed.states()[0].received == 2


class Looks(threading.Event):
    """Between two looks at a folder the next of these steps is taken; after the last one the source is told to stop."""

    def __init__(self, *steps):
        super().__init__()
        self.steps, self.clock = list(steps), 0.0

    def wait(self, timeout=None):
        self.clock += timeout
        if self.steps:
            self.steps.pop(0)()
        else:
            self.set()
        return self.is_set()


def arrivals_of(folder, monkeypatch, *steps, **settings):
    """What a folder that is empty at first gives while these steps are taken: name, content then, and whether again."""
    reader, stop = Folder(folder, **settings), Looks(*steps)
    monkeypatch.setattr(files, "time", SimpleNamespace(time=time.time, monotonic=lambda: stop.clock))
    reader.open()
    return [(Path(each.name).name, Path(each.name).read_text(), each.redelivered) for each in reader.read(stop)]


def nothing():
    pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who writes a file")
def test_a_file_that_is_open_does_not_come_however_long_its_writer_rests(tmp_path, monkeypatch):
    writer = (tmp_path / "a.txt.part").open("w")

    def begin():
        writer.write("first half, ")
        writer.flush()

    def end():
        writer.write("second half")
        writer.close()

    def show():
        os.replace(tmp_path / "a.txt.part", tmp_path / "a.txt")

    steps = [show, begin, *[nothing] * 50, end, *[nothing] * 5]
    assert arrivals_of(tmp_path, monkeypatch, *steps) == [("a.txt", "first half, second half", False)]


@pytest.mark.parametrize("is_written", [None, False])
def test_a_file_comes_when_it_has_settled_and_again_when_it_is_written_again(tmp_path, monkeypatch, is_written):
    """Where the system does not say who writes it: a pause shorter than `settle_s` is not its end."""
    monkeypatch.setattr(files, "_is_written", lambda path: is_written)  # as on another system, and as on Linux
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("old")
    steps = [lambda: new.write_text("half"), *[nothing] * 8, lambda: new.write_text("whole"), *[nothing] * 12]
    steps += [lambda: new.write_text("other one"), lambda: old.write_text("changed"), *[nothing] * 12]
    came = arrivals_of(tmp_path, monkeypatch, *steps, settle_s=1.0)
    at_once = [("new.txt", "half", False), ("new.txt", "whole", True)] if is_written is False else []
    settled = at_once or [("new.txt", "whole", False)]
    assert came == [*settled, ("new.txt", "other one", True), ("old.txt", "changed", False)]


def test_an_empty_file_comes_when_it_has_stayed_empty(tmp_path, monkeypatch):
    late, empty = tmp_path / "late", tmp_path / "empty"
    steps = [late.touch, empty.touch, *[nothing] * 5, lambda: late.write_text("text"), *[nothing] * 12]
    assert arrivals_of(tmp_path, monkeypatch, *steps, settle_s=1.0) == [("late", "text", False), ("empty", "", False)]


def test_what_is_there_already_counts_when_asked_for(tmp_path):
    (tmp_path / "old.txt").write_text("old\n")
    with Feed([Folder(tmp_path, from_start=True), Tail(tmp_path / "old.txt", from_start=True)]) as feed:
        items = iter(feed)
        assert {next_of(items).value for _ in range(2)} == {b"old", tmp_path / "old.txt"}


def test_a_file_that_is_taken_away_is_forgotten_and_new_when_it_comes_back(tmp_path):
    """A folder that fills for months holds no name of what has left it."""
    here, away = tmp_path / "here", tmp_path / "away"
    here.mkdir()
    (here / "a").write_text("a")
    os.utime(here / "a", ns=(1, 1))
    reader, stop = Folder(here, from_start=True), threading.Event()
    timer = threading.Timer(30, stop.set)  # what never comes ends it
    timer.start()
    reader.open()
    arrivals = reader.read(stop)
    assert next(arrivals).name == str(here / "a")
    os.replace(here / "a", away)
    (here / "b").write_text("b")
    assert next(arrivals).name == str(here / "b")
    os.replace(away, here / "a")
    assert next(arrivals).name == str(here / "a")
    timer.cancel()
