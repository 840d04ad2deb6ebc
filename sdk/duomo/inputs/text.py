"""Text, and prompts for generation."""

from __future__ import annotations

import codecs
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from duomo.brief import Short
from duomo.errors import BadInput, InputTooLarge, InputUnreadable
from duomo.inputs.advice import not_one
from duomo.inputs.limits import limits
from duomo.inputs.signatures import by_command
from duomo.inputs.source import name_of, read_file

BLANKS = (
    "".join(each for each in map(chr, range(0x3001)) if each.isspace())
    + "\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    + "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u3164\ufe0e\ufe0f\ufeff"
)
"""White space, and signs that are not seen, such as those that web pages break words at."""
_HEAD = 4096
"""Bytes in which a file that is not a text has a zero."""


class Text(str):
    """A text. A ``str`` is the text itself; a ``Path`` is a UTF-8 file; bytes are UTF-8."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, text: str = "", name: str = "") -> Self:
        """A text, and the path of the file it is from."""
        self = super().__new__(cls, text)
        self.name = name
        return self

    @property
    def nbytes(self) -> int:
        """Roughly what it holds in memory."""
        return len(self)

    @classmethod
    def accept(cls, value: object) -> Self:
        """Take a str, bytes, `pathlib.Path`, text file object, a mapping with key ``text``, or a result with a text."""
        if isinstance(value, cls):
            return value
        name = ""
        if not isinstance(value, str):
            name = name_of(value)
            value = _read(value)
        if not value.strip():
            raise _empty("this text is empty")
        if len(value) > limits().text_chars:
            raise _too_long(len(value), "characters")
        if not value.isascii():
            _check_characters(value)
            if not value.strip(BLANKS):
                raise _empty("this text is empty", "there is nothing but white space and signs that are not seen")
        return cls(value, name)


def _too_long(size: int, unit: str) -> InputTooLarge:
    return InputTooLarge(
        f"this text has {size:,} {unit}",
        why=f"the limit is {limits().text_chars:,} characters",
        fix=f"cut it up, or: duomo config set limits.text_chars {size}",
    )


def _check_characters(text: str) -> None:
    """Refuse what Python takes for text and nothing else does: it could be neither tokenized nor written as JSON."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputUnreadable(
            "this text holds half a character",
            why=f"{text[error.start]!a} at position {error.start} is a surrogate without its other half",
            fix='text.encode("utf-8", "replace").decode() puts ? in its place',
        ) from None


def _read(value: object) -> str:
    if isinstance(value, Mapping) and "text" in value:
        return _read(value["text"])
    name, source = name_of(value), value
    text = getattr(value, "text", None)
    if hasattr(value, "model_dump") and isinstance(text, str):
        return text
    if isinstance(value, os.PathLike):
        found = read_file(Path(value), "text")
        size = len(found) if isinstance(found, bytes) else found.stat().st_size
        # A character has at most 4 bytes; one more is for a byte order mark.
        if size > 4 * limits().text_chars + 4:
            raise _too_long(size, "bytes")
        value = found if isinstance(found, bytes) else found.read_bytes()
    elif hasattr(value, "read"):
        value = value.read()
    if isinstance(value, bytes | bytearray):
        try:
            decoded = bytes(value).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise _not_utf8(bytes(value), error, name, source) from None
        if 3 * decoded.count("\0") > len(decoded):
            raise InputUnreadable(
                f"'{name}' is not UTF-8" if name else "this text is not UTF-8",
                why="more than a third of its bytes are zero, as in UTF-16 without a byte order mark",
                fix="convert it: iconv -f utf-16le -t utf-8 in.txt > out.txt",
            )
        return decoded
    if isinstance(value, str):
        return value
    raise not_one("a text", value, "a str, UTF-8 bytes, a pathlib.Path or a file object")


def _empty(what: str, why: str = "there is nothing but white space in it") -> InputUnreadable:
    return InputUnreadable(what, why=why, fix="leave it out")


def _not_utf8(content: bytes, error: UnicodeDecodeError, name: str, source: object) -> InputUnreadable:
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    is_text = is_utf16 or b"\0" not in content[:_HEAD]
    return InputUnreadable(
        f"'{name}' is not UTF-8" if name else "this text is not UTF-8",
        why=f"byte {error.object[error.start]:#04x} at position {error.start} cannot be decoded"
        + ("" if is_text else ", and it holds zero bytes, as no text does"),
        fix=f"convert it: iconv -f {'utf-16' if is_utf16 else 'latin1'} -t utf-8 in.txt > out.txt"
        if is_text
        else f"check what it really holds: {by_command('file', source)}",
    )


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Prompt(Short):
    """What a language model goes on from: chat messages."""

    messages: tuple[dict[str, str], ...]
    text: str = ""
    """The prompt as plain text, when it was given so."""
    name: str = ""
    max_new_tokens: int | None = None
    """Fewer tokens than the option of that name allows."""

    @classmethod
    def accept(cls, value: object) -> Prompt:
        """Take whatever `Text` takes (one user message), or a list of ``{"role", "content"}`` messages.

        A mapping with key ``text`` or ``messages`` may say its own ``max_new_tokens``.
        """
        if isinstance(value, Prompt):
            return value
        budget = None
        if isinstance(value, Mapping):
            budget = _budget(value.get("max_new_tokens"))
            value = value.get("messages", value)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
            messages = tuple(_message(each) for each in value) or _no_messages()
            if not any(message["content"].strip(BLANKS) for message in messages):
                raise _empty("the messages of this chat are empty")
            return cls(messages, max_new_tokens=budget)
        text = Text.accept(value)
        return cls(({"role": "user", "content": str(text)},), str(text), text.name, budget)


def _budget(value: object) -> int | None:
    if value is not None and (type(value) is not int or value < 1):
        raise BadInput(
            f"max_new_tokens of a prompt cannot be {value!r:.80}",
            why="it counts tokens",
            fix="an int of at least 1, or leave it out",
        )
    return value


def _message(value: object) -> dict[str, str]:
    roles = ("system", "user", "assistant")
    if not isinstance(value, Mapping) or not isinstance(value.get("content"), str) or value.get("role") not in roles:
        raise BadInput(
            f"not a chat message: {value!r:.80}",
            why="a message is a dict with a role (system, user or assistant) and a content (a str)",
            fix='[{"role": "user", "content": "Hello!"}]',
        )
    content = value["content"]
    if len(content) > limits().text_chars:
        raise _too_long(len(content), "characters")
    if not content.isascii():
        _check_characters(content)
    return {"role": value["role"], "content": content}


def _no_messages() -> tuple[dict[str, str], ...]:
    raise BadInput(
        "there are no messages in this chat", why="its length is zero", fix='[{"role": "user", "content": "Hello!"}]'
    )
