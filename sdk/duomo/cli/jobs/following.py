"""The live sources of a job: opened, their messages made into what the task takes, and what was seen of them."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from duomo.counting import counted
from duomo.data.rows import parse_json
from duomo.errors import BadInput, DuomoError
from duomo.inputs import Audio, Image, TextOrImage
from duomo.inputs.text import Text
from duomo.outcome import Meta
from duomo.writers.columns import dig

if TYPE_CHECKING:
    from duomo.inputs.live.feed import Feed
    from duomo.inputs.live.reader import Arrival

Decode = Callable[[object], object]
AGES = 10_000
"""Ages that the summary is made of: those of the last outcomes."""


class LiveInput:
    """What ``--live`` names.

    Args:
        sources: as `duomo.inputs.live.addresses` describes.
        drop: the policy for what comes faster than it is computed.
        suffixes: endings of files that count in folders.
        decode: from a message to what the task or adapter takes.
    """

    def __init__(self, sources: Sequence[str], drop: str, suffixes: tuple[str, ...], decode: Decode) -> None:
        from duomo.inputs.live.addresses import reader_of
        from duomo.inputs.live.feed import Feed

        self.feed: Feed = Feed([reader_of(each, suffixes, drop) for each in sources], drop)
        self._decode = decode
        self._ages: collections.deque[float] = collections.deque(maxlen=AGES)

    def arrivals(self, stack: ExitStack) -> Iterator[Arrival | None]:
        """Open the sources, to be closed with `stack`, and give what comes."""
        feed = stack.enter_context(self.feed)
        return (each if each is None else each._replace(value=self._decoded(each.value)) for each in feed)

    def add(self, meta: Meta) -> None:
        """Take the age of an outcome into the summary."""
        if meta.age_s is not None:
            self._ages.append(meta.age_s)

    def summary(self) -> str:
        """What was received and dropped, source by source, and how old results were."""
        lines = []
        for each in self.feed.states():
            more = [f"{each.dropped} dropped"] if each.dropped else []
            more += [f"opened again {counted(each.reconnects, 'time')}"] if each.reconnects else []
            more += [f"last error: {each.error}"] if each.error else []
            lines.append(", ".join([f"{each.name}: {each.received} received", *more]))
        if self._ages:
            ages = sorted(self._ages)
            middle, late = (ages[int(share * (len(ages) - 1))] for share in (0.5, 0.95))
            lines.append(f"results were {middle:.3g} s old at the median, {late:.3g} s at 95 %")
        return "\n".join(lines)

    def _decoded(self, value: object) -> object:
        """Decode a message; one that cannot be decoded is an error in its place."""
        if isinstance(value, DuomoError):
            return value
        try:
            return self._decode(value)
        except DuomoError as error:
            return error


def decoder(kind: type[object], field: str, form: str) -> Decode:
    """How a message becomes an input of class `kind`.

    Args:
        kind: the task's input class.
        field: a field of JSON records, with dots.
        form: as ``--input-format`` has it; ``auto`` goes by the class.
    """
    if field or form == "jsonl":
        return lambda value: _field(_json(value), field)
    if form == "bytes" or issubclass(kind, Audio | Image):
        return lambda value: value
    if issubclass(kind, Text) or issubclass(kind, TextOrImage) or form == "text":
        return lambda value: str(Text.accept(value)) if isinstance(value, bytes) else value
    return _json


def _json(value: object) -> object:
    if not isinstance(value, bytes | str):
        return value
    try:
        return parse_json(value.encode() if isinstance(value, str) else value)
    except ValueError as error:
        raise BadInput("this message is not JSON", why=str(error), fix="send one JSON value a message") from None


def _field(record: object, field: str) -> object:
    if not field:
        return record
    try:
        found = dig(record, field) if isinstance(record, dict) else None
    except KeyError:
        found = None
    if found is None:
        what = ", ".join(record) if isinstance(record, dict) else type(record).__name__
        raise BadInput(f"this message has no field '{field}'", why=f"it has: {what}", fix="--field NAME, with dots")
    return found


def record_of(value: object) -> object:
    """Decode a message of an adapter: one JSON object, or what is not text as it is."""
    return _json(value)
