"""The ranks of a training as actors of a Ray cluster; when a node dies, all start again where there is room.

Rank 0 says where they meet, at a port of its node. The folder that is written, and data named by a path, must be seen
from every node: a shared file system.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from duomo.errors import Unavailable
from duomo.execution.pools.cluster import PLACE_S, check_room, connect, kind_of, part
from duomo.execution.pools.crew import START_LIMIT_S
from duomo.training.distributed.members import Members, Orders
from duomo.training.distributed.rank import run

HOLD_S = 0.2
"""How long an actor that has nothing to say holds the question."""
THREADS = {"train": "train", "said": "control", "meeting": "control"}
"""Which thread of an actor runs a method."""


class RankActor:
    """One rank: it trains in one thread, and is asked in another what it has to say."""

    def __init__(self) -> None:
        self._said: list[Any] = []
        self._news = threading.Condition()

    def meeting(self) -> str:
        """A free port of this node, for all to meet at."""
        host = str(ray.util.get_node_ip_address())
        with socket.socket() as found:
            found.bind((host, 0))
            return f"tcp://{host}:{found.getsockname()[1]}"

    def train(self, rank: int, rendezvous: str, orders: Orders) -> None:
        """Train to the end; what it comes to is said."""
        request = orders.of(rank)
        if request.device.startswith("cuda"):
            orders = orders._replace(devices=("cuda:0",) * len(orders.devices))  # Ray shows an actor its own GPU only
        run(rank, orders.dims, rendezvous, orders.deadline_s, orders.of(rank), orders.start, orders.spec, self)

    def send(self, message: object, /) -> None:
        """Keep a message until it is asked for."""
        with self._news:
            self._said.append(message)
            self._news.notify()

    def close(self) -> None:
        """Say no more."""

    def said(self) -> list[tuple[Any, ...]]:
        """What was said since the last question; waits a little for something."""
        with self._news:
            self._news.wait_for(lambda: self._said, HOLD_S)
            found, self._said = self._said, []
            return found


class RayMembers(Members):
    """Actors of a cluster: the one that this process is connected to, that of ``RAY_ADDRESS`` or one here."""

    def __init__(self, orders: Orders) -> None:
        self._is_own = connect(None)
        self.actors: list[Any] = []
        self._asked: dict[int, Any] = {}
        self._ends: list[Any] = []
        self.group: Any = None
        self.pids = [None] * len(orders.devices)
        try:
            self._start(orders)
        except BaseException:
            self.close()
            raise

    def _start(self, orders: Orders) -> None:
        kinds = [kind_of(each) for each in orders.devices]
        check_room(kinds, ray.cluster_resources())
        self.group = placement_group([{kind: 1.0} for kind in kinds], strategy="PACK")
        if not self.group.wait(PLACE_S):
            raise Unavailable(
                f"{len(kinds)} ranks of a training found no place in the cluster within {PLACE_S:g} s",
                why="they start together, or wait for each other",
                fix="end other work on the cluster, add a node, or ask for fewer devices",
            )
        for place, kind in enumerate(kinds):
            strategy = PlacementGroupSchedulingStrategy(self.group, placement_group_bundle_index=place)
            actor = ray.remote(
                concurrency_groups=dict.fromkeys(THREADS.values(), 1),
                num_cpus=int(kind == "CPU"), num_gpus=int(kind == "GPU"), scheduling_strategy=strategy,
            )(_with_threads())  # fmt: skip
            self.actors.append(actor.remote())
        rendezvous = first_answer(self.actors[0].meeting.remote())
        shared = ray.put(orders)
        for rank, each in enumerate(self.actors):
            self._ends.append(each.train.remote(rank, rendezvous, shared))

    def hear(self, ranks: Sequence[int], timeout_s: float) -> list[tuple[int, tuple[Any, ...]]]:
        for rank in ranks:
            if rank not in self._asked:
                self._asked[rank] = self.actors[rank].said.remote()
        owed = {self._asked[rank]: rank for rank in ranks}
        ready, _ = ray.wait(list(owed), num_returns=1, timeout=timeout_s)
        ready += [each for each in ray.wait(list(owed), num_returns=len(owed), timeout=0)[0] if each not in ready]
        found: list[tuple[int, tuple[Any, ...]]] = []
        for ref in ready:
            rank = owed[ref]
            del self._asked[rank]
            try:
                found += [(rank, message) for message in ray.get(ref)]
            except RayError as error:
                found.append((rank, ("gone", str(error).strip().splitlines()[0])))
        return found

    def close(self) -> None:
        with contextlib.suppress(RayError, ValueError):
            for actor in self.actors:
                ray.kill(actor)
            if self.group is not None:
                remove_placement_group(self.group)
        if self._is_own:
            part()


def first_answer(asked: object) -> str:
    """What an actor that was just made says, once its process has started. Raises `Unavailable` where it does not."""
    try:
        return str(ray.get(asked, timeout=START_LIMIT_S))
    except RayError as error:
        raise Unavailable(
            "the first rank of a training did not start",
            why=str(error).strip().splitlines()[0],
            fix="ray status shows whether its node is there; every node needs duomo and torch. "
            "resume=True (--resume) goes on from the last checkpoint",
        ) from error


def _with_threads() -> type[RankActor]:
    """The actor's class with each method on its thread; marked late, since the mark is Ray's."""

    class Placed(RankActor):
        pass

    for name, thread in THREADS.items():
        setattr(Placed, name, ray.method(concurrency_group=thread)(getattr(RankActor, name)))
    return Placed
