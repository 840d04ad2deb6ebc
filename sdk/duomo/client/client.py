"""The client: `run` and `map` as a runner has them, against a server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar, overload

from duomo.catalog import Catalog, default_catalog
from duomo.client.connection import Connection, ours
from duomo.client.encode import Json, encode_item, encode_options
from duomo.client.map_call import MapCall
from duomo.client.replies import Line, line_class
from duomo.errors import UsageProblem
from duomo.outcome import Outcome
from duomo.resolving import resolve
from duomo.tasks.base import Result

if TYPE_CHECKING:
    from duomo.runner import AnyTask

R = TypeVar("R", bound=Result)


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
        own = {"authorization": f"Bearer {token}"} if token else {}
        self._connection = Connection(address, {**own, **(headers or {})}, timeout_s, patience_s)
        self._catalog = catalog

    def __repr__(self) -> str:
        return f"<Client of {self._connection}>"

    def tasks(self) -> dict[str, str]:
        """Return what the server serves: task → model."""
        with ours():
            found = self._connection.send("GET", "/v1/tasks").json()
            return {each["task"]: each["model"] for each in found["tasks"]}

    @overload
    def run(self, task: AnyTask[R], item: object, /, *, deadline_s: float | None = ..., **options: object) -> R: ...
    @overload
    def run(self, task: str, item: object, /, *, deadline_s: float | None = ..., **options: object) -> Result: ...
    def run(self, task: str | AnyTask[R], item: object, /, *, deadline_s: float | None = None, **options: object) -> R:
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
        reply = self._connection.send("POST", f"/v1/tasks/{cls.name}", json.dumps(body).encode())
        with ours():
            line: Line[R] = line_class(cls.Result).model_validate_json(reply.content)
        return line.outcome(0, "0").unwrap()

    @overload
    def map(self, task: AnyTask[R], items: Iterable[object], /, **options: object) -> Iterator[Outcome[R]]: ...
    @overload
    def map(self, task: str, items: Iterable[object], /, **options: object) -> Iterator[Outcome[Result]]: ...
    def map(self, task: str | AnyTask[R], items: Iterable[object], /, **options: object) -> Iterator[Outcome[R]]:
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
        return MapCall(self._connection, cls, items, self._options(cls, options)).outcomes()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

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
