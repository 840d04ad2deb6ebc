"""``duomo serve`` as a process: with real models, or with one that does what the words of its items say."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

START_S = 180
FAKE = """
import signal, sys
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a suite that runs by nohup has it ignored, and so would its children
from duomo.cli import cli
from duomo.cli.app import App
from duomo.testing.fakes import fake_catalog, faulty_spec
if __name__ == "__main__":
    cli.main(sys.argv[1:], obj=App(fake_catalog(faulty_spec())))
"""


class Server:
    """A server process; its address is read from what it prints."""

    command = (sys.executable, "-m", "duomo")

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*self.command, "serve", *arguments, "--port", "0"], stderr=subprocess.PIPE, text=True
        )
        self.address, self.said = "", []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.match(r"http://\S+", line):
                self.address = found[0]
                break
        self._drain = threading.Thread(target=self.process.stderr.read, daemon=True)
        self._drain.start()
        if not self.address:
            self.close()

    def __enter__(self) -> Self:
        assert self.address, "".join(self.said)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if it has not ended by itself, and close what was open to it."""
        self.process.kill()
        self.process.wait(60)
        self._drain.join(60)
        if self.process.stderr is not None and not self._drain.is_alive():  # a worker may hold its end
            self.process.stderr.close()

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, bytes, Any]:
        """Status, body and headers of an answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json", **{name.replace("_", "-"): each for name, each in headers.items()}}
        request = urllib.request.Request(self.address + path, content, sent)
        try:
            with urllib.request.urlopen(request, timeout=START_S) as reply:
                return reply.status, reply.read(), reply.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(self.address + path, timeout=START_S) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def status(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self.get("/-/status.json")[1])
        return record

    def model(self) -> dict[str, Any]:
        [found] = self.status()["models"]
        model: dict[str, Any] = found
        return model

    def until(self, what: str, is_so: Any) -> None:
        """Return once `is_so` of the status; fail after a minute."""
        deadline = time.monotonic() + 60
        while not is_so(self.model()):
            assert time.monotonic() < deadline, what
            time.sleep(0.01)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def children(self) -> list[int]:
        """Processes that it has started, and theirs."""
        found, look = [], [self.process.pid]
        while look:
            for task in Path(f"/proc/{look.pop()}/task").glob("*/children"):
                pids = [int(each) for each in task.read_text("ascii").split()]
                found += pids
                look += pids
        return found


class FakeServer(Server):
    """One whose model needs no weights and wakes no library: it is there within a second or two."""

    command = (sys.executable, "-c", FAKE)


def is_running(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
