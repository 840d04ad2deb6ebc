"""What runs inside a worker process: messages in, batches through the worker, answers out."""

from __future__ import annotations

import importlib.metadata
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from duomo.errors import PluginBroken
from duomo.execution.base import Job
from duomo.execution.devices import free_memory, is_out_of_memory
from duomo.execution.pool import Facts
from duomo.execution.process import follow_driver
from duomo.execution.transport import Channel, Slot
from duomo.outcome import ItemError


class Post(NamedTuple):
    """Where one worker stands."""

    replica: int
    rank: int
    """Within the replica."""
    world: int
    """Ranks of the replica."""
    rendezvous: str
    """Where the ranks of a replica meet; empty for one."""
    threads: int
    environment: dict[str, str]
    """Set before anything initialises a device."""


class Wires(NamedTuple):
    """The child's ends of what connects it with the driver, in a shape that can be sent at its start."""

    pipe: Any
    inbound: list[Any]
    outbound: list[Any]
    last_words: Any


def main(wires: Wires, job: Job, post: Post) -> None:
    """Load the model, say so, and serve until the driver hangs up."""
    follow_driver(None if wires.last_words is None else wires.last_words.detach())
    channel = Channel(
        wires.pipe,
        [Slot(each.detach()) for each in wires.outbound],
        [Slot(each.detach()) for each in wires.inbound],
    )
    os.environ.update(post.environment)
    try:
        check_plugin(job)
        worker = _load(job, post)
        facts = Facts.of(worker)
    except BaseException as error:  # whatever keeps it from starting is told, not only shown
        channel.send(("failed", describe(error)))
        return
    channel.send(("ready", facts))
    _Service(channel, worker, post).run()


def check_plugin(job: Job) -> None:
    """A worker must run the very code that the driver knows. Raises `PluginBroken`."""
    distribution, _, version = job.plugin.rpartition(" ")
    if not distribution:
        return  # it lives in no distribution: nothing to compare
    try:
        here = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        here = "none"
    if here != version:
        raise PluginBroken(
            f"a worker sees another version of {distribution}",
            why=f"the driver has {version}, the worker {here}",
            fix="install the same version everywhere, and start again",
        )


def describe(error: BaseException) -> ItemError:
    """An exception as text, always with its traceback."""
    text = "".join(traceback.format_exception(error))
    told = ItemError.of(error)
    return ItemError(told.code, told.what, told.why, told.fix, told.type, text)


def _load(job: Job, post: Post) -> Any:
    if post.world > 1:
        from duomo.execution.group import GroupWorker

        worker: Any = GroupWorker(job, post.rank, post.world, post.rendezvous)
    else:
        from duomo.execution.worker import Worker

        worker = Worker(job)
    if post.threads and "torch" in sys.modules:
        import torch

        torch.set_num_threads(post.threads)
    return worker


class _Service:
    """Reads in one thread, prepares in a second, computes in the main one."""

    def __init__(self, channel: Channel, worker: Any, post: Post) -> None:
        self._channel = channel
        self._worker = worker
        self._post = post
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._prepared: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._cancelled: set[int] = set()

    def run(self) -> None:
        for target in (self._read, self._prepare):
            threading.Thread(target=target, name=f"duomo{target.__name__}", daemon=True).start()
        while (task := self._prepared.get()) is not None:
            kind, ticket, payload, options = task
            if kind == "stream":
                self._stream(ticket, payload, options)
            else:
                self._answer(ticket, payload, options)

    def _read(self) -> None:
        """The pipe is also the line of life: when the driver is gone, so is this process, at once."""
        try:
            while (message := self._channel.recv()) is not None:
                if message[0] == "cancel":
                    self._cancelled.add(message[1])
                else:
                    self._inbox.put(message)
        except (EOFError, OSError):
            os._exit(0)
        self._inbox.put(None)

    def _prepare(self) -> None:
        while (message := self._inbox.get()) is not None:
            kind, ticket, payload, options = message
            if kind == "batch":
                payload = _outcome_of(self._worker.prepare, payload, options)
            self._prepared.put((kind, ticket, payload, options))
        self._prepared.put(None)

    def _answer(self, ticket: int, prepare: Callable[[], Any], options: Any) -> None:
        try:
            prepared = prepare()
            start = time.perf_counter()
            fates = self._worker.compute(prepared, options)
            seconds = (prepared.seconds, time.perf_counter() - start)
            if self._post.rank:
                fates = []  # the first rank's answer counts
            fates = [fate._replace(replica=self._post.replica) for fate in fates]
            self._channel.send(("done", ticket, fates, seconds), counted=True)
        except Exception as error:
            self._raised(ticket, error)

    def _stream(self, ticket: int, item: Any, options: Any) -> None:
        try:
            for part in self._worker.stream(item, options):
                if ticket in self._cancelled:
                    break
                if not self._post.rank:
                    self._channel.send(("part", ticket, part))
            self._channel.send(("done", ticket, [], (0.0, 0.0)), counted=True)
        except Exception as error:
            self._raised(ticket, error)
        self._cancelled.discard(ticket)

    def _raised(self, ticket: int, error: Exception) -> None:
        out_of_memory = is_out_of_memory(error)
        told = ItemError.of(error)
        if out_of_memory:
            del error
            free_memory()
        self._channel.send(("raised", ticket, told, out_of_memory), counted=True)


def _outcome_of(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """What a call gave or raised, to be given or raised elsewhere."""
    try:
        value = function(*args)
    except Exception as error:
        caught = error

        def fail() -> Any:
            raise caught

        return fail
    return lambda: value
