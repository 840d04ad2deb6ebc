"""What the simulated server says beside what a real one does: MiniLM, the same texts at the same random times.

The clock of the simulation has the constants that the real run has found in its own batches. Requests come at rates of
their own, whether those before are answered or not (Poisson); they are submitted in this process, without HTTP. The
plan's own answer, from constants that were never measured here, is given beside them.
"""

import argparse
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from corpus import lognormal_texts
from harness import report

import duomo
from duomo.execution.pools.simulate import Constants, FakeDevice
from duomo.execution.pools.simulate_serving import WARM_SHARE, simulate_serving

MODEL = "nlp/minilm"


def real(runner: Any, texts: list[str], rate: float) -> list[float]:
    """Seconds from coming to answer of each text, in the order of coming."""
    dice, took = random.Random(0), [0.0] * len(texts)
    done = threading.Semaphore(0)

    def answered(at: int, came: float) -> None:
        took[at] = time.monotonic() - came
        done.release()

    coming = time.monotonic()
    for at, text in enumerate(texts):
        time.sleep(max(0.0, coming - time.monotonic()))
        came = coming
        runner.submit(text, caller=str(at)).add_done_callback(lambda _, at=at, came=came: answered(at, came))
        coming += dice.expovariate(rate)
    for _ in texts:
        done.acquire()
    return took


def quantile(took: list[float], share: float) -> float:
    """Milliseconds of those after the first tenth, as the simulation counts them."""
    counted = sorted(took[int(len(took) * WARM_SHARE) :])
    return round(counted[min(len(counted) - 1, int(share * len(counted)))] * 1e3, 1)


def main() -> None:
    """Measure and simulate each rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", default="10,30,60", help="requests a second")
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    runner = duomo.load("feature-extraction", MODEL)
    worker: Any = runner.executor.worker  # type: ignore[attr-defined]
    texts = lognormal_texts(given.requests, seed=1)
    rows: list[dict[str, Any]] = []
    real(runner, texts[:60], 1000.0)  # so that the pace is known
    for rate in map(float, given.rates.split(",")):
        took = real(runner, texts, rate)
        [lane] = runner.executor._desk.lanes  # type: ignore[attr-defined]
        found = Constants(lane.time.start_s, 1 / lane.time.unit_s, 0.0, 0.0, packed=worker.model.packed)
        costs = [worker.model.estimate(each) for each in texts]
        served = simulate_serving(
            [FakeDevice()], costs, rate, budget=worker.model.batch_budget, constants=found, prefetch=1, most_wait_s=1e9
        )
        row = {"rate": rate, "load": round(os.getloadavg()[0], 1), "start_ms": round(found.batch_s * 1e3, 2)}
        row["tokens_a_second"] = round(found.units_per_s)
        for share, said in ((0.5, served.p50_ms), (0.95, served.p95_ms), (0.99, served.p99_ms)):
            row[f"p{share * 100:.0f}_ms"] = quantile(took, share)
            row[f"p{share * 100:.0f}_ms_simulated"] = round(said, 1)
        rows.append(row)
    runner.close()
    report("serving simulation", {"rows": rows}, given.out)


if __name__ == "__main__":
    main()
