"""The client: `run` and `map` as a runner has them, against a server."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple, Self, TypeVar, overload

from duomo.catalog import Catalog, default_catalog
from duomo.client.encode import Json, encode_item, encode_options
from duomo.client.replies import Line, error_of, line_class
from duomo.counting import counted
from duomo.errors import DuomoError, InputTooLarge, RequirementMissing, ServerBusy, ServerLost, UsageProblem
from duomo.outcome import Failure, ItemError, Meta, Outcome
from duomo.resolving import resolve
from duomo.tasks.base import Result
from duomo.threads import AheadThreads

if TYPE_CHECKING:
    from duomo.runner import AnyTask

try:
    import httpx
except ImportError:
    raise RequirementMissing(
        "the client needs httpx", why="it is not installed", fix="pip install 'duomo[client]'"
    ) from None

R = TypeVar("R", bound=Result)
T = TypeVar("T")
MOST_ITEMS = 100
"""Items of one request of `map`: enough to fill batches, and few to lose when a connection breaks."""
AHEAD = 2
"""Requests of `map` that are on their way at once."""


class Sent(NamedTuple):
    """One item of a `map` on its way out."""

    position: int
    id: str
    body: str
    """Its JSON; empty for an item that is known to be bad."""
    error: ItemError | None = None


class Client:
    """A server of duomo.

    Args:
        address: ``http://host:port``.
        token: what the server expects as its bearer token.
        headers: sent with each request, for what stands before the server or has it mounted.
        timeout_s: how long one answer, or the next line of a list, may take to come.
        patience_s: how long a request is repeated while the server says that it is busy.
        catalog: the plugins whose tasks give results their classes; all installed ones when left out.

    Raises:
        UsageProblem: the address is not one.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 120.0,
        patience_s: float = 60.0,
        catalog: Catalog | None = None,
    ) -> None:
        if not address.startswith(("http://", "https://")):
            raise UsageProblem(f"'{address}' is not the address of a server", fix="http://127.0.0.1:8000")
        own = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=address, headers={**own, **(headers or {})}, timeout=timeout_s)
        self._id = uuid.uuid4().hex
        self._patience_s = patience_s
        self._catalog = catalog
        self._limits: dict[str, Mapping[str, int]] = {}

    def __repr__(self) -> str:
        return f"<Client of {self._http.base_url.copy_with(username=None, password=None)}>"

    def tasks(self) -> dict[str, str]:
        """Return what the server serves: task → model."""
        with _ours():
            found = self._send("GET", "/v1/tasks", b"").json()
            return {each["task"]: each["model"] for each in found["tasks"]}

    @overload
    def run(self, task: AnyTask[R], item: object, *, deadline_s: float | None = ..., **options: object) -> R: ...
    @overload
    def run(self, task: str, item: object, *, deadline_s: float | None = ..., **options: object) -> Result: ...
    def run(self, task: str | AnyTask[R], item: object, *, deadline_s: float | None = None, **options: object) -> R:
        """Run one item; gives the task's own result class.

        Args:
            task: its name or class.
            item: whatever the task takes here; files are read and sent.
            deadline_s: the server does not compute an item that has waited for longer.
            options: of the task.

        Raises:
            DuomoError: the item's own error, as it would be here.
            ServerBusy: the server had too much to do for longer than `patience_s`.
            ServerLost: it did not answer.
        """
        cls = self._class(task)
        body: dict[str, Json] = {"input": encode_item(cls.Input.accept(item)), "options": self._options(cls, options)}
        if deadline_s is not None:
            body["deadline_s"] = deadline_s
        reply = self._send("POST", f"/v1/tasks/{cls.name}", json.dumps(body).encode())
        with _ours():
            line: Line[R] = line_class(cls.Result).model_validate_json(reply.content)
        return line.outcome(0, "0").unwrap()

    @overload
    def map(self, task: AnyTask[R], items: Iterable[object], **options: object) -> Iterator[Outcome[R]]: ...
    @overload
    def map(self, task: str, items: Iterable[object], **options: object) -> Iterator[Outcome[Result]]: ...
    def map(self, task: str | AnyTask[R], items: Iterable[object], **options: object) -> Iterator[Outcome[R]]:
        """Run many items, read lazily; one `Outcome` each, in the order of the input.

        A bad item becomes an outcome with an error and costs no other its result. Items whose answer was lost with
        their connection are sent again.

        Args:
            task: its name or class.
            items: any iterable of what the task takes.
            options: of the task.
        """
        if isinstance(items, str | bytes | Path | Mapping) or not isinstance(items, Iterable):
            raise UsageProblem("map() takes many items", fix="give a list or a generator; for one item: client.run")
        cls = self._class(task)
        return _Mapping(self, cls, items, self._options(cls, options)).outcomes()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _class(self, task: str | AnyTask[R]) -> AnyTask[R]:
        if not isinstance(task, str):
            return task
        spec = (self._catalog or default_catalog()).task(task)
        found: AnyTask[R] = resolve(spec.target, owner=f"task '{spec.name}'")
        return found

    def _options(self, cls: AnyTask[R], options: dict[str, object]) -> dict[str, Json]:
        return encode_options(cls.Options.parse(options))

    def limits_of(self, task: str) -> Mapping[str, int]:
        """Return what one request may ask for, as the server says."""
        if task not in self._limits:
            with _ours():
                self._limits[task] = self._send("GET", f"/v1/tasks/{task}", b"").json()["limits"]
        return self._limits[task]

    def _send(self, method: str, path: str, body: bytes) -> httpx.Response:
        return self.attempt(
            lambda: self._checked(self._http.request(method, path, content=body, headers=self._names()))
        )

    def lines(self, path: str, body: bytes, take: Callable[[str], None]) -> None:
        """Send a request and hand each line of its answer to `take` as it comes."""

        def ask() -> None:
            with self._http.stream("POST", path, content=body, headers=self._names()) as reply:
                if reply.status_code != 200:
                    reply.read()
                    self._checked(reply)
                for line in reply.iter_lines():
                    take(line)

        self.attempt(ask)

    def _names(self) -> dict[str, str]:
        """Headers of a request. Each thread is a caller, who has its turn when it comes again on another connection."""
        return {"content-type": "application/json", "x-duomo-caller": f"{self._id}-{threading.get_ident():x}"}

    def attempt(self, ask: Callable[[], T]) -> T:
        """Call `ask` until the server is no longer busy, as long as there is patience."""
        until = time.monotonic() + self._patience_s
        while True:
            try:
                return ask()
            except _Later as later:
                if time.monotonic() + later.seconds > until:
                    raise later.error from None
                time.sleep(later.seconds)
            except httpx.HTTPError as error:
                raise ServerLost(
                    "the server did not answer", why=f"{type(error).__name__}: {error}",
                    fix="check its address and that it runs; timeout_s= gives it more time",
                ) from None  # fmt: skip

    @staticmethod
    def _checked(reply: httpx.Response) -> httpx.Response:
        if reply.status_code == 200:
            return reply
        error = error_of(reply.status_code, reply.content)
        after = reply.headers.get("retry-after", "")
        if reply.status_code in (429, 503) and after.isdigit():
            raise _Later(error, int(after))
        raise error


@contextlib.contextmanager
def _ours() -> Iterator[None]:
    """Raise `ServerLost` for an answer that is none of a server of ours."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise ServerLost(
            "the server does not answer as a server of duomo does",
            why=f"{type(error).__name__}: {error!s:.200}",
            fix="check its address, and that it has the version of this client",
        ) from None


class _Later(Exception):
    """The server says when to come again."""

    def __init__(self, error: DuomoError, seconds: int) -> None:
        super().__init__(error.what)
        self.error = error
        self.seconds = seconds


class _Mapping(Generic[R]):
    """One call of `map`: items in requests, a few of which are on their way."""

    def __init__(self, client: Client, task: AnyTask[R], items: Iterable[object], options: dict[str, Json]) -> None:
        self._client = client
        self._task = task
        self._items = enumerate(items)
        self._head = f'{{"options": {json.dumps(options)}, "items": ['
        self._line: type[Line[R]] = line_class(task.Result)
        self._left: Sent | None = None
        self._meta = Meta(task.name, "")
        """Meta of the last answer, for items that were not sent and have none of their own."""

    def outcomes(self) -> Iterator[Outcome[R]]:
        """Yield them in order; stopping early costs what is on its way."""
        limits = self._client.limits_of(self._task.name)
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
                return Sent(index, getattr(accepted, "name", "") or str(index), body)
            except Exception as error:  # of this item, whatever a plugin's input class raises
                return Sent(index, str(index), "", ItemError.of(error))
        return None

    def _check_size(self, num_bytes: int) -> None:
        most = self._client.limits_of(self._task.name)["body_bytes"]
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
                self._client.lines(f"/v1/tasks/{self._task.name}/map", body.encode(), take)
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
