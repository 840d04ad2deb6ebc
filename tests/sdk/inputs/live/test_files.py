"""Files that grow and folders that fill."""

import os
import threading
from pathlib import Path

from duomo.inputs.live import Feed, Folder, Tail


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
