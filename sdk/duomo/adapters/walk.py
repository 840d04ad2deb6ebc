"""How records go through an adapter: lazily, in order, each alone with its faults.

open    record → guards → prepare      what fails here is settled at once
score   through the task's runner, or `Adapter.score` in batches; a batch that fails is tried one by one
close   interpret → calibrate → decide → explain → result → envelope → audit line
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from duomo.adapters.contract import accept
from duomo.adapters.faults import error_of, error_of_task
from duomo.adapters.findings import Finding, Override, check_override, refers, stops
from duomo.adapters.guards import known_in_time, no_protected
from duomo.adapters.records import digest_of
from duomo.adapters.results import Decision, DomainResult, Provenance, human_review
from duomo.counting import counted
from duomo.errors import AdapterFailed, AuditProblem, BadInput, BadOutput, SystemicError, UsageProblem
from duomo.execution.base import FLUSH, Flush
from duomo.execution.finite import check_results
from duomo.outcome import ItemError, Meta, Outcome, outcome_of
from duomo.plugins.distributions import find_distribution

if TYPE_CHECKING:
    from duomo.adapters.audit import AuditLog
    from duomo.adapters.contract import AdapterContract, Case

_SETTLED = BadInput("the record was settled before the model", fix="")
"""Stands in the input of the task for a record that needs no model."""
_NAMESPACE = uuid.UUID("6f4f9b0e-6b6b-5c51-9a3c-1d0a4f9e2d11")


@dataclasses.dataclass
class _Passage:
    """One item on its way: its case, or the error it has come to."""

    index: int
    id: str
    case: Case[Any] | None = None
    prepared: Any = None
    error: ItemError | None = None
    meta: Meta | None = None
    ran_task: bool = False
    """Whether `meta` is of the task's model; a record that a finding stopped never came to it."""

    @property
    def is_open(self) -> bool:
        return self.error is None and self.case is not None and stops(self.case.findings) is None


class Walk:
    """One call of `Adapter.map`."""

    def __init__(
        self,
        adapter: AdapterContract[Any, Any],
        audit: AuditLog | None,
        overrides: Sequence[Override],
        batch_size: int | None,
        max_failed: int | None,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise UsageProblem(f"batch_size must be at least 1, not {batch_size}", fix="leave it out")
        if overrides and audit is None:
            raise AuditProblem(
                "an override needs an audit log",
                why="going on despite a finding that blocks must leave a trace",
                fix="map(…, audit=AuditLog(path))",
            )
        for each in overrides:
            check_override(each)
        self.adapter = adapter
        self.audit = audit
        self.overrides = overrides
        self.batch_size = batch_size
        self.max_failed = max_failed
        self._input: list[Callable[[Any], Iterable[Finding]]] = [
            known_in_time,
            no_protected(adapter.protected),
            *adapter.guards("input"),
        ]
        self._output = list(adapter.guards("output"))
        self._provenance: Provenance | None = None

    def outcomes(self, items: Iterable[Any]) -> Iterator[Outcome[Any]]:
        """One outcome an item, in order."""
        passages = self._opened(items)
        through = self._by_runner(passages) if self.adapter.runner is not None else self._by_score(passages)
        failed = 0
        for passage in through:
            outcome = self._close(passage)
            if self.audit is not None:
                found = passage.case.findings if passage.case is not None else ()
                self.audit.append_outcome(self.adapter.spec, outcome, found)
            yield outcome
            failed += not outcome.ok
            if self.max_failed is not None and failed > self.max_failed:
                assert outcome.error is not None
                raise SystemicError(
                    f"{counted(failed, 'record')} failed",
                    why=f"the last one: {outcome.error.what}",
                    fix="fix them, or allow more",
                )

    def _opened(self, items: Iterable[object]) -> Iterator[_Passage | Flush]:
        index = itertools.count()
        for item in items:
            yield FLUSH if item is FLUSH else self._open(next(index), item)

    def _open(self, index: int, item: object) -> _Passage:
        passage = _Passage(index, str(index))
        try:
            from duomo.adapters.contract import Case  # the module above this one

            record = accept(self.adapter, item, index)
            passage.id = record.key or passage.id
            case = passage.case = Case(record, findings=list(record.findings))
            for guard in self._input:
                case.findings += guard(record)
            case.findings = [self._overridden(each, record.key) for each in case.findings]
            if passage.is_open:
                passage.prepared = self.adapter.prepare(record)
        except Exception as error:
            passage.error = error_of(self.adapter, error)
        return passage

    def _overridden(self, finding: Finding, key: str) -> Finding:
        for each in self.overrides:
            if each.code == finding.code and each.record in ("", key):
                return finding.model_copy(
                    update={"overridden": f"{each.reason} ({each.by})" if each.by else each.reason}
                )
        return finding

    def _by_runner(self, passages: Iterator[_Passage | Flush]) -> Iterator[_Passage]:
        """Through the core task on its executor; what is settled already takes its place in the order there, unrun."""
        runner = self.adapter.runner
        assert runner is not None
        waiting: collections.deque[_Passage] = collections.deque()

        def items() -> Iterator[Any]:
            for passage in passages:
                if isinstance(passage, Flush):
                    yield passage
                    continue
                waiting.append(passage)
                yield passage.prepared if passage.is_open else _SETTLED

        for outcome in runner.map(items(), batch_size=self.batch_size, **self.adapter.options):
            passage = waiting.popleft()
            if passage.is_open:
                passage.meta, passage.ran_task = outcome.meta, True
                if outcome.error is not None:
                    passage.error = error_of_task(self.adapter, outcome.error)
                elif passage.case is not None:
                    passage.case.raw = outcome.result
            yield passage

    def _by_score(self, passages: Iterator[_Passage | Flush]) -> Iterator[_Passage]:
        """Through `Adapter.score`, in batches of what is open."""
        size = (self.batch_size or self.adapter.batch_size) if self.adapter.batches_scores else 1
        held: list[_Passage] = []
        count = 0
        try:
            for passage in passages:
                if not isinstance(passage, Flush):
                    held.append(passage)
                    count += passage.is_open
                if count >= size or not count or isinstance(passage, Flush):
                    full, held, count = held, [], 0
                    yield from self._scored(full)
        except Exception:  # of the source: what was read before it broke has its result
            yield from self._scored(held)
            raise
        yield from self._scored(held)

    def _scored(self, held: list[_Passage]) -> list[_Passage]:
        live = [each for each in held if each.is_open]
        if not live:
            return held
        start = time.perf_counter()
        try:
            raw = self._score(live)
        except Exception as error:
            if len(live) == 1:
                live[0].error = error_of(self.adapter, error)
            for each in live if len(live) > 1 else ():
                self._scored([each])
            return held
        ms = (time.perf_counter() - start) * 1000 / len(live)
        for each, output in zip(live, raw, strict=True):
            assert each.case is not None
            each.case.raw = output
            each.meta = dataclasses.replace(self._meta(), batch=len(live), ms=ms)
        return held

    def _score(self, live: list[_Passage]) -> Sequence[Any]:
        raw = self.adapter.score([each.prepared for each in live])
        if len(raw) != len(live):
            raise AdapterFailed(
                f"score() of '{self.adapter.spec.name}' gave {len(raw):,} for {counted(len(live), 'record')}",
                why="each record has one",
                fix="report it to the plugin's author",
            )
        return raw

    def _close(self, passage: _Passage) -> Outcome[Any]:
        meta = passage.meta or self._meta()
        result = None
        if passage.error is None:
            assert passage.case is not None
            try:
                result = self._result(passage.case, meta, ran_task=passage.ran_task, is_open=passage.is_open)
            except Exception as error:
                passage.error = error_of(self.adapter, error)
        return outcome_of(passage.index, passage.id, result, passage.error, meta)

    def _result(self, case: Case[Any], meta: Meta, *, ran_task: bool, is_open: bool) -> DomainResult[Any]:
        adapter = self.adapter
        payload = None
        if is_open:
            case.score = adapter.interpret(case)
            case.score = adapter.calibrate(case)
            case.decision = adapter.decide(case)
            for guard in self._output:
                case.findings += guard(case)
            # Before the verdict is made, so that it can depend on what someone allowed.
            case.findings = [self._overridden(each, case.record.key) for each in case.findings]
            self._refer(case)
            case.reasons = list(adapter.explain(case))
            payload = adapter.result(case)
            _check_finite(adapter.spec.name, payload, case.score)
            self._refer(case)  # the last two stages may have found something, too
            case.findings = [self._overridden(each, case.record.key) for each in case.findings]
        stop = stops(case.findings)
        if stop is not None:
            payload, case.decision = None, Decision(outcome=adapter.on_block, reason=stop.code)
        provenance = self._provenance_of(case, meta if ran_task else None)
        return DomainResult[adapter.Output](  # type: ignore[name-defined]
            id=_id_of(provenance, case.record.key),
            key=case.record.key,
            payload=payload,
            score=case.score if payload is not None else None,
            decision=case.decision,
            reasons=case.reasons if payload is not None else [],
            findings=case.findings,
            provenance=provenance,
            human_review=human_review(adapter.spec.human_review),
            disclaimer=adapter.spec.disclaimer,
        )

    def _refer(self, case: Case[Any]) -> None:
        found = refers(case.findings)
        if found is not None and (case.decision is None or case.decision.outcome in ("accept", "reject")):
            base = case.decision or Decision(outcome="refer")
            case.decision = base.model_copy(update={"outcome": "refer", "reason": found.code})

    def _provenance_of(self, case: Case[Any], task: Meta | None) -> Provenance:
        adapter = self.adapter
        if self._provenance is None:
            self._provenance = Provenance(
                adapter=adapter.spec.name,
                adapter_version=adapter.spec.version,
                plugin=adapter.origin,
                artifacts={name: each.ref for name, each in sorted(adapter.artifacts.items())},
                libs=_versions(adapter.spec.requires),
            )
        digest = digest_of(case.record.payload, adapter.secret if adapter.is_private else None)
        own: dict[str, Any] = {"input_digest": digest, "as_of": case.record.event_time}
        if task is not None:
            # Of this very record: copies of a model may be on several devices.
            model = f"{task.model}@{task.revision}".rstrip("@")
            own |= {"model": model, "executor": task.executor, "device": task.device}
        return self._provenance.model_copy(update=own)

    def _meta(self) -> Meta:
        name = self.adapter.spec.name
        return Meta(self.adapter.task or name, name, self.adapter.origin)


def _check_finite(name: str, *parts: object) -> None:
    """Raise `BadOutput` where a verdict holds NaN or infinity, which no JSON can."""
    try:
        check_results([each for each in parts if each is not None])
    except BadOutput:
        raise BadOutput(
            f"the verdict of '{name}' holds numbers that are not finite",
            why="a number of the record, or of what was fitted, is too large to be reckoned with",
            fix="look for values beyond reason, such as 1e308, in the record",
        ) from None


def _id_of(provenance: Provenance, key: str) -> str:
    parts = [
        provenance.adapter,
        provenance.adapter_version,
        provenance.model,
        *(each.sha256 for each in provenance.artifacts.values()),
        key,
        provenance.input_digest,
    ]
    return str(uuid.uuid5(_NAMESPACE, "\n".join(parts)))


def _versions(requires: Iterable[str]) -> dict[str, str]:
    import re

    from duomo.version import __version__

    names = [match[0] for each in requires if (match := re.match(r"[\w.-]*\w", each))]
    found = ((name, find_distribution(name)) for name in names)
    return {"duomo": __version__, **{name: each.version for name, each in found if each is not None}}
