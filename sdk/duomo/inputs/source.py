"""Where bytes come from: a path, a URL, a file object or memory."""

from __future__ import annotations

import http.client
import io
import os
import re
import stat
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from duomo.config import is_offline
from duomo.counting import a_type
from duomo.errors import BadInput, InputMissing, InputTooLarge, InputUnreadable, Offline
from duomo.inputs.advice import what_instead, where_instead, why_not
from duomo.inputs.limits import limits
from duomo.inputs.seal import check_unsealed

_PART = 1 << 20
"""Bytes that are read from a pipe at a time."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://|(data):[\w/+.-]*[;,]")
"""How an address begins that is not a path; a single letter is a drive of Windows."""
_LEFT = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"})
"""What Windows leaves in folders, and archivers of macOS."""


def is_hidden(name: str) -> bool:
    """Whether who names a folder does not mean this file or folder in it: ``.DS_Store``, ``._cat.jpg``, ``Thumbs.db``.

    macOS puts a file ``._cat.jpg`` beside ``cat.jpg`` on discs of others: it ends like an image, and holds none.
    """
    return name.startswith(".") or name.lower() in _LEFT


def is_url(value: object) -> bool:
    """Whether it is an http(s) address."""
    return isinstance(value, str) and value[:8].lower().startswith(("http://", "https://"))


def path_of(value: str | os.PathLike[str], what: str) -> Path:
    """Read the path that a caller names. Raises `InputMissing` for an address of a kind that is not fetched."""
    check_unsealed(f"this {what}")
    if value == "":  # as a path it would be this folder
        raise InputMissing(
            f"the path of this {what} is empty",
            why="it has no characters",
            fix="leave it out, or check where it comes from",
        )
    found = _SCHEME.match(value) if isinstance(value, str) else None
    if found is None or not isinstance(value, str):
        return Path(value)
    kind = (found[1] or found[2]).lower()
    fixes = {
        "file": f"pass the path: {value[found.end() :].removeprefix('localhost'):.200}",
        "data": "decode it and pass the bytes: base64.b64decode(text.partition(',')[2])",
    }
    raise InputMissing(
        f"no {what} file at '{value:.80}': this kind of address is not fetched",
        why=f"{what} comes from http:// and https:// addresses, not from {kind}:",
        fix=fixes.get(kind, "fetch it yourself and pass its path or bytes"),
    )


def check_file(path: Path, what: str) -> Path:
    """The path, if a readable file of allowed size lies there.

    Raises `InputMissing`, `InputUnreadable` or `InputTooLarge`.
    """
    check_unsealed(f"this {what}")
    try:
        found = path.stat()
    except FileNotFoundError:
        raise InputMissing(
            f"no {what} file at '{path}'",
            why=f"looked in {path.absolute().parent}",
            fix=where_instead(path),
        ) from None
    except (OSError, ValueError) as error:
        # ValueError: a null character in the name.
        raise InputUnreadable(
            f"cannot read '{path!s:.200}'",
            why=getattr(error, "strerror", None) or str(error),
            fix=why_not(error),
        ) from None
    if stat.S_ISDIR(found.st_mode):
        raise InputUnreadable(
            f"'{path}' is a folder, not {what}",
            why="a single item is one file",
            fix=f"name a file in it; the command line takes folders: duomo run TASK '{path}'",
        )
    if stat.S_ISREG(found.st_mode):  # a pipe or device states no size
        _check_size(path, found.st_size)
    return path


def read_file(path: Path, what: str) -> Path | bytes:
    """The path as from `check_file`; of a pipe or device its content, which can be read only once."""
    check_file(path, what)
    if path.is_file():
        return path
    content = bytearray()
    try:
        with open(path, "rb") as file:
            while len(content) <= limits().file_bytes and (part := file.read(_PART)):
                content += part
    except OSError as error:
        raise _not_read(path, error) from None
    _check_size(path, len(content))
    return bytes(content)


def take_file(value: Any, what: str, label: str) -> tuple[Any, str] | None:
    """Take a path, an address, bytes or a file object: what is to be decoded later, and its name.

    Returns:
        None for anything else.

    Raises:
        InputMissing, InputUnreadable, InputTooLarge: of what is named or given.
    """
    if is_url(value):
        check_unsealed(label)
    if isinstance(value, str | os.PathLike) and not is_url(value):
        return read_file(path_of(value, what), what), str(value)
    if isinstance(value, bytearray | memoryview):
        return bytes(value), ""  # a copy: items are read ahead, and the buffer may be filled again
    if isinstance(value, str | bytes):
        return value, name_of(value)
    return (read_object(value), name_of(value)) if hasattr(value, "read") else None


def open_source(source: Any, what: str) -> BinaryIO:
    """Open a seekable binary file for a path, URL or bytes. Raises `InputUnreadable` for one that is empty."""
    if isinstance(source, bytes | bytearray | memoryview) or is_url(source):
        content = source if isinstance(source, bytes | bytearray | memoryview) else _download(source)
        if not content:
            raise InputUnreadable(
                f"this {what} is empty", why="there are 0 bytes of it", fix="check how it was written or copied"
            )
        return io.BytesIO(content)
    if isinstance(source, str | os.PathLike):
        try:
            return open(check_file(path_of(source, what), what), "rb")
        except OSError as error:
            raise _not_read(source, error) from None
    raise BadInput(
        f"cannot read {what} from {type(source).__name__}",
        why="it is neither a file nor the name of one",
        fix="pass a path, an address or bytes",
    )


def unpack_file(value: Mapping[Any, Any], what: str, fix: str) -> tuple[Any, str]:
    """Take the file out of a row of Hugging Face datasets that was not decoded, ``{"bytes", "path"}``, and its name.

    Raises:
        BadInput: the row has neither; the message says that it is not `what`.
    """
    content, path = value.get("bytes"), value.get("path")
    if content is None and path is None:
        keys = ", ".join(map(repr, value)) or "nothing in it"
        fix = f"{what_instead(value, what)}; or {fix}" if value else fix
        raise BadInput(f"{a_type(value)} with {keys} is not {what}", why="neither 'bytes' nor 'path' is in it", fix=fix)
    return (path if content is None else content), name_of(path)


def read_object(file: Any) -> bytes:
    """All bytes of a file object; read once, since an item may be decoded more than once or sent away."""
    data = file.read()
    if not isinstance(data, bytes):
        raise BadInput(
            f"this file object gives {type(data).__name__}, not bytes",
            why="it was opened as text",
            fix='open it with mode "rb"',
        )
    if not data and hasattr(file, "seekable") and file.seekable() and file.tell() > 0:
        raise BadInput(
            "this file object is at its end",
            why="it was read or written before, and reading goes on from there",
            fix="go back to its beginning first: file.seek(0)",
        )
    return data


def name_of(source: object) -> str:
    """A short name for messages and for `Outcome.id`; empty when it has none."""
    if isinstance(source, str | os.PathLike):
        return str(source)
    name = getattr(source, "name", "")
    return name if isinstance(name, str) else ""


def memory_of(source: object) -> int:
    """Bytes that a source holds in memory, roughly."""
    if isinstance(source, bytes | bytearray):
        return len(source)
    return int(getattr(source, "nbytes", 0))


def _not_read(path: object, error: OSError) -> InputUnreadable:
    return InputUnreadable(f"cannot read '{path}'", why=error.strerror or str(error), fix="check its permissions")


def _check_size(path: Path, size: int) -> None:
    if size == 0:
        raise InputUnreadable(
            f"'{path}' is empty", why="the file has 0 bytes", fix="check how it was written or copied"
        )
    if size > limits().file_bytes:
        raise InputTooLarge(
            f"'{path}' has {size:,} bytes" if path.is_file() else f"'{path}' gives more than it may",
            why=f"the limit is {limits().file_bytes:,}",
            fix=f"duomo config set limits.file_bytes {size}"
            if path.is_file()
            else "duomo config set limits.file_bytes N",
        )


def _download(url: str) -> bytes:
    check_unsealed("this input")
    if is_offline():
        raise Offline(
            f"'{url}' needs the network",
            why="duomo is offline (--offline, DUOMO_OFFLINE or the configuration)",
            fix="fetch the file yourself and pass its path, or leave offline mode",
        )
    limit = limits().file_bytes
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:  # noqa: S310 - is_url admits http(s) only
            data: bytes = reply.read(limit + 1)
            if reply.length and len(data) <= limit:
                raise http.client.IncompleteRead(data, reply.length)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise InputUnreadable(
            f"could not fetch '{url}'", why=str(error), fix="check the address and the network"
        ) from None
    if len(data) > limit:
        raise InputTooLarge(
            f"'{url}' sends more than {limit:,} bytes",
            why="that is the limit for a file",
            fix="duomo config set limits.file_bytes N",
        )
    return data
