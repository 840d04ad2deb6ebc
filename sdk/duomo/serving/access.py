"""Who may talk to the server: the token, the Host header and the Origin header.

A browser on the same machine reaches a loopback server from any page. Host is checked against DNS rebinding, Origin
against requests that a foreign page makes.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from duomo.serving.replies import error_reply

OPEN_PATHS = ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready")
"""Paths that need no token, since an orchestrator asks for them."""
ADMIN_PATHS = "/-/models"
"""Where the operator exchanges models; it has a token of its own."""
Refusal = tuple[int, dict[str, str]]
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


class Access:
    """ASGI middleware: refuse what comes without the token, for another host, or from a foreign page.

    Args:
        app: what is guarded.
        token: expected after ``Authorization: Bearer``; empty for none.
        admin_token: the same for `ADMIN_PATHS`, which nobody may ask for when it is empty.
        hosts: names this server is known by; loopback names always count, ``*`` allows all.
        origins: pages of other servers that may call this one.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str = "",
        admin_token: str = "",
        hosts: Collection[str] = (),
        origins: Collection[str] = (),
    ) -> None:
        self.app = app
        self._token = token.encode()
        self._admin_token = admin_token.encode()
        self._hosts = {*LOOPBACK, *(each.lower() for each in hosts)}
        self._origins = {each.rstrip("/").lower() for each in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is allowed."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        read = [(name, value.decode("latin-1")) for name, value in scope["headers"] if name in _READ]
        headers = dict(read)
        refusal = self._refuse(path_within(scope), headers) if len(headers) == len(read) else _twice(read)
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await error_reply(*refusal, _ASK if refusal[0] == 401 else None)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]["what"][:120]})

    def _refuse(self, path: str, headers: dict[bytes, str]) -> Refusal | None:
        host = headers.get(b"host", "").lower()
        if not host:
            return 400, _words("E-HOST", "the request has no header Host", "Host: and the name of this server")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if name not in self._hosts and "*" not in self._hosts:
            return 421, _words("E-HOST", "this server does not go by that name", _NAMES)
        origin = headers.get(b"origin", "").rstrip("/").lower()
        if origin and origin not in (f"http://{host}", f"https://{host}") and not self._origins & {origin, "*"}:
            return 403, _words("E-ORIGIN", "a page of another origin may not call this server", _PAGES)
        if path == ADMIN_PATHS or path.startswith(ADMIN_PATHS + "/"):
            return self._refuse_admin(_given(headers.get(b"authorization", "")))
        is_guarded = self._token and path not in OPEN_PATHS
        if is_guarded and not hmac.compare_digest(_given(headers.get(b"authorization", "")), self._token):
            return 401, _words("E-TOKEN", "the token is missing or wrong", "Authorization: Bearer TOKEN")
        return None

    def _refuse_admin(self, given: bytes) -> Refusal | None:
        if not self._admin_token:
            why = "models are exchanged by who has the operator's token, and this server was started without one"
            return 403, _words("E-ADMIN", "this server lets nobody exchange its models", _TOKEN, why)
        if not hmac.compare_digest(given, self._admin_token):
            fix = "Authorization: Bearer TOKEN"
            return 401, _words("E-TOKEN", "the operator's token is missing or wrong", fix)
        return None


def path_within(scope: Scope) -> str:
    """Return the path as Starlette's router compares it: without that of the mount the application stands under."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    rest = path.removeprefix(root)
    return rest if rest[:1] in ("", "/") else path


_READ = frozenset(
    {b"host", b"origin", b"authorization", b"content-type", b"content-encoding", b"x-deadline-s", b"x-duomo-caller"}
)
"""Headers that this server goes by: each may come once (RFC 9110, 5.3)."""
_NAMES = "ask by another of its names; who runs it adds one: --host-name NAME"
_PAGES = "call it from its own page; who runs it allows another: --allow-origin URL"
_TOKEN = "who runs it can give it one: --admin-token-file FILE"
_ASK = {"www-authenticate": 'Basic realm="duomo, any name and the token", charset="UTF-8"'}
"""A browser asks its user, who gives the token as the password: so the pages can be seen, too."""


def _twice(read: Collection[tuple[bytes, str]]) -> Refusal:
    names = [name.decode() for name, _ in read]
    name = next(name for name in names if names.count(name) > 1)
    why = "what stands before this server may have read the other one"
    return 400, _words("E-HEADER", f"the header {name} came twice", "send it once", why)


def _given(authorization: str) -> bytes:
    """Return the token of ``Bearer TOKEN``, or the password of ``Basic …``; empty when it is neither."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip().encode("latin-1")  # the bytes that came
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(given.strip(), validate=True).partition(b":")[2]
        except ValueError:  # not base64, or not ASCII at all
            return b""
    return b""


def _words(code: str, what: str, fix: str, why: str = "") -> dict[str, str]:
    return {"code": code, "what": what, "why": why, "fix": fix}
