"""A process for each device of this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import selectors
import threading
from collections.abc import Sequence
from typing import Any

from duomo.errors import Unavailable
from duomo.execution.base import Job, ModelFacts
from duomo.execution.devices import torch_in_use
from duomo.execution.pools import child, process
from duomo.execution.pools.crew import START_LIMIT_S, Crew, Event, cause_of, not_started
from duomo.execution.pools.interrupts import let_through
from duomo.execution.pools.placing import threads_for, with_devices, within
from duomo.execution.pools.pool import PoolExecutor
from duomo.execution.pools.rank import Rank
from duomo.execution.pools.replicas import HANG_FLOOR_S, MAX_RESTARTS
from duomo.execution.pools.selecting import new_selector
from duomo.execution.pools.transport import Message
from duomo.outcome import ItemError


class LocalExecutor(PoolExecutor):
    """Worker processes of this machine, one a device; each starts in hundredths of a second after the first.

    Args:
        max_restarts: deaths of a worker in a row after which it is given up.
        hang_floor_s: seconds before which no batch is taken to hang.
    """

    name = "local"

    def __init__(self, *, max_restarts: int = MAX_RESTARTS, hang_floor_s: float = HANG_FLOOR_S) -> None:
        self._processes = LocalCrew()
        super().__init__(self._processes, max_restarts=max_restarts, hang_floor_s=hang_floor_s)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers, in the order of their devices; of those that are there now."""
        return self._processes.pids


class LocalCrew(Crew):
    """Replicas as worker processes; one replica is one process, or a group that shares a model."""

    def __init__(self) -> None:
        self.size = 0
        self._talking = threading.Lock()
        """Held while a replica is spoken to or let go: another thread may find it dead in the middle of a word."""
        self._ranks: list[list[Rank]] = []
        self._selector = new_selector()
        self._woken, self._waker = multiprocessing.Pipe(duplex=False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._answers: dict[tuple[int, int], list[Any]] = {}
        """Replica and ticket → what the ranks of a group have answered so far."""
        self._reasons: dict[int, str] = {}
        """Replica → why it is being killed."""
        self._meeting_places: dict[int, str] = {}
        self._moved = 0

    def start(self, job: Job) -> ModelFacts:
        """Start all processes at once, and wait until each has loaded the model."""
        self._plan = with_devices(job)
        self._job = job._replace(plan=self._plan)
        self._threads = self._plan.threads or threads_for(len(self._plan.devices))
        self._preload = [job.spec.loader.partition(":")[0], "duomo.execution.worker"]
        if self._plan.dims.group > 1:
            self._preload.append("duomo.execution.sharding.group")
        if torch_in_use():  # importing the model's class has brought it, so the workers will need it too
            self._preload.insert(0, "torch")
        self.size = self._plan.dims.dp
        self._ranks = [[] for _ in range(self.size)]
        try:
            for replica in range(self.size):
                self.restart(replica)
            return self._all_ready()
        except OSError as error:
            self.shutdown()
            raise Unavailable(
                "a worker process could not be started",
                why=str(error),
                fix="start again; if it goes on, free memory and processes, or use executor='inline'",
            ) from error
        except BaseException:
            self.shutdown()
            raise

    def send(self, replica: int, ticket: int, items: Sequence[object], options: object) -> None:
        """Send a batch to every rank, through its own pipe."""
        self._send(replica, "batch", ticket, (items, options))

    def stream(self, replica: int, ticket: int, item: object, options: object) -> None:
        """Send a stream to every rank."""
        self._send(replica, "stream", ticket, (item, options))

    def cancel(self, replica: int, ticket: int) -> None:
        """Ask every rank to stop a stream."""
        self._send(replica, "cancel", ticket)

    def wait(self, timeout_s: float) -> list[Event]:
        """Give what came through the pipes, and which replicas died."""
        events: list[Event] = []
        with let_through():
            ready = self._selector.select(timeout_s)
        for key, _ in ready:
            rank: Rank | None = key.data
            if rank is None:
                self._woken.recv_bytes()
            elif rank in self._ranks[rank.post.replica]:  # not one that was found dead a moment ago
                events += self._read_events(rank)
        return events

    def wake(self) -> None:
        """Make `wait` return."""
        self._waker.send_bytes(b"wake")

    def restart(self, replica: int) -> None:
        """Start its processes; they load in their own time."""
        world, meeting_place = self._plan.dims.group, ""
        if world > 1:
            from duomo.execution.sharding.group import new_rendezvous  # it imports torch

            meeting_place = self._meeting_places[replica] = new_rendezvous()
        try:
            for place, device in enumerate(self._plan.devices_of(replica)):
                name, environment = within(device, self._threads)
                post = child.RankInfo(replica, place, world, meeting_place, self._threads, environment)
                rank = Rank(self._job._replace(device=name), post, self._preload)
                self._ranks[replica].append(rank)
                self._selector.register(rank.channel.pipe, selectors.EVENT_READ, rank)
                self._selector.register(rank.child.sentinel, selectors.EVENT_READ, rank)
        except BaseException:  # half a group is none, and the next start must not find it here
            self._end(replica)
            raise

    def kill(self, replica: int, why: str) -> None:
        """Have it say where it hangs, then end it; its death will be seen like any other."""
        self._reasons[replica] = why
        for rank in self._ranks[replica]:
            rank.child.dump_stack()
        for rank in self._ranks[replica]:
            rank.child.kill()

    def devices(self, replica: int) -> str:
        """Name the devices of a replica."""
        return "+".join(self._plan.devices_of(replica))

    def bytes_moved(self) -> int:
        """Count the bytes that went between driver and workers."""
        return self._moved + sum(rank.channel.bytes_moved for ranks in self._ranks for rank in ranks)

    def shutdown(self) -> None:
        """Hang up, which ends a healthy worker at once; end the others."""
        children = [rank.child for ranks in self._ranks for rank in ranks]
        for replica in range(len(self._ranks)):
            self._release(replica)
        process.end(children)

    @property
    def pids(self) -> list[int]:
        """Process ids of all ranks that are there now."""
        return [rank.child.pid for ranks in self._ranks for rank in ranks]

    def _all_ready(self) -> ModelFacts:
        first: ModelFacts | None = None
        missing = sum(len(ranks) for ranks in self._ranks)
        deadline = self.now() + START_LIMIT_S
        while missing:
            ready = self._selector.select(max(0.0, deadline - self.now()))
            if not ready:
                raise self._too_slow()
            for key, _ in ready:
                rank: Rank = key.data
                if rank.is_ready and rank.child.is_alive:
                    continue
                message = rank.next_message()
                if message.kind == "failed":
                    raise not_started(rank.post.name, message.body)
                rank.is_ready, missing = True, missing - 1
                if rank.post.replica == rank.post.rank == 0:
                    first = message.body
        assert first is not None
        return first

    def _too_slow(self) -> Exception:
        """Make the error of the first rank that has not loaded its model in time, with where it hangs."""
        rank = next(rank for ranks in self._ranks for rank in ranks if not rank.is_ready)
        rank.child.dump_stack()
        rank.child.kill()
        rank.child.join(1)
        why = f"it took more than {START_LIMIT_S:g} s to load the model"
        return not_started(rank.post.name, dataclasses.replace(rank.ending(), why=why))

    def _read_events(self, rank: Rank) -> list[Event]:
        """Read everything that a rank says, and behind it its death."""
        events: list[Event] = []
        replica = rank.post.replica
        while True:
            message = rank.next_message()
            kind, ticket = message.kind, message.ticket
            if kind == "failed":
                return [*events, self._mark_dead(replica, message.body)]
            if kind == "ready":
                rank.is_ready = True
                if all(each.is_ready for each in self._ranks[replica]):
                    events.append(Event("ready", replica))
            elif kind == "part":
                events.append(Event("part", replica, ticket, part=message.body))
            elif kind == "raised":
                error, out_of_memory = message.body
                rank.raised = Event("raised", replica, ticket, error=error, out_of_memory=out_of_memory)
                if rank.post.world == 1:
                    events.append(rank.raised)
                elif (cause := self._cause(replica)) is not None:  # the other ranks wait for this one
                    return [*events, cause, self._mark_dead(replica, cause.error, blame=False)]
            else:
                events += self._done(rank, message)
            if not rank.channel.pipe.poll():
                return events

    def _done(self, rank: Rank, message: Message) -> list[Event]:
        """Give the first rank's answer, once all ranks of its group have answered."""
        replica, ticket = rank.post.replica, message.ticket
        answers = self._answers.setdefault((replica, ticket), [])
        answers.insert(0 if rank.post.rank == 0 else len(answers), message)
        if len(answers) < rank.post.world:
            return []
        item_results, prepare_s, compute_s = self._answers.pop((replica, ticket))[0].body
        return [Event("done", replica, ticket, item_results, prepare_s=prepare_s, compute_s=compute_s)]

    def _cause(self, replica: int) -> Event | None:
        """Find what went wrong in a group, once it is known."""
        raised = [rank.raised for rank in self._ranks[replica] if rank.raised is not None]
        return cause_of(raised, all_spoke=len(raised) == len(self._ranks[replica]))

    def _mark_dead(self, replica: int, error: ItemError | None, *, blame: bool = True) -> Event:
        """Let go of a replica that died or must; those of its ranks that still live are ended."""
        if replica in self._reasons and error is not None:
            error = dataclasses.replace(error, why=self._reasons.pop(replica))
        self._end(replica)
        return Event("lost", replica, error=error, blame=blame)

    def _end(self, replica: int) -> None:
        ranks = self._ranks[replica]
        self._release(replica)
        for rank in ranks:
            rank.child.kill()

    def _release(self, replica: int) -> None:
        with self._talking:
            for rank in self._ranks[replica]:
                self._moved += rank.channel.bytes_moved
                for watched in (rank.channel.pipe, rank.child.sentinel):
                    with contextlib.suppress(KeyError, ValueError):
                        self._selector.unregister(watched)
                rank.close()
            self._ranks[replica] = []
        self._answers = {key: some for key, some in self._answers.items() if key[0] != replica}
        if replica in self._meeting_places:
            from duomo.execution.sharding.group import remove_rendezvous

            remove_rendezvous(self._meeting_places.pop(replica))

    def _send(self, replica: int, kind: str, ticket: int, body: object = None) -> None:
        with self._talking:
            for rank in self._ranks[replica]:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its death will be noticed
                    rank.channel.send(kind, ticket, body)
