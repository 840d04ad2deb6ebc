"""retail/recommend: what a shopper may want next, by EASE or item neighbours, judged in the order of time only."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from duomo.adapters import (
    Adapter,
    Case,
    FoldReport,
    Payload,
    Reason,
    Record,
    Report,
    SplitPolicy,
    Uncalibrated,
    name_in,
    parse_time,
)
from duomo.errors import BadInput, DuomoError, GuardRefused, counted
from duomo_retail.columns import filled_rows
from duomo_retail.cooccurrence import ItemModel, fit_ease, fit_neighbours
from duomo_retail.plugin import RECOMMEND
from duomo_retail.records import History

TOP = 10
COLUMNS = ("user_id", "item_id", "time")


class Suggestion(Payload):
    """One item, and the items of the shopper's own that speak for it."""

    item: str
    score: float
    because: list[str]


class Recommendations(Payload):
    """A list for one shopper, the best first."""

    items: list[Suggestion]
    known_items: int
    """How many items of the history the model knows."""
    method: str


@dataclasses.dataclass(frozen=True)
class LeaveLast(SplitPolicy):
    """The last `count` items of every shopper are judged by, all before them is known."""

    count: int = 5

    def cut(self, records: Sequence[Record[Any]]) -> Iterator[Any]:
        raise GuardRefused(
            "leaving the last items out cuts histories, not lists of shoppers",
            why="each shopper has a past and a future of their own",
            fix="Recommend.evaluate(records, LeaveLast(5))",
        )


class Recommend(Adapter[History, Recommendations]):
    """Recommendations from co-occurrence; the artefact ``model`` is made by `fit`."""

    spec = RECOMMEND
    Input = History
    Output = Recommendations
    key_field = "user_id"
    group_field = "user_id"
    method = "ease"
    """Or ``item-knn``."""

    def read(self, source: str | os.PathLike[str]) -> Iterator[Any]:
        """One history a shopper, from rows of user_id, item_id and time in any order."""
        return _histories(super().read(source))

    @property
    def model(self) -> ItemModel:
        """The artefact ``model``. Raises `UsageProblem` before anything was fitted."""
        fix = "Recommend().fit(records), or duomo.adapt('retail/recommend', artifacts=FOLDER)"
        return self.artifact("model", ItemModel, "retail/recommend was not fitted", fix)

    def record(self, value: object, position: int = 0) -> Record[History]:
        """A history in the order of its times, where it has times: what is called last must be last."""
        record: Record[History] = super().record(value, position)
        items, times = record.payload.items, record.payload.times
        if not times:
            return record
        moments = [_moment(each, record.key) for each in times]
        if len(times) != len(items) or len({kind for kind, _ in moments}) > 1:
            raise BadInput(
                f"record '{record.key}': 'times' do not say in which order "
                f"{counted(len(items), 'item was', 'items were')} taken",
                why=f"there are {len(times)}" if len(times) != len(items) else "numbers and dates have no common order",
                fix="give one time an item, all numbers or all ISO 8601, or none and the items oldest first",
            )
        order = sorted(range(len(items)), key=moments.__getitem__)
        ordered = {"items": [items[i] for i in order], "times": [times[i] for i in order]}
        return dataclasses.replace(record, payload=record.payload.model_copy(update=ordered))

    def prepare(self, record: Record[History]) -> list[str]:
        return record.payload.items

    def score(self, prepared: Sequence[list[str]]) -> Sequence[Any]:
        return [self.model.suggest(each, TOP) for each in prepared]

    def interpret(self, case: Case[History]) -> Uncalibrated | None:
        return Uncalibrated(value=case.raw[0].score, method=self.model.method) if case.raw else None

    def explain(self, case: Case[History]) -> Sequence[Reason]:
        if case.raw:
            return ()
        case.find(
            "OOD.RANGE", "no item of the history is known", field="items", fix="fall back on what sells most at present"
        )
        return ()

    def result(self, case: Case[History]) -> Recommendations:
        model = self.model
        items = [Suggestion(item=each.item, score=each.score, because=each.because) for each in case.raw]
        known = sum(each in model.index for each in case.record.payload.items)
        return Recommendations(items=items, known_items=known, method=model.method)

    def fit(self, records: Sequence[Record[History]]) -> Self:
        fit = {"ease": fit_ease, "item-knn": fit_neighbours}[self.method]
        model = fit([each.payload.items for each in records])
        fitted = type(self)(artifacts={"model": model}, secret=self.secret)
        fitted.origin = self.origin
        return fitted

    def evaluate(self, records: Iterable[Any], split: SplitPolicy | None = None) -> Report:
        """Judge by the last items of each shopper.

        Raises `GuardRefused` (LEAK.SPLIT_RANDOM) for any other split: on MovieLens, a random one shows a recall of
        .34 where there is .09.
        """
        policy = split or LeaveLast()
        if not isinstance(policy, LeaveLast):
            raise GuardRefused(
                f"LEAK.SPLIT_RANDOM: {type(policy).__name__} lets later choices tell of earlier ones",
                why="what someone took next to an item is among what is learned from; recall then flatters 3.8 times",
                fix="evaluate(records, LeaveLast(5)), or leave the split out",
            )
        return _judge(self, records, policy)

    @classmethod
    def example(cls) -> Self:
        adapter = cls()
        return adapter.fit(adapter.records(cls.samples()))

    @classmethod
    def samples(cls) -> list[Any]:
        return [
            {"user_id": "a", "items": ["tea", "milk", "cup"]},
            {"user_id": "b", "items": ["tea", "cup", "sugar"]},
            {"user_id": "c", "items": ["milk", "bread", "butter"]},
            {"user_id": "d", "items": ["bread", "butter", "tea"]},
        ]


def _histories(rows: Iterable[Any]) -> Iterator[Any]:
    found: dict[str | None, list[tuple[Any, str]]] = {}
    for row in filled_rows(rows, COLUMNS, "table"):
        if isinstance(row, DuomoError):
            yield row
            continue
        try:
            user, item = name_in(row["user_id"]), name_in(row["item_id"])
        except BadInput as error:
            yield error
            continue
        found.setdefault(user, []).append((str(row["time"]), str(item)))
    for user, pairs in found.items():  # `record` puts them in order
        yield {"user_id": user, "items": [item for _, item in pairs], "times": [time for time, _ in pairs]}


def _moment(value: float | str, record: str) -> tuple[str, float]:
    """What a time is, a number or a date, and where it stands among its like; a date without a zone is of UTC."""
    try:
        return "number", float(value)
    except ValueError:
        moment = parse_time(value, "times", record)
    if moment is None:
        raise BadInput(f"record '{record}': one of 'times' is empty", fix="give one time an item, or none at all")
    return "date", (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _judge(adapter: Recommend, items: Iterable[Any], policy: LeaveLast) -> Report:
    """Recall, nDCG, coverage of the catalogue and popularity of what is suggested, at `TOP`."""
    histories, lost = [], 0
    for item in items:
        try:
            histories += [list(dict.fromkeys(each.payload.items)) for each in adapter.records([item])]
        except DuomoError:
            lost += 1
    past = [each[: -policy.count] for each in histories if len(each) > policy.count]
    future = [each[-policy.count :] for each in histories if len(each) > policy.count]
    fitted = adapter.fit([Record(History(user_id=str(i), items=each)) for i, each in enumerate(past)])
    model = fitted.model
    suggested = [[each.item for each in model.suggest(history, TOP)] for history in past]
    gains = 1 / np.log2(np.arange(2, TOP + 2))
    recalls, ndcgs = [], []
    for found, truth in zip(suggested, future, strict=True):
        hits = np.array([item in truth for item in found] + [False] * (TOP - len(found)))
        recalls.append(hits.sum() / len(truth))
        ndcgs.append(float(gains @ hits) / float(gains[: len(truth)].sum()))
    shown = {item for found in suggested for item in found}
    popular = sum(model.popularity[model.index[item]] for found in suggested for item in found)
    count = sum(map(len, suggested)) or 1
    metrics = {
        f"recall_{TOP}": float(np.mean(recalls)),
        f"ndcg_{TOP}": float(np.mean(ndcgs)),
        "catalogue_coverage": len(shown) / len(model.items),
        "mean_popularity": popular / count / len(past),
    }
    fold = FoldReport(fitted_on=len(past), judged_by=len(past), metrics=metrics)
    return Report(
        adapter=adapter.spec.name, version=adapter.spec.version, split=repr(policy), n=len(past), unreadable=lost,
        metrics=metrics, folds=[fold], disclaimer=adapter.spec.disclaimer,
    )  # fmt: skip
