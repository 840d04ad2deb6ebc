"""One bad request among 64 at a time: how many of the others fail, ours beside LitServe in batches of 32.

The bad one is refused at the border, raises while it is prepared, or raises in the forward pass; each in turn. A good
item takes a hundredth of a second, so that batches form.
"""

import argparse
import http.client
import itertools
import json
import socket
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harness import report, target
from soak import FAKE, IN_BATCHES, PATH
from vs_servers import started, wait_for

OURS = FAKE.replace("echo_spec", "faulty_spec")
BAD = {"refused at the border": "", "raises while it is prepared": "poison", "raises in the forward pass": "crash"}
AT_ONCE = 64


def ask(port: int, text: str) -> int:
    """Status of one request; 0 where the connection broke."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", PATH, json.dumps({"input": text}), {"content-type": "application/json"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0


def main() -> None:
    """Ask both, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    ours = [sys.executable, "-c", OURS, "serve", "text-classification", "--most-wait", "600", "--port"]
    commands = {"duomo": ours, "litserve, batches of 32": [sys.executable, IN_BATCHES]}
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        for name, command in commands.items():
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            wait_for(stack.enter_context(started([*command, str(port)], port)), port, PATH, b'{"input": "naps"}')
            for what, bad in BAD.items():
                failed, answers = [], Counter[int]()
                for at in itertools.islice(itertools.count(20), given.rounds):
                    texts = [f"naps {number}" for number in range(AT_ONCE)]
                    texts[at] = bad
                    found = list(pool.map(lambda text, port=port: ask(port, text), texts))
                    answers[found.pop(at)] += 1
                    failed.append(sum(status != 200 for status in found))
                rows.append(
                    {"server": name, "bad": what, "innocent_failed_of_63": failed, "bad_answered": dict(answers)}
                )
    most = max(max(row["innocent_failed_of_63"]) for row in rows if row["server"] == "duomo")
    report("bad_neighbours", {"rows": rows, "targets": {"innocent of ours": target(most, at_most=0)}}, given.out)


if __name__ == "__main__":
    main()
