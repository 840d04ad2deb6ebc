"""A process for each device of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import selectors
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from duomo.errors import DuomoError, Unavailable, UsageProblem
from duomo.execution import child, process
from duomo.execution.base import Job
from duomo.execution.devices import pick_device
from duomo.execution.plan import ExecutionPlan
from duomo.execution.pool import Crew, Event, Facts, PoolExecutor
from duomo.execution.transport import Channel, new_slots
from duomo.outcome import ItemError


class LocalExecutor(PoolExecutor):
    """Worker processes of this machine, one a device; each starts in hundredths of a second after the first."""

    name = "local"

    def __init__(self, **limits: Any) -> None:
        super().__init__(LocalCrew(), **limits)


class _Rank:
    """One worker process and the driver's ends of what connects them."""

    def __init__(self, job: Job, post: child.Post, preload: Sequence[str]) -> None:
        self.post = post
        ours, theirs = multiprocessing.Pipe()
        depth = job.plan.prefetch
        outgoing, incoming = new_slots(depth), new_slots(depth)
        words = new_slots(1)
        self._last_words = words[0] if words else None
        self.channel = Channel(ours, outgoing, incoming)
        wires = child.Wires(
            theirs,
            [process.Descriptor(slot.descriptor) for slot in outgoing],
            [process.Descriptor(slot.descriptor) for slot in incoming],
            process.Descriptor(words[0].descriptor) if words else None,
        )
        self.is_ready = False
        try:
            main = job.spec.loader.startswith("__main__:")
            self.child = process.Child(child.main, (wires, job, post), preload=preload, with_main=main)
        finally:
            theirs.close()  # or its end would never be seen

    def last_words(self) -> str:
        """What it wrote while dying, such as the stack of a crash."""
        if self._last_words is None:
            return ""
        return os.pread(self._last_words.descriptor, 16384, 0).decode("utf-8", "replace")

    def close(self) -> None:
        """Let go of the pipe, which ends the process, and of the memory."""
        self.channel.close()
        if self._last_words is not None:
            self._last_words.close()
            self._last_words = None


class LocalCrew(Crew):
    """Replicas as worker processes; one replica is one process, or a group that shares a model."""

    def __init__(self) -> None:
        self.size = 0
        self._ranks: list[list[_Rank]] = []
        self._selector = selectors.DefaultSelector()
        self._answers: Counter[int] = Counter()
        self._first_answers: dict[int, Any] = {}
        self._reasons: dict[int, str] = {}
        self._moved = 0

    def start(self, job: Job) -> Facts:
        """Start all processes at once, and wait until each has loaded the model."""
        self._job = job
        self._plan = with_devices(job.plan, job.device)
        self._threads = self._plan.threads or max(1, _num_cores() // len(self._plan.devices))
        self._preload = [job.spec.loader.partition(":")[0], "duomo.execution.worker"]
        if "torch" in sys.modules:  # the model's module was imported, so it is there if the model needs it
            self._preload.insert(0, "torch")
        self.size = self._plan.dims.dp
        self._ranks = [[] for _ in range(self.size)]
        try:
            for replica in range(self.size):
                self._launch(replica)
            return self._all_ready()
        except BaseException:
            self.shutdown()
            raise

    def send(self, replica: int, ticket: int, items: Sequence[Any], options: Any) -> None:
        """To every rank, through its own pipe."""
        for rank in self._ranks[replica]:
            self._post(rank, ("batch", ticket, items, options), counted=True)

    def stream(self, replica: int, ticket: int, item: Any, options: Any) -> None:
        """To every rank."""
        for rank in self._ranks[replica]:
            self._post(rank, ("stream", ticket, item, options), counted=True)

    def cancel(self, replica: int, ticket: int) -> None:
        """To every rank."""
        for rank in self._ranks[replica]:
            self._post(rank, ("cancel", ticket))

    def wait(self, timeout_s: float) -> list[Event]:
        """What came through the pipes, and who died."""
        events: list[Event] = []
        for key, _ in self._selector.select(timeout_s):
            rank: _Rank = key.data
            if rank in self._ranks[rank.post.replica]:  # not buried a moment ago
                events += self._hear(rank)
        return events

    def restart(self, replica: int) -> None:
        """Start its processes again; they load in their own time."""
        self._launch(replica)

    def kill(self, replica: int, why: str) -> None:
        """Have it say where it hangs, then end it; its death will be seen like any other."""
        self._reasons[replica] = why
        for rank in self._ranks[replica]:
            rank.child.dump_stack()
            rank.child.kill()

    def devices(self, replica: int) -> str:
        """Names of its devices."""
        return "+".join(self._plan.devices_of(replica))

    def stats(self) -> dict[str, float]:
        """Bytes that went between driver and workers."""
        return {"bytes_moved": self._moved + sum(r.channel.bytes_moved for ranks in self._ranks for r in ranks)}

    def shutdown(self) -> None:
        """Hang up, which ends a healthy worker at once; end the others."""
        ranks = [rank for some in self._ranks for rank in some]
        for replica in range(len(self._ranks)):
            self._let_go(replica)
        process.end([rank.child for rank in ranks])

    def _launch(self, replica: int) -> None:
        world, rendezvous = self._plan.dims.group, ""
        if world > 1:
            from duomo.execution.group import new_rendezvous  # it imports torch

            rendezvous = new_rendezvous()
        for place, device in enumerate(self._plan.devices_of(replica)):
            name, environment = _within(device)
            post = child.Post(replica, place, world, rendezvous, self._threads, environment)
            rank = _Rank(self._job._replace(device=name, plan=self._plan), post, self._preload)
            self._ranks[replica].append(rank)
            self._selector.register(rank.channel.pipe, selectors.EVENT_READ, rank)
            self._selector.register(rank.child.sentinel, selectors.EVENT_READ, rank)

    def _all_ready(self) -> Facts:
        facts: Facts | None = None
        missing = {id(rank): rank for ranks in self._ranks for rank in ranks}
        while missing:
            for key, _ in self._selector.select():
                rank: _Rank = key.data
                message = self._next_message(rank)
                if message is None:
                    raise _did_not_start(rank, _ending(rank))
                if message[0] == "failed":
                    raise _did_not_start(rank, message[1])
                if rank.post.replica == 0 and rank.post.rank == 0:
                    facts = message[1]
                del missing[id(rank)]
        assert facts is not None
        return facts

    def _hear(self, rank: _Rank) -> list[Event]:
        """Everything a rank has said, and its death behind it."""
        events: list[Event] = []
        replica = rank.post.replica
        while True:
            message = self._next_message(rank)
            if message is None or message[0] == "failed":
                return [*events, self._bury(replica, message[1] if message else _ending(rank))]
            kind, ticket = message[0], message[1]
            if kind == "ready":
                rank.is_ready = True
                if all(each.is_ready for each in self._ranks[replica]) and len(self._ranks[replica]) == rank.post.world:
                    events.append(Event("ready", replica))
            elif kind == "part":
                events.append(Event("part", replica, ticket, part=message[2]))
            elif kind == "raised":
                events.append(Event("raised", replica, ticket, error=message[2], out_of_memory=message[3]))
                if rank.post.world > 1:  # the others wait for it in a collective, and would until it times out
                    return [*events, self._bury(replica, message[2], blame=False)]
            elif rank.post.world == 1:
                events.append(_done(replica, message))
            else:
                events += self._group_done(rank, message)
            if not rank.channel.pipe.poll():
                return events

    def _group_done(self, rank: _Rank, message: Any) -> list[Event]:
        """The first rank's answer, once all have answered."""
        ticket = message[1]
        self._answers[ticket] += 1
        if rank.post.rank == 0:
            self._first_answers[ticket] = message
        if self._answers[ticket] < rank.post.world:
            return []
        del self._answers[ticket]
        return [_done(rank.post.replica, self._first_answers.pop(ticket))]

    def _next_message(self, rank: _Rank) -> Any:
        """The next message, or None when the process is gone and has said all."""
        try:
            return rank.channel.recv()
        except (EOFError, OSError):
            return None

    def _bury(self, replica: int, error: ItemError, *, blame: bool = True) -> Event:
        ranks = self._ranks[replica]
        why = self._reasons.pop(replica, "")
        if why:
            error = ItemError(error.code, error.what, why, error.fix, error.type, error.traceback)
        self._let_go(replica)
        for rank in ranks:
            rank.child.kill()
        return Event("lost", replica, error=error, blame=blame)

    def _let_go(self, replica: int) -> None:
        for rank in self._ranks[replica]:
            self._moved += rank.channel.bytes_moved
            for watched in (rank.channel.pipe, rank.child.sentinel):
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(watched)
            rank.close()
        self._ranks[replica] = []

    def _post(self, rank: _Rank, message: Any, *, counted: bool = False) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its death will be noticed, and told
            rank.channel.send(message, counted=counted)


def with_devices(plan: ExecutionPlan, device: str) -> ExecutionPlan:
    """The plan with a device for each worker, all of which exist. Raises `UsageProblem` or `DeviceUnavailable`."""
    import dataclasses

    names = plan.devices or (pick_device(device),)
    if len(names) != plan.dims.total:
        raise UsageProblem("dims")
    return dataclasses.replace(plan, devices=tuple(pick_device(name) for name in names))


def _within(device: str) -> tuple[str, dict[str, str]]:
    """A device's name inside a process that sees no other, and the environment that makes it so."""
    if not device.startswith("cuda:"):
        return device, {}
    index = int(device.removeprefix("cuda:"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    chosen = visible.split(",")[index].strip() if visible else str(index)
    return "cuda:0", {"CUDA_VISIBLE_DEVICES": chosen}


def _done(replica: int, message: Any) -> Event:
    _, ticket, fates, (prepare_s, compute_s) = message
    return Event("done", replica, ticket, fates, prepare_s=prepare_s, compute_s=compute_s)


def _ending(rank: _Rank) -> ItemError:
    """How a process ended, with what it wrote while dying."""
    return ItemError("E-WORKER-LOST", "a worker died", rank.child.ending, "", "WorkerLost", rank.last_words())


def _did_not_start(rank: _Rank, error: ItemError) -> DuomoError:
    where = f"worker {rank.post.replica}" + (f", rank {rank.post.rank}" if rank.post.world > 1 else "")
    told = error.to_exception()
    kind = type(told) if isinstance(told, DuomoError) else Unavailable
    return kind(f"{where} did not start: {error.what}", why=f"{error.why}\n{error.traceback}".strip(), fix=error.fix)


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
