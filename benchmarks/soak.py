"""A server that answers 100,000 mixed requests: what its memory does, and what a request costs it without a model.

Good, bad, long, too large and abandoned requests come from keep-alive connections of this process, to a model that does
nothing. It ends after so many requests or so many seconds, whichever is first.
"""

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from harness import report, target

FAKE = """
import sys
from duomo.cli import cli
from duomo.cli.app import App
from duomo.testing.fakes import fake_catalog, echo_spec
cli.main(sys.argv[1:], obj=App(fake_catalog(echo_spec())))
"""
PATH = "/v1/tasks/text-classification"
CLIENTS = 16
WARM = 5_000
ABANDONED = 3
"""The fourth kind of request: its connection is closed before the answer."""


def kinds() -> list[bytes]:
    """Bodies of the requests, in turns."""
    bodies: list[dict[str, Any]] = [
        {"input": "a text of usual length, such as people write when they are asked how they liked it"},
        {"input": ""},
        {"input": "poison"},
        {"input": "abandoned"},
        {"input": "long " * 2_000},
        {"input": "x", "options": {"topk": 1}},
        {"input": "x" * 120_000},
        {"input": "a text of usual length, such as people write when they are asked how they liked it"},
    ]
    return [json.dumps(body).encode() for body in bodies]


def ask(port: int, num: int, until: float, bodies: list[bytes]) -> Counter[str]:
    """Send `num` requests from `CLIENTS` connections; count the answers by status."""
    counted: Counter[str] = Counter()
    numbers = iter(range(num))
    lock = threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while time.monotonic() < until:
            with lock:
                at = next(numbers, None)
            if at is None:
                return
            kind = at % len(bodies)
            connection.request("POST", PATH, bodies[kind], {"content-type": "application/json"})
            if kind == ABANDONED:
                connection.close()
                found = "abandoned"
            else:
                reply = connection.getresponse()
                reply.read()
                found = str(reply.status)
            with lock:
                counted[found] += 1

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counted


def status(port: int) -> dict[str, Any]:
    """How the server is, by its own word."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", "/-/status.json")
    found: dict[str, Any] = json.loads(connection.getresponse().read())
    return found


def cpu_s(pid: int) -> float:
    """CPU time of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def plain(port: int, pid: int, num: int, until: float) -> float:
    """CPU milliseconds of one good request."""
    before = cpu_s(pid)
    counted = ask(port, num, until, [kinds()[0]])
    return (cpu_s(pid) - before) / max(1, sum(counted.values())) * 1e3


def main() -> None:
    """Warm up, soak, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=900.0)
    parser.add_argument("--out")
    given = parser.parse_args()
    command = [sys.executable, "-c", FAKE, "serve", "text-classification", "--port", "0", "--max-body", "100000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        port = next(int(found[1]) for line in process.stderr if (found := re.match(r"http://\S+:(\d+)", line)))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        until = time.monotonic() + given.seconds
        ask(port, WARM, until, kinds())
        before = status(port)
        overhead = plain(port, process.pid, 3_000, until)
        counted = ask(port, given.requests, until, kinds())
        after = status(port)
    finally:
        process.kill()
        process.wait(60)
    grown = after["resident_bytes"] / before["resident_bytes"] - 1
    [model] = after["models"]
    rows: dict[str, Any] = {
        "requests": sum(counted.values()),
        "answers": dict(counted),
        "resident_mb": [round(each["resident_bytes"] / 1e6, 1) for each in (before, after)],
        "grown": round(grown, 4),
        "waiting_at_the_end": model["waiting_items"],
        "cpu_ms_a_good_request": round(overhead, 3),
    }
    targets = {
        "share by which memory grew": target(round(grown, 4), at_most=0.05),
        "CPU ms a request, beside no model": target(rows["cpu_ms_a_good_request"], at_most=0.35),
    }
    report("soak", {"rows": [rows], "targets": targets}, given.out)


if __name__ == "__main__":
    main()
