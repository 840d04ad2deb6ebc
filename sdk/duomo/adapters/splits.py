"""How data may be split to be judged: by group, by time, by both, by site; at random only where nothing forbids it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from duomo.adapters.records import Record
from duomo.brief import Named
from duomo.counting import counted
from duomo.errors import GuardRefused, UsageProblem

Fold = tuple[list[int], list[int]]
"""Positions of the records to fit on, and of those to judge by."""


class SplitPolicy(Named, ABC):
    """Cuts records into folds, having checked that it may."""

    def folds(self, records: Sequence[Record[Any]]) -> list[Fold]:
        """One or more folds. Raises `GuardRefused` where the cut would let an answer leak."""
        self.check(records)
        found = list(self.cut(records))
        if not found:
            raise UsageProblem(
                f"the split {self} makes no folds", why="nothing would be judged", fix="two parts or more"
            )
        for fit, judge in found:
            if not fit or not judge:
                raise UsageProblem(
                    f"the split {self} leaves one side empty",
                    why=f"{counted(len(fit), 'record')} to fit on and {len(judge):,} to judge by",
                    fix="more records, or another cutoff or share",
                )
        return found

    def check(self, records: Sequence[Record[Any]]) -> None:
        """Raise `GuardRefused` when the records lack what the split goes by, or have what it ignores."""
        del records

    @abstractmethod
    def cut(self, records: Sequence[Record[Any]]) -> Iterator[Fold]:
        """The folds, unchecked."""


@dataclasses.dataclass(frozen=True)
class Group(SplitPolicy):
    """No group on both sides: the groups in `parts`, each once to judge by."""

    parts: int = 5
    seed: int = 0

    def check(self, records: Sequence[Record[Any]]) -> None:
        _need(self, records, "group")

    def cut(self, records: Sequence[Record[Any]]) -> Iterator[Fold]:
        groups = sorted({str(each.group) for each in records})
        random.Random(self.seed).shuffle(groups)
        for part in range(min(self.parts, len(groups))):
            held = set(groups[part :: self.parts])
            yield _cut(records, lambda each, held=held: str(each.group) in held)


@dataclasses.dataclass(frozen=True)
class Time(SplitPolicy):
    """Fit on what is before `cutoff`, judge by what comes after, with a pause of `purge` between them.

    Without a cutoff, the last `share` of the records by time is judged by.
    """

    cutoff: dt.datetime | None = None
    share: float = 0.3
    purge: dt.timedelta = dt.timedelta(0)

    def check(self, records: Sequence[Record[Any]]) -> None:
        _need(self, records, "event_time")
        moments = [each.event_time for each in records] + [self.cutoff] * (self.cutoff is not None)
        if len({each.tzinfo is None for each in moments if each is not None}) > 1:
            raise UsageProblem(
                "some times have a zone and some have none",
                why="which of them is later is unknown",
                fix="give every time a zone (2026-03-01T12:00:00+00:00), and the cutoff one, too",
            )

    def cut(self, records: Sequence[Record[Any]]) -> Iterator[Fold]:
        times: list[Any] = [each.event_time for each in records]
        at = self.cutoff or sorted(times)[min(len(times) - 1, int(len(times) * (1 - self.share)))]
        fit = [i for i, time in enumerate(times) if time < at - self.purge]
        yield fit, [i for i, time in enumerate(times) if time >= at]


@dataclasses.dataclass(frozen=True)
class GroupTime(Time):
    """Later records of groups that were never seen before the cutoff."""

    def check(self, records: Sequence[Record[Any]]) -> None:
        super().check(records)
        _need(self, records, "group")

    def cut(self, records: Sequence[Record[Any]]) -> Iterator[Fold]:
        for fit, judge in super().cut(records):
            seen = {records[i].group for i in fit}
            new = [i for i in judge if records[i].group not in seen]
            if judge and not new:
                raise UsageProblem(
                    f"the split {self} leaves nothing to judge by",
                    why=f"all {len({records[i].group for i in judge}):,} groups after the cutoff were seen before it",
                    fix="Group() for groups that were never seen (--split group), or Time() for the same ones later "
                    "(--split time)",
                )
            yield fit, new


@dataclasses.dataclass(frozen=True)
class External(SplitPolicy):
    """Each site in turn is judged by what the others teach; the site is the record's group."""

    sites: tuple[str, ...] = ()
    """Those to hold out; every one when left empty."""

    def check(self, records: Sequence[Record[Any]]) -> None:
        _need(self, records, "group")

    def cut(self, records: Sequence[Record[Any]]) -> Iterator[Fold]:
        for site in self.sites or sorted({str(each.group) for each in records}):
            yield _cut(records, lambda each, site=site: str(each.group) == site)


@dataclasses.dataclass(frozen=True)
class Random(SplitPolicy):
    """At random: an error where records have groups or times, unless `because` says why it may be done."""

    share: float = 0.3
    seed: int = 0
    because: str = ""

    def check(self, records: Sequence[Record[Any]]) -> None:
        if self.because:
            return
        groups = [each.group for each in records if each.group is not None]
        grouped, timed = len(set(groups)) < len(groups), any(each.event_time is not None for each in records)
        if grouped or timed:
            kinds = " and ".join(["grouped"] * grouped + ["temporal"] * timed)
            raise GuardRefused(
                f"LEAK.SPLIT_RANDOM: a random split of {kinds} data",
                why="the same group, or the future of a record, would be on both sides, and the numbers would flatter",
                fix="Group(), Time() or GroupTime(); or Random(because='…'), and the report prints the reason",
            )

    def cut(self, records: Sequence[Record[Any]]) -> Iterator[Fold]:
        order = list(range(len(records)))
        random.Random(self.seed).shuffle(order)
        at = round(len(order) * (1 - self.share))
        yield sorted(order[:at]), sorted(order[at:])


@dataclasses.dataclass(frozen=True)
class Fixed(SplitPolicy):
    """A split that someone published: the positions to judge by."""

    judge: tuple[int, ...]

    def cut(self, records: Sequence[Record[Any]]) -> Iterator[Fold]:
        held = set(self.judge)
        yield [i for i in range(len(records)) if i not in held], sorted(held)


@dataclasses.dataclass(frozen=True)
class AsFitted(SplitPolicy):
    """Nothing is fitted: all records are judged by an adapter that was fitted beforehand, on others."""

    def folds(self, records: Sequence[Record[Any]]) -> list[Fold]:
        return list(self.cut(records))

    def cut(self, records: Sequence[Record[Any]]) -> Iterator[Fold]:
        yield [], list(range(len(records)))


def default_split(records: Sequence[Record[Any]]) -> SplitPolicy:
    """The strictest split that the records carry the facts for."""
    groups = [each.group for each in records if each.group is not None]
    grouped = len(groups) == len(records) and len(set(groups)) < len(groups)
    timed = bool(records) and all(each.event_time is not None for each in records)
    if grouped and timed:
        return GroupTime()
    if grouped:
        return Group()
    return Time() if timed else Random()


def _need(policy: SplitPolicy, records: Sequence[Record[Any]], field: str) -> None:
    lacking = sum(getattr(each, field) is None for each in records)
    if lacking:
        raise UsageProblem(
            f"a split by {type(policy).__name__} needs a {field} in every record",
            why=f"{lacking:,} of {len(records):,} have none",
            fix=f"set {field} where records are made",
        )


def _cut(records: Sequence[Record[Any]], is_held: Any) -> Fold:
    held = [is_held(each) for each in records]
    return [i for i, each in enumerate(held) if not each], [i for i, each in enumerate(held) if each]
