"""A server that answers 100,000 mixed requests: what its memory does, and what a request costs it without a model.

Good, bad, long, too large and abandoned requests come from keep-alive connections of this process, to a model that does
nothing. It ends after a number of requests or of seconds, whichever is first. What a good request costs is measured
in turns with FastAPI and LitServe, which answer the same body by hand, and with the least that uvicorn takes. Meanwhile
connections are held that say nothing.
"""

import argparse
import http.client
import itertools
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import psutil
from harness import report, target
from vs_servers import cpu_s, started, wait_for

FAKE = """
import sys
from duomo.cli import cli
from duomo.cli.app import App
from duomo.testing.fakes import fake_catalog, echo_spec
cli.main(sys.argv[1:], obj=App(fake_catalog(echo_spec())))
"""
BY_HAND = """
import sys
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
class Body(BaseModel):
    input: str
app = FastAPI()
@app.post("/v1/tasks/text-classification")
def label(body: Body) -> dict[str, list[dict[str, str | float]]]:
    return {"labels": [{"name": body.input, "score": 1.0}, {"name": "other", "score": 0.0}]}
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""
BARE = """
import sys
import uvicorn
BODY = b'{"labels": [{"name": "a text of usual length, such as people write when asked", "score": 1.0}]}'
HEAD = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEAD})
    await send({"type": "http.response.body", "body": BODY})
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, lifespan="off")
"""
"""The least that uvicorn takes: nothing is parsed, and the answer is always the same."""
IN_BATCHES = str(Path(__file__).parent / "servers" / "litserve_fake.py")
PEERS = {"bare": ("-c", BARE), "fastapi": ("-c", BY_HAND), "litserve": (IN_BATCHES,)}
PATH = "/v1/tasks/text-classification"
TURNS, TURN = 5, 600
"""Turns of each server, and good requests of one."""
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


def compare(port: int, pid: int, until: float) -> dict[str, Any]:
    """CPU milliseconds of a good request: ours, by hand under FastAPI, and in batches under LitServe, in turns."""
    good = [kinds()[0]]
    with ExitStack() as stack:
        served = {"duomo": (psutil.Process(pid), port)}
        for name, script in PEERS.items():
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                own = free.getsockname()[1]
            served[name] = stack.enter_context(started([sys.executable, *script, str(own)], own)), own
            wait_for(*served[name], PATH, good[0])
        for _, own in served.values():
            ask(own, 200, until, good)
        turns: dict[str, list[float]] = {name: [] for name in served}
        for _, (name, (process, own)) in itertools.product(range(TURNS), served.items()):
            before = cpu_s(process)
            counted = ask(own, TURN, until, good)
            turns[name].append((cpu_s(process) - before) / max(1, sum(counted.values())) * 1e3)
    found = {f"cpu_ms_of_{name}": round(statistics.median(each), 3) for name, each in turns.items()}
    for name in PEERS:
        pairs = zip(turns["duomo"], turns[name], strict=True)
        found[f"of_{name}"] = round(statistics.median(mine / theirs for mine, theirs in pairs), 2)
    return found


def hold(port: int, num: int) -> dict[str, Any]:
    """What connections that say nothing cost, and whether others are answered meanwhile."""
    before = status(port)["resident_bytes"]
    held = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(num)]
    answered = ask(port, 100, time.monotonic() + 60, [kinds()[0]])
    meanwhile = status(port)["resident_bytes"]
    for each in held:
        each.close()
    return {"connections": num, "answered_meanwhile": dict(answered),
            "kb_a_connection": round((meanwhile - before) / num / 1e3, 2)}  # fmt: skip


def main() -> None:
    """Warm up, soak, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=900.0)
    parser.add_argument("--idle", type=int, default=10_000, help="connections that say nothing")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    command = [sys.executable, "-c", FAKE, "serve", "text-classification", "--port", "0", "--max-body", "100000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        port = next(int(found[1]) for line in process.stderr if (found := re.match(r"http://\S+:(\d+)", line)))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        until = time.monotonic() + given.seconds
        ask(port, WARM, until, kinds())
        held = hold(port, given.idle)
        before = status(port)
        overhead = compare(port, process.pid, until)
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
        "idle": held,
        **overhead,
    }
    targets = {
        "share by which memory grew": target(round(grown, 4), at_most=0.05),
        "CPU ms a request, beside no model": target(rows["cpu_ms_of_duomo"], at_most=0.35),
        "the same beside FastAPI by hand": target(rows["of_fastapi"], at_most=1.0),
        "the same beside LitServe in batches of 32": target(rows["of_litserve"], at_most=0.2),
    }
    report("soak", {"rows": [rows], "targets": targets}, given.out)


if __name__ == "__main__":
    main()
