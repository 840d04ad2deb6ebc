"""What becomes of items that come faster than they are taken, and of sources that break."""

import functools
import queue
import threading

import pytest

from duomo.errors import InputMissing, InputUnreadable, UsageProblem
from duomo.inputs import live
from duomo.inputs.live.feed import CAPACITY, Feed
from duomo.inputs.live.reader import Arrival, Reader


class Given(Reader):
    """Gives what the test puts in: values, exceptions to break with, None to end."""

    def __init__(self, name="given", *values, opens=()):
        self.name = name
        self.values = queue.SimpleQueue()
        for each in values:
            self.values.put(each)
        self.opens = list(opens)
        self.done = []

    def open(self):
        if self.opens and (error := self.opens.pop(0)) is not None:
            raise error

    def read(self, stop):
        while not stop.is_set():
            try:
                value = self.values.get(timeout=0.2)
            except queue.Empty:
                continue
            if value is None:
                return
            if isinstance(value, Exception):
                raise value
            yield Arrival(value, 0.0, str(value), functools.partial(self.done.append, value))


def values(feed):
    return [each.value for each in feed if each is not None]


def test_all_is_given_in_order_and_the_end_of_all_sources_is_the_end():
    a, b = Given("a", 1, 2, 3, None), Given("b", 10, 20, None)
    with Feed([a, b]) as feed:
        found = values(feed)
    assert [each for each in found if each < 10] == [1, 2, 3]
    assert [each for each in found if each >= 10] == [10, 20]
    assert [each.state for each in feed.states()] == ["ended", "ended"]


def test_none_says_that_nothing_more_is_there_yet():
    reader = Given("a", 1)
    with Feed([reader]) as feed:
        items = iter(feed)
        assert next(items).value == 1
        assert next(items) is None
        reader.values.put(2)
        assert next(items).value == 2


def test_of_the_latest_the_newest_wins_and_the_others_are_counted_and_dealt_with():
    reader = Given("camera")
    with Feed([reader], "latest") as feed:
        items = iter(feed)
        reader.values.put(0)
        assert next(items).value == 0
        for frame in range(1, 6):
            reader.values.put(frame)
        reader.values.put(None)
        while feed.states()[0].state != "ended":
            pass
        assert next(items) is None
        assert next(items).value == 5
        assert next(items) is None
        assert next(items, "end") == "end"
    [state] = feed.states()
    assert (state.received, state.dropped) == (6, 4)
    assert reader.done == [1, 2, 3, 4]


def test_one_in_three_is_taken():
    with Feed([Given("a", *range(10), None)], "every=3") as feed:
        assert values(feed) == [0, 3, 6, 9]
    assert feed.states()[0].dropped == 6


@pytest.mark.parametrize("drop", ["latest", "all", "every=4"])
def test_what_broke_a_source_for_good_is_not_dropped_and_drops_nothing(drop):
    class Once(Given):
        reconnects = False

    with Feed([Once("a", 1, OSError("gone"))], drop) as feed:
        one, error = values(feed)
    assert one == 1
    assert isinstance(error, InputUnreadable)


def test_a_source_waits_while_enough_of_its_items_do():
    reader = Given("a", *range(CAPACITY + 50), None)
    with Feed([reader]) as feed:
        items = iter(feed)
        first = next(items).value
        assert feed.states()[0].received <= CAPACITY + 2
        assert [first, *(each.value for each in items if each is not None)] == list(range(CAPACITY + 50))
    assert feed.states()[0].dropped == 0


def test_a_source_that_breaks_is_opened_again_and_costs_the_other_nothing():
    broken = Given("broken", 1, ConnectionError("gone"), 2, None, opens=[None, InputMissing("not yet"), None])
    other = Given("other", 10, 20, None)
    with Feed([broken, other], first_pause_s=0.01) as feed:
        found = values(feed)
    assert sorted(found) == [1, 2, 10, 20]
    state = feed.states()[0]
    assert (state.reconnects, state.error) == (1, "not yet")


def test_a_source_that_is_never_there_is_an_error_and_the_others_are_closed():
    closed = threading.Event()

    class Closing(Given):
        def close(self):
            closed.set()

    there = Closing("there")
    with pytest.raises(InputMissing, match="no camera"):
        Feed([there, Given("missing", opens=[InputMissing("no camera")])]).open()
    assert closed.is_set()


def test_what_cannot_be_opened_again_ends_with_its_error_as_an_item():
    class Once(Given):
        reconnects = False

    with Feed([Once("once", 1, OSError("cut short"))]) as feed:
        found = values(feed)
    assert found[0] == 1
    assert isinstance(found[1], InputUnreadable)
    assert "cut short" in found[1].why


@pytest.mark.parametrize("drop", ["newest", "every=0", "every=x", ""])
def test_another_policy_is_refused(drop):
    with pytest.raises(UsageProblem, match="no drop policy"):
        Feed([], drop)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("mqt://host/topic", "Did you mean 'mqtt'"),
        ("photo.jpg", "none of the kinds"),
        ("recording:x.wav?speed=fast", "not a number"),
        ("recording:x.wav?speed=nan", "not a number"),
        ("recording:x.wav?sped=2", "no setting 'sped'"),
        ("tail:what?.log", "no setting '.log'"),
        ("mqtt://localhost:many/topic", "not an address"),
        ("ws://[::1/topic", "not an address"),
        ("mqtt:///topic", "names no broker"),
        ("mqtt://localhost", "no topic"),
    ],
)
def test_a_source_that_is_not_written_right_is_explained(source, said):
    with pytest.raises(UsageProblem) as caught:
        live.open(source)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        *("tail:nothing.log", "folder:nowhere", "video:nothing.mp4", "recording:nothing.wav"),
        *("ws://127.0.0.1:9/x", "mqtt://127.0.0.1:9/plant/#", "rtsp://127.0.0.1:9/x"),
    ],
)
def test_a_source_that_is_not_there_is_said_at_once(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((InputMissing, InputUnreadable)) as caught:
        live.open(source)
    assert caught.value.why
