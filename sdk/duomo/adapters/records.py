"""One record of a domain: what is known of it, since when, who it belongs to, and under which name it goes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import pydantic

from duomo.adapters.findings import Finding

P = TypeVar("P")

KEY_VARIABLE = "DUOMO_PSEUDONYM_KEY"
"""Environment variable with the secret of pseudonyms; without it they hold for one process only."""
_PROCESS_KEY = secrets.token_bytes(32)


class Inputs(pydantic.BaseModel):
    """Base class for the payload of records; other columns of a row are left out, so that no model sees them."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a record was read from, without its address: addresses may name people."""

    sha256: str = ""
    size: int = 0
    format: str = ""
    reader: str = ""
    """Id and version of what read it."""


@dataclasses.dataclass(frozen=True)
class Record(Generic[P]):
    """One record: `payload` is what models may see, everything else is about it."""

    payload: P
    key: str = ""
    """What it goes by in results and logs: a pseudonym wherever people are meant."""
    group: str | None = None
    """Patient, borrower, household, machine: never on both sides of a split. A pseudonym, too."""
    event_time: dt.datetime | None = None
    """The moment of the decision; what became known later may not be used."""
    available_at: Mapping[str, dt.datetime] = dataclasses.field(default_factory=dict)
    """Since when a field is known; the event time where it is not named."""
    protected: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    """Protected attributes, for fairness reports only: no `prepare` and no model sees them."""
    label: Any = None
    """The known answer, for fitting and evaluation only."""
    source: Source = dataclasses.field(default_factory=Source)
    findings: tuple[Finding, ...] = ()
    """What the reader saw already."""


def secret_key(given: bytes | str | None = None) -> bytes:
    """The secret that pseudonyms are made with: the given one, the environment's, or this process's own."""
    found = given or os.environ.get(KEY_VARIABLE) or _PROCESS_KEY
    return found.encode() if isinstance(found, str) else found


def pseudonym(identifier: str, secret: bytes | str | None = None) -> str:
    """A name that stands for `identifier` and does not give it away: 16 hex digits of its HMAC-SHA256."""
    return hmac.new(secret_key(secret), identifier.encode(), hashlib.sha256).hexdigest()[:16]


def digest_of(payload: object, secret: bytes | None = None) -> str:
    """SHA-256 of a payload's content, keyed where it holds personal data: a plain one could be guessed back."""
    data = payload if isinstance(payload, bytes) else _canonical(payload).encode()
    if secret is not None:
        return hmac.new(secret, data, hashlib.sha256).hexdigest()
    return hashlib.sha256(data).hexdigest()


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=_plain, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "tobytes") and hasattr(value, "shape"):  # an array
        return [str(value.dtype), list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return str(value)
