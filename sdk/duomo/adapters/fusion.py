"""One record of several parts (an image, a text, some numbers), scored part by part and brought together at the end.

Each part has a scorer of its own, which may be a core task's model. Its scores are calibrated; a logistic curve over
the calibrated log-odds, with an indicator for each part that is missing, brings them together; prediction sets are
conformal within each pattern of parts that are there (Mondrian), so that a record without its image is not promised
what one with its image is.
"""

from __future__ import annotations

import copy
import random
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

from duomo.adapters.adapter import Adapter
from duomo.adapters.contract import Case
from duomo.adapters.policies import OneClass
from duomo.adapters.records import Record
from duomo.adapters.results import Decision, DomainResult, Payload, Reason
from duomo.adapters.scores import PredictionSet, Probability, Score
from duomo.adapters.statistics.conformal import ConformalSets, coverage
from duomo.adapters.statistics.metrics import log_loss
from duomo.adapters.statistics.stacking import Stack, pattern_of
from duomo.errors import GuardRefused, UsageProblem

Scorer = Callable[[Sequence[Any]], Sequence[Mapping[str, float] | float]]
"""Values of one part to scores: a share for each class, or (with two classes) a number that rises with the second."""


class Fused(Payload):
    """The likeliest class, and what it follows from."""

    label: str
    probabilities: dict[str, float]
    present: list[str]
    missing: list[str]


class FusionAdapter(Adapter[Mapping[str, Any], Fused]):
    """Base class: name `parts` and `classes`, give each part its `scorer`, and `fit` on labelled records.

    A record's payload maps parts to values; one that is None or not there is missing. A part that its scorer
    cannot read counts as missing, with a finding.
    """

    Output = Fused
    parts: ClassVar[tuple[str, ...]]
    classes: ClassVar[tuple[str, ...]]
    level: ClassVar[float] = 0.9
    """The share of records whose set is to hold the truth."""

    @abstractmethod
    def scorer(self, part: str) -> Scorer:
        """What scores the values of a part; asked for once a batch."""

    def prepare(self, record: Record[Mapping[str, Any]]) -> object:
        return {part: record.payload.get(part) for part in self.parts}

    def score(self, prepared: Sequence[Any]) -> Sequence[Any]:
        rows: list[dict[str, Any]] = [{} for _ in prepared]
        for part in self.parts:
            there = [i for i, each in enumerate(prepared) if each.get(part) is not None]
            for i, scores in zip(there, self._scores(part, [prepared[i][part] for i in there]), strict=True):
                rows[i][part] = scores
        return rows

    def interpret(self, case: Case[Mapping[str, Any]]) -> Score | None:
        stack = self._stack()
        for part in [name for name, score in case.raw.items() if isinstance(score, Exception)]:
            kind = type(case.raw.pop(part)).__name__
            case.find(
                "INPUT.UNREADABLE",
                f"'{part}' cannot be scored ({kind}); it counts as missing",
                field=part,
                fix=f"check '{part}'",
                severity="warn",
            )
        pattern = pattern_of(case.raw, self.parts)
        if not pattern:
            case.find("OOD.MODALITY", "no part is there", severity="block", fix=f"one of {', '.join(self.parts)}")
            return None
        if pattern not in stack.patterns:
            case.find("OOD.MODALITY", f"never fitted on records with {pattern} alone", fix="have a person look")
        shares = stack.probabilities(case.raw)
        best = max(self.classes, key=lambda name: shares[name])
        return Probability(
            value=shares[best], method="stacked-logistic", event=best, by_class=shares, calibrator=stack.ref
        )

    def stratum(self, case: Case[Mapping[str, Any]]) -> str | None:
        return pattern_of(case.raw, self.parts)

    def decide(self, case: Case[Mapping[str, Any]]) -> Decision | None:
        if "policy" in self.artifacts or not isinstance(case.score, PredictionSet):
            return super().decide(case)
        return OneClass().decide(case.score)

    def explain(self, case: Case[Mapping[str, Any]]) -> Sequence[Reason]:
        shares = _shares(case.score)
        if not shares:
            return ()
        best = max(shares, key=lambda name: shares[name])
        found = self._stack().contributions(case.raw, best)
        return [
            Reason(
                code=f"PART.{part.upper()}",
                text=f"{part} speaks {'for' if amount > 0 else 'against'} {best}",
                feature=part,
                contribution=amount,
                direction="favourable" if amount > 0 else "adverse",
            )
            for part, amount in sorted(found.items(), key=lambda pair: -abs(pair[1]))
        ]

    def result(self, case: Case[Mapping[str, Any]]) -> Fused:
        shares = _shares(case.score)
        present = [part for part in self.parts if case.raw.get(part) is not None]
        return Fused(
            label=max(shares, key=lambda name: shares[name]) if shares else "",
            probabilities=shares,
            present=present,
            missing=[part for part in self.parts if part not in present],
        )

    def fit(self, records: Sequence[Record[Mapping[str, Any]]]) -> Self:
        """Fit how parts are brought together on two thirds of the records, and the sets on the rest.

        Records of one group stay together. The scorers must not have been trained on any of them.
        """
        unknown = sorted({str(each.label) for each in records} - set(self.classes))
        if unknown:
            raise UsageProblem(
                f"the label '{unknown[0]}' is not a class of '{self.spec.name}'",
                why=f"its classes are {', '.join(self.classes)}",
                fix="set label_field, and leave unlabelled records out",
            )
        scores = [{part: each for part, each in row.items() if not isinstance(each, Exception)}
                  for row in self.score([self.prepare(each) for each in records])]  # fmt: skip
        names = [each.group or str(at) for at, each in enumerate(records)]
        order = sorted(set(names))
        random.Random(0).shuffle(order)
        held = set(order[: max(1, len(order) // 3)])
        stack_on = [i for i, name in enumerate(names) if name not in held]
        sets_on = [i for i, name in enumerate(names) if name in held]
        labels = [str(each.label) for each in records]
        stack = Stack.fit([scores[i] for i in stack_on], [labels[i] for i in stack_on], self.parts, self.classes)
        sets = ConformalSets.fit(
            [stack.probabilities(scores[i]) for i in sets_on],
            [labels[i] for i in sets_on],
            self.level,
            groups=[pattern_of(scores[i], self.parts) for i in sets_on],
        )
        fitted = copy.copy(self)
        fitted.artifacts = {**self.artifacts, "stack": stack, "sets": sets}
        return fitted

    def measure(self, judged: Sequence[tuple[Record[Any], DomainResult[Fused]]]) -> dict[str, float]:
        told = [(str(record.label), result) for record, result in judged if result.payload is not None]
        if not told:
            return {}
        hits = [float(result.payload.label == label) for label, result in told if result.payload is not None]
        shares = [result.payload.probabilities[label] for label, result in told if result.payload is not None]
        sets = [(label, result.score) for label, result in told if isinstance(result.score, PredictionSet)]
        found = {"accuracy": sum(hits) / len(hits), "log_loss": log_loss(shares, [1.0] * len(shares))}
        if sets:
            found["coverage"] = coverage([each for _, each in sets], [label for label, _ in sets])
            found["one_class"] = sum(len(each.labels) == 1 for _, each in sets) / len(sets)
        return found

    def _scores(self, part: str, values: Sequence[Any]) -> Sequence[Any]:
        """Scores of a part's values; where all together fail, each alone, and an exception for one that is bad."""
        if not values:
            return []
        scorer = self.scorer(part)
        try:
            found = list(scorer(values))
            if len(found) == len(values):
                return found
        except Exception:  # told apart below, one by one
            found = []
        alone: list[Any] = []
        for value in values:
            try:
                [score] = scorer([value])
                alone.append(score)
            except Exception as error:
                alone.append(error)
        return alone

    def _stack(self) -> Stack:
        stack = self.artifacts.get("stack")
        if not isinstance(stack, Stack):
            raise GuardRefused(
                f"CALIB.MISSING: '{self.spec.name}' was not fitted",
                why="scores of several parts mean nothing together until they are calibrated",
                fix="adapter = adapter.fit(labelled records), or duomo.adapt(…, artifacts=FOLDER)",
            )
        return stack


def _shares(score: Score | None) -> dict[str, float]:
    if isinstance(score, PredictionSet):
        score = score.probability
    return score.by_class if isinstance(score, Probability) else {}
