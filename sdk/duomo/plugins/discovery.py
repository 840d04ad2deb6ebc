"""Which plugins are installed, read from metadata: nothing is imported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from duomo.brief import Short
from duomo.hooks import API_VERSION, ENTRY_POINT_GROUP, Hooks
from duomo.plugins.distributions import Distribution, canonical, distributions, find_distribution
from duomo.plugins.requirements import missing_requirements
from duomo.specs import Spec

State = Literal["ok", "blocked", "not-allowed", "incompatible", "clash", "broken"]
FIRST_PARTY = frozenset(
    f"duomo-{name}" for name in ("vision", "nlp", "speech", "multimodal", "finance", "medical", "retail")
)
"""Distributions of this project. A package index gives a distribution's name to one owner only."""
_GROUP = re.compile(r"duomo\.plugins\.v(\d+)$")


class _EntryPoint(NamedTuple):
    group: str
    name: str
    value: str


@dataclass(repr=False)
class PluginRecord(Short):
    """What is known about one plugin."""

    name: str
    distribution: str
    version: str
    value: str
    """The entry point's object reference, ``package.module:attribute``."""
    state: State = "ok"
    error: str = ""
    fix: str = ""
    traceback: str = ""
    import_ms: float = 0.0
    heavy: tuple[str, ...] = ()
    """Heavy modules its import pulled in; a plugin should import them when used."""
    specs: dict[str, list[Spec]] = field(default_factory=dict, repr=False)
    """What it registered, by hook."""
    plugin: Hooks | None = None

    @property
    def origin(self) -> str:
        """``distribution version``."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def names(self) -> frozenset[str]:
        """What a user may call it: plugin name or distribution name."""
        return frozenset({canonical(self.name), canonical(self.distribution)})

    @property
    def is_namesake(self) -> bool:
        """Whether its distribution is ``duomo-<name>``, which has the first right to the plugin's name."""
        return canonical(self.distribution) == f"duomo-{self.name}"

    @property
    def rank(self) -> tuple[bool, str, bool, str]:
        """The order of loading: ours first, so that no stranger takes a short word from them; then by name."""
        return canonical(self.distribution) not in FIRST_PARTY, self.name, not self.is_namesake, self.distribution

    def set_aside(self, state: State, error: str, fix: str) -> None:
        """Keep nothing of the plugin but the reason why."""
        self.state, self.error, self.fix = state, error, fix
        self.plugin, self.specs = None, {}


def discover() -> Iterator[PluginRecord]:
    """One record for each plugin of every ``duomo.plugins.v*`` group, sorted; nothing is imported.

    A distribution that is listed twice (stale metadata, a doubled path) counts where it comes first
    on the path, as it does for imports. The same object under two distributions is one plugin.
    """
    found: dict[str, list[PluginRecord]] = {}
    for distribution in distributions():
        if "duomo.plugins.v" in distribution.read("entry_points.txt"):
            found.setdefault(canonical(distribution.name), _records_of(distribution))
    records = [record for each in found.values() for record in each]
    records.sort(key=lambda record: record.rank)
    seen: set[tuple[str, str]] = set()
    for record in records:
        if (record.name, record.value) not in seen:
            seen.add((record.name, record.value))
            yield record


def settle_clashes(records: Iterable[PluginRecord]) -> None:
    """Set aside those of the usable plugins whose name another has the better right to."""
    by_name: dict[str, list[PluginRecord]] = {}
    for record in records:
        if record.state == "ok":
            by_name.setdefault(record.name, []).append(record)
    for name, rivals in by_name.items():
        # A plugin that the program hands over keeps its name, then the namesake; without either no record
        # can say who was meant, and none loads.
        given = next((record for record in rivals if record.plugin is not None), None)
        keeper = given or next((record for record in rivals if record.is_namesake), None)
        for record in rivals if len(rivals) > 1 else ():
            if record is not keeper:
                others = ", ".join(rival.origin for rival in rivals if rival is not record)
                fix = f"keep one: duomo plugins disable {record.distribution}, or pip uninstall {record.distribution}"
                record.set_aside("clash", f"the name '{name}' is also claimed by {others}", fix)


def unmet(record: PluginRecord) -> list[str]:
    """What the plugin's distribution requires and this environment does not have, as ``pip`` writes it."""
    distribution = find_distribution(record.distribution)
    return missing_requirements(distribution.header("Requires-Dist")) if distribution is not None else []


def _records_of(distribution: Distribution) -> list[PluginRecord]:
    name, version = distribution.name, distribution.version
    try:
        points = list(_entry_points(distribution.read("entry_points.txt")))
    except ValueError as error:
        record = PluginRecord(canonical(name), name, version, "")
        record.set_aside("broken", f"its entry_points.txt cannot be read: {error}", f"pip uninstall {name}")
        return [record]
    spoken = {point.name for point in points if point.group == ENTRY_POINT_GROUP}
    records = []
    for point in points:
        record = PluginRecord(point.name, name, version, point.value)
        if point.group != ENTRY_POINT_GROUP:
            if point.name in spoken:
                continue
            theirs = int(point.group.rpartition("v")[2])
            record.set_aside(
                "incompatible",
                f"built for plugin API v{theirs}, this duomo speaks v{API_VERSION}",
                f"pip install -U {'duomo' if theirs > API_VERSION else name}",
            )
        records.append(record)
    return records


def _entry_points(text: str) -> Iterator[_EntryPoint]:
    """The entry points of our groups. Raises `ValueError` for a line that is none."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif line and line[0] not in "#;" and _GROUP.match(group):
            name, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"{line!r} is not name = module:object")
            yield _EntryPoint(group, name.strip(), value.strip())
