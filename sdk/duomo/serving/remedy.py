"""What a client can do about an error whose advice was written for who runs the program.

Errors of inputs, tasks and models are the same for Python, the command line and HTTP. Over HTTP nobody can call a
function of the server's program, set its limits or choose its model: those ways out are left out, and where none is
left the answer says what a request can change. Types and values have JSON's names: what was sent was no `dict`.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TypeVar

from duomo import errors
from duomo.counting import with_article
from duomo.errors import DuomoError
from duomo.outcome import ItemError, Outcome
from duomo.serving.monitoring.observe import seen
from duomo.tasks.base import Result

R = TypeVar("R", bound=Result)
_TOOLS = re.compile(r"\b(?:ffmpeg|iconv|tiffcp|qpdf|arecord|curl)\b")
"""Programs that a client may have as well; what stands behind one is its own."""
_OURS = re.compile(
    r"""
    \bduomo(?:_\w+)?(?:\.|\ [a-z])  # a function of ours, or a command
    | \b(?:pip|apt|hf)\ (?:install|download)\b
    | [\w\]]\( | \((?:array|samples)\b  # a call, a pair of Python: Path("table.csv"), (array, 16000)
    | \b(?:pandas|numpy|PIL|torch|[Pp]ython|tensor|DataFrame)\b
    | \b(?:executor|devices?|dtype|optimize|parallel|model|store|column|key|batch_size)=
    | \blimits[.\]]
    | (?<!\S)--[a-z]
    | \#page=
    | \bpath(?:s|lib)?\b | \bURL\b | \ba\ str\b | \b(?:name|check)\ (?:a|the|its)\ (?:file|folder|permissions)\b
    """,
    re.VERBOSE,
)
_JSON = {
    "None": "null", "NoneType": "null", "True": "true", "False": "false", "bool": "true or false", "int": "number",
    "float": "number", "str": "string", "dict": "object", "list": "array", "tuple": "array",
}  # fmt: skip
_PYTHON = re.compile(
    r"""
    (?<!\w)'[^'\n]*'(?!\w)  # what a client wrote stays
    | \bNone,\ of\ (?=NoneType\b)
    | (?P<before>\ban?\ |expected,\ not\ )?
      \b(?<!=)(?P<word>None(?!\ of)|NoneType|True|False|bool|int|float|str|dict|tuple)\b
    | (?P<around>expected,\ not|\bis\ a|\bis\ one)\ list\b(?!\ of)  # elsewhere it is English
    """,
    re.VERBOSE,
)
_BRACKET = re.compile(r"\s+\((?:-|duomo|pip|pandas|in Python)(?:[^()]|\([^()]*\))*\)")
_BETWEEN = re.compile(r"(; or |; |,? or: |, or )")
_OPERATORS = (
    errors.WeightsProblem, errors.PluginProblem, errors.RequirementMissing, errors.DeviceUnavailable, errors.DoesNotFit,
    errors.BadOutput, errors.WorkerLost, errors.SystemicError, errors.ArtifactProblem, errors.AuditProblem,
    errors.StoreProblem, errors.CannotWrite,
)  # fmt: skip
"""Whatever they advise, a client cannot do it."""


def for_client(error: DuomoError | ItemError) -> ItemError:
    """Describe an error with what its client can do."""
    found = error if isinstance(error, ItemError) else ItemError.of(error)
    what, why, fix = map(_json_words, (found.what, found.why, found.fix))
    found = dataclasses.replace(found, what=what, why=why, fix=fix)
    kind = getattr(errors, found.type, DuomoError)
    if issubclass(kind, _OPERATORS):
        fix = ""
    elif _OURS.search(found.fix) or _BRACKET.search(found.fix):
        fix = _left_of(found.fix)
    else:
        return found
    return dataclasses.replace(found, fix=fix or _usual(kind))


def outcome_for_client(outcome: Outcome[R]) -> Outcome[R]:
    """The same outcome; the advice of its error is for a client."""
    if outcome.error is None:
        return outcome
    return dataclasses.replace(outcome, error=for_client(outcome.error))


def _json_words(text: str) -> str:
    """Call Python's types and values in a text as JSON does."""
    return _PYTHON.sub(_json_word, text)


def _json_word(found: re.Match[str]) -> str:
    before, word, around = found["before"] or "", found["word"], found["around"]
    if around:
        return f"{around.removesuffix(' a')} an array"
    if word is None:
        return "" if found[0].startswith("None") else found[0]
    name = _JSON[word]
    if before and name not in ("null", "true or false"):
        name = with_article(name)
    return name if before in ("a ", "an ") else before + name


def _left_of(fix: str) -> str:
    """The ways out that a client has; empty for none."""
    first, *rest = _BETWEEN.split(_BRACKET.sub("", fix))
    ways = [("", first), *zip(rest[::2], rest[1::2], strict=True)]
    kept = [(joint, way) for joint, way in ways if _TOOLS.search(way) or not _OURS.search(way)]
    return "".join(joint * (at > 0) + way for at, (joint, way) in enumerate(kept)).strip()


def _usual(kind: type[DuomoError]) -> str:
    """What can be done about an error of this kind by who sent the request."""
    task = seen().task
    what = f"GET /v1/tasks/{task}" if task and "/" not in task else "GET /openapi.json"
    if issubclass(kind, errors.InputTooLarge | errors.InputTooLong):
        return "send less of it"
    if issubclass(kind, errors.BadInput):
        return f"send another: {what} says what is taken"
    if issubclass(kind, errors.UsageProblem):
        return f"leave it out, or write it as {what} says"
    return "ask again, or tell who runs this server: its log says more"
