"""The pool over replicas that die, hang, lie and run out of memory: no process, and a clock that is not real."""

import itertools
import mmap
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

import duomo
from duomo.errors import SystemicError, UsageProblem, WorkerLost
from duomo.execution.base import Entry
from duomo.execution.pools.replicas import BACKOFF_S
from duomo.execution.stats import Stats
from duomo.testing import fake_catalog, faulty_spec
from duomo.testing.crews import InProcessCrew, InProcessPool

CATALOG = fake_catalog(faulty_spec())
STATM = Path("/proc/self/statm")
DEADLY = ("exits", "segfaults", "lurks", "hangs")


class RealTime(InProcessCrew):
    """With the clock on the wall."""

    def now(self):
        return time.monotonic()


def load(crew, **limits):
    return duomo.load("text-classification", executor=InProcessPool(crew, **limits), catalog=CATALOG)


def names(outcomes):
    return [outcome.result.top.name if outcome.ok else None for outcome in outcomes]


def failed(outcomes):
    return {outcome.index: outcome.error for outcome in outcomes if not outcome.ok}


def counts(runner, *wanted):
    stats = runner.executor.stats()
    return [getattr(stats, name) for name in wanted]


def test_batches_go_to_whoever_is_free_and_outcomes_say_who_it_was():
    crew = InProcessCrew(3)
    with load(crew) as runner:
        outcomes = list(runner.map([f"text {i}" for i in range(60)]))
    assert names(outcomes) == [f"text {i}" for i in range(60)]
    assert {replica for replica, _ in crew.sent} == {0, 1, 2}
    assert {outcome.meta.device for outcome in outcomes} == {"fake:0", "fake:1", "fake:2"}
    assert {outcome.meta.executor for outcome in outcomes} == {"in-process"}
    assert crew.is_shut_down


def test_a_replica_that_dies_is_started_again_and_its_batches_run_elsewhere():
    with load(InProcessCrew(2, die_at={0: {1}, 1: {3}})) as runner:
        outcomes = list(runner.map([f"text {i}" for i in range(60)]))
        assert names(outcomes) == [f"text {i}" for i in range(60)]
        assert counts(runner, "lost", "splits", "failed") == [2, 0, 0]


@pytest.mark.parametrize("word", DEADLY)
def test_only_the_culprit_is_blamed_though_another_batch_stood_before_or_behind_it(word):
    items = [f"text {i}" for i in range(40)]
    items[13] = word
    crew = InProcessCrew(1)
    with load(crew, hang_floor_s=0.05) as runner:
        outcomes = list(runner.map(items))
    assert list(failed(outcomes)) == [13]
    assert "item 13 ended its worker" in failed(outcomes)[13].what
    alone = [sent for _, sent in crew.sent if word in sent][-1]
    assert alone == [word], "it was found by halving"


def test_an_exception_is_narrowed_to_its_item_without_a_death():
    with load(InProcessCrew(2)) as runner:
        errors = failed(runner.map(["a", "poison", "b", "crash", "c", "mute", "d"]))
        assert [error.type for error in errors.values()] == ["ValueError", "RuntimeError", "WorkerContractError"]
        assert counts(runner, "lost", "restarts") == [0, 0]


class Interrupted(InProcessCrew):
    """Ctrl-C, with an answer already off the wire, or on its way to a replica."""

    at = ""

    def press(self, at):
        if self.at == at:
            self.at = ""
            signal.raise_signal(signal.SIGINT)

    def send(self, replica, ticket, items, options):
        self.press("send")
        super().send(replica, ticket, items, options)

    def wait(self, timeout_s):
        events = super().wait(timeout_s)
        self.press("read" if events else "idle")
        return events


@pytest.mark.parametrize("at", ["send", "read"])
def test_ctrl_c_in_the_middle_of_a_message_costs_no_replica(at):
    crew = Interrupted(1)
    with load(crew) as runner:
        crew.at = at
        usual = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            list(runner.map(["a", "b"]))
        assert signal.getsignal(signal.SIGINT) is usual
        assert names(runner.map(["c", "d"])) == ["c", "d"]
    assert crew.restarted == []


def test_an_answer_of_the_wrong_length_is_the_executors_fault_and_the_items_run_again():
    with load(InProcessCrew(1, short_at={0: {0}})) as runner:
        assert names(runner.map(list("abcdefgh"))) == list("abcdefgh")
        assert counts(runner, "splits") == [1]
    with load(InProcessCrew(1, short_at={0: range(99)})) as runner:
        [error] = failed(runner.map(["a"])).values()
        assert error.type == "WorkerContractError"
        assert "answered for 0 items where 1 were sent" in error.what


def test_an_item_that_cannot_be_sent_fails_alone():
    with load(InProcessCrew(1)) as runner:
        errors = failed(runner.map(["a", "b", "unsendable", "c"]))
        assert list(errors) == [2]
        assert errors[2].code == "E-INPUT"
        assert "cannot pickle" in errors[2].why
        assert "inline" in errors[2].fix


def test_a_replica_with_less_memory_gets_smaller_batches_and_the_others_do_not():
    crew = InProcessCrew(2, fits={0: 3})
    with load(crew) as runner:
        outcomes = list(runner.map([f"t{i:04}" for i in range(2000)], batch_size=16))
        assert not failed(outcomes)
        assert 0 < counts(runner, "ooms")[0] < 20
    sizes = {replica: [len(sent) for who, sent in crew.sent if who == replica][5:-20] for replica in (0, 1)}
    assert max(sizes[1]) == 16
    assert sum(size > 3 for size in sizes[0]) < len(sizes[0]) / 8, "it is tried with more now and then"


def test_an_item_that_never_fits_fails_and_nothing_loops():
    with load(InProcessCrew(1, fits={0: 0})) as runner:
        errors = failed(runner.map(["a", "b"]))
        assert [error.type for error in errors.values()] == ["MemoryError"] * 2


def test_restarts_wait_longer_each_time_and_a_replica_that_cannot_start_is_given_up():
    crew = InProcessCrew(2, die_at={0: {0}}, broken={0})
    with load(crew, max_restarts=4) as runner:
        endless = runner.map(f"text {i}" for i in itertools.count())
        for _ in range(4000):
            assert next(endless).ok
        endless.close()
        [line] = runner.executor.health()
        assert line == "in-process worker 0 (fake:0) is lost: it does not start"
        assert counts(runner, "num_alive") == [1]
    times = [time for time, _ in crew.restarted]
    rests = [later - before for before, later in itertools.pairwise(times)]
    assert len(times) == 4
    for rest, least in zip(rests, BACKOFF_S[1:], strict=False):
        assert least <= rest < least + 0.1


def test_a_restart_that_fails_for_want_of_processes_or_never_ends_is_a_death_too():
    class Scarce(InProcessCrew):
        def restart(self, replica):
            if len(self.restarted) < 2:
                self.restarted.append((self.now(), replica))
                raise BlockingIOError("no more processes")
            super().restart(replica)

    with load(Scarce(1, die_at={0: {0}})) as runner:
        assert names(runner.map(list("abc"))) == list("abc")
        assert counts(runner, "restarts") == [3]

    class Stuck(InProcessCrew):
        def restart(self, replica):
            self.restarted.append((self.now(), replica))

    with load(Stuck(1, die_at={0: {0}}), max_restarts=1, hang_floor_s=0.5) as runner:
        with pytest.raises(SystemicError, match="no worker is left") as caught:
            list(runner.map(list("abc")))
        assert "it took more than 5 s to start" in caught.value.why


def test_deaths_with_work_done_in_between_do_not_add_up():
    crew = InProcessCrew(1, die_at={0: range(0, 400, 2)})
    with load(crew, max_restarts=2) as runner:
        assert not failed(runner.map([f"text {i}" for i in range(100)], batch_size=1))
        assert counts(runner, "restarts")[0] > 50


def test_with_no_worker_left_the_run_ends_after_what_was_done():
    crew = InProcessCrew(1, die_at={0: range(3, 99)}, broken={0})
    with load(crew, max_restarts=2) as runner:
        run = runner.map([f"text {i}" for i in range(20)], batch_size=1)
        with pytest.raises(SystemicError, match="no worker is left of 1") as caught:
            for index, outcome in enumerate(run):
                assert outcome.unwrap().top.name == f"text {index}"
        assert index == 2
        assert "the last: it does not start" in caught.value.why
        with pytest.raises(SystemicError, match="no worker is left"):
            runner("again")


def test_failures_alike_end_the_run_and_too_many_of_any_kind_do():
    with load(InProcessCrew(2)) as runner:
        with pytest.raises(SystemicError, match="all failed alike"):
            list(runner.map(["crash"] * 500))
        some = itertools.cycle(["fine", "crash"])
        with pytest.raises(SystemicError, match="more than 3 items failed"):
            list(runner.map(itertools.islice(some, 100), max_failed=3))
        assert runner("fine").top.name == "fine"


def test_the_source_is_read_no_further_than_the_window_however_long_it_is():
    with load(InProcessCrew(2)) as runner:
        read = itertools.count()
        run = runner.map((f"text {i}" for i in read), batch_size=32)
        ahead = 0
        for done in range(1, 5001):
            next(run)
            ahead = max(ahead, read.__reduce__()[1][0] - done)  # type: ignore[operator]
        assert ahead <= 2 * 1024
        run.close()


@pytest.mark.skipif(not STATM.exists(), reason="memory in use is read from Linux")
def test_items_in_great_number_pass_through_in_the_memory_of_a_window():
    first, last = 20_000, 119_999
    resident, blocks = {}, {}
    with load(InProcessCrew(2)) as runner:
        sent = runner.executor._crew.sent  # the fake crew keeps all that it was sent, which would fill the memory
        for outcome in runner.map((f"text {i}" for i in range(last + 1)), batch_size=512):
            if outcome.index in (first, last - 1000):  # before the window empties itself at the end
                resident[outcome.index] = int(STATM.read_text().split()[1]) * mmap.PAGESIZE
                blocks[outcome.index] = sys.getallocatedblocks()
            sent.clear()
    assert outcome.index == last
    num = last - 1000 - first
    assert (resident[last - 1000] - resident[first]) / num < 32, "bytes of an item that stay"
    assert (blocks[last - 1000] - blocks[first]) / num < 0.05, "objects of an item that stay"


def test_a_refused_item_of_a_slow_source_is_given_out_before_the_next_is_read():
    asked = []

    def source():
        for item in ("", "fine"):
            asked.append(item)
            time.sleep(0.1)  # a source that is slow
            yield item

    with duomo.load("text-classification", catalog=CATALOG) as inline, load(RealTime(1)) as pooled:
        for runner in (inline, pooled):
            asked.clear()
            outcomes = runner.map(source())
            assert next(outcomes).error.code == "E-INPUT-UNREADABLE"
            assert asked == [""]
            assert next(outcomes).ok


def test_items_that_come_together_from_a_slow_source_are_given_out_before_the_next_is_asked_for():
    given, given_when_asked = [], []

    def source():
        for item in ("a", "b", "", "c", "d", "e"):
            if not item:
                time.sleep(0.3)  # a pause of the source, longer than it is waited for
                continue
            given_when_asked.append(len(given))
            yield item

    with duomo.load("text-classification", catalog=CATALOG) as inline, load(RealTime(1)) as pooled:
        for runner in (inline, pooled):
            given.clear()
            given_when_asked.clear()
            for outcome in runner.map(source(), batch_size=1):
                given.append(outcome.unwrap().top.name)  # noqa: PERF401 - the source looks at it meanwhile
            assert given == list("abcde")
            assert given_when_asked[-2:] == [3, 4], "d and e came with c, and waited for nothing"


def test_items_are_let_go_once_they_are_given_out():
    class Probe(str):
        alive = most = 0

        def __init__(self, _):
            Probe.alive += 1
            Probe.most = max(Probe.most, Probe.alive)

        def __del__(self):
            Probe.alive -= 1

    with load(InProcessCrew(1)) as runner:
        crew_forgets = runner.executor._crew.sent  # the fake crew keeps all that it was sent
        entries = (Entry(i, "", Probe(f"text {i}")) for i in range(20_000))
        for _ in runner.executor.map(entries, runner.task.Options(), batch_size=64):
            crew_forgets.clear()
    assert Probe.most < 1024 + 300
    assert Probe.alive == 0


def test_a_stream_and_a_run_within_a_run_share_the_replicas():
    with load(InProcessCrew(1)) as runner:
        for outcome in runner.map(["one", "two"] * 20):
            word = outcome.unwrap().top.name
            assert list(runner.stream(f"{word} more")) == [word, "more"]
            assert runner(word).top.name == word


class DiesBeforeIt(InProcessCrew):
    """As a replica that has just died: a stream that is sent to it never begins there."""

    deaths = 1

    def stream(self, replica, ticket, item, options):
        if self.deaths:
            self.deaths -= 1
            self._die(replica, "it died a moment ago")
        else:
            super().stream(replica, ticket, item, options)


def test_a_stream_that_was_sent_to_a_dead_replica_begins_elsewhere():
    with load(DiesBeforeIt(2)) as runner:
        assert list(runner.stream("one two")) == ["one", "two"]
    crew = DiesBeforeIt(2)
    crew.deaths = 2
    with load(crew) as runner, pytest.raises(WorkerLost, match="the worker of a stream died"):
        list(runner.stream("one two"))


def test_a_single_call_that_hangs_on_a_warm_pool_is_found_at_the_floor():
    crew = InProcessCrew(1)
    with load(crew, hang_floor_s=60.0) as runner:
        runner("warm")
        before = crew.now()
        with pytest.raises(WorkerLost, match="ended its worker 2 times"):
            runner("hangs")
        assert 120 <= crew.now() - before < 130, "two tries of a minute, and not of ten"


def test_many_threads_get_their_own_results_and_futures_are_real():
    with load(InProcessCrew(2)) as runner:
        got = {}

        def ask(number):
            got[number] = names(runner.map(f"{number} {i}" for i in range(50)))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        futures = [runner.submit(f"future {i}") for i in range(30)]
        for thread in threads:
            thread.join(60)
        assert got == {number: [f"{number} {i}" for i in range(50)] for number in range(4)}
        assert [future.result(timeout=60).unwrap().top.name for future in futures] == [f"future {i}" for i in range(30)]


def test_closing_ends_what_other_threads_wait_for():
    runner, told = load(InProcessCrew(1), hang_floor_s=1e9), []

    def ask():
        try:
            runner("hangs")
        except UsageProblem as error:
            told.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    runner.close()
    thread.join(30)
    assert not thread.is_alive()
    assert "closed" in told[0].what


def test_before_its_start_an_executor_says_that_it_has_none():
    pool = InProcessPool(InProcessCrew(1))
    assert pool.stats() == Stats()
    assert pool.health() == []
    with pytest.raises(UsageProblem, match="not started"):
        pool.run("a", None)
    pool.shutdown()


@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(st.sampled_from(["fine"] * 8 + ["poison", "crash", "exits", "lurks", "hangs"]), max_size=40),
    size=st.integers(1, 4),
    batch_size=st.integers(1, 9),
    die_at=st.dictionaries(st.integers(0, 3), st.sets(st.integers(0, 30), max_size=3), max_size=3),
    fits=st.dictionaries(st.integers(0, 3), st.integers(1, 4), max_size=2),
)
def test_whatever_happens_each_item_comes_out_once_in_order_and_only_culprits_fail(
    words, size, batch_size, die_at, fits
):
    items = [f"{word} {i}" for i, word in enumerate(words)]
    crew = InProcessCrew(size, die_at=die_at, fits=fits)
    with load(crew, max_restarts=10**6, hang_floor_s=0.05) as runner:
        outcomes = list(runner.map(items, batch_size=batch_size))
    assert [outcome.index for outcome in outcomes] == list(range(len(items)))
    culprits = {i for i, word in enumerate(words) if word != "fine"}
    stray = set(failed(outcomes)) - culprits
    assert culprits <= set(failed(outcomes))
    # A replica that dies by itself twice with the same item in hand cannot be told from an item that kills.
    assert len(stray) <= sum(len(deaths) for deaths in die_at.values()) // 2
    assert all(outcome.result.top.name == items[outcome.index] for outcome in outcomes if outcome.ok)
