"""The connection to a server: requests that are repeated while it is busy, and answers that are ours."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from duomo.client.replies import error_of
from duomo.errors import DuomoError, RequirementMissing, ServerLost, UsageProblem

try:
    import httpx
except ImportError:
    raise RequirementMissing(
        "the client needs httpx", why="it is not installed", fix="pip install 'duomo[client]'"
    ) from None

T = TypeVar("T")


class Connection:
    """One server; each thread is a caller of its own.

    Args:
        address: ``http://host:port``.
        headers: sent with each request.
        timeout_s: how long one answer, or the next line of a list, may take to come.
        patience_s: how long a request is repeated while the server says that it is busy.

    Raises:
        UsageProblem: the address is not one.
    """

    def __init__(self, address: str, headers: Mapping[str, str], timeout_s: float, patience_s: float) -> None:
        if not address.startswith(("http://", "https://")):
            raise UsageProblem(f"'{address}' is not the address of a server", fix="http://127.0.0.1:8000")
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout_s)
        self._id = uuid.uuid4().hex
        self._patience_s = patience_s
        self._limits: dict[str, Mapping[str, int]] = {}

    def __str__(self) -> str:
        return str(self._http.base_url.copy_with(username=None, password=None))

    def close(self) -> None:
        """Close it."""
        self._http.close()

    def limits_of(self, task: str) -> Mapping[str, int]:
        """Return what one request may ask for, as the server says."""
        if task not in self._limits:
            with ours():
                self._limits[task] = self.send("GET", f"/v1/tasks/{task}").json()["limits"]
        return self._limits[task]

    def send(self, method: str, path: str, body: bytes = b"") -> httpx.Response:
        """Send a request and wait for its whole answer."""
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
        if reply.status_code in (429, 503) and after.isdecimal():
            raise _Later(error, int(after))
        raise error


@contextlib.contextmanager
def ours() -> Iterator[None]:
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
