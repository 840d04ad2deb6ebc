"""Which items run together, and what becomes of them when something fails: a pure object.

No process, thread, clock or I/O lives here, so the same object drives one process, a pool, a cluster
and a simulation. A driver feeds it and does as it says::

    while not scheduler.finished:
        while scheduler.wants_input:        scheduler.offer(entry, cost, size)   # or scheduler.end()
        batch = scheduler.next_batch(worker)                                     # run it on that worker, then one of
        scheduler.settle(batch, fates)      # it ran: one fate for each entry
        scheduler.fail(batch, error)        # it raised: halve it until the culprit stands alone
        scheduler.out_of_memory(batch)      # halve it, and the worker's budget with it
        scheduler.lost(batch)               # the worker died with it
        for entry, fate in scheduler.settled(): ...                              # as they come, for a journal
        for entry, fate in scheduler.emit(): ...                                 # in input order, each exactly once

Batches are cut from a window of waiting items, around the oldest and then by nearest cost: alike
lengths waste no padding, and taking the oldest first keeps the ordered output moving.
"""

from __future__ import annotations

import bisect
import dataclasses
from collections import deque
from collections.abc import Iterator, Sequence

from duomo.errors import SystemicError, WorkerLost
from duomo.execution.base import Entry, Fate
from duomo.outcome import ItemError

GOOD_BATCHES_TO_GROW = 16
PADDING = 0.25
"""A batch may be padded by so much of its real cost …"""
SLACK = 64
"""… and by as much as starting one more batch would cost (about 64 tokens of a small encoder on a CPU)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """The bounds of one run."""

    max_items: int = 32
    """Items in one batch."""
    budget: int = 0
    """Cost of one batch (items times the costliest, or the sum when packed); 0 for no bound."""
    packed: bool = False
    """The model pads nothing: a batch costs the sum of its items."""
    window_items: int = 1024
    """Items read but not yet given out."""
    window_bytes: int = 256 * 1024**2
    retryable: frozenset[str] = frozenset({"ConnectionError", "TimeoutError"})
    """Names of exceptions worth one more try on a single item."""
    systemic_after: int = 32
    """So many items failing alike before any success end the run: bisecting a million would not help."""
    max_failed: int | None = None
    """More failed items than this end the run."""


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Entries to run together."""

    entries: tuple[Entry, ...]
    worker: int = 0
    tries: int = 0
    """How often a worker died with it, or a single item was tried."""


class Scheduler:
    """See the module's docstring for the conversation with a driver."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._waiting: list[tuple[int, int]] = []
        """(cost, index) of what may be cut into batches, sorted."""
        self._entries: dict[int, tuple[Entry, int, int]] = {}
        """Index → entry, cost, size of everything read and not emitted."""
        self._fresh: set[int] = set()
        """Indices in `_waiting`."""
        self._oldest: deque[int] = deque()
        """The same in input order; those already cut are skipped when met."""
        self._redo: deque[Batch] = deque()
        self._fates: dict[int, Fate] = {}
        self._settled: list[tuple[Entry, Fate]] = []
        self._next = 0
        self._bytes = 0
        self._ended = False
        self._budgets: dict[int, int] = {}
        self._streaks: dict[int, int] = {}
        self._alike: dict[str, int] = {}
        self._any_success = False
        self.counts = dict.fromkeys(
            ("items", "failed", "batches", "splits", "retries", "ooms", "lost", "cost", "padded_cost"), 0
        )
        """What happened so far; ``padded_cost`` is ``cost`` with the padding of each batch."""

    # What comes in

    @property
    def wants_input(self) -> bool:
        """Whether the window has room; one item is always let in, however big."""
        held = len(self._entries)
        room = held < self.policy.window_items and (held == 0 or self._bytes < self.policy.window_bytes)
        return room and not self._ended

    def offer(self, entry: Entry, cost: int = 1, size: int = 0) -> None:
        """Hand in the next entry; indices count up from 0. One whose fate is known is settled at once."""
        assert entry.index == self._next + len(self._entries), "entries are offered in order"
        self._entries[entry.index] = (entry, cost, size)
        self._bytes += size
        if entry.fate is not None:
            self._keep(entry.index, entry.fate)
            return
        bisect.insort(self._waiting, (cost, entry.index))
        self._oldest.append(entry.index)
        self._fresh.add(entry.index)

    def end(self) -> None:
        """No more input will come."""
        self._ended = True

    # What goes out

    @property
    def finished(self) -> bool:
        """Whether the input has ended and all of it was emitted."""
        return self._ended and not self._entries

    @property
    def idle(self) -> bool:
        """Whether there is nothing to run now."""
        return not self._waiting and not self._redo

    def settled(self) -> list[tuple[Entry, Fate]]:
        """What has run to its fate since the last call, whatever its place in the order."""
        settled, self._settled = self._settled, []
        return settled

    def emit(self) -> Iterator[tuple[Entry, Fate]]:
        """What is settled and next in order. Raises `SystemicError` after one failed item too many."""
        while self._next in self._fates:
            entry, _, size = self._entries.pop(self._next)
            self._bytes -= size
            fate = self._fates.pop(self._next)
            self._next += 1
            self.counts["items"] += 1
            self.counts["failed"] += fate.error is not None
            yield entry, fate
            if fate.error is not None and self._is_over_budget:
                raise SystemicError(
                    f"the run was stopped: more than {self.policy.max_failed} items failed",
                    why=f"the last was item {entry.index}: {fate.error.what}",
                    fix="mend the input, or allow more failures",
                )

    @property
    def _is_over_budget(self) -> bool:
        return self.policy.max_failed is not None and self.counts["failed"] > self.policy.max_failed

    # What runs

    def next_batch(self, worker: int = 0) -> Batch | None:
        """What `worker` should run next: first what has to be done again, then a fresh batch."""
        if self._redo:
            batch = dataclasses.replace(self._redo.popleft(), worker=worker)
        elif self._waiting:
            batch = Batch(tuple(self._entries[index][0] for index in self._cut(worker)), worker)
        else:
            return None
        self.counts["batches"] += 1
        self.counts["cost"] += sum(self._entries[entry.index][1] for entry in batch.entries)
        self.counts["padded_cost"] += self._cost(batch)
        return batch

    def settle(self, batch: Batch, fates: Sequence[Fate]) -> None:
        """The batch ran; some of its items may have failed on their own."""
        assert len(fates) == len(batch.entries), "one fate for each entry"
        for entry, fate in zip(batch.entries, fates, strict=True):
            self._conclude(entry, fate)
        self._grow(batch.worker)

    def fail(self, batch: Batch, error: ItemError) -> None:
        """The batch raised as a whole."""
        if len(batch.entries) > 1:
            self._halve(batch)
        elif error.type in self.policy.retryable and batch.tries == 0:
            self.counts["retries"] += 1
            self._redo.append(dataclasses.replace(batch, tries=1))
        else:
            self._conclude(batch.entries[0], Fate(error=error))

    def out_of_memory(self, batch: Batch, error: ItemError) -> None:
        """The batch did not fit: halve it, and what this worker is given from now on."""
        self.counts["ooms"] += 1
        self._streaks[batch.worker] = 0
        self._budgets[batch.worker] = max(1, self._cost(batch) // 2)
        if len(batch.entries) > 1:
            self._halve(batch)
        else:
            self.fail(dataclasses.replace(batch, tries=1), error)

    def lost(self, batch: Batch) -> None:
        """The worker died with it: try it once more whole, then halve it until the culprit stands alone."""
        self.counts["lost"] += 1
        if batch.tries == 0:
            self._redo.append(dataclasses.replace(batch, tries=1))
        elif len(batch.entries) > 1:
            self._halve(batch)
        else:
            died = WorkerLost(
                f"item {batch.entries[0].index} ended its worker {batch.tries + 1} times",
                why="the process died (a crash in native code, or the system took its memory)",
                fix="run this item alone with executor='inline' to see the crash",
            )
            self._conclude(batch.entries[0], Fate(error=ItemError.of(died)))

    # Inner workings

    def _cut(self, worker: int) -> list[int]:
        """Indices for one batch: the oldest waiting item and its nearest in cost, within the budget."""
        while self._oldest[0] not in self._fresh:
            self._oldest.popleft()
        oldest = self._oldest.popleft()
        first = last = bisect.bisect_left(self._waiting, (self._entries[oldest][1], oldest))
        total = self._waiting[first][0]
        budget = self._budgets.get(worker, self.policy.budget)
        while last - first + 1 < self.policy.max_items:
            below = self._waiting[first][0] - self._waiting[first - 1][0] if first > 0 else None
            above = self._waiting[last + 1][0] - self._waiting[last][0] if last + 1 < len(self._waiting) else None
            if below is None and above is None:
                break
            up = below is None or (above is not None and above <= below)
            cost = self._waiting[last + 1 if up else first - 1][0]
            real = total + cost
            joint = real if self.policy.packed else (last - first + 2) * max(cost, self._waiting[last][0])
            if (budget and joint > budget) or joint - real > PADDING * real + SLACK:
                break
            total = real
            first, last = (first, last + 1) if up else (first - 1, last)
        chosen = [index for _, index in self._waiting[first : last + 1]]
        del self._waiting[first : last + 1]
        self._fresh.difference_update(chosen)
        return chosen

    def _cost(self, batch: Batch) -> int:
        costs = [self._entries[entry.index][1] for entry in batch.entries]
        return sum(costs) if self.policy.packed else len(costs) * max(costs)

    def _halve(self, batch: Batch) -> None:
        self.counts["splits"] += 1
        middle = len(batch.entries) // 2
        self._redo.append(Batch(batch.entries[:middle], tries=batch.tries))
        self._redo.append(Batch(batch.entries[middle:], tries=batch.tries))

    def _grow(self, worker: int) -> None:
        """After an out-of-memory the budget comes back by a quarter, slowly."""
        if worker not in self._budgets:
            return
        self._streaks[worker] = self._streaks.get(worker, 0) + 1
        if self._streaks[worker] >= GOOD_BATCHES_TO_GROW:
            self._streaks[worker] = 0
            grown = self._budgets[worker] * 5 // 4 + 1
            if self.policy.budget and grown >= self.policy.budget:
                del self._budgets[worker]
            else:
                self._budgets[worker] = grown

    def _conclude(self, entry: Entry, fate: Fate) -> None:
        """One item that ran has its fate; stop the run when failures look like no item's own."""
        self._settled.append((entry, fate))
        if fate.error is None:
            self._any_success = True
        elif not fate.error.is_input:
            alike = self._alike[fate.error.type] = self._alike.get(fate.error.type, 0) + 1
            if not self._any_success and alike >= self.policy.systemic_after:
                raise SystemicError(
                    f"the run was stopped: the first {alike} items all failed alike",
                    why=fate.error.what,
                    fix=fate.error.fix or "mend the cause; nothing was wrong with the items themselves",
                )
        self._keep(entry.index, fate)

    def _keep(self, index: int, fate: Fate) -> None:
        if index in self._fates:
            return  # at-least-once execution, exactly-once emission
        self._fates[index] = fate
