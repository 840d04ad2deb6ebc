"""What runs in the process of one copy: the same walk as in a single process, rank 0 writing the folder."""

from __future__ import annotations

import contextlib
import os
from multiprocessing.connection import Connection

import torch

from duomo.execution.pools.process import follow_driver
from duomo.outcome import ItemError
from duomo.parallel import ParallelDims
from duomo.specs import TaskSpec
from duomo.training.distributed.peers import TorchPeers
from duomo.training.distributed.pulse import Pulse
from duomo.training.finishing import finish
from duomo.training.fit import Fit
from duomo.training.request import Request
from duomo.training.starts import Start
from duomo.training.training import Training


def main(
    rank: int,
    dims: ParallelDims,
    rendezvous: str,
    timeout_s: float,
    request: Request,
    start: Start,
    spec: TaskSpec,
    pipe: Connection,
) -> None:
    """Train as rank `rank` of a grid of `dims`, and tell the driver of each step, of the end or of what was raised."""
    follow_driver(())
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // dims.total))
    pulse = Pulse(pipe)
    try:
        peers = TorchPeers(rank, dims, rendezvous, torch.device(request.device), timeout_s, pulse)
        fit = _train(Training(request, start, spec, peers), pulse)
        peers.close()
        pulse.send("done", fit if rank == 0 else None)
    except BaseException as error:
        pulse.send("raised", ItemError.of(error), type(error).__name__)
    pulse.close()


def _train(training: Training, pulse: Pulse) -> Fit:
    training.prepare()
    done = training.finished()
    if done is not None:
        return done
    training.begin()
    rows = 0
    with contextlib.closing(training.journal):
        for step in training.run():
            rows += step.num_rows
            scores = {name: each[0] for name, each in training.scores.items()}
            epochs = training.recipe.epochs
            pulse.send("step", (step.number + 1, training.loop.total, step.epoch + 1, epochs, step.loss, scores, rows))
        return finish(training)
