"""A runner in many threads, and in a process that was forked after it was loaded."""

import functools
import multiprocessing
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import duomo
from duomo.errors import UsageProblem
from duomo.testing.fakes import EchoModel, fake_catalog


class Busy:
    """Notes when two threads are inside at once."""

    def __init__(self) -> None:
        self._inside = threading.Lock()
        self.clashes = 0
        self.entered = 0

    def __enter__(self) -> None:
        self.entered += 1
        if not self._inside.acquire(blocking=False):
            self.clashes += 1
            self._inside.acquire()

    def __exit__(self, *_: object) -> None:
        self._inside.release()


def watching(real, busy: Busy):
    def step(self, *args):
        with busy:
            time.sleep(1e-4)  # lets the other threads come in, if they can
            return real(self, *args)

    return step


@pytest.fixture
def watched(monkeypatch) -> Iterator[dict[str, Busy]]:
    """Who is inside the model, at each step."""
    busy = {"preprocess": Busy(), "forward": Busy()}
    for name, each in busy.items():
        monkeypatch.setattr(EchoModel, name, watching(getattr(EchoModel, name), each))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield busy
    sys.setswitchinterval(before)


def use(runner: duomo.Runner, number: int) -> Sequence[str]:
    texts = [f"{number} {at}" for at in range(40)]
    if number % 3 == 0:
        return [runner(text).top.name for text in texts]
    if number % 3 == 1:
        return [outcome.unwrap().top.name for outcome in runner.map(texts, batch_size=4)]
    futures = [runner.submit(text) for text in texts]
    return [future.result().unwrap().top.name for future in futures]


def test_any_number_of_threads_may_use_a_runner(watched):
    with (
        duomo.load("text-classification", "fake/echo", catalog=fake_catalog()) as runner,
        ThreadPoolExecutor(9) as pool,
    ):
        found = list(pool.map(lambda number: use(runner, number), range(18)))
    assert found == [[f"{number} {at}" for at in range(40)] for number in range(18)]
    for step, busy in watched.items():
        assert busy.entered > 200, step
        assert busy.clashes == 0, step


def test_a_thread_may_leave_its_run_and_others_go_on():
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog()) as runner:
        left = runner.map(f"text {at}" for at in range(1000))
        next(left)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(use, runner, 1).result(timeout=30)[3] == "1 3"


def _in_a_fork(runner: duomo.Runner, answers) -> None:
    said = []
    for call in (
        lambda: runner("a"),
        lambda: runner.map(["a"]),
        lambda: runner.submit("a"),
        lambda: runner.stream("a"),
    ):
        try:
            call()
            said.append("no error")
        except UsageProblem as error:
            said.append(f"{error.what} | {error.fix}")
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog()) as own:
        said.append(own("loaded here").top.name)
    said.append(str(torch.get_num_threads()))
    answers.put(said)


@pytest.mark.multiproc
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_fork_after_loading_is_explained_and_may_load_its_own_with_one_thread(request):
    forks = multiprocessing.get_context("fork")
    answers = forks.SimpleQueue()
    request.addfinalizer(functools.partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(2)
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog()) as runner:
        child = forks.Process(target=_in_a_fork, args=(runner, answers))
        child.start()
        said = answers.get()
        child.join(30)
        assert all("of which this one is a fork" in each and "post_fork" in each for each in said[:4])
        assert said[4] == "loaded here"
        assert said[5] == "1", "torch would wait for good for threads of the process that it was forked from"
        assert torch.get_num_threads() == 2
        assert runner("still here").top.name == "still here"
