"""A server that is offered three times what it can do, for a minute: who is answered, how late, and what it holds.

The model takes a hundredth of a second an item and nothing else. Requests come at a rate of their own, as people do,
each from a caller of its own. Half of those who are refused come again: one in ten of them once, in half the time that
it was told, the others when they are told to, until they are let in or twice the first time has passed.
"""

import argparse
import heapq
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
from harness import report, target
from soak import FAKE, PATH, status
from vs_servers import cpu_s

SLOW = FAKE.replace("echo_spec", "faulty_spec")
MOST_WAIT_S = 1.0


def ask(port: int, path: str, body: dict[str, Any], caller: str) -> tuple[int, float, int]:
    """Status, seconds, and the seconds after which to come again."""
    headers = {"content-type": "application/json", "x-duomo-caller": caller}
    start = time.perf_counter()
    try:
        with urlopen(
            Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers), timeout=120
        ) as reply:
            reply.read()
            return reply.status, time.perf_counter() - start, 0
    except HTTPError as error:
        error.read()
        return error.code, time.perf_counter() - start, int(error.headers.get("retry-after", 0))


def offer(port: int, rate: float, seconds: float) -> dict[str, Any]:
    """Requests at a fixed rate; those who come again are beside it."""
    lock, again = threading.Lock(), list[tuple[float, int]]()
    counted, took, told, late = Counter[str](), list[float](), list[int](), list[float]()
    until, came = dict[int, float](), {"in time": list[bool](), "in half the time": list[bool]()}
    start = time.monotonic()

    def one(number: int) -> None:
        found, elapsed, retry_s = ask(port, PATH, {"input": "naps"}, f"{number}")
        now = time.monotonic()
        with lock:
            is_first, is_early = number not in until, number % 20 == 1
            counted[f"{found}{'' if is_first else ' (again)'}"] += 1
            if found == 200:
                took.append(elapsed)
            if is_first and found == 429:
                told.append(retry_s)
                until[number] = now + 2 * retry_s
                if number % 2:
                    heapq.heappush(again, (now + retry_s * (0.5 if is_early else 1.0), number))
            elif not is_first and found == 429 and not is_early and now + retry_s <= until[number]:
                heapq.heappush(again, (now + retry_s, number))
            elif not is_first:
                came["in half the time" if is_early else "in time"].append(found == 200)

    with ThreadPoolExecutor(256) as pool:
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            late.append(time.monotonic() - start - number / rate)
            pool.submit(one, number)
            with lock:
                while again and again[0][0] <= time.monotonic():
                    pool.submit(one, heapq.heappop(again)[1])
    cuts = quantiles(took, n=100)
    return {"answers": dict(counted), "p50_s": round(cuts[49], 3), "p99_s": round(cuts[98], 3),
            "told_s": [told[len(told) * part // 8] for part in range(8)],
            "let_in": {name: [round(sum(each) / max(1, len(each)), 3), len(each)] for name, each in came.items()},
            "seconds": round(time.monotonic() - start, 1), "most_late_s": round(max(late), 2)}  # fmt: skip


def main() -> None:
    """Find what it can do, and offer three times as much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    command = [sys.executable, "-c", SLOW, "serve", "text-classification", "--port", "0"]
    process = subprocess.Popen([*command, "--most-wait", str(MOST_WAIT_S)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    server = psutil.Process(process.pid)
    try:
        port = next(int(found[1]) for line in process.stderr if (found := re.match(r"http://\S+:(\d+)", line)))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        start = time.perf_counter()
        ask(port, f"{PATH}/map", {"items": ["naps"] * 200}, "first")
        capacity = 200 / (time.perf_counter() - start)
        offer(port, 3 * capacity, 3.0)  # what a server needs once
        cpu, held = cpu_s(server), list[int]()
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(given.seconds / 12):
                held.append(status(port)["resident_bytes"])

        looking = threading.Thread(target=look)
        looking.start()
        row = offer(port, 3 * capacity, given.seconds)
        ended.set()
        looking.join()
        after = status(port)
        row |= {
            "capacity": round(capacity, 1),
            "resident_mb": [round(each / 1e6, 1) for each in held],
            "cpu_share": round((cpu_s(server) - cpu) / row["seconds"], 2),
            "waiting_at_the_end": after["models"][0]["waiting_items"],
            "load": os.getloadavg()[0],
        }
    finally:
        process.kill()
        process.wait(60)
    third = len(held) // 3  # of what a server needs once, most is there by then
    grown = held[-1] / held[third] - 1
    answered = row["answers"].get("200", 0) + row["answers"].get("200 (again)", 0)
    row["answered_of_capacity"] = round(answered / (capacity * given.seconds), 2)
    report("overload", {"rows": [row], "targets": {
        "p99 of what was let in, of what may wait": target(round(row["p99_s"] / MOST_WAIT_S, 2), at_most=2.0),
        "let in within twice the time that they were told": target(row["let_in"]["in time"][0], at_least=0.9),
        "let in in half of it": target(row["let_in"]["in half the time"][0], at_most=0.5),
        "share by which memory grew after the first third": target(round(grown, 4), at_most=0.05),
    }}, given.out)  # fmt: skip


if __name__ == "__main__":
    main()
