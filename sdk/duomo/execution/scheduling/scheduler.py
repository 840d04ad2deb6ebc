"""Which items run together, and what becomes of them when something fails: a pure object.

No process, thread, clock or I/O lives here, so the same object drives one process, a pool, a cluster
and a simulation. A driver feeds it and does as it says::

    while not scheduler.finished:
        while scheduler.wants_input:        scheduler.offer(entry, cost, size)   # or flush() or end()
        batch = scheduler.next_batch(worker)                                     # run it on that worker, then one of
        scheduler.settle(batch, item_results)      # it ran: one item_result for each entry
        scheduler.fail(batch, error)        # it raised: halve it until the culprit stands alone
        scheduler.out_of_memory(batch)      # halve it, and the worker's budget with it
        scheduler.lost(batch)               # the worker died with it
        scheduler.give_back(batch)          # it died before it came to this one
        for entry, item_result in scheduler.settled(): ...     # as they come, for a journal
        for entry, item_result in scheduler.emit(): ...     # in input order, each exactly once

Batches are cut from a window of waiting items, around the oldest and then by nearest cost: alike
lengths waste no padding, and taking the oldest first keeps the ordered output moving.

Towards the end of the input several workers are given less at a time, each by how much it has done
so far: a large batch that starts last would keep all others waiting.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from duomo.counting import counted
from duomo.errors import BadOption, SystemicError, WorkerLost
from duomo.execution.base import Entry, ItemResult
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.waiting import BatchBuilder, WaitingItems
from duomo.execution.stats import Counts
from duomo.outcome import ItemError

GOOD_BATCHES_TO_GROW = 16
SMALLEST = 4
"""Batches at the end are no smaller than the usual one divided by this, of a slow worker less: each costs its start."""


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Entries to run together."""

    entries: tuple[Entry, ...]
    worker: int = 0
    deaths: int = 0
    """How often a worker died with it, or with the batch that it is a part of."""
    is_retry: bool = False
    """Its one item raised, and is tried once more."""
    alone: bool = False
    """A worker that held it died: the next must hold nothing else, or the wrong batch would be blamed."""
    cost: int = 0
    """Cost of its items together."""
    padded: int = 0
    """The same with padding."""


def too_many_failed(max_failed: int | None, index: int, error: ItemError) -> SystemicError:
    """Make the error that ends a run in which more items failed than its caller allows."""
    return SystemicError(
        f"the run was stopped: more than {counted(max_failed or 0, 'item')} failed",
        why=f"the last was item {index}: {error.what}",
        fix="fix the input, or allow more failures",
    )


class Scheduler:
    """See the module's docstring for the conversation with a driver."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._waiting = WaitingItems()
        """What may be cut into batches."""
        self._cost_waiting = 0
        self._done: dict[int, int] = {}
        """Worker → cost of what it has settled: how fast it is beside the others."""
        self._total_done = 0
        self._entries: dict[int, Entry] = {}
        """Index → entry, of everything read and not emitted."""
        # Numbers in tables of their own: a tuple for each item is one more object for the garbage collector to visit.
        self._costs: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._redo: deque[Batch] = deque()
        self._suspects: deque[Batch] = deque()
        """The same, of batches that must run alone."""
        self._item_results: dict[int, ItemResult] = {}
        self._settled: list[tuple[Sequence[Entry], Sequence[ItemResult]]] = []
        self._next = 0
        self._bytes = 0
        self._ended = False
        self._flushing = False
        self._budgets: dict[int, int] = {}
        self._streaks: dict[int, int] = {}
        self._alike: dict[str, int] = {}
        self._any_success = False
        self.counts = Counts()
        """What happened so far."""

    # What comes in

    @property
    def wants_input(self) -> bool:
        """Whether the window has room; one item is always let in, however big."""
        held = len(self._entries)
        room = held < self.policy.window_items and (held == 0 or self._bytes < self.policy.window_bytes)
        return room and not self._ended and not self._flushing

    @property
    def room(self) -> tuple[int, int]:
        """How many items, and bytes of them, the window still takes."""
        return self.policy.window_items - len(self._entries), self.policy.window_bytes - self._bytes

    def offer(self, entry: Entry, cost: int = 1, size: int = 0, age: float | None = None) -> None:
        """Hand in the next entry; indices count up from 0. One whose item_result is known is settled at once.

        With an `age`, which all or none have, the lowest is cut first in the place of the lowest index.
        """
        index, _, _, item_result = entry
        assert index == self._next + len(self._entries), "entries are offered in order"
        self._entries[index] = entry
        self._costs[index] = cost
        if size:
            self._sizes[index] = size
            self._bytes += size
        if item_result is not None:
            self._item_results[index] = item_result
            return
        self._waiting.add(index, cost, age)
        self._cost_waiting += cost

    def drop(self, index: int) -> bool:
        """Take an item back, if no batch has had it; gives whether it was. Its place in the order is kept."""
        if index not in self._entries or not self._waiting.remove(index, self._costs[index]):
            return False
        self._cost_waiting -= self._costs[index]
        self._item_results[index] = ItemResult()
        self.counts.dropped += 1
        return True

    def flush(self) -> None:
        """Take no more input until all there is was emitted."""
        self._flushing = bool(self._entries)

    def end(self) -> None:
        """Note that no more input will come."""
        self._ended = True

    # What goes out

    @property
    def finished(self) -> bool:
        """Whether the input has ended and all of it was emitted."""
        return self._ended and not self._entries

    @property
    def is_empty(self) -> bool:
        """Whether all that was offered has been emitted."""
        return not self._entries

    @property
    def is_starving(self) -> bool:
        """Whether there is nothing to run and nothing to give out now."""
        return not (self._waiting.num or self._redo or self._suspects or self.can_emit)

    @property
    def can_emit(self) -> bool:
        """Whether what is next in order is settled."""
        return self._next in self._item_results

    def settled(self) -> Iterator[tuple[Entry, ItemResult]]:
        """Give the results of what ran since the last call, whatever its place in the order."""
        settled, self._settled = self._settled, []
        return (pair for entries, item_results in settled for pair in zip(entries, item_results, strict=True))

    def emit(self) -> Iterator[tuple[Entry, ItemResult]]:
        """Give what is settled and next in order, to be read to its end.

        Raises `SystemicError` after one failed item too many.
        """
        first = end = self._next
        while end in self._item_results:
            end += 1
        self._next = end
        ready = range(first, end)
        entries = [self._entries.pop(index) for index in ready]
        item_results = [self._item_results.pop(index) for index in ready]
        for index in ready:
            del self._costs[index]
        if self._sizes:
            self._bytes -= sum([self._sizes.pop(index, 0) for index in ready])
        self._flushing = self._flushing and bool(self._entries)
        if any([item_result.error is not None for item_result in item_results]):  # noqa: C419 - a list is faster than a generator
            return self._count(zip(entries, item_results, strict=True))
        self.counts.items += len(item_results)
        return zip(entries, item_results, strict=True)  # it makes no tuple for each item, as a generator does

    def _count(self, pairs: Iterable[tuple[Entry, ItemResult]]) -> Iterator[tuple[Entry, ItemResult]]:
        """Pass the pairs on until too many have failed."""
        for entry, item_result in pairs:
            self.counts.items += 1
            self.counts.failed += item_result.error is not None
            yield entry, item_result
            if item_result.error is not None and self._is_over_budget:
                raise too_many_failed(self.policy.max_failed, entry.index, item_result.error)

    @property
    def _is_over_budget(self) -> bool:
        return self.policy.max_failed is not None and self.counts.failed > self.policy.max_failed

    # What runs

    @property
    def num_waiting(self) -> int:
        """Items that no batch has had."""
        return self._waiting.num

    @property
    def cost_waiting(self) -> int:
        """Their cost."""
        return self._cost_waiting

    def next_batch(self, worker: int = 0, *, idle: bool = True, most_cost: int = 0) -> Batch | None:
        """Give what `worker` should run next: first what has to be done again, then a fresh batch.

        A worker that still has something to do, one that is not `idle`, is given no suspect. A fresh batch costs no
        more than `most_cost`, unless that is 0 or it is one item.
        """
        if self._suspects and idle:
            batch = dataclasses.replace(self._suspects.popleft(), worker=worker)
        elif self._redo:
            batch = dataclasses.replace(self._redo.popleft(), worker=worker)
        elif self._waiting.num:
            batch = self._cut(worker, most_cost)
        else:
            return None
        self.counts.batch(len(batch.entries), batch.cost, batch.padded)
        return batch

    def settle(self, batch: Batch, item_results: Sequence[ItemResult]) -> None:
        """Take the results of a batch that ran; some of its items may have failed on their own."""
        assert len(item_results) == len(batch.entries), "one item_result for each entry"
        if any([item_result.error is not None for item_result in item_results]):  # noqa: C419 - a list is faster than a generator
            # Successes first: a failure beside them does not mean that everything fails.
            pairs = sorted(zip(batch.entries, item_results, strict=True), key=lambda pair: pair[1].error is not None)
            for entry, item_result in pairs:
                self._conclude(entry, item_result)
        else:  # the same, without a call for each item
            self._any_success = True
            self._settled.append((batch.entries, item_results))
            self._item_results.update(zip([entry.index for entry in batch.entries], item_results, strict=True))
        self._done[batch.worker] = self._done.get(batch.worker, 0) + batch.cost
        self._total_done += batch.cost
        self._grow(batch.worker)

    def fail(self, batch: Batch, error: ItemError) -> None:
        """Note that a batch raised as a whole."""
        if len(batch.entries) > 1:
            self._halve(batch)
        elif error.type in self.policy.retryable and not batch.is_retry:
            self.counts.retries += 1
            self._again(dataclasses.replace(batch, is_retry=True))
        else:
            self._conclude(batch.entries[0], ItemResult(error=error))

    def out_of_memory(self, batch: Batch, error: ItemError) -> None:
        """Note that a batch did not fit: halve it, and what this worker is given from now on."""
        self.counts.ooms += 1
        self._streaks[batch.worker] = 0
        self._budgets[batch.worker] = max(1, batch.padded // 2)
        if len(batch.entries) > 1:
            self._halve(batch)
        else:
            self._conclude(batch.entries[0], ItemResult(error=error))

    def lost(self, batch: Batch, why: str = "", traceback: str = "") -> None:
        """Note that a worker died with a batch: try it once more, then halve it until the culprit stands alone."""
        self.counts.lost += 1
        batch = dataclasses.replace(batch, deaths=batch.deaths + 1, alone=True)
        if batch.deaths == 1:
            self._again(batch)
        elif len(batch.entries) > 1:
            self._halve(batch)
        else:
            died = WorkerLost(
                f"item {batch.entries[0].id} ended its worker {counted(batch.deaths, 'time')}",
                why=why or "the process died (a crash in native code, or the system took its memory)",
                fix="run this item alone with executor='inline' to see the crash",
            )
            error = dataclasses.replace(ItemError.of(died), traceback=traceback)
            self._conclude(batch.entries[0], ItemResult(error=error))

    def give_back(self, batch: Batch, *, suspect: bool = True) -> None:
        """Take a batch back whose worker died before it came to it, as far as can be seen: run it again, but alone."""
        self._again(dataclasses.replace(batch, alone=batch.alone or suspect))

    # Inner workings

    def _cut(self, worker: int, most_cost: int) -> Batch:
        """Cut the oldest waiting item and its nearest in cost, within the bounds."""
        policy, limit = self.policy, self._limit(worker)
        filling = BatchBuilder(
            policy.max_items,
            self._budgets.get(worker, policy.budget),
            min(limit, most_cost) if limit and most_cost else limit or most_cost,
            policy.packed,
            policy.slack,
        )
        # Where nothing is padded, alike costs gain nothing; a server's callers are then served in order.
        by_age = policy.packed and policy.live
        chosen = self._waiting.cut_oldest(filling) if by_age else self._waiting.cut(filling)
        costs = [self._costs[index] for index in chosen]
        self._cost_waiting -= sum(costs)
        return self._batch(tuple(map(self._entries.__getitem__, chosen)), costs, worker)

    def _batch(self, entries: tuple[Entry, ...], costs: list[int], worker: int = 0) -> Batch:
        total = sum(costs)
        return Batch(entries, worker, cost=total, padded=total if self.policy.packed else len(costs) * max(costs))

    def _limit(self, worker: int) -> int:
        """Cost of a batch near the end of the input or before a flush: half of this worker's part; 0 for no limit.

        Of what comes when it comes, the whole part: more is to come.
        """
        workers = self.policy.workers
        if not (self._ended or self._flushing or self.policy.live) or workers == 1:
            return 0
        # Who has not finished a batch yet counts as one of many alike.
        done = self._done.get(worker, 0)
        part = done / self._total_done if done else 1 / workers
        usual = self.counts.cost / max(1, self.counts.batches) * min(1.0, part * workers)
        return max(1, int(usual / SMALLEST), int(self._cost_waiting * part / (1 if self.policy.live else 2)))

    def _halve(self, batch: Batch) -> None:
        self.counts.splits += 1
        middle = len(batch.entries) // 2
        for entries in (batch.entries[:middle], batch.entries[middle:]):
            half = self._batch(entries, [self._costs[entry.index] for entry in entries])
            self._again(dataclasses.replace(half, deaths=batch.deaths, alone=batch.alone))

    def _again(self, batch: Batch) -> None:
        (self._suspects if batch.alone else self._redo).append(batch)

    def _grow(self, worker: int) -> None:
        """After an out-of-memory the budget comes back by a quarter, slowly."""
        if worker not in self._budgets:
            return
        self._streaks[worker] += 1
        if self._streaks[worker] >= GOOD_BATCHES_TO_GROW:
            self._streaks[worker] = 0
            grown = self._budgets[worker] * 5 // 4 + 1
            if self.policy.budget and grown >= self.policy.budget:
                del self._budgets[worker]
            else:
                self._budgets[worker] = grown

    def _conclude(self, entry: Entry, item_result: ItemResult) -> None:
        """Keep the result of one item that ran; stop the run when failures do not look like the items' own."""
        if item_result.error is not None and item_result.error.code == BadOption.code:
            raise item_result.error.to_exception()  # only the model could tell; every item would fail of it
        self._settled.append(((entry,), (item_result,)))
        if item_result.error is None:
            self._any_success = True
        elif not item_result.error.is_input:
            alike = self._alike[item_result.error.type] = self._alike.get(item_result.error.type, 0) + 1
            if not self._any_success and 0 < self.policy.systemic_after <= alike:
                raise SystemicError(
                    f"the run was stopped: the first {alike} items all failed alike",
                    why=item_result.error.what,
                    fix=item_result.error.fix or "fix the cause; nothing was wrong with the items themselves",
                )
        # At-least-once execution, exactly-once emission.
        self._item_results.setdefault(entry.index, item_result)
