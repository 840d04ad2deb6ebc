"""Forms (multipart/form-data): each field once, texts in UTF-8, and none whose end is missing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, NoReturn

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from duomo.errors import BadInput, BadOption
from duomo.inputs import Audio, Image, ImageChat, Prompt, TableRow, Text, TextOrImage, Video
from duomo.serving.refusal import OtherBody
from duomo.serving.wire import BESIDE, WireLimits, check_packing, check_query, header, parse_json, read_body

if TYPE_CHECKING:
    from duomo.tasks.base import Task

PIECE = 64 * 1024
"""Bytes that are parsed before others have their turn."""
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^;"]*)"?', re.IGNORECASE)
_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})
"""Content-Transfer-Encoding of parts that are what they are."""


def is_form(request: Request) -> bool:
    """Whether the body says that it is a form."""
    return header(request, b"content-type").partition(";")[0].strip().lower() == "multipart/form-data"


async def read_form(request: Request, limits: WireLimits) -> dict[str, str | bytes]:
    """Read a form: the texts of its fields and the bytes of its files, by their names.

    Raises:
        BadInput: it has no end, names a field twice, or a text is not UTF-8.
        OtherBody: it is not a form, or packed.
        BadOption: the address ends with what means nothing.
        InputTooLarge: it is longer than allowed.
    """
    check_query(request)
    check_packing(request)
    given = header(request, b"content-type")
    if not is_form(request):
        raise OtherBody(
            f"a body of type '{given.partition(';')[0]:.40}' is not understood",
            "this route takes a form",
            "curl -F file=@call.wav -F model=any …",
            {"accept": "multipart/form-data"},
        )
    charset = _CHARSET.search(given)
    if charset is not None and charset[1].strip().lower() not in ("utf-8", "utf8"):
        _refuse(f"its charset is '{charset[1]:.40}', and texts of forms are UTF-8")
    # Latin-1 keeps each byte. By itself the parser takes a text for Latin-1 where it is not UTF-8.
    head = Headers(raw=[(b"content-type", f"{_CHARSET.sub('', given)}; charset=latin-1".encode("latin-1"))])
    content = await read_body(request, limits.body_bytes)
    parser = _Parser(
        head,
        _pieces(content),
        max_files=limits.form_parts,
        max_fields=limits.form_parts,
        max_part_size=limits.body_bytes,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        _refuse(error.message.rstrip("."))
    try:
        if not parser.has_ended:
            _refuse("its last boundary is missing, so that it may have been cut off")
        return {_text(name): await _value(_text(name), part) for name, part in _once(form.multi_items())}
    finally:
        await form.close()


def task_body(fields: dict[str, str | bytes], task: type[Task[Any, Any, Any]], limits: WireLimits) -> dict[str, Any]:
    """Make of a form what the same request has as JSON: files and texts are the input, lists and ``options`` are JSON.

    Raises:
        BadInput: the options or a list are not JSON.
        BadOption: an option is a field of its own, and would be left out.
    """
    rest = dict(fields)
    body: dict[str, Any] = {"options": _json("options", rest.pop("options", "{}"), limits)}
    body.update({name: rest.pop(name) for name in BESIDE if name in rest})
    parts = getattr(task.Input, "WIRE", {})
    for name in rest:
        if name in task.Options.model_fields and name not in parts:
            raise BadOption(
                f"the form has a field '{name}', which is an option",
                why="options of a form are JSON in one field",
                fix=f"-F 'options={{\"{name}\": …}}'",
            )
    [(name, value), *others] = rest.items() or [("", "")]
    is_whole = not others and (isinstance(value, bytes) or name in ("input", ""))
    is_text = not parts and not issubclass(task.Input, TableRow)
    if is_whole and isinstance(value, str) and not is_text and value.lstrip()[:1] in ("{", "["):
        return {"input": _json(name, value, limits), **body}
    written = {name for name, kind in parts.items() if is_json(kind)}
    written |= {"messages"} if issubclass(task.Input, Prompt | ImageChat) else set()
    whole = {name: _json(name, each, limits) if name in written else each for name, each in rest.items()}
    return {"input": value if is_whole else whole, **body}


def is_json(kind: object) -> bool:
    """Whether a part of an input is neither a text nor a file: lists of texts or numbers, tables."""
    return not (isinstance(kind, type) and issubclass(kind, Text | Prompt | TextOrImage | Image | Audio | Video))


def _json(name: str, given: str | bytes, limits: WireLimits) -> object:
    try:
        return parse_json(given, limits.json_depth)
    except BadInput as error:
        raise BadInput(
            f"the field '{name}' of the form is not valid JSON", why=error.why or error.what, fix=f"-F '{name}=…'"
        ) from None


class _Parser(MultiPartParser):
    has_ended = False

    def on_end(self) -> None:
        self.has_ended = True


async def _pieces(content: bytes) -> AsyncGenerator[bytes, None]:
    for at in range(0, len(content), PIECE):
        yield content[at : at + PIECE]
        await asyncio.sleep(0)  # by itself the parser waits for nothing


def _once(parts: list[tuple[str, UploadFile | str]]) -> list[tuple[str, UploadFile | str]]:
    names = [name for name, _ in parts]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        _refuse(f"'{_text(twice):.40}' comes twice, and only one of them would count")
    return parts


async def _value(name: str, part: UploadFile | str) -> str | bytes:
    if isinstance(part, str):
        return _text(part)
    encoding = part.headers.get("content-transfer-encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        _refuse(f"the part '{name:.40}' is encoded by '{encoding:.40}', and files are sent as they are")
    return await part.read()


def _text(given: str) -> str:
    try:
        return given.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        _refuse(f"a text of it is not UTF-8: {given[:40]!r}")


def _refuse(why: str) -> NoReturn:
    raise BadInput("the form cannot be read", why=why, fix="curl -F image=@cat.png …")
