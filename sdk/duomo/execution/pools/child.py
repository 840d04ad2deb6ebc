"""What runs inside a worker process: messages in, batches through the worker, answers out."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import queue
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from duomo.errors import BadInput, DuomoError, ModelFailed, PluginBroken, Unavailable
from duomo.execution.base import Job, ModelFacts
from duomo.execution.devices import describe_and_release, torch_in_use
from duomo.execution.garbage import uncollected
from duomo.execution.pools.process import follow_driver
from duomo.execution.pools.transport import Channel, Message, Slot
from duomo.outcome import ItemError

if TYPE_CHECKING:
    from duomo.execution.worker import Prepared


class RankInfo(NamedTuple):
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

    @property
    def name(self) -> str:
        """Who stands there, for people."""
        return f"worker {self.replica}" + (f", rank {self.rank}," if self.world > 1 else "")


class ChildPipes(NamedTuple):
    """The child's ends of what connects it with the driver, in a shape that can be sent at its start."""

    pipe: Any
    inbound: list[Any]
    outbound: list[Any]
    last_words: list[Any]
    """One, where descriptors can be handed on."""


def main(wires: ChildPipes, job: Job, post: RankInfo) -> None:
    """Load the model, say so, and serve until the driver hangs up."""
    follow_driver([each.detach() for each in wires.last_words])
    outbound, inbound = ([Slot(each.detach()) for each in some] for some in (wires.outbound, wires.inbound))
    channel = Channel(wires.pipe, outbound, inbound)
    os.environ.clear()
    os.environ.update(post.environment)
    service = _Service(channel, post)
    try:
        check_plugin(job)
        with uncollected():
            worker = load_worker(job, post)
        facts = ModelFacts.of(worker)
    except BaseException as error:  # whatever keeps it from starting goes to the driver, not only to the terminal
        channel.send("failed", body=describe(error))
        return
    channel.send("ready", body=facts)
    service.run(worker)


def check_plugin(job: Job) -> None:
    """Check that a worker runs the very code that the driver knows. Raises `PluginBroken`."""
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
    """Describe what kept a worker from starting, with its traceback as text."""
    text = "".join(traceback.format_exception(error))
    if isinstance(error, PluginBroken) and isinstance(error.__cause__, ImportError | AttributeError):
        fix = "a worker imports it by name: install its module or put it on PYTHONPATH, or use executor='inline'"
        return dataclasses.replace(ItemError.of(error), traceback=text, fix=fix)
    if isinstance(error, DuomoError):
        return dataclasses.replace(ItemError.of(error), traceback=text)
    kind = type(error).__name__
    fix = "load it with executor='inline' to see the same here"
    return ItemError(Unavailable.code, f"{kind}: {error}", "loading the model raised it", fix, kind, text)


def unreadable(message: Message) -> ItemError:
    """Why a message that came has no content."""
    words = f"{type(message.unreadable).__name__}: {message.unreadable}"
    fix = "move the class into a module that both can import"
    if message.kind in ("batch", "stream"):
        error: DuomoError = BadInput("a worker cannot read what was sent to it", why=words, fix=fix)
    else:
        error = ModelFailed("what a worker sent back cannot be read here", why=words, fix=fix)
    return ItemError.of(error)


def load_worker(job: Job, post: RankInfo) -> Any:
    """Load a worker with its model, alone or as a rank of its group."""
    _set_threads(post.threads)
    if post.world > 1:
        from duomo.execution.sharding.group import GroupWorker

        worker: Any = GroupWorker(job, post.rank, post.world, post.rendezvous)
    else:
        from duomo.execution.worker import Worker

        worker = Worker(job)
    _set_threads(post.threads)  # once more: it may be loading the model that brought torch
    worker.replica = post.replica
    return worker


def _set_threads(num: int) -> None:
    torch = torch_in_use()
    if torch is not None:
        torch.set_num_threads(num)


class _Service:
    """Listens in one thread, prepares in a second, computes in the main one."""

    def __init__(self, channel: Channel, post: RankInfo) -> None:
        self._channel = channel
        self._post = post
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._prepared: queue.SimpleQueue[tuple[Message, Any]] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        threading.Thread(target=self._listen, name="duomo-listen", daemon=True).start()

    def run(self, worker: Any) -> None:
        """Serve for ever: the end of the driver, or its hanging up, ends this process."""
        self._worker = worker
        threading.Thread(target=self._prepare, name="duomo-prepare", daemon=True).start()
        while True:
            message, prepared = self._prepared.get()
            try:
                if isinstance(prepared, BaseException):
                    raise prepared
                if message.kind == "stream":
                    self._stream(message)
                else:
                    self._answer(message, prepared)
            except Exception as error:
                self._raised(message.ticket, error)
            del message, prepared

    def _listen(self) -> None:
        """Read messages. When the driver is gone this process ends, even while it loads."""
        try:
            while True:
                message = self._channel.recv()
                if message.kind == "cancel":
                    self._cancelled.add(message.ticket)
                else:
                    self._inbox.put(message)
        except (EOFError, OSError):
            os._exit(0)

    def _prepare(self) -> None:
        while True:
            message = self._inbox.get()
            prepared: Any = None
            if message.unreadable is not None:
                prepared = unreadable(message).to_exception()
            elif message.kind == "batch":
                try:
                    prepared = self._worker.prepare(*message.body)
                except BaseException as error:  # what ends a process must do so: here it would end this thread alone
                    prepared = error
            self._prepared.put((message, prepared))

    def _answer(self, message: Message, prepared: Prepared) -> None:
        start = time.perf_counter()
        item_results = self._worker.compute(prepared, message.body[1])
        seconds = (prepared.seconds, time.perf_counter() - start)
        if self._post.rank:
            item_results = []  # the first rank's answer counts
        self._channel.send("done", message.ticket, (item_results, *seconds))

    def _stream(self, message: Message) -> None:
        for part in self._worker.stream(*message.body):
            if message.ticket not in self._cancelled and not self._post.rank:
                self._channel.send("part", message.ticket, part)
            elif self._post.world == 1:  # the ranks of a group all go on to the end, or they would part ways
                break
        self._channel.send("done", message.ticket, ([], 0.0, 0.0))
        self._cancelled.discard(message.ticket)

    def _raised(self, ticket: int, error: Exception) -> None:
        self._channel.send("raised", ticket, describe_and_release(error))
