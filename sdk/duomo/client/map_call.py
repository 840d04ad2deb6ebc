"""One call of `Client.map`: items in requests, a few of which are on their way."""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from duomo.client.connection import Connection
from duomo.client.encode import Json, encode_item
from duomo.client.replies import Line, line_class
from duomo.counting import counted
from duomo.errors import InputTooLarge, ServerBusy, ServerLost
from duomo.execution.items import id_of
from duomo.outcome import Failure, ItemError, Meta, Outcome
from duomo.tasks.base import Result
from duomo.threads import AheadThreads

if TYPE_CHECKING:
    from duomo.runner import AnyTask

R = TypeVar("R", bound=Result)
MOST_ITEMS = 100
"""Items of one request: enough to fill batches, and few to lose when a connection breaks."""
AHEAD = 2
"""Requests that are on their way at once."""


class Sent(NamedTuple):
    """One item of a `map` on its way out."""

    position: int
    id: str
    body: str
    """Its JSON; empty for an item that is known to be bad."""
    error: ItemError | None = None


class MapCall(Generic[R]):
    """Cuts the items into requests, sends them, and puts the answers in order."""

    def __init__(
        self, connection: Connection, task: AnyTask[R], items: Iterable[object], options: dict[str, Json]
    ) -> None:
        self._connection = connection
        self._task = task
        self._items = enumerate(items)
        self._head = f'{{"options": {json.dumps(options)}, "items": ['
        self._line: type[Line[R]] = line_class(task.Result)
        self._left: Sent | None = None
        self._meta = Meta(task.name, "")
        """Meta of the last answer, for items that were not sent and have none of their own."""

    def outcomes(self) -> Iterator[Outcome[R]]:
        """Yield them in order; stopping early costs what is on its way."""
        limits = self._connection.limits_of(self._task.name)
        flying: deque[Future[list[Outcome[R]]]] = deque()
        with AheadThreads(AHEAD, "duomo-client") as pool:
            while True:
                chunk = self._chunk(min(MOST_ITEMS, limits["items"]), limits["body_bytes"] * 3 // 4)
                if chunk:
                    flying.append(pool.submit(self._ask, chunk))
                while flying and (not chunk or len(flying) >= AHEAD):
                    yield from flying.popleft().result()
                if not chunk:
                    return

    def _chunk(self, most: int, most_bytes: int) -> list[Sent]:
        chunk: list[Sent] = []
        size = 0
        while len(chunk) < most:
            sent, self._left = self._left or self._next(), None
            if sent is None:
                break
            if chunk and size + len(sent.body) > most_bytes:
                self._left = sent
                break
            chunk.append(sent)
            size += len(sent.body)
        return chunk

    def _next(self) -> Sent | None:
        for index, item in itertools.islice(self._items, 1):
            try:
                accepted = self._task.Input.accept(item)
                body = json.dumps(encode_item(accepted))
                self._check_size(len(body))
                return Sent(index, id_of(item) or getattr(accepted, "name", "") or str(index), body)
            except Exception as error:  # of this item, whatever a plugin's input class raises
                return Sent(index, id_of(item) or str(index), "", ItemError.of(error))
        return None

    def _check_size(self, num_bytes: int) -> None:
        most = self._connection.limits_of(self._task.name)["body_bytes"]
        if num_bytes + len(self._head) + len("]}") > most:
            raise InputTooLarge(
                f"this item takes {num_bytes:,} bytes on its way to the server",
                why=f"the server takes {most:,} in one request",
                fix="send a smaller one",
            )

    def _ask(self, chunk: list[Sent]) -> list[Outcome[R]]:
        found: dict[int, Outcome[R]] = {}
        waiting = [each for each in chunk if each.error is None]
        for last_try in (False, True):
            if not waiting:
                break
            asked = waiting

            def take(line: str, asked: list[Sent] = asked) -> None:
                read = self._line.model_validate_json(line)
                sent = asked[read.index]
                found[sent.position] = read.outcome(sent.position, sent.id)

            body = self._head + ", ".join(each.body for each in asked) + "]}"
            try:
                self._connection.lines(f"/v1/tasks/{self._task.name}/map", body.encode(), take)
            except (ServerLost, ServerBusy):
                if last_try or len(found) == 0:
                    raise
            waiting = [each for each in asked if each.position not in found]
        if waiting:
            raise ServerLost(
                f"the server did not answer for {counted(len(waiting), 'item')}",
                why="its answer ended early",
                fix="run again",
            )
        self._meta = next((each.meta for each in found.values() if each.meta.model), self._meta)
        for each in chunk:
            if each.error is not None:
                found[each.position] = Failure(each.position, each.id, None, each.error, self._meta)
        return [outcome for _, outcome in sorted(found.items())]
