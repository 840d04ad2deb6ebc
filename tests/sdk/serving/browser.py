"""A headless Chromium that a test drives over the DevTools protocol."""

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --remote-debugging-port=0"
).split()
LIMIT_S = 60


class Browser:
    """One page of a browser process of its own."""

    def __init__(self, *arguments: str) -> None:
        assert CHROMIUM is not None
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command = [CHROMIUM, *QUIET, f"--user-data-dir={self._folder.name}", *arguments, "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = self._wait(lambda: (Path(self._folder.name) / "DevToolsActivePort").read_text().splitlines()[0])
        targets = self._wait(lambda: json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list")))
        address = next(each["webSocketDebuggerUrl"] for each in targets if each["type"] == "page")
        self._stack = contextlib.ExitStack()
        self._socket: ClientConnection = self._stack.enter_context(connect(address, max_size=None))
        self._count = 0
        self.requested: list[str] = []
        """Addresses that the page asked for."""
        self.errors: list[str] = []
        """What the console reported as an error."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._process.kill()
        self._process.wait(LIMIT_S)
        self._folder.cleanup()

    def open(self, address: str) -> None:
        """Load a page and wait until it is complete."""
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Evaluate JavaScript, a promise too, and give back its value."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, script: str) -> Any:
        """Evaluate JavaScript until its value is true."""
        return self._wait(lambda: self.run(script) or None)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol; events that come meanwhile are taken down."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(LIMIT_S))
            if message.get("id") == self._count:
                assert "error" not in message, message["error"]
                result: dict[str, Any] = message["result"]
                return result
            self._take_down(message)

    def _take_down(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"]["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])

    @staticmethod
    def _wait(look: Any) -> Any:
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                found = look()
            except (OSError, IndexError, ValueError):
                found = None
            if found is not None:
                return found
            assert time.monotonic() < deadline, "the browser did not come so far in time"
            time.sleep(0.05)
