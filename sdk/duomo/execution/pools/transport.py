"""Messages between driver and worker: small ones by a pipe, big ones by memory that both have mapped."""

from __future__ import annotations

import mmap
import os
import pickle
import struct
import sys
import tempfile
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

BIG = 64 * 1024
"""Bytes from which a message goes by a slot: two that are smaller fit a pipe's buffer, and block no sender."""
KINDS = ("batch", "stream", "cancel", "ready", "failed", "done", "raised", "part")
COUNTED = frozenset({"batch", "stream", "done", "raised"})
"""Kinds of which a channel holds no more unanswered ones than it has slots."""
_HEAD = struct.Struct("<BqiI")
"""Kind, ticket, slot (-1: none) and number of parts; the lengths of the parts follow."""
_PAGE = 2**20
"""Slots grow by this, so that messages of about one size need not map them again."""


class Message(NamedTuple):
    """One thing said, by either side."""

    kind: str
    ticket: int = -1
    body: Any = None
    unreadable: Exception | None = None
    """Why there is no body: what was sent cannot be built on this side."""


class Slot:
    """Memory that two processes share. It has no name, so nothing is left of it when both are gone."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._map: mmap.mmap | None = None
        self.descriptor = -1
        self.descriptor = _nameless_file() if descriptor is None else descriptor

    def write(self, parts: list[Any]) -> None:
        """Put bytes one behind the other; the memory grows to the largest message so far."""
        size = sum(len(part) for part in parts)
        if self._map is None or len(self._map) < size:
            size = -(-size // _PAGE) * _PAGE
            os.ftruncate(self.descriptor, size)
            self._remap(size)
        assert self._map is not None
        at = 0
        for part in parts:
            self._map[at : at + len(part)] = part
            at += len(part)

    def read(self, lengths: list[int]) -> list[bytearray]:
        """Copies of the parts: the other side may write again as soon as this returns."""
        size = sum(lengths)
        if self._map is None or len(self._map) < size:
            self._remap(size)
        assert self._map is not None
        parts, at = [], 0
        with memoryview(self._map) as view:
            for length in lengths:
                parts.append(bytearray(view[at : at + length]))
                at += length
        return parts

    def close(self) -> None:
        """Give the memory back."""
        if self._map is not None:
            self._map.close()
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()  # nobody closes those that were made before descriptors ran out

    def _remap(self, size: int) -> None:
        if self._map is not None:
            self._map.close()
        self._map = mmap.mmap(self.descriptor, size)


class Channel:
    """One end of a conversation.

    The n-th counted message in a direction lies in slot n modulo their number, if it is big: the
    sender must not have more of them unanswered than there are slots, and answers come in order.
    """

    def __init__(self, pipe: Connection, outgoing: list[Slot], incoming: list[Slot]) -> None:
        self.pipe = pipe
        self._outgoing = outgoing
        self._incoming = incoming
        self._num_sent = 0
        self.bytes_moved = 0

    def send(self, kind: str, ticket: int = -1, body: object = None) -> None:
        """Send anything that can be pickled; arrays in it are not copied on the way into memory."""
        buffers: list[pickle.PickleBuffer] = []
        stream = pickle.dumps(body, protocol=5, buffer_callback=buffers.append)
        parts: list[Any] = [stream, *(buffer.raw() for buffer in buffers)]
        lengths = [len(part) for part in parts]
        slot = -1
        if kind in COUNTED and self._outgoing:
            if sum(lengths) >= BIG:
                slot = self._num_sent % len(self._outgoing)
                self._outgoing[slot].write(parts)
                parts = []
            self._num_sent += 1
        head = _HEAD.pack(KINDS.index(kind), ticket, slot, len(lengths))
        self.pipe.send_bytes(b"".join((head, struct.pack(f"<{len(lengths)}Q", *lengths), *parts)))
        self.bytes_moved += sum(lengths)

    def recv(self) -> Message:
        """Read the next message; raises `EOFError` when the other side is gone."""
        frame = memoryview(self.pipe.recv_bytes())
        kind, ticket, slot, num = _HEAD.unpack_from(frame)
        lengths = list(struct.unpack_from(f"<{num}Q", frame, _HEAD.size))
        self.bytes_moved += sum(lengths)
        parts: list[Any]
        if slot >= 0:
            parts = list(self._incoming[slot].read(lengths))
        else:
            parts, at = [], _HEAD.size + 8 * num
            for length in lengths:
                # Arrays must be writable, as they were when they were sent.
                parts.append(bytearray(frame[at : at + length]) if parts else frame[at : at + length])
                at += length
        try:
            body = pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301 - from a process of our own
        except Exception as error:  # a class that is not there, or code of its own that fails
            return Message(KINDS[kind], ticket, unreadable=error)
        return Message(KINDS[kind], ticket, body)

    def close(self) -> None:
        """Hang up."""
        self.pipe.close()
        for slot in (*self._outgoing, *self._incoming):
            slot.close()
        self._outgoing, self._incoming = [], []


def new_slots(count: int) -> list[Slot]:
    """Slots for one direction; none where file descriptors cannot be handed on."""
    return [] if sys.platform == "win32" else [Slot() for _ in range(count)]


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("duomo", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
