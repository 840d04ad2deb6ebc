"""What runs in the process of one rank: the same walk as in a single process, rank 0 writing the folder."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection

import torch

from duomo.execution.devices import describe_and_release
from duomo.execution.pools.process import follow_driver
from duomo.parallel import ParallelDims
from duomo.specs import TaskSpec
from duomo.training.distributed.peers import TorchPeers
from duomo.training.distributed.pulse import Outbox, Pulse
from duomo.training.finishing import follow
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
    """Run one rank in a process of its own."""
    follow_driver(())
    run(rank, dims, rendezvous, timeout_s, request, start, spec, pipe)


def run(
    rank: int,
    dims: ParallelDims,
    rendezvous: str,
    timeout_s: float,
    request: Request,
    start: Start,
    spec: TaskSpec,
    outbox: Outbox,
) -> None:
    """Train as rank `rank` of a grid of `dims`, and tell the driver of each step, of the end or of what was raised."""
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // dims.total))
    pulse = Pulse(outbox)
    training = None
    try:
        peers = TorchPeers(rank, dims, rendezvous, torch.device(request.device), timeout_s, pulse, request.shard)
        training = Training(request, start, spec, peers)
        training.tell = lambda *event: pulse.send("event", *event)
        fit = follow(training, lambda *at: pulse.send("step", at))
        peers.close()
        pulse.send("done", fit if rank == 0 else None)
    except BaseException as error:
        name = type(error).__name__
        words, is_short = describe_and_release(error)
        loop = getattr(training, "loop", None)
        pulse.send("raised", words, name, loop.used if is_short and loop is not None else 0)
    pulse.close()
