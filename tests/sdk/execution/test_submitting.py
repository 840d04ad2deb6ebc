"""Items submitted from many threads: they share batches, and what becomes of one is not another's affair."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

import duomo
from duomo import Hooks, hookimpl
from duomo.errors import Aborted, BadOption, UsageProblem
from duomo.execution.pools.crew import Event
from duomo.execution.scheduling.batch_time import BatchTime
from duomo.testing import fake_catalog
from duomo.testing.crews import InProcessCrew, InProcessPool
from duomo.testing.fakes import EchoModel, echo_spec

WAIT_S = 30
"""Nothing here takes long; what takes longer hangs."""
TEXTS = [f"{'long ' * (7 * at % 11)}text {at}" for at in range(64)]


class Gated(EchoModel):
    """Waits in `forward` on the text ``gate`` until it is opened, and keeps what it computed."""

    entered: ClassVar[threading.Event]
    opened: ClassVar[threading.Event]
    computed: ClassVar[list[str]]
    wrong = 13
    """Labels that it cannot give."""

    def forward(self, batch: Any) -> Any:
        if "gate" in batch:
            self.entered.set()
            assert self.opened.wait(WAIT_S)
        self.computed.extend(batch)
        return super().forward(batch)

    def postprocess(self, output: Any, features: Any, options: Any) -> Any:
        if options.top_k == self.wrong:
            raise BadOption(f"top_k={self.wrong} is more than there are")
        return super().postprocess(output, features, options)


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> duomo.Catalog:
    monkeypatch.setattr("duomo.testing.fakes.Gated", Gated, raising=False)
    Gated.entered, Gated.opened, Gated.computed = threading.Event(), threading.Event(), []
    return fake_catalog(echo_spec(loader="duomo.testing.fakes:Gated"))


def load(kind: str, catalog: duomo.Catalog) -> duomo.Runner[Any]:
    executor = "inline" if kind == "inline" else InProcessPool(InProcessCrew(1))
    return duomo.load("text-classification", executor=executor, catalog=catalog)


@pytest.fixture(params=["inline", "pool"])
def runner(request: pytest.FixtureRequest, catalog: duomo.Catalog) -> Iterator[duomo.Runner[Any]]:
    with load(request.param, catalog) as runner:
        yield runner
        Gated.opened.set()


def block(runner: duomo.Runner[Any]) -> Any:
    """Keep the model busy, so that all that comes now waits."""
    gate = runner.submit("gate")
    assert Gated.entered.wait(WAIT_S)
    return gate


def results(futures: Any) -> list[Any]:
    return [future.result(WAIT_S) for future in futures]


def names(outcomes: Any) -> list[str | None]:
    return [outcome.result.top.name if outcome.ok else None for outcome in outcomes]


def test_what_many_threads_submit_shares_batches_and_equals_one_by_one(runner: duomo.Runner[Any]) -> None:
    gate = block(runner)
    with ThreadPoolExecutor(64) as threads:
        futures = list(threads.map(runner.submit, TEXTS))
    Gated.opened.set()
    outcomes = results(futures)
    assert gate.result(WAIT_S).meta.batch == 1
    stats = runner.executor.stats()
    assert stats.batches <= 1 + 64 / 4 + 8, "four in most batches"
    assert stats.items == 65
    assert max(outcome.meta.batch for outcome in outcomes) == 4
    assert [outcome.unwrap() for outcome in outcomes] == [runner(text) for text in TEXTS]


@pytest.mark.parametrize("bad", ["poison", "crash", "mute"])
def test_a_bad_item_costs_no_neighbour_its_result(runner: duomo.Runner[Any], bad: str) -> None:
    block(runner)
    futures = [runner.submit(text) for text in [*TEXTS[:30], bad, *TEXTS[30:]]]
    Gated.opened.set()
    outcomes = results(futures)
    assert [at for at, outcome in enumerate(outcomes) if not outcome.ok] == [30]


def test_what_is_refused_at_the_border_is_answered_at_once(runner: duomo.Runner[Any]) -> None:
    block(runner)
    outcome = runner.submit("").result(0)
    assert outcome.error.code == "E-INPUT-UNREADABLE"


def test_what_is_cancelled_before_its_batch_begins_is_not_computed(runner: duomo.Runner[Any]) -> None:
    gate = block(runner)
    futures = [runner.submit(text) for text in TEXTS[:10]]
    assert all(future.cancel() for future in futures[::2])
    assert not gate.cancel(), "it has begun"
    Gated.opened.set()
    assert names(results(futures[1::2])) == TEXTS[1:10:2]
    assert gate.result(WAIT_S).ok
    assert all(future.cancelled() for future in futures[::2])
    assert not {*TEXTS[:10:2]} & {*Gated.computed}
    assert runner.executor.stats().dropped == 5


def test_a_batch_waits_for_who_asks_again_as_soon_as_it_is_answered(
    catalog: duomo.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start of a minute, so that it is sure who comes first; it has the next item in the same batch."""
    runner = load("inline", catalog)
    monkeypatch.setattr(BatchTime, "start_s", 60.0)
    monkeypatch.setattr(BatchTime, "usual_cost", 1000, raising=False)
    for _ in range(2):
        assert runner.submit("again", caller="prompt").result(30).ok
    one = runner.submit("one", caller="other")
    assert concurrent.futures.wait([one], 0.2).not_done
    again = runner.submit("again", caller="prompt")
    assert [each.result(30).meta.batch for each in (one, again)] == [2, 2]
    closing = runner.submit("closed while it waits", caller="other")
    runner.close()
    assert not closing.result(30).ok


def test_whoever_waits_for_several_hears_of_a_cancelled_one(runner: duomo.Runner[Any]) -> None:
    block(runner)
    future = runner.submit("one")
    waiting = threading.Timer(0.01, future.cancel)
    waiting.start()
    done, _ = concurrent.futures.wait([future], WAIT_S)
    assert done == {future}


def test_a_task_of_asyncio_that_is_cancelled_takes_its_item_back(runner: duomo.Runner[Any]) -> None:
    async def ask() -> str:
        block(runner)
        left = asyncio.wrap_future(runner.submit("left"))
        kept = asyncio.wrap_future(runner.submit("kept"))
        left.cancel()
        await asyncio.sleep(0)  # the one future tells the other in the loop
        Gated.opened.set()
        return str((await kept).unwrap().top.name)

    assert asyncio.run(ask()) == "kept"
    assert "left" not in Gated.computed


def test_what_waits_past_its_deadline_is_an_error_and_is_not_computed(runner: duomo.Runner[Any]) -> None:
    block(runner)
    late, patient = runner.submit("late", deadline_s=0), runner.submit("patient", deadline_s=3600)
    Gated.opened.set()
    assert late.result(WAIT_S).error.code == "E-DEADLINE"
    assert patient.result(WAIT_S).ok
    assert "late" not in Gated.computed


@pytest.mark.parametrize("deadline_s", [-1, float("nan"), "soon"])
def test_a_deadline_is_a_number_of_seconds(runner: duomo.Runner[Any], deadline_s: Any) -> None:
    with pytest.raises(UsageProblem, match="deadline_s must be a number of seconds"):
        runner.submit("one", deadline_s=deadline_s)


def test_items_with_other_options_have_batches_of_their_own(runner: duomo.Runner[Any]) -> None:
    block(runner)
    futures = [runner.submit(text, top_k=1 + at % 2) for at, text in enumerate("abcd")]
    Gated.opened.set()
    outcomes = results(futures)
    assert [len(outcome.unwrap().labels) for outcome in outcomes] == [1, 2, 1, 2]
    assert {outcome.meta.batch for outcome in outcomes} == {2}


def test_an_option_that_is_at_fault_ends_its_own_lane_and_no_other(runner: duomo.Runner[Any]) -> None:
    block(runner)
    wrong = [runner.submit(text, top_k=Gated.wrong) for text in TEXTS[:6]]
    right = [runner.submit(text, top_k=1) for text in TEXTS[:6]]
    Gated.opened.set()
    assert {outcome.error.code for outcome in results(wrong)} == {"E-OPTION"}
    assert names(results(right)) == TEXTS[:6]
    assert runner.submit("again", top_k=Gated.wrong).result(WAIT_S).error.code == "E-OPTION"
    assert runner.submit("again").result(WAIT_S).ok


def test_closing_finishes_what_has_begun_and_says_so_of_the_rest(runner: duomo.Runner[Any]) -> None:
    gate = block(runner)
    waiting = [runner.submit(text) for text in TEXTS[:6]]
    closing = threading.Thread(target=runner.close)
    closing.start()
    for outcome in results(waiting):
        assert "closed" in outcome.error.what
    Gated.opened.set()
    closing.join(WAIT_S)
    assert gate.result(0).ok
    assert Gated.computed == ["gate"]
    with pytest.raises(UsageProblem, match="closed"):
        runner.submit("late")


def test_what_is_done_with_an_answer_may_submit_and_close(runner: duomo.Runner[Any]) -> None:
    second: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def then(first: Any) -> None:
        second.set_result(runner.submit("second"))

    runner.submit("first").add_done_callback(then)
    later = second.result(WAIT_S)
    assert later.result(WAIT_S).ok
    closed: concurrent.futures.Future[Any] = concurrent.futures.Future()
    runner.submit("third").add_done_callback(lambda _: closed.set_result(runner.close()))
    closed.result(WAIT_S)


def test_the_thread_ends_when_nothing_comes_and_starts_again(
    runner: duomo.Runner[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duomo.execution.submitting.IDLE_S", 0.01)
    assert runner.submit("one").result(WAIT_S).ok
    for thread in [each for each in threading.enumerate() if each.name == "duomo-submit"]:
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert runner.submit("two").result(WAIT_S).ok


def test_runs_and_submitted_items_share_a_pool(catalog: duomo.Catalog) -> None:
    with load("pool", catalog) as runner:
        futures = []
        for outcome in runner.map(TEXTS):
            assert outcome.ok
            futures.append(runner.submit(outcome.result.top.name))
        assert names(results(futures)) == TEXTS


class Woken(InProcessCrew):
    """Counts how often it is woken."""

    times = 0

    def wake(self) -> None:
        self.times += 1


def test_a_crew_is_woken_once_in_a_wait_however_much_comes_meanwhile(catalog: duomo.Catalog) -> None:
    crew = Woken(1)
    with duomo.load("text-classification", executor=InProcessPool(crew), catalog=catalog) as runner:
        block(runner)  # within a wait
        futures = [runner.submit(text) for text in TEXTS]
        woken = crew.times
        Gated.opened.set()
        assert all(outcome.ok for outcome in results(futures))
    assert woken == 1, "a pipe that is written to each time is full after some thousand"


class Faulty(InProcessCrew):
    """Its second wait raises, before the batch is computed."""

    waits = 0

    def wait(self, timeout_s: float) -> list[Event]:
        self.waits += 1
        if self.waits == 2:
            raise RuntimeError("a fault of the crew")
        return super().wait(timeout_s)


def test_what_a_fault_of_ours_has_ended_is_not_sent_out_later(catalog: duomo.Catalog) -> None:
    crew = Faulty(1)
    with duomo.load("text-classification", executor=InProcessPool(crew), catalog=catalog) as runner:
        gate = block(runner)
        futures = [runner.submit(text) for text in TEXTS]
        Gated.opened.set()
        assert gate.result(WAIT_S).ok
        outcomes = results(futures)
        assert {outcome.error.what for outcome in outcomes} == {"the model raised RuntimeError: a fault of the crew"}
        assert results([runner.submit("later")])[0].ok
    assert sum(text in items for text in TEXTS for _, items in crew.sent) < 16, "two batches were out when it broke"


@pytest.mark.parametrize("word", ["exits", "lurks"])
def test_a_worker_that_dies_costs_the_item_that_did_it_and_no_other(catalog: duomo.Catalog, word: str) -> None:
    with load("pool", catalog) as runner:
        block(runner)
        futures = [runner.submit(text) for text in [*TEXTS[:20], word, *TEXTS[20:40]]]
        Gated.opened.set()
        outcomes = results(futures)
    assert [at for at, outcome in enumerate(outcomes) if not outcome.ok] == [20]
    assert outcomes[20].error.code == "E-WORKER-LOST"


def test_with_no_worker_left_every_item_is_told(catalog: duomo.Catalog) -> None:
    crew = InProcessCrew(1, die_at={0: {1}}, broken={0})
    pool = InProcessPool(crew, max_restarts=1)
    with duomo.load("text-classification", executor=pool, catalog=catalog) as runner:
        block(runner)
        futures = [runner.submit(text) for text in TEXTS[:9]]
        Gated.opened.set()
        assert {outcome.error.code for outcome in results(futures)} == {"E-SYSTEMIC"}
        assert runner.submit("again").result(WAIT_S).error.code == "E-SYSTEMIC"


class Watcher(Hooks):
    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int]] = []
        self.done = threading.Event()

    @hookimpl
    def before_run(self, ctx: Any) -> None:
        if ctx.options.get("top_k") == 7:
            raise Aborted("not today")
        ctx.options["top_k"] = 1

    @hookimpl
    def after_run(self, ctx: Any) -> None:
        self.seen.append(("after", ctx.num_ok, ctx.num_failed))
        self.done.set()


def test_hooks_see_an_item_that_is_submitted_as_a_run() -> None:
    watcher = Watcher()
    with duomo.load("text-classification", catalog=fake_catalog(watcher=watcher)) as runner:
        assert len(runner.submit("one").result(WAIT_S).unwrap().labels) == 1
        assert watcher.done.wait(WAIT_S)
        watcher.done.clear()
        assert not runner.submit("poison").result(WAIT_S).ok
        assert watcher.done.wait(WAIT_S)
        assert watcher.seen == [("after", 1, 0), ("after", 0, 1)]
        with pytest.raises(Aborted, match="not today"):
            runner.submit("one", top_k=7)
