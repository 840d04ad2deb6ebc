"""Whether the libraries that a plugin or a model needs are installed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from duomo.plugins.distributions import find_distribution

_RELEASE = re.compile(r"\d+(\.\d+)*$")
_PLAIN = re.compile(
    r"([\w.-]*\w)(?:\[[\w\s.,-]*\])?\s*((?:(?:>=|==|<)[\d.]*\d,?)*)(\s*;\s*(?:\([^()]*\)\s+and\s+)?extra\s*==.*)?$"
)
"""A name with extras, bounds that are releases, and maybe the extra it is for, beside another condition in brackets."""


def missing_requirements(requires: Iterable[str]) -> list[str]:
    """Those of the requirement strings that this environment does not satisfy, without their markers.

    One that cannot be read counts as missing: a plugin's slip must not end a listing. Lines for an
    extra, or for another platform, do not count.
    """
    missing = []
    for text in requires:
        plain = _satisfies(text)
        if plain is not None:
            if not plain:
                missing.append(text)
            continue
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            missing.append(text)
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = find_distribution(requirement.name)
        version = found.version if found is not None else ""
        if not version or not requirement.specifier.contains(version, prereleases=True):
            missing.append(f"{requirement.name}{requirement.specifier}")
    return missing


def _satisfies(text: str) -> bool | None:
    """Whether a plain requirement such as ``name>=1.2,<2`` is satisfied; None for what takes packaging to say.

    Listing models and plugins asks this of each; importing packaging would cost more than all else there.
    """
    wanted = _PLAIN.match(text)
    if wanted is None:
        return None
    if wanted[3]:
        return True
    found = find_distribution(wanted[1])
    version = found.version.partition("+")[0] if found is not None else ""
    if not version:
        return False
    if not _RELEASE.match(version):
        return None
    bounds = [bound for bound in wanted[2].split(",") if bound]
    here = _numbers(version)
    return all(_within(here, each) for each in bounds)


def _within(here: list[int], bound: str) -> bool:
    if bound[0] == "<":
        return here < _numbers(bound[1:])
    there = _numbers(bound[2:])
    return here == there if bound[0] == "=" else here >= there


def _numbers(version: str) -> list[int]:
    """``1.2.0`` as [1, 2]: zeros at the end do not count."""
    numbers = [int(part) for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers
