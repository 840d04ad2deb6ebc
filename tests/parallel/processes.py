"""A program: forks the ranks of groups, which compute what a pickled file asks for, and pickles what they say.

It imports the heavy libraries once, before it forks, and then reads a folder a line from standard input. Asked there
is a list of runs; each is a job, items for each of its groups, and options; the ranks go through them one after
another.
"""

import multiprocessing
import os
import pickle
import sys
import time
import traceback
from multiprocessing.connection import wait
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.tensor.debug import CommDebugMode
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from transformers import AutoModelForSequenceClassification
from transformers.distributed import DistributedConfig  # type: ignore[attr-defined]

import duomo
from duomo.execution.sharding.group import GroupWorker, new_rendezvous
from duomo.execution.sharding.ranks import TorchRanks
from duomo.parallel import TensorPlan
from duomo.tasks.results import Classification

torch.set_num_threads(1)
FORK = multiprocessing.get_context("fork")


class Block(nn.Sequential):
    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))


class Simple(duomo.Model[Any, Any]):
    """Labels a text by its length, after a block that is cut; some texts are bad for one of the ranks."""

    batch_size = 4

    def __init__(self) -> None:
        self.network = Block()

    @classmethod
    def load(cls, weights, *, device, dtype):
        return cls()

    @classmethod
    def tensor_plan(cls, config):
        return TensorPlan({"0": "colwise", "2": "rowwise"}, {"inner units": 16})

    def preprocess(self, items, options):
        return [{"x": torch.full((8,), float(len(item))), "text": str(item)} for item in items]

    def forward(self, batch):
        if dist.is_initialized() and dist.get_rank() == 1:
            if "raise" in batch["text"]:
                raise MemoryError("rank 1 has no room")
            if "die" in batch["text"]:
                os._exit(7)
        return self.network(batch["x"])

    def postprocess(self, output, features, options):
        return [Classification.ranked(list("abcdefgh"), row) for row in output.softmax(-1).tolist()]


class OwnShards(Simple):
    """Cuts itself, with torch's DTensor, which inference mode would make gather its weights."""

    @classmethod
    def load(cls, weights, *, device, dtype):
        model = cls()
        mesh = dist.init_device_mesh("cpu", (dist.get_world_size(),))  # type: ignore[attr-defined]
        parallelize_module(model.network, mesh, {"0": ColwiseParallel(), "2": RowwiseParallel()})
        return model

    @classmethod
    def tensor_plan(cls, config):
        return TensorPlan({}, {})


def serve(pipe: Any, rank: int, runs: list[Any], meetings: list[list[str]]) -> None:
    """One rank: its part in each run. What goes wrong is told past the collectives, and is the end."""
    try:
        for run, places in zip(runs, meetings, strict=True):
            pipe.send(("done", (_by_transformers if "tp_plan" in run else _one)(run, rank, places)))
    except Exception as error:
        pipe.send(("raised", type(error).__name__, str(error), traceback.format_exc()))
    time.sleep(3600)  # a driver ends it


def _by_transformers(run: dict[str, Any], rank: int, places: list[str]) -> dict[str, Any]:
    """The same plan carried out by transformers."""
    ranks = TorchRanks(rank, 1, 2, places[0], "cpu", 60)
    distributed = DistributedConfig(tp_size=2, tp_plan=run["tp_plan"])
    network = AutoModelForSequenceClassification.from_pretrained(run["folder"], distributed_config=distributed)
    with torch.no_grad(), CommDebugMode() as comm:
        logits = network(run["ids"]).logits
    ranks.close()
    return {"logits": logits, "torch": {str(op): count for op, count in comm.get_comm_counts().items()}}


def _one(run: dict[str, Any], rank: int, places: list[str]) -> dict[str, Any]:
    job = run["job"]
    world = job.plan.dims.group
    group, place = divmod(rank, world)
    options, items = run["options"], run["items"][group]
    worker = GroupWorker(job, place, world, places[group], timeout_s=run.get("timeout_s", 60))
    try:
        with CommDebugMode() as comm:
            prepared = worker.prepare(items, options)  # labels are embedded when the model looks at the options
            item_results = worker.compute(prepared, options)
        answer = {
            "results": [item_result.unwrap() for item_result in item_results],
            "counts": dict(worker.ranks.counts),
            "torch": {str(op): count for op, count in comm.get_comm_counts().items()},
        }
        if run.get("in_inference_mode"):
            with torch.inference_mode(), CommDebugMode() as comm:
                worker.model.forward(prepared.chunks[0][1])
            answer["in inference mode"] = {str(op): count for op, count in comm.get_comm_counts().items()}
        return answer
    finally:
        worker.close()


def drive(world: int, runs: list[Any], patience_s: float = 120.0) -> dict[str, Any]:
    """Start ranks, gather what they say until all are done or one is in trouble, and end them."""
    meetings = [[new_rendezvous() for _ in run["items"]] for run in runs]
    pipes, ranks = [], []
    for rank in range(world):
        here, there = FORK.Pipe()
        process = FORK.Process(target=serve, args=(there, rank, runs, meetings), daemon=True)
        process.start()
        there.close()
        pipes.append(here)
        ranks.append(process)
    answers: list[list[Any]] = [[] for _ in ranks]
    trouble = survivor = None
    while trouble is None and any(len(each) < len(runs) for each in answers):
        ready = wait([*pipes, *(each.sentinel for each in ranks)], patience_s)
        if not ready:
            trouble = ("silence",)
        for rank, (pipe, process) in enumerate(zip(pipes, ranks, strict=True)):
            if pipe in ready and pipe.poll():
                try:
                    kind, *said = pipe.recv()
                except EOFError:
                    kind, said = "lost", [process.exitcode]
                if kind == "done":
                    answers[rank].extend(said)
                elif kind == "raised" and said[0] == "PeerLost":
                    survivor = (kind, *said)  # it may hear of a death before this loop sees it
                else:
                    trouble = (kind, rank, *said)
            elif process.sentinel in ready and trouble is None:
                trouble = ("lost", rank, process.exitcode)  # type: ignore[assignment]
    # When one has died, what the survivor says by itself is of interest too.
    if survivor is None and trouble is not None and trouble[0] == "lost" and pipes[1 - trouble[1]].poll(60):  # type: ignore[misc]
        survivor = pipes[1 - trouble[1]].recv()  # type: ignore[misc]
    for process in ranks:
        process.kill()
        process.join()
    return {"answers": answers, "trouble": trouble, "survivor": survivor}


if __name__ == "__main__":
    sys.modules["processes"] = sys.modules["__main__"]
    done = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # gloo prints
    for folder in sys.stdin:
        with open(os.path.join(folder.strip(), "asked.pickle"), "rb") as file:
            asked = pickle.load(file)
        said = [drive(world, runs) for world, runs in asked]
        with open(os.path.join(folder.strip(), "said.pickle"), "wb") as answer:
            pickle.dump(said, answer)
        print("done", file=done, flush=True)
