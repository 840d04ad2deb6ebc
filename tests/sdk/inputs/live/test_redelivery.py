"""A broker that keeps sessions, started again, and we likewise: none is lost, and what comes again says so."""

import itertools
import json
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import duomo
from duomo.inputs.live import Feed, Mqtt
from duomo.live import follow
from duomo.testing.fakes import echo_spec, fake_catalog

publisher = pytest.importorskip("paho.mqtt.publish")


class Broker:
    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._file = folder / "kept"
        script = Path(__file__).parent / "keeping.py"
        self._command = [sys.executable, str(script), str(self.port), str(self._file)]

    def start(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self):
        self._process.kill()
        self._process.wait(30)
        self._process.stdout.close()

    def until_kept(self, num):
        """Wait until so many messages are left that nobody has acknowledged."""
        while len(json.loads(self._file.read_text("utf-8"))["kept"]["line"]) != num:
            pass

    def publish(self, *texts):
        """Returns once the broker has acknowledged them all."""
        messages = [{"topic": "plant/1", "payload": each, "qos": 1} for each in texts]
        publisher.multiple(messages, hostname="127.0.0.1", port=self.port, client_id="sender")


@pytest.fixture
def broker(tmp_path):
    made = Broker(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def runner():
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog(echo_spec())) as made:
        yield made


def feed_of(broker):
    return Feed([Mqtt("127.0.0.1", "plant/#", port=broker.port, client_id="line")], first_pause_s=0.01)


def until(feed, is_so):
    while not is_so(feed.states()[0]):
        pass


def taken(outcomes: Any, num: int) -> list[tuple[str, bool]]:
    """Texts of the next outcomes, and whether each came again."""
    return [(each.result.top.name, each.meta.redelivered) for each in itertools.islice(outcomes, num)]


def test_no_acknowledged_message_is_lost_when_the_broker_is_killed_and_none_is_computed_twice_unmarked(broker, runner):
    sent = [f"text {number}" for number in range(8)]
    with feed_of(broker) as feed:
        broker.publish(*sent[:6])
        until(feed, lambda state: state.received == 6)
        outcomes = follow(runner, feed)
        found = taken(outcomes, 3)
        broker.until_kept(4)
        broker.kill()
        until(feed, lambda state: state.state == "reconnecting")
        broker.start()
        until(feed, lambda state: state.reconnects == 1)
        broker.publish(*sent[6:])
        found += taken(outcomes, 9)
    assert {text for text, _ in found} == set(sent)
    assert Counter(text for text, again in found if not again) == Counter(sent)
    assert sorted(text for text, again in found if again) == sent[2:6], "the first two were acknowledged"


def test_what_was_not_acknowledged_comes_again_when_we_are_started_again(broker, runner):
    with feed_of(broker) as feed:
        broker.publish("a", "b", "c", "d")
        until(feed, lambda state: state.received == 4)
        outcomes = follow(runner, feed)
        first = taken(outcomes, 2)
        broker.until_kept(3)
    broker.publish("while we are away")
    with feed_of(broker) as feed:
        outcomes = follow(runner, feed)
        second = taken(outcomes, 4)
    assert first == [("a", False), ("b", False)]
    assert second == [("b", True), ("c", True), ("d", True), ("while we are away", False)]
