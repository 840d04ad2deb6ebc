"""What becomes of a run when its processes exit, crash, hang, run out of memory or are killed, and of the others."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import duomo
from duomo.errors import SystemicError, UsageProblem, WorkerLost
from duomo.execution.pools.local import LocalExecutor
from duomo.execution.pools.transport import Slot
from duomo.testing import fake_catalog, faulty_spec

pytestmark = [
    pytest.mark.multiproc,
    pytest.mark.skipif(sys.platform == "win32", reason="the faults are those of POSIX processes"),
]
CATALOG = fake_catalog(faulty_spec())


def load(devices="cpu", **limits):
    return duomo.load("text-classification", executor=LocalExecutor(**limits), devices=devices, catalog=CATALOG)


def texts(num, **at):
    items = [f"text {i}" for i in range(num)]
    for place, text in at.items():
        items[int(place[1:])] = text
    return items


def test_a_worker_that_dies_while_one_thread_writes_to_it_and_another_hears_of_it_blames_no_item(monkeypatch):
    writing = threading.Event()
    write = Slot.write

    def slowly(slot, parts):
        writing.set()
        time.sleep(0.3)  # in which the other thread lets go of the dead worker
        write(slot, parts)

    monkeypatch.setattr(Slot, "write", slowly)
    with load() as pool, ThreadPoolExecutor(2) as threads:
        first = threads.submit(lambda: list(pool.map(["naps"] * 200, batch_size=200)))
        wait_until(lambda: pool.executor.stats().in_flight)
        second = threads.submit(lambda: list(pool.map(["x" * 200_000])))
        assert writing.wait(10)
        os.kill(pool.executor.pids[0], signal.SIGKILL)
        assert failed(first.result(30) + second.result(30)) == {}


def failed(outcomes):
    return {outcome.index: outcome.error for outcome in outcomes if not outcome.ok}


def counts(pool, *names):
    stats = pool.executor.stats()
    return [int(getattr(stats, name)) for name in names]


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(holds, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until_gone(pids, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not all(map(is_gone, pids)):
        time.sleep(0.02)
    return [pid for pid in pids if not is_gone(pid)]


def test_a_worker_killed_in_the_middle_costs_no_row(pool, tmp_path):
    wait_until(lambda: pool("well") and not pool.executor.health())  # the last test may have ended one
    [lost] = counts(pool, "lost")
    items = ["first", *[f"waits {tmp_path / 'gate'}"] * 7]  # so that both are in the middle until the gate is there
    run = pool.map(items, batch_size=1)
    first = next(run)
    os.kill(pool.executor.pids[0], signal.SIGKILL)
    (tmp_path / "gate").touch()
    outcomes = [first, *run]
    assert [outcome.unwrap().top.name for outcome in outcomes] == items
    assert counts(pool, "lost") == [lost + 1]


@pytest.mark.parametrize(
    ("word", "why", "trace"), [("exits", "exit code 3", ""), ("segfaults", "SIGSEGV", "Segmentation fault")]
)
def test_an_item_that_ends_its_process_is_named_and_costs_no_other_its_result(pool, word, why, trace):
    items = texts(41, i11=word)
    outcomes = list(pool.map(items))
    [(index, error)] = failed(outcomes).items()
    assert index == 11
    assert error.type == "WorkerLost"
    assert "item 11 ended its worker" in error.what
    assert why in error.why
    assert trace in error.traceback
    assert "in forward" in error.traceback or not trace, "the stack of the crash is in the error"
    assert [outcome.result.top.name for outcome in outcomes if outcome.ok] == [each for each in items if each != word]
    with pytest.raises(WorkerLost, match="item 11"):
        outcomes[11].unwrap()


def test_a_poisoned_item_a_crash_in_python_and_a_lost_result_stay_alone(pool):
    inline = duomo.load("text-classification", catalog=CATALOG)
    items = texts(30, i0="poison", i7="crash", i8="mute", i29="")
    here, there = failed(inline.map(items)), failed(pool.map(items))
    assert list(there) == [0, 7, 8, 29]
    for index, error in there.items():
        assert (error.type, error.code, error.what) == (here[index].type, here[index].code, here[index].what)
    assert "ValueError: poison" in there[0].traceback


def test_out_of_memory_halves_the_batch_and_nothing_is_lost(pool):
    before = counts(pool, "ooms", "lost")
    outcomes = list(pool.map([f"heavy {i}" for i in range(60)]))
    after = counts(pool, "ooms", "lost")
    assert all(outcome.ok for outcome in outcomes)
    assert after[0] > before[0]
    assert after[1] == before[1]


def test_a_batch_that_hangs_is_ended_after_its_deadline_and_says_where_it_hung():
    with load(hang_floor_s=0.5) as runner:
        outcomes = list(runner.map(texts(6, i2="hangs"), batch_size=1))
        [(index, error)] = failed(outcomes).items()
        assert index == 2
        assert "more than" in error.why
        assert "for one batch" in error.why
        assert "in forward" in error.traceback


def test_when_every_worker_has_died_too_often_the_run_ends_with_the_reason_and_so_does_the_next():
    with load("cpu,cpu", max_restarts=1) as runner:
        for _ in range(2):
            with pytest.raises(SystemicError, match="no worker is left of 2") as caught:
                list(runner.map(["exits"] * 20))
            assert "each died 2 times in a row; the last: it left with exit code 3" in caught.value.why
            assert "inline" in caught.value.fix
        assert [line.split(":")[0] for line in runner.executor.health()] == [
            "local worker 0 (cpu) is lost",
            "local worker 1 (cpu) is lost",
        ]


def test_one_item_alone_and_a_stream_meet_the_same_fate(pool):
    with pytest.raises(WorkerLost, match="item 0 ended its worker 2 times"):
        pool("exits")
    parts = pool.stream("one two exits four")
    assert [next(parts), next(parts)] == ["one", "two"]
    with pytest.raises(WorkerLost, match="the worker of a stream died"):
        next(parts)
    assert pool("fine").top.name == "fine"


def test_failures_alike_before_any_success_end_the_run(pool):
    with pytest.raises(SystemicError, match="all failed alike"):
        list(pool.map(["crash"] * 200))


def test_closing_while_workers_hang_leaves_no_process(monkeypatch):
    monkeypatch.setattr("duomo.execution.submitting.DRAIN_S", 0.5)
    runner = load("cpu,cpu")
    pids = runner.executor.pids
    futures = [runner.submit(item) for item in ("hangs", "grips")]
    wait_until(lambda: runner.executor.stats().in_flight == 2)
    runner.close()
    assert wait_until_gone(pids) == []
    for future in futures:
        with pytest.raises(UsageProblem, match="closed"):
            future.result(timeout=10).unwrap()


DRIVER = """
import duomo, sys
from duomo.testing import fake_catalog, faulty_spec
runner = duomo.load("text-classification", executor="local", devices="cpu,cpu", catalog=fake_catalog(faulty_spec()))
print(*runner.executor.pids, flush=True)
run = runner.map(["x" * 200_000, "fine", {item!r}, {item!r}], batch_size=1)
print(next(run).ok, flush=True)
list(run)
"""


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs /proc and /dev/shm")
@pytest.mark.parametrize("item", ["hangs", "grips"])
def test_a_driver_that_is_killed_leaves_no_process_and_no_shared_memory(item):
    driver = subprocess.Popen([sys.executable, "-c", DRIVER.format(item=item)], stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in driver.stdout.readline().split()]
    assert driver.stdout.readline() == "True\n"
    time.sleep(0.2)  # most often the items hang by now; the end must be the same if not
    assert not any(map(is_gone, pids))
    shared = {path for pid in (driver.pid, *pids) for path in mapped(pid) if path.startswith("/dev/shm/")}
    driver.kill()
    driver.wait()
    driver.stdout.close()
    assert wait_until_gone(pids) == []
    assert not any(map(os.path.exists, shared))


def mapped(pid):
    """Files whose memory a process has."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {fields[5] for line in lines if len(fields := line.split(maxsplit=5)) == 6}
