"""Clinical text with names, places, numbers and dates replaced; what leaks is measured sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from duomo.adapters import Adapter, Case, Decision, Finding, Payload, Record, find, name_in, pseudonym
from duomo.errors import BadInput, InputMissing
from duomo.tasks.base import Result
from duomo_medical.languages import demand_english
from duomo_medical.phi_names import by_tagger, joined, tagger
from duomo_medical.phi_rules import Span, by_shape, known, without_measurements
from duomo_medical.plain import plain
from duomo_medical.plugin import NOTE_DEID

if TYPE_CHECKING:
    import os

MAX_CHARACTERS = 200_000
MEASURED_LEAK = 0.10
"""The rate per sentence that is guarded by a test on held-out templates, over spans of all kinds.

Ages below 90 and jobs, which stay on purpose, count in it; names, addresses and the like are the lesser part of it.
Real notes may be worse.
"""


class Replaced(Result):
    """One piece that was replaced; positions are those of the new text. The old text is not kept."""

    start: int
    end: int
    kind: str


class CleanNote(Payload):
    """A note with kinds in square brackets where identities were."""

    text: str
    replaced: tuple[Replaced, ...]
    counts: dict[str, int]
    leak_rate: float = MEASURED_LEAK
    """Share of sentences in which something of a person is to be expected still, an age or a job counted, as measured
    on made sentences."""


class NoteDeid(Adapter[dict[str, Any], CleanNote]):
    """Takes rows with ``text``, and optionally ``note`` (its id) and ``known``, what the chart knows of the patient."""

    spec = NOTE_DEID
    Output = CleanNote
    key_field = "note"
    batch_size = 1

    def read(self, source: str | os.PathLike[str]) -> Iterator[Any]:
        from pathlib import Path

        path = Path(source)
        if path.suffix.lower() != ".txt":
            yield from super().read(path)
            return
        if not path.is_file():
            raise InputMissing("there is no such file", fix="check the path")
        yield {"text": path.read_text("utf-8", errors="replace")}

    def record(self, value: Any, position: int = 0) -> Record[dict[str, Any]]:
        row = {"text": value} if isinstance(value, str) else value
        text = row.get("text") if isinstance(row, dict) else None
        if not isinstance(text, str):
            raise BadInput(
                f"INPUT.MISSING_COLUMN: record {position} has no 'text'",
                why="a note is expected",
                fix="add a column 'text'",
            )
        if len(text) > MAX_CHARACTERS:
            raise BadInput(f"record {position} has {len(text):,} characters", fix="split it into notes")
        demand_english(text)
        names = row.get("known") or []
        names = [names] if isinstance(names, str) else [str(each) for each in names]
        name = name_in(row.get(self.key_field))
        key = str(position) if name is None else pseudonym(name, self.secret)
        return Record({"text": text, "known": names}, key)

    def score(self, prepared: Sequence[Record[dict[str, Any]]]) -> list[tuple[str, list[Replaced]]]:
        return [
            replace(each.payload["text"], spans_of(each.payload["text"], each.payload["known"])) for each in prepared
        ]

    def guards(self, phase: str) -> Sequence[Any]:
        return (_still_there,) if phase == "output" else ()

    def decide(self, case: Case[dict[str, Any]]) -> Decision:
        text = f"about {MEASURED_LEAK:.0%} of sentences may still identify someone, or tell an age or a job"
        case.find("PHI.TEXT", text, field="text", severity="warn", fix="have a person read it before it goes anywhere")
        return Decision(outcome="accept", reason="replaced; a person must read it")

    def result(self, case: Case[dict[str, Any]]) -> CleanNote:
        text, replaced = case.raw
        kinds = [each.kind for each in replaced]
        counts = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
        return CleanNote(text=text, replaced=tuple(replaced), counts=counts)

    @classmethod
    def example(cls) -> NoteDeid:
        tagger()
        return cls(secret=b"the secret of an example")

    @classmethod
    def samples(cls) -> list[Any]:
        return [
            {
                "note": "1",
                "text": "Mrs. Ada Lindgren, 93 years old, was seen on 12 March 2024. BP 120/80, glucose 182 mg/dL.",
            },
            {"note": "2", "text": "Call Dr. Moreau at 555-201-9983 about MRN 0042917."},
            {"note": "3", "text": "She lives at 12 Elm Street, Springfield.", "known": ["Ada Lindgren"]},
        ]

    @classmethod
    def canaries(cls, marker: str) -> list[Any]:
        return [{"note": marker, "text": f"Patient {marker} was seen by Dr. {marker}.", "known": [marker]}]


def spans_of(text: str, identifiers: list[str]) -> list[Span]:
    """All spans of a text that identify, in order and apart from one another."""
    simple, origin = plain(text)
    found = joined(simple, [*by_shape(simple), *by_tagger(simple)])
    # What the chart knows goes even where it looks like a measurement.
    spans = [*without_measurements(simple, found), *known(simple, [plain(each).text for each in identifiers])]
    return _merged([Span(origin[start], origin[end], kind) for start, end, kind in spans])


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            last = merged.pop()
            span = Span(last.start, max(last.end, span.end), last.kind)
        merged.append(span)
    return merged


def replace(text: str, spans: Sequence[Span]) -> tuple[str, list[Replaced]]:
    """The text with each span's kind in its place."""
    parts, replaced, end, length = [], [], 0, 0
    for span in spans:
        kept, label = text[end : span.start], f"[{span.kind}]"
        replaced.append(Replaced(start=length + len(kept), end=length + len(kept) + len(label), kind=span.kind))
        parts += [kept, label]
        length += len(kept) + len(label)
        end = span.end
    return "".join([*parts, text[end:]]), replaced


def _still_there(case: Case[dict[str, Any]]) -> Iterator[Finding]:
    """The last look, by plain search: nothing that the chart knows may be left."""
    text = plain(str(case.raw[0])).text.casefold()
    for number, name in enumerate(case.record.payload["known"]):
        simple = plain(name).text.strip().casefold()
        if len(simple) > 2 and simple in text:
            yield find("PHI.TEXT", f"identifier {number} of 'known' is still in the text", field="text",
                       record=case.record.key, fix="remove it by hand")  # fmt: skip
