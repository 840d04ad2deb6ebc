"""The same pool over actors of a Ray cluster: one that is there already, or one started here for the purpose.

An actor is what a process is to `duomo.execution.pools.local`. Ray places it, moves what it is sent, and says when
its node has died; batches, order and faults remain the scheduler's. Ray's own batch machinery is not used.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from duomo.errors import DuomoError, Unavailable
from duomo.execution.base import Job, ModelFacts
from duomo.execution.pools import child
from duomo.execution.pools.actor import THREADS, Loaded, with_threads
from duomo.execution.pools.cluster import PLACE_S, connect, kind_of, part, with_devices
from duomo.execution.pools.crew import START_LIMIT_S, Crew, Event, cause_of, not_started
from duomo.execution.pools.interrupts import let_through
from duomo.execution.pools.pool import PoolExecutor
from duomo.outcome import ItemError

LISTEN_S = 0.02
"""Seconds for which a `wait` for answers does not notice that it is woken."""


class RayExecutor(PoolExecutor):
    """Workers as actors of a Ray cluster.

    Args:
        address: of a cluster, ``"auto"``, ``"host:6379"`` or ``"ray://host:10001"``. Left out, the one that this
            process is connected to already, else the one of ``RAY_ADDRESS`` or one on this machine, else one is started
            here.
        place_s: how long a replacement may wait for a free place in the cluster.
        limits: of `PoolExecutor`.
    """

    name = "ray"

    def __init__(self, address: str | None = None, *, place_s: float = PLACE_S, **limits: Any) -> None:
        super().__init__(RayCrew(address, place_s), **limits)


class _Replica:
    """The actors of one copy of the model, and the answers they owe."""

    def __init__(self, actors: list[Any], group: object, deadline: float) -> None:
        self.actors = actors
        self.group = group
        self.deadline = deadline
        self.loading: list[Any] = []
        self.node = ""
        self.pending: dict[int, list[Any]] = {}
        """Ticket → what each rank will answer with, oldest first."""
        self.heard: set[Any] = set()
        """Ranks that have answered the oldest ticket, and need not be waited for."""

    @property
    def awaited(self) -> list[Any]:
        """What comes next from it; of a stream only the first rank's answers count."""
        refs = self.loading or next(iter(self.pending.values()), [])
        if refs and isinstance(refs[0], ray.ObjectRefGenerator):
            return refs[:1]
        return [ref for ref in refs if ref not in self.heard]


class RayCrew(Crew):
    """Replicas as actors, or as groups of actors that share a model and a node."""

    def __init__(self, address: str | None, place_s: float = PLACE_S) -> None:
        self.size = 0
        self._address = address
        self._place_s = place_s
        self._replicas: dict[int, _Replica] = {}
        self._buried: list[Event] = []
        self._woken = threading.Event()
        self._connected = False

    def start(self, job: Job) -> ModelFacts:
        """Connect, place all actors, and wait until each has loaded the model."""
        self.size = job.plan.dims.dp
        self._connected = connect(self._address)
        try:
            self._plan = with_devices(job, ray.cluster_resources())
            self._job = job._replace(plan=self._plan)
            for replica in range(self.size):
                self._launch(replica, START_LIMIT_S)
            self._check_placed()
            loaded = [self._loaded(replica) for replica in range(self.size)]
        except BaseException:
            self.shutdown()
            raise
        return loaded[0].facts

    def send(self, replica: int, ticket: int, items: Sequence[object], options: object) -> None:
        """Send a batch to every rank; what is sent goes into the object store once."""
        here = self._replicas.get(replica)
        if here is None:
            return  # the pool has yet to hear of its loss
        shared = ray.put(items) if len(here.actors) > 1 else items
        for actor in here.actors:
            actor.prepare.remote(ticket, shared, options)
        here.pending[ticket] = [actor.compute.remote(ticket, options) for actor in here.actors]

    def stream(self, replica: int, ticket: int, item: object, options: object) -> None:
        """Send a stream to every rank."""
        here = self._replicas.get(replica)
        if here is None:
            return
        here.pending[ticket] = [
            actor.stream.options(num_returns="streaming").remote(ticket, item, options) for actor in here.actors
        ]

    def cancel(self, replica: int, ticket: int) -> None:
        """Ask every rank to stop a stream."""
        here = self._replicas.get(replica)
        for actor in here.actors if here is not None else ():  # it may have died a moment ago
            actor.cancel.remote(ticket)

    def wait(self, timeout_s: float) -> list[Event]:
        """Give what the oldest tickets have answered, and which replicas died."""
        self._woken.clear()  # first: who wakes it later has sent what is not looked at below
        events, self._buried = self._buried, []
        owed = {
            ref: replica
            for replica, here in list(self._replicas.items())  # another thread may start one again meanwhile
            for ref in here.awaited
        }
        if events or not owed:
            with let_through():
                self._woken.wait(0 if events else timeout_s)
            return events
        with let_through():
            there = self._first_of(list(owed), timeout_s)
        if there:
            # One was worth waiting for; whatever else is there by now comes along.
            ready, _ = ray.wait(list(owed), num_returns=len(owed), timeout=0)
            for replica in dict.fromkeys(owed[ref] for ref in ready):
                events += self._read_events(replica)
        return events + self._late()

    def wake(self) -> None:
        """Make a `wait` in another thread return soon."""
        self._woken.set()

    def _first_of(self, owed: list[Any], timeout_s: float) -> bool:
        """Wait until one is there, or this crew is woken: Ray itself would not notice what was sent since."""
        deadline = self.now() + timeout_s
        while True:
            left = deadline - self.now()
            if ray.wait(owed, num_returns=1, timeout=max(0.0, min(left, LISTEN_S)))[0]:
                return True
            if left <= LISTEN_S or self._woken.is_set():
                return False

    def restart(self, replica: int) -> None:
        """Place its actors again, wherever there is room by now."""
        self._launch(replica, self._place_s)

    def kill(self, replica: int, why: str) -> None:
        """End its actors by force."""
        self._mark_dead(replica, ItemError("E-WORKER-LOST", "a worker was ended", why, type="WorkerLost"))

    def devices(self, replica: int) -> str:
        """Its devices and its node."""
        here = self._replicas.get(replica)
        return "+".join(self._plan.devices_of(replica)) + (f" on {here.node}" if here is not None and here.node else "")

    def shutdown(self) -> None:
        """End the actors, and the cluster if it was started here and nobody else uses it."""
        for replica in list(self._replicas):
            self._release(replica)
        self._buried.clear()
        if self._connected:
            self._connected = False
            part()

    def _check_placed(self) -> None:
        """Raise `Unavailable` when others use what the workers need: their start would wait without a word."""
        asked = [actor.where.remote() for here in self._replicas.values() for actor in here.actors]
        _, waiting = ray.wait(asked, num_returns=len(asked), timeout=self._place_s)
        if waiting:
            free = ray.available_resources()
            raise Unavailable(
                f"{len(waiting)} of {len(asked)} workers found no place in the cluster within {self._place_s:g} s",
                why=f"{free.get('CPU', 0):g} CPU and {free.get('GPU', 0):g} GPU are free, and a group needs one node",
                fix="end other work on the cluster, add a node, or ask for fewer devices",
            )

    def _launch(self, replica: int, limit_s: float) -> None:
        """Have Ray place the actors of one replica, and load in their own time."""
        world, devices = self._plan.dims.group, self._plan.devices_of(replica)
        needs = kind_of(devices[0])
        options: dict[str, Any] = {"num_cpus": int(needs == "CPU"), "num_gpus": int(needs == "GPU")}
        group = None
        if world > 1:
            # On one node: its ranks talk to each other in every layer.
            group = placement_group([{needs: 1.0}] * world, strategy="STRICT_PACK")
            options["scheduling_strategy"] = PlacementGroupSchedulingStrategy(group)
        actor = ray.remote(concurrency_groups=dict.fromkeys(THREADS.values(), 1), **options)(with_threads())
        here = _Replica([actor.remote() for _ in range(world)], group, self.now() + limit_s)
        meeting = here.actors[0].rendezvous.remote() if world > 1 else ""
        threads = self._plan.threads or 1
        for rank, (seat, device) in enumerate(zip(here.actors, devices, strict=True)):
            # Ray shows an actor its own GPU only, and there it is the first.
            job = self._job._replace(device="cuda:0" if device.startswith("cuda") else device)
            post = child.RankInfo(replica, rank, world, "", threads, {})
            here.loading.append(seat.load.remote(job, post, meeting))
        self._replicas[replica] = here

    def _loaded(self, replica: int) -> Loaded:
        """Give what the first rank of a replica says at its start; raise what kept any rank from it."""
        here = self._replicas[replica]
        try:
            answers: list[Any] = ray.get(here.loading, timeout=max(0.0, here.deadline - self.now()))
        except RayError as error:
            answers = [_ending(error)]
        failed = next((each for each in answers if isinstance(each, ItemError)), None)
        if failed is not None:
            fix = "every node needs the same packages and weights as this machine"
            raise not_started(f"worker {replica}", failed, fix)
        here.heard.clear()
        here.loading, here.node = [], answers[0].node
        first: Loaded = answers[0]
        return first

    def _read_events(self, replica: int) -> list[Event]:
        """Give all that one replica has answered, in order of the tickets."""
        here = self._replicas[replica]
        try:
            if here.loading:
                here.heard.update(_there(here.loading))
                if here.awaited:
                    return []
                self._loaded(replica)
                return [Event("ready", replica)]
            return self._answers(here)
        except (RayError, DuomoError) as error:
            return self._mark_dead(replica, _ending(error), now=True)

    def _answers(self, here: _Replica) -> list[Event]:
        events: list[Event] = []
        while here.pending:
            ticket, refs = next(iter(here.pending.items()))
            if isinstance(refs[0], ray.ObjectRefGenerator):
                events += self._parts(here, ticket, refs)
                if ticket in here.pending:
                    break
                continue
            there = _there(refs)
            answered: list[Event] = ray.get(there)
            raised = [event for event in answered if event.kind == "raised"]
            if len(refs) > 1 and (cause := cause_of(raised, all_spoke=len(there) == len(refs))) is not None:
                # The other ranks wait for it in a collective, and would until that times out.
                return [*events, cause, *self._mark_dead(cause.replica, cause.error, blame=False, now=True)]
            if len(there) < len(refs):
                here.heard.update(there)
                break
            here.heard.clear()
            del here.pending[ticket]
            events.append(answered[0])
        return events

    def _parts(self, here: _Replica, ticket: int, streams: list[Any]) -> list[Event]:
        """Give what a stream has come to so far; that of the first rank counts."""
        events: list[Event] = []
        while _there(streams[:1]):
            event: Event = ray.get(next(streams[0]))
            events.append(event)
            if event.kind != "part":
                del here.pending[ticket]
                break
        return events

    def _late(self) -> list[Event]:
        """Replicas that have found no place, or cannot load, in the time they have."""
        now = self.now()
        late = [replica for replica, here in list(self._replicas.items()) if here.loading and now > here.deadline]
        why = f"no place was found for it in the cluster within {self._place_s:g} s"
        error = ItemError("E-WORKER-LOST", "a worker did not start", why, type="WorkerLost")
        return [event for replica in late for event in self._mark_dead(replica, error, now=True)]

    def _mark_dead(
        self, replica: int, error: ItemError | None, *, blame: bool = True, now: bool = False
    ) -> list[Event]:
        """End what is left of a replica and say so, now or when `wait` is next asked."""
        self._release(replica)
        event = Event("lost", replica, error=error, blame=blame)
        if not now:
            self._buried.append(event)
        return [event]

    def _release(self, replica: int) -> None:
        here = self._replicas.pop(replica, None)
        if here is None:
            return
        with contextlib.suppress(RayError, ValueError):
            for actor in here.actors:
                ray.kill(actor)
            if here.group is not None:
                remove_placement_group(here.group)


def _there(refs: Sequence[Any]) -> list[Any]:
    """Give those that need not be waited for, in their order."""
    ready: list[Any] = ray.wait(list(refs), num_returns=len(refs), timeout=0)[0]
    return ready


def _ending(error: Exception) -> ItemError:
    """Say in a line how an actor ended."""
    why = str(error).strip().splitlines()
    return ItemError("E-WORKER-LOST", "a worker died", why[0] if why else type(error).__name__, type="WorkerLost")
