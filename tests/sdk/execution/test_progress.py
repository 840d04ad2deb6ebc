"""How a run is getting on: a bar, a function of the caller's, and the log."""

import logging
import subprocess
import sys

import pytest

import duomo
from duomo.testing.fakes import echo_spec, fake_catalog, faulty_spec

ITEMS = ["one", "two", "", "three"]


@pytest.fixture
def runner():
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog(echo_spec())) as runner:
        yield runner


def test_a_function_hears_how_many_are_done_and_of_how_many(runner):
    heard = []
    outcomes = list(runner.map(ITEMS, progress=lambda *told: heard.append(told)))
    assert [outcome.ok for outcome in outcomes] == [True, True, False, True]
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]
    heard.clear()
    list(runner.map(iter(ITEMS), progress=lambda *told: heard.append(told)))
    assert heard[-1] == (4, None)


@pytest.mark.parametrize("library", ["tqdm", "rich"])
def test_a_bar_goes_to_standard_error_and_to_the_end(runner, capsys, monkeypatch, library):
    pytest.importorskip(library)
    if library == "rich":
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert [outcome.index for outcome in runner.map(ITEMS, progress=True)] == [0, 1, 2, 3]
    said = capsys.readouterr()
    assert said.out == ""
    assert "text-classification" in said.err
    assert "4/4" in said.err or "100%" in said.err


NOTEBOOK = """
import importlib.util, sys, types
import duomo
from duomo.testing.fakes import echo_spec, fake_catalog

find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "ipywidgets" else find(name, *rest)
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: None)
sys.modules["ipykernel.zmqshell"] = types.SimpleNamespace()  # what tqdm knows a notebook by
sys.modules["ipywidgets"] = None
with duomo.load("text-classification", "fake/echo", catalog=fake_catalog(echo_spec())) as runner:
    list(runner.map(["one", "two"], progress=True))
"""


def test_a_notebook_without_widgets_has_a_bar_and_no_warning():
    pytest.importorskip("tqdm")
    done = subprocess.run([sys.executable, "-c", NOTEBOOK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2/2" in done.stderr
    assert "Warning" not in done.stderr


def test_a_run_with_progress_that_is_left_is_closed(runner):
    heard = []
    run = runner.map(ITEMS, progress=lambda *told: heard.append(told))
    next(run)
    run.close()
    assert heard == [(1, 4)]
    assert runner("still here").top.name == "still here"


def test_no_bar_unless_it_is_asked_for(runner, capsys):
    list(runner.map(ITEMS))
    assert capsys.readouterr().err == ""


def test_the_log_says_what_was_loaded_and_at_debug_each_batch(caplog):
    caplog.set_level(logging.DEBUG, "duomo")
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog(echo_spec())) as runner:
        list(runner.map(["a", "b"]))
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said[0] == ("INFO", "loading fake/echo for text-classification")
    assert said[1][1].startswith("loaded in ")
    assert said[1][1].endswith(": <Runner text-classification: fake/echo on cpu, float32>")
    assert any(level == "DEBUG" and words.startswith("a batch of 2 on worker 0") for level, words in said)


def test_the_log_says_why_a_batch_is_tried_again(caplog):
    caplog.set_level(logging.INFO, "duomo")
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog(faulty_spec())) as runner:
        list(runner.map(["heavy 1", "heavy 2", "heavy 3"]))
    [said] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert said.getMessage().startswith("no memory for a batch of 3 on worker 0")


def test_a_program_that_sets_up_no_log_hears_nothing_of_it(runner, capsys):
    list(runner.map(ITEMS))
    assert capsys.readouterr().err == ""
    assert "duomo" not in [handler.name for handler in logging.getLogger().handlers]
