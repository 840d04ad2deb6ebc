"""From a request's body to what `Task.Input.accept` takes: bytes in the place of files, never a path or an address.

In JSON an image or an audio clip is ``data:image/png;base64,…``. In a form (multipart/form-data) it is a file part.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import typing
from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.requests import ClientDisconnect, HTTPConnection, Request

from duomo.errors import BadInput, BadOption, InputTooLarge
from duomo.inputs import Audio, Image, ImageChat, MarkedImage, TableRow, TextOrImage, Video
from duomo.serving.refusal import OtherBody

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

MEDIA_KEYS = frozenset({"image", "audio", "image_pair", "audio_pair", "trimap", "video"})
"""Keys of an input under which bytes are expected, whatever the task."""


MOST_INNER = 200_000
"""Lists and objects of one body: many empty ones fit into a small one, and take seconds and fifty times its memory."""
_TEXT = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A text of JSON, also one without an end: none is begun again in the middle of another."""
BESIDE = ("options", "deadline_s", "model")
"""What a request for a task may have beside its input."""


class WireLimits(NamedTuple):
    """What one request may ask for."""

    body_bytes: int = 32 * 1024**2
    """Bytes of a body, counted while it is read."""
    items: int = 1000
    """Items of one request."""
    json_depth: int = 32
    """Nesting of lists and objects."""
    form_parts: int = 64
    """Files and fields of a form."""

    def check_items(self, count: int) -> None:
        """Raise `InputTooLarge` where a request has more items than it may."""
        if count > self.items:
            raise InputTooLarge(
                f"the request has {count:,} items",
                why=f"the limit is {self.items:,}",
                fix="send them in several requests",
            )


async def read_body(request: Request, limit: int) -> bytes:
    """Read a body, counting. Raises `InputTooLarge` as soon as it is longer than `limit` bytes."""
    declared = header(request, b"content-length")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(int(declared), limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(size, limit)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def header(request: HTTPConnection, name: bytes) -> str:
    """Return a header, whose name is in small letters; empty where there is none.

    Starlette's own mapping encodes the name and raises an exception on the way to that.
    """
    for key, value in request.scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return ""


def check_packing(request: Request) -> None:
    """Raise `OtherBody` for one that is compressed, on its way or in itself."""
    on_its_way = header(request, b"transfer-encoding").lower()
    for packed in (header(request, b"content-encoding"), "" if on_its_way == "chunked" else on_its_way):
        if packed.lower() not in ("", "identity"):
            raise OtherBody(
                f"the body is packed by '{packed:.40}'",
                "nothing is unpacked here: a small body could become a large one",
                "send it as it is, without Content-Encoding",
                {"accept-encoding": "identity"},
            )


def check_query(request: HTTPConnection, orders: Collection[str] = ()) -> None:
    """Check what stands behind the ``?`` of an address: what is not known would be left out without a word.

    Args:
        request: or a websocket.
        orders: what ``order`` may be; none where there is no order.

    Raises:
        BadOption: a name or a value means nothing, or a name comes twice.
    """
    if not request.scope["query_string"]:
        return
    given = request.query_params.multi_items()
    for name, value in given:
        if name != "order" or value not in orders or len(given) > 1:
            said = " or ".join(f"?order={each}" for each in orders) or "nothing"
            raise BadOption(
                f"the address ends with an unknown '{name:.40}={value:.40}'",
                why=f"it may end with {said}",
                fix="options go into the body",
            )


async def read_request(request: Request, limits: WireLimits, orders: Collection[str] = ()) -> dict[str, Any]:
    """Read a request as one object with ``input`` or ``items``, and ``options``.

    Raises:
        BadInput: the body is not JSON, or nests deeper than allowed.
        OtherBody: it is of another type, or packed.
        BadOption: the address ends with what means nothing; ``order`` may be one of `orders`.
        InputTooLarge: it is longer than allowed.
    """
    check_query(request, orders)
    given = header(request, b"content-type") or "application/json"
    kind = given.partition(";")[0].strip().lower()
    check_packing(request)
    if kind not in ("application/json", "text/json"):
        raise OtherBody(
            f"a body of type '{kind:.40}' is not understood",
            "this route takes application/json; the one of a task takes multipart/form-data, too",
            'Content-Type: application/json, and {"input": …, "options": {…}}',
            {"accept": "application/json"},
        )
    body = parse_json(await read_body(request, limits.body_bytes), limits.json_depth)
    if not isinstance(body, dict):
        raise BadInput("the body is not a JSON object", fix='{"input": …, "options": {…}}')
    return body


def parse_json(text: bytes | str, depth: int) -> object:
    """Parse JSON of bounded nesting.

    Raises:
        BadInput: it is none, or nests deeper.
        InputTooLarge: it has more than `MOST_INNER` lists and objects.
    """
    _check_inner(text)
    try:
        value = _DECODER.decode(
            text if isinstance(text, str) else text.decode(json.detect_encoding(text), "surrogatepass")
        )
    except (ValueError, RecursionError) as error:
        what = str(error).partition("; use sys.")[0] if isinstance(error, ValueError) else "it nests too deeply"
        raise BadInput("the body is not valid JSON", why=what, fix="check it with a JSON linter") from None
    level: list[Any] = [value]
    for _ in range(depth):
        level = [inner for each in level for inner in _inside(each) if isinstance(inner, dict | list)]
        if not level:
            return value
    raise BadInput(f"the JSON nests deeper than {depth} levels", fix="send it flatter")


def _check_inner(text: bytes | str) -> None:
    opening = ("[", "{") if isinstance(text, str) else (b"[", b"{")
    if sum(map(text.count, opening)) <= MOST_INNER:  # type: ignore[arg-type]  # both are of its type
        return
    whole = text if isinstance(text, str) else text.decode(json.detect_encoding(text), "replace")
    num = sum(map(_TEXT.sub("", whole).count, "[{"))
    if num > MOST_INNER:
        raise InputTooLarge(
            f"the JSON has {num:,} lists and objects",
            why=f"the limit is {MOST_INNER:,}: they take time and memory whatever is in them",
            fix="send fewer items at once",
        )


def to_item(value: object, input_class: type[Any]) -> object:
    """Put bytes in the place of ``data:`` texts, where an input of this class expects an image or an audio clip."""
    if issubclass(input_class, Image | Audio | Video):
        return _media(value)
    if issubclass(input_class, TableRow):
        return value  # a column may have any name
    if issubclass(input_class, ImageChat) and isinstance(value, list | Mapping):
        return _chat(value)
    if issubclass(input_class, MarkedImage) and isinstance(value, str):
        return _media(value)
    if issubclass(input_class, TextOrImage) and isinstance(value, str) and value.startswith("data:"):
        return _media(value)
    if isinstance(value, Mapping):
        return {key: _media(each) if key in MEDIA_KEYS else each for key, each in value.items()}
    if isinstance(value, list):
        parts = [hint for name, hint in _hints(input_class).items() if name != "name"]
        are_media = [isinstance(part, type) and issubclass(part, Image | Audio) for part in parts]
        if any(are_media) and len(value) == len(parts):
            return [_media(each) if media else each for each, media in zip(value, are_media, strict=True)]
    return value


def to_options(value: object) -> dict[str, Any]:
    """Check that options are an object, and put bytes in the place of ``data:`` texts."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadInput("options are not a JSON object", fix='"options": {"top_k": 3}')
    return {key: [_decoded(each) for each in inner] if isinstance(inner, list) else _decoded(inner)
            for key, inner in value.items()}  # fmt: skip


def to_record(value: object) -> object:
    """Put bytes in the place of ``data:`` texts of an adapter's record, however deep in its columns."""
    if isinstance(value, dict):
        return {key: to_record(each) for key, each in value.items()}
    return [to_record(each) for each in value] if isinstance(value, list) else _decoded(value)


def _chat(value: object) -> object:
    """Put bytes in the place of ``data:`` texts wherever a chat shows an image, however deep."""
    if isinstance(value, Mapping):
        return {key: _pictures(each) if key == "image" else _chat(each) for key, each in value.items()}
    return [_chat(each) for each in value] if isinstance(value, list) else value


def _pictures(value: object) -> object:
    return [_media(each) for each in value] if isinstance(value, list) else _media(value)


def _media(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _media(each) if key in MEDIA_KEYS else each for key, each in value.items()}
    if isinstance(value, str):
        decoded = _decoded(value)
        if decoded is value:
            raise BadInput(
                "an image or an audio clip is sent as bytes",
                why=f"'{value[:40]}' is neither a data: text with base64 nor a file part",
                fix="data:image/png;base64,… in JSON, or a form with a file part",
            )
        return decoded
    return value


def _decoded(value: object) -> object:
    """Decode a ``data:…;base64,…`` text (RFC 2397) to bytes; anything else is returned as it is."""
    if not isinstance(value, str) or not value.startswith("data:"):
        return value
    head, comma, content = value.partition(",")
    if not comma or not head.endswith(";base64"):
        return value
    return decode_base64(content)


def decode_base64(content: str) -> bytes:
    """Decode base64. Raises `BadInput` where it is damaged."""
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(
            "the base64 of a file is damaged", why=str(error), fix="base64 of RFC 4648, padded, on one line"
        ) from None


def _hints(input_class: type[Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(input_class)
    except (NameError, TypeError):  # a stranger's class may name types that are not there at run time
        return {}


def _inside(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its parts; of a name that comes twice, other readers of the same body may take the other."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"'{name:.40}' comes twice in one object")
    return found


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_once)


def _too_large(size: int, limit: int) -> InputTooLarge:
    sent = f"{size:,} bytes" if size >= 0 else "an unknown number of bytes"
    return InputTooLarge(f"the body has {sent}", why=f"the limit is {limit:,}", fix="send fewer or smaller items")
