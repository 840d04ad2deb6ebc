"""Whether the libraries that a plugin or a model needs are installed."""

from __future__ import annotations

from collections.abc import Iterable

from duomo.distributions import find_distribution


def missing_requirements(requires: Iterable[str]) -> list[str]:
    """Those of the requirement strings that this environment does not satisfy, without their markers.

    One that cannot be read counts as missing: a plugin's slip must not end a listing. Lines for an
    extra, or for another platform, do not count.
    """
    requires = list(requires)
    if not requires:
        return []
    from packaging.requirements import InvalidRequirement, Requirement

    missing = []
    for text in requires:
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
