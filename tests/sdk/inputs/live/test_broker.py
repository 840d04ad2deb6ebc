"""Messages of a real MQTT broker on loopback."""

import socket
import subprocess
import sys

import pytest

from duomo.errors import InputMissing
from duomo.inputs.live import Feed, Mqtt

pytest.importorskip("amqtt.broker")
publisher = pytest.importorskip("paho.mqtt.publish")


SERVE = """
import asyncio, sys
from amqtt.broker import Broker
async def serve():
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listener = {"type": "tcp", "bind": "127.0.0.1:" + sys.argv[1]}
    await Broker({"listeners": {"default": listener}, "plugins": plugins}).start()
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(serve())
"""


class Broker:
    """A broker in a process, on one port however often it is started."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self):
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout.readline() == b"ready\n"

    def stop(self):
        self._process.kill()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture
def running():
    """A broker that runs."""
    made = Broker()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def port(running):
    """The port of a broker that runs."""
    return running.port


@pytest.fixture
def publish(port):
    """Send a message to the broker, which has it when this returns."""

    def send(topic, payload):
        publisher.single(topic, payload, qos=1, hostname="127.0.0.1", port=port, client_id="sender")

    return send


def next_of(items):
    return next(each for each in items if each is not None)


def test_messages_of_a_topic_filter_come_with_their_topics(port, publish):
    with Feed([Mqtt("127.0.0.1", "plant/+/sensors", port=port)]) as feed:
        items = iter(feed)
        publish("plant/1/sensors", b'{"heat": 60}')
        publish("plant/1/other", b"not for us")
        publish("plant/2/sensors", b'{"heat": 61}')
        found = [next_of(items) for _ in range(2)]
    assert [(each.name, each.value) for each in found] == [
        ("plant/1/sensors", b'{"heat": 60}'),
        ("plant/2/sensors", b'{"heat": 61}'),
    ]


def test_a_broker_that_is_not_there_is_said_with_its_address():
    with pytest.raises(InputMissing, match=r"no broker to be used at 127.0.0.1:9"):
        Mqtt("127.0.0.1", "plant/#", port=9).open()


def test_a_broker_that_starts_again_is_joined_again_and_nothing_that_it_took_then_is_lost(running, publish):
    with Feed([Mqtt("127.0.0.1", "plant/#", port=running.port, client_id="line")], first_pause_s=0.01) as feed:
        items = iter(feed)
        publish("plant/1", b"before")
        first = next_of(items)
        first.done()
        running.stop()
        [state] = feed.states()
        while state.state != "reconnecting":
            [state] = feed.states()
        running.start()
        while not feed.states()[0].reconnects:
            pass
        for number in range(3):
            publish("plant/1", b"after %d" % number)
        assert [next_of(items).value for _ in range(3)] == [b"after 0", b"after 1", b"after 2"]
    assert first.value == b"before"


def test_a_message_that_the_broker_retains_comes_with_each_subscription_and_says_so(port):
    publisher.single("plant/1", b"kept", qos=1, hostname="127.0.0.1", port=port, client_id="sender", retain=True)
    for _ in range(2):
        with Feed([Mqtt("127.0.0.1", "plant/#", port=port)]) as feed:
            arrival = next_of(iter(feed))
            assert (arrival.value, arrival.redelivered) == (b"kept", True)
