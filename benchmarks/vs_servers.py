"""Ours behind HTTP beside FastAPI, LitServe and Ray Serve: texts, pictures and speech, and short texts beside a list.

All servers of one kind of work run, each in processes of its own on loopback, and take turns of a few seconds; clients
are threads of this process, each with one request at a time. Ratios are of one turn, and their median is given: what
else runs on the machine then changes both sides. Answers are compared.
"""

import argparse
import http.client
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json

import psutil
from corpus import lognormal_texts
from harness import report, spread, target
from served import PORT, TWO_THREADS, Work, encoded, pictures, speech, texts

START_S = 240
LIST = 1000
"""Long texts of the list beside which short ones are asked for."""


@contextmanager
def started(command: list[str], port: int) -> Iterator[psutil.Process]:
    """Start a server, and end it with all that it started."""
    command = [str(port) if each == PORT else each for each in command]
    process = psutil.Process(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)
    try:
        yield process
    finally:
        every = [*process.children(recursive=True), process]
        for each in every:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(every, 20)


def wait_for(process: psutil.Process, port: int, path: str, body: bytes) -> None:
    """Wait for the first answer of a server."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            ask(port, path, body)
        except (OSError, http.client.HTTPException, ValueError):
            if time.monotonic() > deadline or not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                raise
            time.sleep(0.5)
        else:
            return


def cpu_s(process: psutil.Process) -> float:
    """CPU time of a process and all its children so far."""
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system
    return total


def ask(port: int, path: str, body: bytes, connection: http.client.HTTPConnection | None = None) -> dict[str, Any]:
    """Send one request. Raises `ValueError` where it is not answered with 200."""
    own = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    own.request("POST", path, body, {"content-type": "application/json"})
    reply = own.getresponse()
    content = reply.read()
    if reply.status != 200:
        raise ValueError(f"{reply.status}: {content[:200]!r}")
    answer: dict[str, Any] = json.loads(content)
    return answer


def load(port: int, path: str, bodies: list[bytes], clients: int) -> tuple[list[float], float, list[dict[str, Any]]]:
    """Latencies, wall time and answers of all bodies, sent by this many clients."""
    waiting, latencies = list(reversed(list(enumerate(bodies)))), []
    answers: list[dict[str, Any]] = [{}] * len(bodies)
    lock = threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        while True:
            with lock:
                if not waiting:
                    return
                at, body = waiting.pop()
            start = time.perf_counter()
            answers[at] = ask(port, path, body, connection)
            with lock:
                latencies.append(time.perf_counter() - start)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, time.perf_counter() - start, answers


def p99(latencies: list[float]) -> float:
    """Milliseconds."""
    return statistics.quantiles(latencies, n=100)[98] * 1e3


def measure(work: Work, rounds: int, port: int) -> list[dict[str, Any]]:
    """A row for each server and number of clients; all run, and take turns."""
    turns: dict[tuple[int, str], list[dict[str, float]]] = {}
    answers: dict[tuple[int, str], list[Any]] = {}
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        ports = {name: port + at for at, name in enumerate(work.servers)}
        began = {
            name: stack.enter_context(started(command, ports[name])) for name, (command, _) in work.servers.items()
        }
        paths = {name: path for name, (_, path) in work.servers.items()}
        for name in list(began):
            bodies = [encoded(work, each, name) for each in work.items(max(4, min(work.requests.values()) // 6), 99)]
            try:
                wait_for(began[name], ports[name], paths[name], bodies[0])
                load(ports[name], paths[name], bodies, 8)  # warm
            except (OSError, ValueError, http.client.HTTPException) as error:
                rows.append({"work": work.name, "server": name, "failed": f"{type(error).__name__}: {error}"})
                del began[name]
        names = list(began)
        for clients, num in work.requests.items():
            for turn in range(rounds):
                for name in names[turn % len(names) :] + names[: turn % len(names)]:
                    bodies = [encoded(work, each, name) for each in work.items(num, turn)]
                    before = cpu_s(began[name])
                    latencies, wall, found = load(ports[name], paths[name], bodies, clients)
                    figures = {"cpu_ms": (cpu_s(began[name]) - before) / num * 1e3, "requests_s": num / wall,
                               "p50_ms": statistics.median(latencies) * 1e3, "p99_ms": p99(latencies),
                               "load": os.getloadavg()[0]}  # fmt: skip
                    turns.setdefault((clients, name), []).append(figures)
                    answers.setdefault((clients, name), [work.answer(each) for each in found])
    for (clients, name), seen in turns.items():
        mine = turns[clients, "duomo"]
        row: dict[str, Any] = {"work": work.name, "clients": clients, "server": name}
        row |= {key: spread([each[key] for each in seen], 1) for key in seen[0]}
        if name != "duomo":
            for key in ("cpu_ms", "requests_s", "p99_ms"):
                ratios = [(their[key] / our[key]) for our, their in zip(mine, seen, strict=True)]
                row[f"{key}_of_ours"] = spread(ratios, 2)
            apart = [work.apart(*pair) for pair in zip(answers[clients, "duomo"], answers[clients, name], strict=True)]
            row["difference"] = max(apart)
            row["void"] = max(apart) > work.tolerance
        rows.append(row)
    return rows


def beside_a_list(work: Work, rounds: int, port: int) -> dict[str, Any]:
    """P99 of short texts of 8 clients, alone and beside a client that sends lists of 1,000 long ones, in turns."""
    command, path = work.servers["duomo"]
    short = [json.dumps({"input": each}).encode() for each in lognormal_texts(240, longest=16, seed=1)]
    long = {"items": lognormal_texts(LIST, shortest=120, seed=2)}
    alone, beside = [], []
    with started(command, port) as process:
        wait_for(process, port, path, short[0])
        load(port, path, short, 8)
        for _ in range(rounds):
            alone.append(p99(load(port, path, short, 8)[0]))
            listing = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
            listing.request("POST", f"{path}/map", json.dumps(long), {"content-type": "application/json"})
            first = listing.getresponse()
            first.readline()
            beside.append(p99(load(port, path, short, 8)[0]))
            listing.close()
            time.sleep(0.5)
    ratios = [there / here for here, there in zip(alone, beside, strict=True)]
    return {"work": "short texts beside a list", "clients": 8, "server": "duomo", "p99_ms_alone": spread(alone, 1),
            "p99_ms_beside": spread(beside, 1), "times": spread(ratios, 2), "load": os.getloadavg()[0]}  # fmt: skip


def targets_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What texts must reach, of the rows that there are."""
    measured = {(row["clients"], row["server"]): row for row in rows
                if row["work"] == "texts" and "cpu_ms_of_ours" in row}  # fmt: skip
    goals = {(8, "litserve, batches of 32"): 2.7, (8, "ray serve, batches of 32"): 3.2,
             (64, "litserve, batches of 32"): 4.5, (64, "litserve, at its best"): 1.8,
             (64, "fastapi"): 1.8}  # fmt: skip
    found = {}
    for (clients, server), goal in goals.items():
        if (clients, server) in measured:
            ratio = measured[clients, server]["cpu_ms_of_ours"]["median"]
            found[f"CPU of {server}, {clients} clients"] = target(ratio, at_least=goal)
    peers = [row for (clients, server), row in measured.items() if clients == 8 and server != TWO_THREADS]
    mine = {"": {"requests_s": 1.0, "p99_ms": 1.0}}
    if (8, TWO_THREADS) in measured:
        two = measured[8, TWO_THREADS]
        mine[", two threads"] = {key: two[f"{key}_of_ours"]["median"] for key in mine[""]}
    for which, ours in mine.items() if peers else ():
        rate = ours["requests_s"] / max(row["requests_s_of_ours"]["median"] for row in peers)
        slowest = ours["p99_ms"] / min(row["p99_ms_of_ours"]["median"] for row in peers)
        found[f"requests a second beside the best, 8 clients{which}"] = target(round(rate, 2), at_least=1.6)
        found[f"p99 beside the best, 8 clients{which}"] = target(round(slowest, 2), at_most=0.5)
    for row in rows:
        if row["work"].endswith("beside a list"):
            found["p99 of short texts beside a list"] = target(row["times"]["median"], at_most=3.0)
    return found


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each server")
    parser.add_argument("--work", default="texts,list,pictures,speech", help="which of them")
    parser.add_argument("--port", type=int, default=8431)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    kinds = given.work.split(",")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if "texts" in kinds:
            rows += measure(texts(), given.rounds, given.port)
        if "list" in kinds:
            rows.append(beside_a_list(texts(), given.rounds, given.port))
        if "pictures" in kinds:
            rows += measure(pictures(folder), given.rounds, given.port)
        if "speech" in kinds:
            rows += measure(speech(folder), min(2, given.rounds), given.port)
    report("servers", {"rows": rows, "targets": targets_of(rows)}, given.out)


if __name__ == "__main__":
    main()
