"""Messages of an MQTT broker, by paho-mqtt: acknowledged when their outcome has been given out, and not before.

With QoS 1 (the default) and a session that the broker keeps, a message that was not acknowledged comes again after
either side has been away: none is lost, and one that comes again says so (`Arrival.redelivered`).
"""

from __future__ import annotations

import queue
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from duomo.errors import InputMissing, RequirementMissing, UsageProblem
from duomo.inputs.live.reader import Arrival, Reader

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

CONNECT_S = 10.0
INFLIGHT = 256
"""Messages that the broker may have out with us unacknowledged; it holds back the rest."""


class Mqtt(Reader):
    """The messages of a topic filter; items are payloads as bytes, named by their topic.

    Args:
        host: of the broker.
        topic: a filter such as ``plant/+/sensors/#``.
        port: of the broker.
        username, password: where it asks for them.
        qos: 0 (may be lost), 1 (may come twice) or 2.
        client_id: under which the broker keeps the session; made up when left out, and then nothing is kept.
        tls: whether the connection is encrypted.
        timeout_s: seconds to wait for the broker.
    """

    def __init__(
        self,
        host: str,
        topic: str,
        *,
        port: int = 1883,
        username: str | None = None,
        password: str | None = None,
        qos: int = 1,
        client_id: str = "",
        tls: bool = False,
        timeout_s: float = CONNECT_S,
    ) -> None:
        if not topic:
            raise UsageProblem(
                "no topic to subscribe to", why="the path of the address is empty", fix="mqtt://HOST/plant/+/sensors"
            )
        if qos not in (0, 1, 2):
            raise UsageProblem(
                f"qos must be 0, 1 or 2, not {qos!r}",
                why="MQTT knows these three",
                fix="qos=1: each message comes at least once",
            )
        self.host, self.port, self.topic, self.qos = host, port, topic, qos
        self.name = f"mqtt://{host}:{port}/{topic}"
        self._login = (username, password)
        self._keeps = bool(client_id)
        self._client_id = client_id or f"duomo-{uuid.uuid4().hex[:12]}"
        self._tls = tls
        self._timeout_s = timeout_s
        self._client: Client | None = None
        self._messages: queue.SimpleQueue[MQTTMessage | None] = queue.SimpleQueue()
        self._answered = threading.Event()
        self._refusal = ""

    def open(self) -> None:
        try:
            from paho.mqtt import client as mqtt
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise RequirementMissing(
                "an MQTT source needs paho-mqtt", why=str(error), fix="pip install 'duomo[live]'"
            ) from None
        self._answered.clear()
        self._refusal = ""
        self._messages = queue.SimpleQueue()
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, self._client_id, clean_session=not self._keeps, manual_ack=True
        )
        client.max_inflight_messages_set(INFLIGHT)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = lambda *_: self._messages.put(None)
        client.on_message = lambda _client, _data, message: self._messages.put(message)
        if self._login[0]:
            client.username_pw_set(*self._login)
        if self._tls:
            client.tls_set()
        try:
            client.connect(self.host, self.port, keepalive=30)
        except (OSError, ValueError, socket.gaierror) as error:
            raise self._missing(str(error)) from None
        client.loop_start()
        self._client = client
        if not self._answered.wait(self._timeout_s) or self._refusal:
            self.close()
            raise self._missing(self._refusal or f"it did not answer in {self._timeout_s:g} s")

    def read(self, stop: threading.Event) -> Iterator[Arrival]:
        while not stop.is_set():
            try:
                message = self._messages.get(timeout=0.5)
            except queue.Empty:
                continue
            if message is None:
                raise ConnectionError("the broker closed the connection")
            is_old = message.dup or message.retain  # the broker sends a retained message at every subscription
            yield Arrival(message.payload, time.time(), message.topic, self._acknowledge(message), is_old)

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.on_disconnect = None
            client.disconnect()
            client.loop_stop()

    def _connected(self, client: Client, _data: object, _flags: object, reason: object, _properties: object) -> None:
        if str(reason) != "Success":
            self._refusal = str(reason)
            self._answered.set()
            return
        client.subscribe(self.topic, self.qos)

    def _subscribed(
        self, _client: object, _data: object, _mid: int, reasons: Sequence[object], _properties: object
    ) -> None:
        refused = [str(each) for each in reasons if "Granted" not in str(each)]
        self._refusal = f"it refused '{self.topic}': {', '.join(refused)}" if refused else ""
        self._answered.set()

    def _acknowledge(self, message: MQTTMessage) -> _Done:
        client = self._client
        assert client is not None
        return _Done(client, message.mid, message.qos)

    def _missing(self, why: str) -> InputMissing:
        return InputMissing(
            f"no broker to be used at {self.host}:{self.port}", why=why, fix="check address, port, name and password"
        )


class _Done:
    """Tells the broker that a message has been dealt with."""

    def __init__(self, client: Client, mid: int, qos: int) -> None:
        self._client, self._mid, self._qos = client, mid, qos

    def __call__(self) -> None:
        if self._qos:
            self._client.ack(self._mid, self._qos)
