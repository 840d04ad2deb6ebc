"""What every executor must do: order, isolation, laziness, the results of `inline`, and a clean end."""

from __future__ import annotations

import functools
import gc
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, TypeVar

from duomo.catalog import Catalog
from duomo.counting import with_article
from duomo.errors import ModelFailed, UsageProblem
from duomo.execution.base import FLUSH
from duomo.outcome import Outcome
from duomo.runner import Runner, load
from duomo.testing.fakes import FakePlugin, faulty_spec
from duomo.testing.suite import Suite

E = TypeVar("E", bound=Exception)
TEXTS = [f"{'long ' * (7 * at % 11)}text {at}" for at in range(40)]
"""Items of mixed length, so that batches are not in the order of the input."""


class ExecutorConformance(Suite):
    """What every executor must do. Set `executor`, and `devices` where it takes several.

    It is tried with `duomo.testing.FaultyModel`, which needs no torch and no weights.
    """

    executor: ClassVar[str]
    """Its registered name."""
    devices: ClassVar[str | None] = None
    """As for `duomo.load`."""
    catalog: ClassVar[Catalog | None] = None
    """One that has the executor and ``fake/echo``; all installed plugins and the latter when left out."""

    def subject(self) -> str:
        """The executor."""
        return self.executor

    @property
    def runner(self) -> Runner[Any]:
        """Started once for all checks."""
        suite: Any = type(self)
        return _start(suite)

    def test_outcomes_come_in_the_order_of_the_input(self) -> None:
        """With their indices, whatever the batches."""
        for batch_size in (None, 1, 3, 1000):
            outcomes = list(self.runner.map(TEXTS, batch_size=batch_size))
            assert _names(outcomes) == TEXTS, f"with batch_size={batch_size} the order differs"
            assert [outcome.index for outcome in outcomes] == list(range(len(TEXTS)))

    def test_results_are_those_of_inline(self) -> None:
        """Every field of them, with options too."""
        suite: Any = type(self)
        with load("text-classification", "fake/echo", catalog=_catalog(suite)) as inline:
            for top_k in (None, 1):
                here = [outcome.unwrap() for outcome in inline.map(TEXTS, top_k=top_k)]
                there = [outcome.unwrap() for outcome in self.runner.map(TEXTS, top_k=top_k)]
                assert here == there, f"results differ from those of inline with top_k={top_k}"

    def test_a_bad_item_stays_alone_wherever_it_stands(self) -> None:
        """First, in the middle and last; refused at the border, in preprocess, forward or postprocess."""
        for bad in ("", "poison", "crash", "mute"):
            for place in (0, 17, len(TEXTS) - 1):
                outcomes = list(self.runner.map([*TEXTS[:place], bad, *TEXTS[place + 1 :]]))
                failed = [outcome.index for outcome in outcomes if not outcome.ok]
                assert failed == [place], f"{bad!r} at {place} made {failed or 'none'} fail"
                assert "what" in (outcomes[place].to_dict()["error"] or {})

    def test_equal_items_have_an_outcome_each(self) -> None:
        """Nothing is merged unless asked for."""
        assert _names(list(self.runner.map(["same"] * 9))) == ["same"] * 9

    def test_nothing_in_gives_nothing_out(self) -> None:
        """An empty input is not an error."""
        assert list(self.runner.map([])) == []

    def test_the_input_is_read_lazily_and_ahead_only_so_far(self) -> None:
        """An endless input is read lazily; a consumer that stops reading stops the source too."""
        far = 20_000

        def endless() -> Iterator[str]:
            for at in itertools.count():
                # An executor that reads to the end first would never come to it.
                assert at < 500 + far, f"{far:,} items were read ahead of 500"
                yield f"text {at}"

        run = self.runner.map(endless())
        first = list(itertools.islice(run, 500))
        assert _names(first) == [f"text {at}" for at in range(500)]
        _close(run)
        assert _names(list(self.runner.map(TEXTS[:3]))) == TEXTS[:3], "the next run found something of the last"

    def test_a_flush_gives_out_all_before_it_and_takes_no_index(self) -> None:
        """Before anything more is read; first, twice in a row and last it changes nothing."""
        given: list[Outcome[Any]] = []
        given_at_flush: list[int] = []

        def source() -> Iterator[Any]:
            for at, text in enumerate(TEXTS):
                if at % 7 == 0:
                    yield from (FLUSH, FLUSH)
                    given_at_flush.append(len(given))
                yield text
            yield FLUSH

        given.extend(self.runner.map(source(), batch_size=4))
        assert _names(given) == TEXTS
        assert [outcome.index for outcome in given] == list(range(len(TEXTS)))
        assert given_at_flush == list(range(0, len(TEXTS), 7)), "more was read before all was given out"

    def test_what_the_source_raises_comes_after_what_it_gave(self) -> None:
        """The very exception."""
        own = RuntimeError("the source ends here")

        def broken() -> Iterator[str]:
            yield from TEXTS[:7]
            raise own

        run = self.runner.map(broken())
        assert _names(list(itertools.islice(run, 7))) == TEXTS[:7]
        assert _raised(RuntimeError, lambda: next(run)) is own

    def test_large_items_and_results_arrive_whole(self) -> None:
        """Some million letters each way."""
        large = [letter * 2_000_000 for letter in "abcd"]
        assert _names(list(self.runner.map(["small", *large, "small"]))) == ["small", *large, "small"]

    def test_one_item_is_called_and_submitted(self) -> None:
        """With its result, or its own error."""
        assert self.runner("one").top.name == "one"
        assert self.runner.submit("one").result(timeout=60).unwrap().top.name == "one"
        failing = self.runner.submit("crash")
        for ask in (lambda: self.runner("crash"), lambda: failing.result(timeout=60).unwrap()):
            assert "crash" in _raised(ModelFailed, ask).what

    def test_what_many_threads_submit_comes_back_to_each(self) -> None:
        """As one by one, whatever shares a batch; a bad item costs no other its result."""
        texts = [*TEXTS, "", "poison", "crash", "mute"]
        with ThreadPoolExecutor(16) as threads:
            futures = list(threads.map(self.runner.submit, texts))
            with_options = list(threads.map(lambda text: self.runner.submit(text, top_k=1), TEXTS))
        outcomes = [future.result(timeout=60) for future in futures]
        assert _names(outcomes[: len(TEXTS)]) == TEXTS
        assert [outcome.ok for outcome in outcomes[len(TEXTS) :]] == [False] * 4
        assert [len(future.result(timeout=60).unwrap().labels) for future in with_options] == [1] * len(TEXTS)
        assert {outcome.index for outcome in outcomes} == {0}

    def test_parts_of_a_stream_come_in_order(self) -> None:
        """Also when the one before was not read to its end."""
        abandoned = self.runner.stream("not all of these words are read")
        assert next(abandoned) == "not"
        _close(abandoned)
        assert list(self.runner.stream("one two three")) == ["one", "two", "three"]

    def test_two_threads_and_a_run_within_a_run(self) -> None:
        """They get their own results."""
        got: dict[int, list[Any]] = {}

        def ask(number: int) -> None:
            got[number] = _names(list(self.runner.map(f"{number} {text}" for text in TEXTS)))

        threads = [threading.Thread(target=ask, args=(number,)) for number in (1, 2)]
        for thread in threads:
            thread.start()
        nested = [self.runner(f"within {outcome.unwrap().top.name}").top.name for outcome in self.runner.map(TEXTS)]
        for thread in threads:
            thread.join(60)
        assert nested == [f"within {text}" for text in TEXTS]
        assert got == {number: [f"{number} {text}" for text in TEXTS] for number in (1, 2)}

    def test_it_says_who_it_is_and_what_it_did(self) -> None:
        """In ``Meta``, `stats` and `health`."""
        [outcome] = self.runner.map(["one"])
        assert outcome.meta.executor == self.runner.meta.executor == self.executor
        assert outcome.meta.device
        assert self.runner.executor.stats().items > 0
        assert self.runner.executor.health() == []

    def test_it_is_started_once(self) -> None:
        """A second job would take the first one's place."""
        suite: Any = type(self)
        started = self.runner.executor
        again = functools.partial(load, "text-classification", "fake/echo", executor=started, catalog=_catalog(suite))
        assert _raised(UsageProblem, again).fix
        assert self.runner("one").top.name == "one"

    def test_after_its_end_it_says_so(self) -> None:
        """A second shutdown is not an error; use after it gives one that says what to do."""
        runner = self.runner
        waiting = runner.map(TEXTS)
        next(waiting)
        runner.close()
        runner.close()
        _start.cache_clear()
        asks = (
            lambda: runner("late"),
            lambda: list(runner.map(["late"])),
            lambda: list(runner.stream("late")),
            lambda: runner.submit("late").result(timeout=60),
            lambda: list(waiting),
        )
        for ask in asks:
            error = _raised(UsageProblem, ask)
            assert "closed" in error.what
            assert error.fix


@functools.lru_cache(maxsize=1)
def _start(suite: ExecutorConformance) -> Runner[Any]:
    gc.collect()  # the one before may still hold a machine's devices
    name, devices = suite.executor, suite.devices
    return load("text-classification", "fake/echo", executor=name, devices=devices, catalog=_catalog(suite))


@functools.cache
def _catalog(suite: ExecutorConformance) -> Catalog:
    return suite.catalog or Catalog(extra={"fake": FakePlugin(faulty_spec())})


def _names(outcomes: list[Outcome[Any]]) -> list[str]:
    return [outcome.unwrap().top.name for outcome in outcomes]


def _raised(kind: type[E], ask: Callable[[], Any]) -> E:
    """What a call raised; that it raised nothing is a finding."""
    try:
        ask()
    except kind as error:
        return error
    raise AssertionError(f"{with_article(kind.__name__)} was expected, and nothing was raised")


def _close(iterator: Iterator[Any]) -> None:
    getattr(iterator, "close", lambda: None)()
