"""How live sources are written, on the command line and in `open`.

mic:  mic:NAME            the microphone; ?seconds=2 for the length of an item
tail:PATH                 a file that grows, an item a line
folder:PATH               a folder that fills; ?settle=10
rtsp://…  rtsps://…       a camera
video:PATH                a video file, at its own pace; ?speed=0 as fast as it is read
growing:PATH              a WAV file that is still being written; ?seconds=1&idle=10 ends it when it rests so long
recording:PATH            an audio clip as if it were a microphone; ?seconds=2&speed=4
mqtt://HOST:PORT/TOPIC    a broker; mqtts: encrypted; ?qos=1&id=NAME; user:password@ before the host
ws://…  wss://…           a websocket
"""

from __future__ import annotations

import math
from collections.abc import Callable
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from duomo.config import is_offline
from duomo.errors import Offline, UsageProblem, did_you_mean
from duomo.inputs.live.broker import Mqtt
from duomo.inputs.live.camera import Camera
from duomo.inputs.live.feed import Feed, every_of
from duomo.inputs.live.files import SETTLE_S, Folder, Tail
from duomo.inputs.live.growing import Growing
from duomo.inputs.live.reader import Reader
from duomo.inputs.live.socket import WebSocket
from duomo.inputs.live.sound import Microphone, Recording

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def open(*sources: str | Reader, drop: str = "all", suffixes: tuple[str, ...] = ()) -> Feed:
    """Open live sources as one feed.

    Args:
        sources: as the module describes, or readers.
        drop: ``latest``, ``all`` or ``every=N``: what becomes of items that come faster than they are computed.
        suffixes: endings of files that count in a folder.

    Raises:
        UsageProblem: a source that is not written in one of these ways.
        InputMissing: a source that is not there.
    """
    if not sources:
        raise UsageProblem(
            "no live source is named", why="there is nothing to read from", fix=f"one of {', '.join(KINDS)}"
        )
    every_of(drop)
    readers = [reader_of(each, suffixes, drop) if isinstance(each, str) else each for each in sources]
    return Feed(readers, drop).open()


def reader_of(source: str, suffixes: tuple[str, ...] = (), drop: str = "all") -> Reader:
    """Make the reader of a source. Raises `UsageProblem` or `Offline`."""
    kind, colon, rest = source.partition(":")
    make = KINDS.get(kind)
    if make is None or not colon:
        near = did_you_mean(kind, KINDS)
        raise UsageProblem(
            f"'{source}' is not a live source",
            why=near or "it begins with none of the kinds",
            fix=f"{', '.join(f'{each}:' for each in KINDS)}; a file is an ordinary input",
        )
    if rest.startswith("//"):
        try:
            address = urlsplit(source.replace("#", "%23"))  # a wildcard of MQTT, and no fragment
            _ = address.port
        except ValueError as error:
            raise UsageProblem(f"'{source}' is not an address", why=str(error), fix=f"{kind}://HOST:PORT/…") from None
        if is_offline() and address.hostname and address.hostname not in LOOPBACK:
            raise Offline(f"'{source}' needs the network", why="duomo is offline", fix="leave offline mode")
        return make(source, address, _settings(kind, address.query), suffixes, drop)
    path, _, query = rest.partition("?")
    return make(path, None, _settings(kind, query), suffixes, drop)


Make = Callable[[str, SplitResult | None, dict[str, str], tuple[str, ...], str], Reader]


def _settings(kind: str, query: str) -> dict[str, str]:
    if kind not in SETTINGS:
        return {}
    found, known = dict(parse_qsl(query, keep_blank_values=True)), SETTINGS[kind]
    for name in found.keys() - set(known):
        raise UsageProblem(
            f"'{kind}:' has no setting '{name}'",
            why=did_you_mean(name, known) or f"what stands behind ? is one of: {', '.join(known) or 'none'}",
            fix=f"?{known[0]}=…" if known else "a path with a ? in it: link to it by another name",
        )
    return found


def _number(settings: dict[str, str], name: str, usual: float) -> float:
    try:
        number = float(settings.get(name, usual))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageProblem(
            f"'{name}={settings[name]}' is not a number",
            why="it stands for seconds or a rate",
            fix=f"?{name}={usual:g}",
        )
    return number


def _microphone(name: str, _address: object, settings: dict[str, str], _suffixes: object, _drop: str) -> Reader:
    return Microphone(name or None, seconds=_number(settings, "seconds", 1.0))


def _tail(path: str, _address: object, _settings: object, _suffixes: object, _drop: str) -> Reader:
    return Tail(path)


def _folder(path: str, _address: object, settings: dict[str, str], suffixes: tuple[str, ...], _drop: str) -> Reader:
    return Folder(path, suffixes=suffixes, settle_s=_number(settings, "settle", SETTLE_S))


def _camera(source: str, _address: object, _settings: object, _suffixes: object, _drop: str) -> Reader:
    return Camera(source)


def _video(path: str, _address: object, settings: dict[str, str], _suffixes: object, drop: str) -> Reader:
    # Where nothing is dropped there is nothing to keep pace for.
    return Camera(path, speed=_number(settings, "speed", 1.0 if drop == "latest" else 0.0))


def _recording(path: str, _address: object, settings: dict[str, str], _suffixes: object, drop: str) -> Reader:
    speed = _number(settings, "speed", 1.0 if drop == "latest" else 0.0)
    return Recording(path, seconds=_number(settings, "seconds", 1.0), speed=speed)


def _growing(path: str, _address: object, settings: dict[str, str], _suffixes: object, _drop: str) -> Reader:
    return Growing(path, seconds=_number(settings, "seconds", 0.5), idle_s=_number(settings, "idle", 0.0))


def _mqtt(source: str, address: SplitResult | None, settings: dict[str, str], _suffixes: object, _drop: str) -> Reader:
    if address is None or not address.hostname:
        raise UsageProblem(f"'{source}' names no broker", why="it has no host", fix="mqtt://HOST/TOPIC")
    is_tls = address.scheme == "mqtts"
    topic = unquote(address.path.removeprefix("/"))
    return Mqtt(
        address.hostname,
        topic,
        port=address.port or (8883 if is_tls else 1883),
        username=unquote(address.username) if address.username else None,
        password=unquote(address.password) if address.password else None,
        qos=int(_number(settings, "qos", 1)),
        client_id=settings.get("id", ""),
        tls=is_tls,
    )


def _websocket(source: str, _address: object, _settings: object, _suffixes: object, _drop: str) -> Reader:
    return WebSocket(source)


KINDS: dict[str, Make] = {
    "mic": _microphone,
    "tail": _tail,
    "folder": _folder,
    "rtsp": _camera,
    "rtsps": _camera,
    "video": _video,
    "growing": _growing,
    "recording": _recording,
    "mqtt": _mqtt,
    "mqtts": _mqtt,
    "ws": _websocket,
    "wss": _websocket,
}
"""By what a source begins with."""
SETTINGS: dict[str, tuple[str, ...]] = {
    "mic": ("seconds",),
    "tail": (),
    "folder": ("settle",),
    "video": ("speed",),
    "growing": ("seconds", "idle"),
    "recording": ("seconds", "speed"),
    "mqtt": ("qos", "id"),
    "mqtts": ("qos", "id"),
}
"""What may stand behind a ``?``; of the other kinds it is for the camera or the server."""
