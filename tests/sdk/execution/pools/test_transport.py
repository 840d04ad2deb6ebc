"""Messages through a pipe and through shared memory: whole, in order, and with nothing left behind."""

import multiprocessing
import os
import pickle
import sys
import threading

import numpy as np
import pytest

from duomo.execution.pools.transport import BIG, Channel, Slot, new_slots

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors are handed on by POSIX means")


class Ends:
    """Both ends of a conversation, as if in two processes: each maps the memory for itself."""

    def __init__(self, depth):
        ours, theirs = multiprocessing.Pipe()
        out, back = new_slots(depth), new_slots(depth)
        self.driver = Channel(ours, out, back)
        twin = [[Slot(os.dup(slot.descriptor)) for slot in slots] for slots in (back, out)]
        self.worker = Channel(theirs, *twin)

    def close(self):
        self.driver.close()
        self.worker.close()


@pytest.fixture
def ends():
    ends = Ends(2)
    yield ends
    ends.close()


def test_a_small_message_goes_by_the_pipe_and_a_big_one_by_memory(ends):
    for size in (10, BIG * 4):
        ends.driver.send("batch", 7, ([b"x" * size], None))
        raw = ends.worker.pipe.poll() and len(ends.worker.pipe.recv_bytes())
        assert raw < 500 if size > BIG else raw > size
        assert ends.driver.bytes_moved >= size


@pytest.mark.parametrize("size", [100, 10_000, 300_000])
def test_arrays_arrive_whole_and_can_be_written_to(ends, size):
    pictures = [np.arange(size + i, dtype=np.float32).reshape(-1, 1) for i in range(3)]
    ends.driver.send("batch", 3, (pictures, {"k": 1}))
    message = ends.worker.recv()
    assert (message.kind, message.ticket, message.body[1]) == ("batch", 3, {"k": 1})
    for sent, got in zip(pictures, message.body[0], strict=True):
        np.testing.assert_array_equal(sent, got)
        got += 1
    ends.worker.send("done", 3, pictures)
    assert ends.driver.recv().body[2].shape == (size + 2, 1)


def test_two_big_messages_may_be_under_way_and_none_overwrites_another(ends):
    def batch(number):
        return np.full(50_000 + 999 * number, number)

    ends.driver.send("batch", 0, batch(0))
    for number in range(1, 20):
        ends.driver.send("batch", number, batch(number))
        got = ends.worker.recv()
        assert got.ticket == number - 1
        np.testing.assert_array_equal(got.body, batch(number - 1))
        ends.worker.send("done", got.ticket, got.body)
        np.testing.assert_array_equal(ends.driver.recv().body, batch(number - 1))


def test_what_was_read_stays_when_its_memory_is_used_again(ends):
    ends.driver.send("batch", 0, np.zeros(100_000))
    kept = ends.worker.recv().body
    for number in range(1, 4):
        ends.driver.send("batch", number, np.ones(100_000))
        ends.worker.recv()
    assert not kept.any()


class Moody:
    def __init__(self, mood):
        self.mood = mood

    def __reduce__(self):
        return _build, (self.mood,)


def _build(mood):
    raise ImportError(mood)


def test_what_cannot_be_read_says_for_which_ticket(ends):
    ends.driver.send("batch", 5, Moody("no such class"))
    ends.driver.send("batch", 6, "fine")
    broken, fine = ends.worker.recv(), ends.worker.recv()
    assert (broken.kind, broken.ticket, str(broken.unreadable)) == ("batch", 5, "no such class")
    assert fine.body == "fine"


def test_what_cannot_be_sent_leaves_the_channel_as_it_was(ends):
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        ends.driver.send("batch", 0, lambda: None)
    for number in (1, 2):
        ends.driver.send("batch", number, np.full(100_000, number))
        assert ends.worker.recv().body[0] == number


def test_when_one_side_is_gone_the_other_knows():
    ends = Ends(2)
    ends.worker.close()
    with pytest.raises((EOFError, OSError)):
        ends.driver.recv()
    with pytest.raises(OSError):  # noqa: PT011 - a broken pipe by one name or another
        ends.driver.send("batch", 0, "x")
    ends.driver.close()


def test_without_shared_memory_the_pipe_takes_all():
    ends = Ends(0)
    big = np.arange(1_000_000)
    sender = threading.Thread(target=ends.driver.send, args=("batch", 1, big))
    sender.start()
    np.testing.assert_array_equal(ends.worker.recv().body, big)
    sender.join()
    ends.close()


def test_nothing_of_it_has_a_name_and_all_descriptors_are_given_back():
    before = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    num = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    ends = Ends(2)
    ends.driver.send("batch", 0, np.zeros(1_000_000))
    ends.worker.recv()
    assert before >= (set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set())
    ends.close()
    if num is not None:
        assert len(os.listdir("/proc/self/fd")) == num


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="memory without a name is Linux's")
def test_slots_made_before_descriptors_ran_out_are_given_back(monkeypatch):
    made, left = os.memfd_create, iter(range(2))

    def until_there_are_none(*args):
        if next(left, None) is None:
            raise OSError(24, "Too many open files")
        return made(*args)

    monkeypatch.setattr(os, "memfd_create", until_there_are_none)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="Too many"):
        new_slots(3)
    assert set(os.listdir("/proc/self/fd")) == before
