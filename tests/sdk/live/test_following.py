"""Models and adapters that follow live items: each outcome has its time, its age and its name."""

import time
from datetime import datetime

import duomo
from duomo.errors import InputUnreadable
from duomo.inputs.live import Arrival
from duomo.live import follow
from duomo.testing.fakes import echo_spec, fake_catalog


def test_each_outcome_has_its_time_its_age_and_its_name_and_is_acknowledged_after_it():
    done = []
    begun = time.time()
    arrivals = [
        Arrival("one", begun - 5, "topic/1", lambda: done.append("one")),
        None,
        Arrival(InputUnreadable("a broken message"), begun, "topic/2", lambda: done.append("two")),
        Arrival("three", begun),
        None,
    ]
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog(echo_spec())) as runner:
        outcomes = []
        for outcome in follow(runner, arrivals):
            outcomes.append(outcome)
            assert len(done) == len(outcomes) - 1
    assert [each.id for each in outcomes] == ["topic/1", "topic/2", "2"]
    assert [each.ok for each in outcomes] == [True, False, True]
    assert 5 <= outcomes[0].meta.age_s < 5 + time.time() - begun + 0.01
    assert datetime.fromisoformat(outcomes[0].meta.taken).timestamp() - (begun - 5) < 0.002
    assert done == ["one", "two"]


def test_an_item_does_not_wait_for_the_next_one():
    def arrivals():
        for number in range(3):
            yield Arrival(str(number), time.time())
            yield None
            assert len(outcomes) == number + 1

    outcomes = []
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog(echo_spec())) as runner:
        for outcome in follow(runner, arrivals()):
            outcomes.append(outcome)
    assert len(outcomes) == 3
