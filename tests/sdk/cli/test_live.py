"""The second line of progress: what many workers do, in few words."""

import itertools
import re
from types import SimpleNamespace

import duomo
from duomo.cli.jobs import live as module
from duomo.cli.jobs.live import Live
from duomo.cli.jobs.summary import Summary
from duomo.testing import InProcessCrew, InProcessPool, fake_catalog, faulty_spec


def load(executor):
    return duomo.load("text-classification", executor=executor, catalog=fake_catalog(faulty_spec()))


def clock(monkeypatch, step):
    times = itertools.count(0, step)
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: next(times)))


def test_a_few_workers_are_named_with_how_busy_they_were_since_the_last_look(monkeypatch):
    clock(monkeypatch, 0.1)
    with load(InProcessPool(InProcessCrew(2, die_at={1: {0}}, batch_s=0.01))) as runner:
        live = Live(Summary(), runner.executor)
        assert list(runner.map([f"text {i}" for i in range(12)], batch_size=2))
        first, second = live.text().splitlines()
        assert first == "0 done"
        assert re.fullmatch(r"  fake:0 [1-9]\d% · fake:1 [1-9]\d% · 0 batches out · 1 restarted", second)
        assert "fake:0 0% · fake:1 0%" in live.text()


def test_many_workers_are_summed_up_together(monkeypatch):
    clock(monkeypatch, 1.0)
    with load(InProcessPool(InProcessCrew(64))) as runner:
        live = Live(Summary(), runner.executor)
        assert "  64 workers 0% busy, the least 0% · 0 batches out" in live.text()


def test_workers_that_were_given_up_are_counted():
    with load(InProcessPool(InProcessCrew(2, die_at={0: {0}}, broken={0}), max_restarts=0)) as runner:
        live = Live(Summary(), runner.executor)
        assert list(runner.map(["a", "b", "c"], batch_size=1))
        assert "1 of 2 workers given up" in live.text()


def test_one_process_has_no_second_line():
    with load("inline") as runner:
        live = Live(Summary(), runner.executor)
        assert live.text() == "0 done"
