"""Executor local with one GPU: the same numbers, memory that runs out, and nothing left on the device."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import duomo
from duomo.testing import echo_spec, fake_catalog

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")]
TEXTS = ["The river rose by a foot. " * (number % 7) + f"It fell by {number}." for number in range(40)]
DRIVER = """
import time, duomo
runner = duomo.load("feature-extraction", "nlp/minilm", executor="local", devices="cuda:0,cuda:0")
list(runner.map(["one", "two", "three"]))
print(*runner.executor.pids, flush=True)
time.sleep(600)
"""


def test_a_worker_on_a_gpu_gives_what_this_process_gives_on_the_cpu():
    with duomo.load("feature-extraction", "nlp/minilm", device="cpu") as here:
        expected = torch.from_numpy(np.stack([outcome.unwrap().vector for outcome in here.map(TEXTS)]))
    with duomo.load("feature-extraction", "nlp/minilm", executor="local", device="cuda", devices=1) as runner:
        outcomes = list(runner.map(TEXTS))
    assert {outcome.meta.device for outcome in outcomes} == {"cuda:0"}
    found = torch.from_numpy(np.stack([outcome.unwrap().vector for outcome in outcomes]))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


def test_memory_that_runs_out_costs_no_row_and_no_worker(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    catalog = fake_catalog(echo_spec(loader="hungry:Hungry"))
    with duomo.load("text-classification", "fake/echo", executor="local", device="cuda", catalog=catalog) as runner:
        outcomes = list(runner.map(TEXTS))
        stats = runner.executor.stats()
    assert [outcome.unwrap().top.name for outcome in outcomes] == TEXTS
    assert stats.ooms >= 1
    assert stats.lost == stats.restarts == 0


@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="no nvidia-smi here")
def test_a_driver_that_is_killed_leaves_nothing_on_the_device():
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True)
    workers = driver.stdout.readline().split()
    assert len(workers) == 2
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in workers):
        time.sleep(0.1)
    ask = ["nvidia-smi", "--query-compute-apps=pid", "--format=csv,noheader"]
    left = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.split()
    assert not set(workers).intersection(left)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
