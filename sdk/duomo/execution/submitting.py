"""Items that come one at a time, from any thread, and share batches: the thread around `Lanes`."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from duomo.errors import UsageProblem
from duomo.execution.base import Entry, ItemResult
from duomo.execution.scheduling.intake import measured
from duomo.execution.scheduling.lanes import Lane, Lanes
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.returns import Returns
from duomo.outcome import ItemError, Outcome

DRAIN_S = 30.0
"""How long `Desk.close` waits for what has begun."""
PREPARE_SHARE = 0.1
"""A batch is prepared beside the one before it where preparing takes more than this share of computing."""
IDLE_S = 5.0
"""The thread ends when nothing has been submitted for this long; the next item starts another."""


class Submitted(Future[Outcome[Any]]):
    """The outcome of a submitted item, when it is there. Once its batch has begun it cannot be cancelled."""

    def __init__(self, id: str, caller: str, withdraw: Callable[[Submitted], bool]) -> None:
        super().__init__()
        self.id = id
        self.caller = caller
        self.is_prompt = False
        """Whether its caller asked at once after its last answer."""
        self._withdraw = withdraw

    def cancel(self) -> bool:
        """Take the item back, unless its batch has begun; gives whether that was so."""
        if self._withdraw(self):
            super().cancel()
            self.set_running_or_notify_cancel()  # only this wakes a caller that waits for several
        return self.cancelled()


class Desk(ABC):
    """Takes items in from any thread. One thread of its own has them computed and answers.

    Args:
        policy: bounds of a batch.
        estimate: cost of an item.
        outcome: makes an outcome, as `Executor.outcome` does.
        now: the clock of deadlines.
        changed: the lock under which everything here happens.
        slo_s: seconds in which an item is to be answered; 0 for none.
    """

    def __init__(
        self,
        policy: Policy,
        estimate: Callable[[Any], int],
        outcome: Callable[[Entry, ItemResult], Outcome[Any]],
        now: Callable[[], float],
        changed: threading.Condition,
        slo_s: float = 0.0,
    ) -> None:
        self.lanes: Lanes[Submitted] = Lanes(policy.shared(), slo_s)
        self._estimate = estimate
        self._outcome = outcome
        self._now = now
        self._changed = changed
        self._thread: threading.Thread | None = None
        self._closed = False
        self._late: list[tuple[Submitted, ItemResult]] = []
        self._returns = Returns()
        self.start_s = 0.0
        """What the batch took to start whose items are answered next; 0 where nobody is waited for."""

    @abstractmethod
    def work(self) -> None:
        """Have the next batches computed, or wait for one that is; called without the lock as long as there are any."""

    def wake(self) -> None:
        """Make a `work` that waits look at what has come; called under the lock."""
        self._changed.notify_all()

    def gather(self) -> None:
        """Wait for those who ask again as soon as they are answered."""
        with self._changed:
            while wait_s := self.gather_s():
                self._changed.wait(wait_s)

    def gather_s(self) -> float:
        """How long the next batch should wait for those who ask again at once; called under the lock.

        It should not where it is full without them, or an item would be late for it.
        """
        if self._closed or any(lane.is_full for lane in self.lanes):
            return 0.0
        now, deadline = self._now(), self.lanes.next_deadline()
        wait_s = self._returns.wait_s(now)
        return 0.0 if deadline is not None and deadline <= now + wait_s else wait_s

    def expire(self) -> None:
        """Take back what is late, to be answered; called under the lock."""
        self._late += self.lanes.expire(self._now())

    def refuse(self, lane: Lane[Submitted], error: BaseException) -> None:
        """Answer all that is in a lane with an error that is of no item; called under the lock."""
        item_result = ItemResult(error=ItemError.of(error))
        self._late += [(future, item_result) for future in self.lanes.abandon(lane)]
        self.forget(lane)

    @abstractmethod
    def forget(self, lane: Lane[Submitted]) -> None:
        """Let go of a lane that has been idle for long; called under the lock."""

    def submit(self, entry: Entry, options: object, deadline_s: float | None, caller: str = "") -> Future[Outcome[Any]]:
        """Take an item in; returns at once.

        Args:
            entry: its outcome has index 0.
            options: items with equal ones share batches.
            deadline_s: how long the item may wait.
            caller: whose it is.
        """
        entry, cost, size = measured(entry, self._estimate)
        future = Submitted(entry.id, caller, self._withdraw)
        if entry.known is not None:
            self._answer([(future, entry.known)])
            return future
        deadline = None if deadline_s is None else self._now() + deadline_s
        with self._changed:
            if self._closed:
                raise closed()
            self.lanes.add(future, entry, options, cost=cost, size=size, deadline=deadline, caller=caller)
            future.is_prompt = self._returns.came(caller, self._now())
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="duomo-submit", daemon=True)
                self._thread.start()
            self.wake()
        return future

    def close(self) -> None:
        """Take nothing more in, answer what waits with an error, and wait for what has begun, `DRAIN_S` at most."""
        with self._changed:
            self._closed = True
            waiting = self.lanes.close()
            self.wake()
        self._answer((future, _CLOSED) for future in waiting)
        with self._changed:
            if self._thread is not threading.current_thread():
                self._changed.wait_for(lambda: self._thread is None, DRAIN_S)

    def _serve(self) -> None:
        while self._has_work():
            try:
                self.work()
            except BaseException as error:  # a fault of ours, or of a crew: no caller may wait for ever
                self._abandon(error)
            with self._changed:
                self.expire()
                answers, self._late = [*self._late, *self.lanes.answers()], []
                if self.start_s:
                    for future, _ in answers:
                        self._returns.answered(future.caller, self._now(), self.start_s, is_prompt=future.is_prompt)
                for lane in self.lanes.prune():
                    self.forget(lane)
            self._answer(answers)

    def _has_work(self) -> bool:
        """Wait for an item; false when none has come for a while, which ends the thread."""
        with self._changed:
            self._changed.wait_for(lambda: not self.lanes.is_idle or bool(self._late) or self._closed, timeout=IDLE_S)
            if self.lanes.is_idle and not self._late:
                self._thread = None
                self._changed.notify_all()
                return False
            return True

    def _abandon(self, error: BaseException) -> None:
        with self._changed:
            for lane in list(self.lanes):
                self.refuse(lane, error)

    def _withdraw(self, future: Submitted) -> bool:
        with self._changed:
            return self.lanes.drop(future)

    def _answer(self, answers: Iterable[tuple[Submitted, ItemResult]]) -> None:
        """Without the lock: what is called when a future is done may do anything."""
        for future, item_result in answers:
            future.set_result(self._outcome(Entry(0, future.id, None), item_result))


def closed() -> UsageProblem:
    """Return the error of a runner that is used after its end."""
    return UsageProblem("this runner is closed", why="its model was given back", fix="load the model again")


_CLOSED = ItemResult(error=ItemError.of(closed()))
