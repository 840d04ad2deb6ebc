"""What a guard may find: a closed list of codes, each with the severity it has unless overridden."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import pydantic

from duomo.errors import UsageProblem, did_you_mean
from duomo.tasks.base import Result

Severity = Literal["block", "refer", "warn", "info"]
"""``block`` stops the record, ``refer`` sends it to a person, ``warn`` and ``info`` go out with the result."""

CODES: dict[str, tuple[Severity, str]] = {
    "PHI.HEADER": ("block", "an identifying value in a header"),
    "PHI.PRIVATE": ("block", "private elements, whose content is unknown"),
    "PHI.PIXEL": ("refer", "text in the image itself, or no OCR to look for it"),
    "PHI.OVERLAY": ("block", "graphics laid over the image"),
    "PHI.TEXT": ("block", "an identifying value in free text"),
    "LEAK.FUTURE": ("block", "a value that was not known at the record's time"),
    "LEAK.GROUP": ("block", "one group on both sides of a split"),
    "LEAK.TARGET": ("block", "the answer, or what follows from it, among the features"),
    "LEAK.SPLIT_RANDOM": ("block", "a random split of grouped or temporal data"),
    "FAIR.PROHIBITED_BASIS": ("block", "a protected attribute offered as a feature"),
    "FAIR.PROXY": ("warn", "a feature that tells a protected attribute"),
    "FAIR.AIR": ("warn", "approval rates of groups too far apart"),
    "OOD.RANGE": ("refer", "a value outside what the adapter was fitted on"),
    "OOD.SITE": ("refer", "a site that the adapter was not fitted on"),
    "OOD.MODALITY": ("refer", "a kind of record that the adapter was not fitted on"),
    "QUALITY.SNR": ("refer", "too much noise"),
    "QUALITY.LEADS_DISAGREE": ("refer", "measurements of the same thing disagree"),
    "QUALITY.FORMAT": ("refer", "readable, but not as the format demands"),
    "UNITS.MISSING": ("block", "a number without a unit"),
    "UNITS.MISMATCH": ("block", "a unit other than the one the adapter works in"),
    "UNITS.CURRENCY_MIXED": ("block", "several currencies where one is meant"),
    "CALIB.MISSING": ("block", "an uncalibrated score, where a probability is needed"),
    "CALIB.STALE": ("warn", "calibrated on data that no longer looks like this"),
    "CALIB.N_TOO_SMALL": ("block", "too few calibration records for the level that is promised"),
    "CALIB.OFF": ("warn", "the mean probability is far from what is observed"),
    "NET.EGRESS": ("block", "something tried to reach the network"),
    "SURVIVORSHIP": ("warn", "only what survived is in the data"),
    "STOCKOUT.CENSORED": ("warn", "sales while out of stock are not demand"),
    "INPUT.MISSING_COLUMN": ("block", "a column that is needed is not there"),
    "INPUT.MISSING_VALUE": ("warn", "an empty value"),
    "INPUT.UNSORTED": ("warn", "records out of the order of time; they were sorted"),
    "INPUT.GAP": ("warn", "a series with gaps"),
    "INPUT.DUPLICATE": ("warn", "the same record twice"),
    "INPUT.UNREADABLE": ("block", "not what its name says, or cut off"),
}
"""Every code with its usual severity and its meaning. A plugin cannot add one: reports are compared by code."""


class Finding(Result):
    """One thing a guard saw: a code, how grave it is, where, and what to do about it."""

    code: str
    severity: Severity
    text: str
    """What was seen, in words; never a value that identifies a person."""
    field: str = ""
    record: str = ""
    """The record's key; empty when it is about the data set."""
    fix: str = ""
    overridden: str = ""
    """The reason someone gave for going on despite it."""

    @pydantic.field_validator("code")
    @classmethod
    def _known(cls, code: str) -> str:
        if code not in CODES:
            raise ValueError(f"unknown code '{code}'; the codes are closed: {', '.join(CODES)}")
        return code


def find(
    code: str, text: str = "", *, field: str = "", record: str = "", fix: str = "", severity: Severity | None = None
) -> Finding:
    """A finding with the usual severity and meaning of its code, unless they are given.

    Raises `ValueError` for a code that is not in `CODES`.
    """
    usual, meaning = CODES.get(code, ("warn", ""))
    return Finding(code=code, severity=severity or usual, text=text or meaning, field=field, record=record, fix=fix)


def stops(findings: Iterable[Finding]) -> Finding | None:
    """The first finding that blocks and was not overridden."""
    return next((each for each in findings if each.severity == "block" and not each.overridden), None)


def refers(findings: Iterable[Finding]) -> Finding | None:
    """The first finding that sends the record to a person."""
    return next((each for each in findings if each.severity == "refer" and not each.overridden), None)


class Override(NamedTuple):
    """Someone's word to go on despite a finding that blocks; it is written into the audit log."""

    code: str
    reason: str
    by: str = ""
    record: str = ""
    """The key of the one record it is for; empty for all."""


def check_override(override: Override) -> None:
    """Raise `UsageProblem` for one that would do nothing, or that has no reason."""
    if override.code not in CODES:
        raise UsageProblem(
            f"no finding has the code '{override.code}'", why=did_you_mean(override.code, CODES), fix=", ".join(CODES)
        )
    if not override.reason.strip():
        raise UsageProblem(f"the override of {override.code} has no reason", fix="Override(code, reason, by)")
