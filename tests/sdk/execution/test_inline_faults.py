"""What goes wrong in one process, row by row of the failure table; what a store survives is in test_store.py."""

import gc
import itertools
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

import duomo
from duomo.errors import BadOption, SystemicError
from duomo.testing.fakes import EchoModel, echo_spec, fake_catalog


class PanicException(BaseException):  # as libraries in Rust name it
    """No `Exception`, so that most handlers let it through."""


class Delicate(EchoModel):
    """What an `EchoModel` does not do: its tokenizer panics, it has little room, it gives results out of number."""

    sizes: list[int]

    @classmethod
    def load(cls, weights: Any, *, device: Any, dtype: Any) -> "Delicate":
        model = cls()
        model.sizes = []
        return model

    def preprocess(self, items: Any, options: Any) -> Any:
        if any("panic" in item for item in items):
            raise PanicException("index out of bounds: the len is 3 but the index is 7")
        if any("short" in item for item in items):
            return super().preprocess(items, options)[:-1]
        if any("option" in item for item in items):
            raise BadOption("the label is too long")
        if any("leave" in item for item in items):
            raise KeyboardInterrupt
        return super().preprocess(items, options)

    def forward(self, batch: Any) -> Any:
        self.sizes.append(len(batch))
        if sum("big" in text for text in batch) > 2 or any("huge" in text for text in batch):
            raise MemoryError("no room")
        return super().forward(batch)

    def postprocess(self, output: Any, features: Any, options: Any) -> Any:
        if any("garbled" in text for text in output):
            raise PanicException("invalid utf-8")
        results = super().postprocess(output, features, options)
        return results * 2 if any("twice" in text for text in output) else results


def test_who_leaves_a_map_does_not_wait_for_what_is_prepared(delicate, monkeypatch):
    """The garbage collector may be who leaves it, in the middle of the start of a thread: to wait there never ends."""
    model, begun, go_on = delicate.executor.worker.model, threading.Event(), threading.Event()
    usual = model.preprocess

    def preprocess(items, options):
        if "slow" in items:
            begun.set()
            go_on.wait(60)
        return usual(items, options)

    monkeypatch.setattr(model, "preprocess", preprocess)
    outcomes = delicate.map(["one", "two", "slow", "four"], batch_size=1)
    assert [next(outcomes).ok, next(outcomes).ok] == [True, True]
    assert begun.wait(60)
    leaving = threading.Thread(target=outcomes.close)
    leaving.start()
    leaving.join(5)
    waits = leaving.is_alive()
    go_on.set()
    leaving.join()
    assert not waits
    assert [outcome.ok for outcome in delicate.map(["one", "two"])] == [True, True]


@pytest.fixture
def delicate(monkeypatch: pytest.MonkeyPatch) -> Iterator[duomo.Runner[Any]]:
    monkeypatch.setattr("duomo.testing.fakes.Delicate", Delicate, raising=False)
    catalog = fake_catalog(echo_spec(loader="duomo.testing.fakes:Delicate"))
    with duomo.load("text-classification", catalog=catalog) as runner:
        yield runner


def texts(word: str, place: int) -> list[str]:
    items = [f"item {i}" for i in range(9)]
    items[place] = word
    return items


@pytest.mark.parametrize("place", [0, 4, 8], ids=["first", "middle", "last"])
@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("panic", "the model raised PanicException: index out of bounds"),
        ("garbled", "the model raised RuntimeError: PanicException: invalid utf-8"),
        ("huge", "the model raised MemoryError: no room"),
        ("twice", "gave 2 from postprocess() for 1 item"),
        ("mute", "gave 0 from postprocess() for 1 item"),
    ],
)
def test_one_item_that_breaks_a_step_costs_its_batch_nothing(
    delicate: duomo.Runner[Any], word: str, says: str, place: int
) -> None:
    outcomes = list(delicate.map(texts(word, place), batch_size=9))
    assert [outcome.ok for outcome in outcomes] == [at != place for at in range(9)]
    assert says in outcomes[place].error.what
    assert [outcome.index for outcome in outcomes] == list(range(9))


def test_a_panic_in_a_single_call_raises_in_our_words_and_an_interrupt_stays_one(delicate: duomo.Runner[Any]) -> None:
    with pytest.raises(duomo.DuomoError, match="PanicException"):
        delicate("panic")
    with pytest.raises(KeyboardInterrupt):
        delicate("leave")
    with pytest.raises(KeyboardInterrupt):
        list(delicate.map(["one", "leave"]))


def test_too_few_features_are_the_authors_fault_and_said_so(delicate: duomo.Runner[Any]) -> None:
    outcomes = list(delicate.map(["short"]))
    assert outcomes[0].error.code == "E-CONTRACT"
    assert "gave 0 from preprocess() for 1 item" in outcomes[0].error.what


def test_batches_that_never_fit_are_halved_and_the_next_ones_are_smaller(delicate: duomo.Runner[Any]) -> None:
    outcomes = list(delicate.map([f"big {i:02}" for i in range(40)], batch_size=8))
    assert all(outcome.ok for outcome in outcomes)
    sizes = delicate.executor.worker.model.sizes  # type: ignore[attr-defined]
    assert sizes[0] == 8
    assert max(sizes[len(sizes) // 2 :]) <= 3, "what did not fit once is not tried again and again"
    assert delicate.executor.stats().ooms >= 2


@pytest.mark.slow
def test_memory_that_is_never_enough_ends_the_run_and_no_loop(delicate: duomo.Runner[Any]) -> None:
    with pytest.raises(SystemicError, match="the first 32 items all failed alike"):
        list(delicate.map((f"huge {i}" for i in itertools.count()), batch_size=8))


def test_a_source_that_blocks_holds_back_no_result_that_is_there(delicate: duomo.Runner[Any]) -> None:
    """As of a person who types: what was read is answered before the next is asked for."""
    said, more = [], threading.Event()

    def lines() -> Iterator[str]:
        yield "one"
        time.sleep(0.06)  # longer than the window is filled for
        assert said == [] or said == ["one"]
        more.wait(0.2 if said else 0)
        yield "two"

    for outcome in delicate.map(lines()):
        said.append(outcome.unwrap().top.name)
        more.set()
    assert said == ["one", "two"]


def test_a_slow_source_is_not_asked_again_before_what_it_gave_is_computed(delicate: duomo.Runner[Any]) -> None:
    """Whoever takes long for one item may take as long for the next, and what is prepared would wait for it."""
    said: list[str] = []
    when_asked: list[list[str]] = []

    def lines() -> Iterator[str]:
        time.sleep(0.16)  # three times as long as the window is filled for: so many are then taken one by one
        yield "one"
        when_asked.append([*said])
        yield "two"
        when_asked.append([*said])

    for outcome in delicate.map(lines()):
        said.append(outcome.unwrap().top.name)  # noqa: PERF401 - the source looks at it meanwhile
    assert when_asked == [["one"], ["one", "two"]]


def test_a_consumer_that_stops_reading_stops_the_reading(delicate: duomo.Runner[Any]) -> None:
    read = []
    outcomes = delicate.map((read.append(i) or f"item {i}" for i in range(100_000)), batch_size=8)
    for _ in itertools.islice(outcomes, 5):
        pass
    before = len(read)
    time.sleep(0.1)  # in which it would read on, if it did
    assert len(read) == before <= 4096
    outcomes.close()  # type: ignore[attr-defined]
    for thread in threading.enumerate():
        if thread.name.startswith("duomo-prepare"):  # it was told to end, and nobody waited for it
            thread.join(10)
            assert not thread.is_alive()


def test_a_source_that_raises_midway_ends_the_run_after_what_it_gave(delicate: duomo.Runner[Any]) -> None:
    def items() -> Iterator[str]:
        yield from (f"item {i}" for i in range(20))
        raise RuntimeError("the line went dead")

    seen = []
    with pytest.raises(RuntimeError, match="the line went dead"):
        for outcome in delicate.map(items(), batch_size=8):
            seen.append(outcome.unwrap().top.name)  # noqa: PERF401
    assert seen == [f"item {i}" for i in range(20)]


def test_a_source_that_was_stopped_itself_still_gives_what_it_gave_before(delicate: duomo.Runner[Any]) -> None:
    def source() -> Iterator[str]:
        yield from (f"text {at}" for at in range(50))
        raise SystemicError("another run was stopped")

    outcomes = []
    with pytest.raises(SystemicError, match="another run"):
        outcomes.extend(delicate.map(source(), batch_size=4))
    assert [outcome.index for outcome in outcomes] == list(range(50))


class Weighty(EchoModel):
    """What it raises has a frame with something large in it."""

    alive: ClassVar[weakref.WeakSet[Any]] = weakref.WeakSet()

    def forward(self, batch: Any) -> Any:
        held = type("Activations", (), {})()
        self.alive.add(held)
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error


def test_a_failed_outcome_that_is_kept_does_not_keep_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duomo.testing.fakes.Weighty", Weighty, raising=False)
    catalog = fake_catalog(echo_spec(loader="duomo.testing.fakes:Weighty"))
    with duomo.load("text-classification", catalog=catalog) as runner:
        outcomes = list(runner.map(["a", "b", "c"]))
        gc.collect()
        assert not Weighty.alive
        assert "ValueError: outer" in outcomes[0].error.traceback, "the text of it stays"
        assert "KeyError: 'inner'" in outcomes[0].error.traceback
        with pytest.raises(duomo.DuomoError, match="outer"):
            outcomes[0].unwrap()


def test_an_option_that_only_the_model_can_judge_ends_the_run_with_its_own_error(delicate: duomo.Runner[Any]) -> None:
    outcomes = delicate.map(["a", "b", "option", "c"], batch_size=2)
    found = []
    with pytest.raises(BadOption, match="too long"):
        found.extend(outcomes)
    assert all(outcome.ok for outcome in found), "what came before is given out, and no item is blamed"
