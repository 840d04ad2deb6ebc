"""What runs inside a worker process: messages in, batches through the worker, answers out."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from duomo.errors import DuomoError, PluginBroken, Unavailable
from duomo.execution.base import Job
from duomo.execution.devices import free_memory, is_out_of_memory, torch_in_use
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
    """All of it: the fork server still has the one of when it was started."""


class Wires(NamedTuple):
    """The child's ends of what connects it with the driver, in a shape that can be sent at its start."""

    pipe: Any
    inbound: list[Any]
    outbound: list[Any]
    last_words: list[Any]
    """One, where descriptors can be handed on."""


def main(wires: Wires, job: Job, post: Post) -> None:
    """Load the model, say so, and serve until the driver hangs up."""
    follow_driver([each.detach() for each in wires.last_words])
    channel = Channel(
        wires.pipe,
        [Slot(each.detach()) for each in wires.outbound],
        [Slot(each.detach()) for each in wires.inbound],
    )
    os.environ.clear()
    os.environ.update(post.environment)
    try:
        check_plugin(job)
        worker = load_worker(job, post)
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
    """What kept a worker from starting, as text with its traceback."""
    text = "".join(traceback.format_exception(error))
    if isinstance(error, DuomoError):
        return dataclasses.replace(ItemError.of(error), traceback=text)
    kind = type(error).__name__
    fix = "load it with executor='inline' to see the same here"
    return ItemError(Unavailable.code, f"{kind}: {error}", "loading the model raised it", fix, kind, text)


def load_worker(job: Job, post: Post) -> Any:
    _set_threads(post.threads)
    if post.world > 1:
        from duomo.execution.group import GroupWorker

        worker: Any = GroupWorker(job, post.rank, post.world, post.rendezvous)
    else:
        from duomo.execution.worker import Worker

        worker = Worker(job)
    _set_threads(post.threads)  # once more: it may be loading the model that brought torch
    return worker


def _set_threads(num: int) -> None:
    torch = torch_in_use()
    if torch is not None:
        torch.set_num_threads(num)


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
                payload = outcome_of(self._worker.prepare, payload, options)
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


def outcome_of(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """What a call gave or raised, to be given or raised elsewhere."""
    try:
        value = function(*args)
    except Exception as error:
        caught = error

        def fail() -> Any:
            raise caught

        return fail
    return lambda: value
