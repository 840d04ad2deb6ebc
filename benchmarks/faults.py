"""Faults on purpose: how many rows come out, how long it takes, and which processes are left behind.

Two workers embed 300 texts with MiniLM while one of these happens:

    killed       SIGKILL for a worker in the middle of the work
    poison       one text raises in the model
    crash        one text ends its process as native code does when it crashes (SIGSEGV)
    parent       SIGKILL for the process that started the workers; whoever is left after 3 s is an orphan

``right`` counts rows equal to those of an undisturbed process. Peers at their defaults, and Ray Data also with
``max_errored_blocks=-1``, which goes on after an error.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import psutil
from corpus import lognormal_texts
from faulty import FaultyMiniLM, faulty_encoder
from harness import report, spread
from misbehaviour import CRASH, POISON
from process_tree import run_tree
from vs_pools import TOLERANCE, WORKERS, model_folder

TEXTS = 300
BAD = 123
"""The place of the text that misbehaves."""
LIMIT_S = 120
"""A case that is not done by then has hung."""
FAULTS = ("none", "killed", "poison", "crash", "parent")
Rows = Iterator[tuple[int, Any]]


def texts_for(fault: str) -> list[str]:
    """The texts, one of them bad where the fault is a text."""
    texts = lognormal_texts(TEXTS)
    word = {"poison": POISON, "crash": CRASH}.get(fault)
    if word:
        texts[BAD] += f" {word}"
    return texts


def duomo_case(texts: Sequence[str]) -> Rows:
    """Ours: two processes of `local`."""
    import duomo
    from duomo.testing.fakes import fake_catalog
    from duomo_nlp.plugin import MINILM

    spec = MINILM._replace(name="fake/minilm", loader=f"{FaultyMiniLM.__module__}:{FaultyMiniLM.__qualname__}")
    place = {"executor": "local", "devices": WORKERS, "device": "cpu"}
    with duomo.load("feature-extraction", "fake/minilm", catalog=fake_catalog(spec), **place) as runner:
        yield -1, None
        for outcome in runner.map(texts, batch_size=8):
            if outcome.ok:
                yield outcome.index, outcome.result.vector


def st_pool(texts: Sequence[str]) -> Rows:
    """sentence-transformers' pool."""
    model = faulty_encoder(model_folder())
    pool = model.start_multi_process_pool(["cpu"] * WORKERS)
    yield -1, None
    yield from enumerate(model.encode(list(texts), pool=pool, chunk_size=8, normalize_embeddings=True))
    model.stop_multi_process_pool(pool)


class Encode:
    """What an actor of Ray Data holds."""

    def __init__(self) -> None:
        self.model = faulty_encoder(model_folder())

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch in the order of arrival."""
        return {
            "index": batch["index"],
            "vector": self.model.encode(list(batch["text"]), normalize_embeddings=True),
        }


def ray_data(texts: Sequence[str], *, errored_blocks: int = 0) -> Rows:
    """Ray Data's actor pool."""
    import ray

    env = {"env_vars": {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)}}
    ray.init(num_cpus=WORKERS + 2, include_dashboard=False, log_to_driver=False, runtime_env=env)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = errored_blocks
    data = ray.data.from_items([{"index": index, "text": text} for index, text in enumerate(texts)])
    mapped = data.map_batches(Encode, batch_size=8, compute=ray.data.ActorPoolStrategy(size=WORKERS))
    rows = iter(mapped.iter_rows())
    first = next(rows)
    yield -1, None
    yield first["index"], first["vector"]
    for row in rows:
        yield row["index"], row["vector"]
    ray.shutdown()


CASES: dict[str, Callable[[Sequence[str]], Rows]] = {
    "duomo local": duomo_case,
    "sentence-transformers pool": st_pool,
    "ray data": ray_data,
    "ray data, errored blocks allowed": lambda texts: ray_data(texts, errored_blocks=-1),
}


def kill_a_worker() -> None:
    """SIGKILL for whichever process below this one works hardest, a moment from now."""
    before = {each: _cpu(each) for each in psutil.Process().children(recursive=True)}
    time.sleep(0.7)
    worked = {each: _cpu(each) - seconds for each, seconds in before.items()}
    busiest = max(worked, key=worked.__getitem__)
    os.kill(busiest.pid, signal.SIGKILL)


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def one_case(name: str, fault: str, out: Path) -> None:
    """Run in a process of its own by `measure`; what came out, even of a run that failed, goes to files."""
    rows: dict[int, Any] = {}
    start, error = time.perf_counter(), ""
    try:
        for index, vector in CASES[name](texts_for(fault)):
            if index >= 0:
                rows[index] = vector
                continue
            print("ready", flush=True)
            start = time.perf_counter()
            if fault == "killed":
                threading.Thread(target=kill_a_worker, daemon=True).start()
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"[:200]
    seconds = time.perf_counter() - start
    np.savez(out / "rows.npz", index=np.array(list(rows), dtype=int), vector=np.array(list(rows.values())))
    (out / "said.json").write_text(json.dumps({"seconds": round(seconds, 2), "error": error}))
    os._exit(0)  # what is left running must not keep the measurement waiting at exit


def run_case(name: str, fault: str) -> dict[str, Any]:
    """One case in a tree of its own: rows, seconds and orphans."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--case", name, "--fault", fault, "--out", folder]
        run = run_tree(command, kill_after="ready" if fault == "parent" else "", limit_s=LIMIT_S)
        found: dict[str, Any] = {"hung": run["timed_out"]}
        if fault == "parent":
            return found | {"orphans": len(run["orphans"])}
        said = Path(folder, "said.json")
        if not said.exists():
            words = f"not done within {LIMIT_S} s" if run["timed_out"] else f"ended with {run['exit_code']}"
            return found | {"rows": {}, "seconds": LIMIT_S, "error": words}
        with np.load(Path(folder, "rows.npz")) as saved:
            rows = dict(zip(saved["index"].tolist(), saved["vector"], strict=True))
        return found | {"rows": rows, **json.loads(said.read_text(encoding="utf-8"))}


def right(rows: dict[int, Any], reference: dict[int, Any], fault: str) -> int:
    """Rows that are equal to the undisturbed ones; the bad text has none to be compared with."""
    skip = BAD if fault in ("poison", "crash") else -1
    return sum(
        index != skip and float(np.abs(vector - reference[index]).max()) <= TOLERANCE for index, vector in rows.items()
    )


def measure(rounds: int, names: Sequence[str], faults: Sequence[str]) -> dict[str, Any]:
    """All cases under all faults, beside the same case undisturbed."""
    result: dict[str, Any] = {}
    calm = {name: [run_case(name, "none") for _ in range(rounds)] for name in names}
    reference = calm[names[0]][0]["rows"]
    for name in names:
        undisturbed = spread([run["seconds"] for run in calm[name]], 2)
        result[name] = {"undisturbed": {"delivered": len(calm[name][0]["rows"]), "seconds": undisturbed}}
        for fault in faults:
            runs = [run_case(name, fault)]
            while len(runs) < rounds and not runs[-1]["hung"]:  # to see it hang once is enough
                runs.append(run_case(name, fault))
            if fault == "parent":
                result[name][fault] = {"orphans": max(run["orphans"] for run in runs)}
                continue
            result[name][fault] = {
                "expected": TEXTS - (fault in ("poison", "crash")),
                "right": min(right(run["rows"], reference, fault) for run in runs),
                "seconds": spread([run["seconds"] for run in runs], 2),
                "lost_s": round(spread([run["seconds"] for run in runs], 2)["median"] - undisturbed["median"], 2),
                "error": runs[0]["error"],
            }
    return result


def main() -> None:
    """Measure, or be one case of the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--faults", nargs="+", default=list(FAULTS[1:]), choices=list(FAULTS[1:]))
    parser.add_argument("--case", choices=list(CASES), help=argparse.SUPPRESS)
    parser.add_argument("--fault", choices=FAULTS, default="none", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    args = parser.parse_args()
    if args.case:
        one_case(args.case, args.fault, args.out)
        return
    report("faults", {"texts": TEXTS, "workers": WORKERS, **measure(args.rounds, args.only, args.faults)}, args.out)


if __name__ == "__main__":
    main()
