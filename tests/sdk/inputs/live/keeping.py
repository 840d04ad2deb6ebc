"""A small MQTT 3.1.1 broker that keeps what was not acknowledged in a file: ``python keeping.py PORT FILE``.

The broker of the other tests forgets it. Messages of quality 1 and filters that end in ``/#`` only.
"""

import asyncio
import base64
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PING, DISCONNECT = 1, 3, 4, 8, 12, 14


class Keeping:
    def __init__(self, path):
        self.path = path
        self.state: dict[str, Any] = {"filters": {}, "kept": {}, "last": 0}
        if path.exists():
            self.state = json.loads(path.read_text())
        self.online = {}

    def save(self):
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.state))
        os.replace(part, self.path)

    def deliver(self, client, message):
        writer = self.online.get(client)
        if writer is not None:
            topic = message["topic"].encode()
            body = len(topic).to_bytes(2, "big") + topic + message["mid"].to_bytes(2, "big")
            again, message["sent"] = message["sent"], True
            self.save()  # before it is sent: a message that may have arrived is marked when it is sent again
            writer.write(packet(PUBLISH, body + base64.b64decode(message["payload"]), 2 | again << 3))

    async def serve(self, reader, writer):
        client = ""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, body = await read(reader)
                if kind == CONNECT:
                    client, is_clean = text(body, 10)[0], bool(body[7] & 2)
                    if is_clean:
                        self.state["filters"].pop(client, None)
                        self.state["kept"].pop(client, None)
                    is_known = client in self.state["filters"]
                    writer.write(packet(2, bytes([is_known, 0])))
                    self.online[client] = writer
                    for message in self.state["kept"].get(client, []):
                        self.deliver(client, message)
                elif kind == SUBSCRIBE:
                    self.state["filters"][client] = text(body, 2)[0].removesuffix("/#")
                    self.state["kept"].setdefault(client, [])
                    self.save()
                    writer.write(packet(9, body[:2] + b"\x01"))
                elif kind == PUBLISH:
                    topic, at = text(body, 0)
                    payload = base64.b64encode(body[at + 2 :]).decode()
                    for name, prefix in self.state["filters"].items():
                        if topic.startswith(prefix):
                            self.state["last"] += 1
                            message = {"mid": self.state["last"], "topic": topic, "payload": payload, "sent": False}
                            self.state["kept"][name].append(message)
                            self.save()
                            self.deliver(name, message)
                    writer.write(packet(PUBACK, body[at : at + 2]))
                elif kind == PUBACK:
                    mid = int.from_bytes(body[:2], "big")
                    kept = self.state["kept"][client]
                    self.state["kept"][client] = [each for each in kept if each["mid"] != mid]
                    self.save()
                elif kind == PING:
                    writer.write(packet(13, b""))
                elif kind == DISCONNECT:
                    break
        if self.online.get(client) is writer:
            del self.online[client]
        writer.close()


def packet(kind, body, flags=0):
    size, rest = b"", len(body)
    while True:
        rest, low = rest >> 7, rest & 127
        size += bytes([low | (128 if rest else 0)])
        if not rest:
            return bytes([kind << 4 | flags]) + size + body


async def read(reader):
    kind = (await reader.readexactly(1))[0] >> 4
    size = shift = 0
    while True:
        [byte] = await reader.readexactly(1)
        size, shift = size | (byte & 127) << shift, shift + 7
        if byte < 128:
            return kind, await reader.readexactly(size)


def text(body, at):
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    return body[at + 2 : end].decode(), end


async def main():
    server = await asyncio.start_server(Keeping(Path(sys.argv[2])).serve, "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
