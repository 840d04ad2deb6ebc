"""What need not be computed again: items that an earlier session of the run did, and repetitions."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from typing import Any

from duomo.errors import DuomoError, StoreProblem, UsageProblem
from duomo.execution.base import FLUSH, Entry, Flush, ItemResult
from duomo.execution.resuming.store import RunStore
from duomo.execution.scheduling.scheduler import too_many_failed
from duomo.inputs.digest import digest
from duomo.outcome import ItemError, Meta, Outcome, outcome_of
from duomo.tasks.base import Options
from duomo.version import RESULTS

DEDUPE_ITEMS = 16_384
"""Distinct inputs, those last seen, that are remembered with their outcomes to recognize repetitions."""
_OF_ONE_ITEM = {"device", "executor", "batch", "ms", "truncated", "windows", "num_tokens", "difference"}


class _Place:
    """One item on its way through the executor: its outcome once known, or the place of the item it repeats."""

    __slots__ = ("digest", "first", "outcome")

    def __init__(self, digest: bytes, outcome: Outcome[Any] | None = None, first: _Place | None = None) -> None:
        self.digest = digest
        self.outcome = outcome
        self.first = first


class Resume:
    """Stands before and behind an executor: passes on what is new, puts in what is known.

    Known items still go through the executor, with a item_result, so that its window bounds how far ahead the
    input is read and how much is held here.

    Args:
        result: the task's result class.
        store: where outcomes are kept: a file, which is closed at the end of the run, or an open store.
        retry_failed: run items again that failed in an earlier session.
        dedupe: run items of equal content once.
        max_failed: as in `Executor.map`, which does not know of a repeat of an item that it still runs.

    Raises `UsageProblem` for `retry_failed` without a store.
    """

    def __init__(
        self,
        result: type[Any],
        store: str | os.PathLike[str] | RunStore | None,
        *,
        retry_failed: bool = False,
        dedupe: bool = False,
        max_failed: int | None = None,
    ) -> None:
        if retry_failed and store is None:
            what, fix = "retry_failed=True has no store to look in", 'map(items, store="run.duomo", retry_failed=True)'
            raise UsageProblem(what, why="a store alone knows what failed before", fix=fix)
        self._result = result
        self._store = RunStore(store) if isinstance(store, str | os.PathLike) else store
        self._owned = self._store is not store
        self._retry_failed = retry_failed
        self._dedupe = dedupe
        self._max_failed = max_failed
        self._order: deque[_Place | None] = deque()
        """For each item read and not given out its place; None for one refused at the border."""
        self._running: dict[int, bytes] = {}
        self._held: list[tuple[bytes, Outcome[Any]]] = []
        self._any_success = False
        self._seen: OrderedDict[bytes, _Place] = OrderedDict()

    def begin(self, meta: Meta, options: Options) -> None:
        """Say what the run is made with. Raises `StoreMismatch` when the store was made with something else."""
        if self._store is None:
            return
        try:
            self._store.begin(fingerprint(meta, options), assumed(options))
        except DuomoError:
            self._end()
            raise

    def entries(self, entries: Iterable[Entry | Flush]) -> Iterator[Entry | Flush]:
        """Pass entries on; those that are known bring their result instead of an item."""
        for entry in entries:
            if entry is FLUSH:
                yield entry
            elif entry.known is not None:
                self._order.append(None)
                yield entry
            else:
                yield self._look_up(entry)

    def keep(self, outcomes: list[Outcome[Any]]) -> None:
        """Put into the store what has just been run.

        Failures of the model wait for a first success: when there is none, the run is stopped because
        something is wrong with the machine, and the next session should try these items again.
        """
        if self._store is None:
            return
        self._any_success = self._any_success or any(outcome.ok for outcome in outcomes)
        pairs = [*self._held, *((self._running.pop(outcome.index), outcome) for outcome in outcomes)]
        self._held = [pair for pair in pairs if self._waits(pair[1].error)]
        self._store.put(pair for pair in pairs if not self._waits(pair[1].error))

    def outcomes(self, outcomes: Iterable[Outcome[Any]]) -> Iterator[Outcome[Any]]:
        """Pass on what the executor gives, in order, with the known outcomes in their places.

        Raises `SystemicError` after one failed item too many, known failures and repeats of one included.
        """
        failed = 0
        try:
            for given in outcomes:
                place = self._order.popleft()
                outcome = given if place is None else place.outcome or self._settle(place, given)
                yield outcome
                if outcome.error is not None:
                    failed += 1
                    if self._max_failed is not None and failed > self._max_failed:
                        raise too_many_failed(self._max_failed, outcome.index, outcome.error)
            if self._store is not None:
                self._store.put(self._held)
        finally:
            self._end()

    def _waits(self, error: ItemError | None) -> bool:
        return error is not None and not error.is_input and not self._any_success

    def _look_up(self, entry: Entry) -> Entry:
        try:
            key = digest(entry.item)
        except Exception as error:  # a closed image, an array that cannot be read: the item's own
            self._order.append(None)
            return entry._replace(item=None, known=ItemResult(error=ItemError.of(error)))
        place = _Place(key, self._stored(entry, key), self._seen.get(key))
        self._order.append(place)
        if self._dedupe:
            self._remember(key, place)
        if place.outcome is not None:
            return entry._replace(
                item=None, known=ItemResult(error=place.outcome.error)
            )  # failures count, in whichever session they happened
        if place.first is not None:
            known = place.first.outcome
            return entry._replace(item=None, known=ItemResult(error=known.error if known is not None else None))
        if self._store is not None:
            self._running[entry.index] = key
        return entry

    def _stored(self, entry: Entry, key: bytes) -> Outcome[Any] | None:
        row = None
        if self._store is not None:
            # Before version 0.2 a row went by its position, although it had an id.
            names = dict.fromkeys((entry.id, str(entry.index)))
            row = next(filter(None, (self._store.get(name, key) for name in names)), None)
        if row is None or (row.error is not None and self._retry_failed):
            return None
        try:
            result = row.read(self._result)
        except ValueError as error:
            raise StoreProblem(
                f"what the store has of item '{entry.id}' cannot be read", why=str(error), fix="name another store"
            ) from None
        return outcome_of(entry.index, entry.id, result, row.error, row.meta)

    def _remember(self, key: bytes, place: _Place) -> None:
        if place.first is None:  # repetitions all point at the first: a chain of them would never be freed
            self._seen[key] = place
        self._seen.move_to_end(key)
        if len(self._seen) > DEDUPE_ITEMS:
            self._seen.popitem(last=False)

    def _settle(self, place: _Place, outcome: Outcome[Any]) -> Outcome[Any]:
        """Settle an item that ran, or one that repeats it; the first of them came out before."""
        if place.first is None:
            self._running.pop(outcome.index, None)  # still there when the executor refused it without a run
            place.outcome = outcome
            return outcome
        known = place.first.outcome
        assert known is not None, "outcomes come in the order of their entries"
        place.outcome = outcome_of(outcome.index, outcome.id, known.result, known.error, known.meta)
        if self._store is None:
            return place.outcome
        if self._waits(known.error):
            self._held.append((place.digest, place.outcome))
        else:
            self._store.put([(place.digest, place.outcome)])
        return place.outcome

    def _end(self) -> None:
        if self._store is not None and self._owned:
            self._store.close()
        elif self._store is not None:
            self._store.flush()


def fingerprint(meta: Meta, options: Options) -> dict[str, str]:
    """Collect all that decides about results, by name: task, model, revision, dtype, options and numbers of versions.

    Device and executor are not among them: a run may be carried on elsewhere.
    """
    parts = {name: str(value) for name, value in dataclasses.asdict(meta).items() if name not in _OF_ONE_ITEM}
    chosen = {f"option {name}": _show(getattr(options, name)) for name in type(options).model_fields}
    return {**parts, "results": str(RESULTS), **chosen}


def assumed(options: Options) -> dict[str, str]:
    """Collect what a fingerprint means where it lacks an option or a field of `Meta`: the defaults of this version."""
    fields = {name: field for name, field in type(options).model_fields.items() if not field.is_required()}
    chosen = {f"option {name}": _show(field.get_default(call_default_factory=True)) for name, field in fields.items()}
    of_meta = {field.name: str(field.default) for field in dataclasses.fields(Meta)}
    return {**of_meta, **chosen}


def _show(value: object) -> str:
    """Return an option's value in words, or a digest of one that is long or no JSON."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except TypeError:
        return f"sha256 {digest(value).hex()[:16]}"
    return text if len(text) <= 80 else f"{text[:40]}… (sha256 {digest(text).hex()[:16]})"
