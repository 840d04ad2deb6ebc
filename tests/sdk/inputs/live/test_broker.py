"""Messages of a real MQTT broker on loopback."""

import asyncio
import socket
import threading

import pytest

from duomo.errors import InputMissing
from duomo.inputs.live import Feed, Mqtt

broker = pytest.importorskip("amqtt.broker")
mqtt = pytest.importorskip("paho.mqtt.client")


@pytest.fixture
def port():
    """The port of a broker that runs in a thread."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    loop, started, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    config = {"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{number}"}}, "plugins": plugins}

    async def serve():
        running = broker.Broker(config, loop=loop)
        await running.start()
        started.set()
        await stop.wait()
        await running.shutdown()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(20)
    yield number
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def publish(port):
    from paho.mqtt.enums import CallbackAPIVersion

    client = mqtt.Client(CallbackAPIVersion.VERSION2, "sender")
    client.connect("127.0.0.1", port)
    client.loop_start()

    def send(topic, payload):
        client.publish(topic, payload, qos=1).wait_for_publish(10)

    yield send
    client.disconnect()
    client.loop_stop()


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
