"""Which installed plugins may load: options above the environment above the configuration."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from duomo.config import load_config
from duomo.errors import UsageProblem, nearest
from duomo.plugins.discovery import PluginRecord
from duomo.plugins.distributions import canonical


@dataclass(frozen=True)
class Selection:
    """Which installed plugins may load; `None` for `allow` means all. Both name plugins or distributions."""

    allow: frozenset[str] | None = None
    block: frozenset[str] = frozenset()
    allowed_by: str = "the caller"
    """Who says so, for the explanation: the caller, an environment variable, the configuration."""
    blocked_by: str = "the caller"

    @classmethod
    def of(cls, allow: Iterable[str] | None = None, block: Collection[str] = (), *, none: bool = False) -> Selection:
        """The selection in force: arguments above the environment above the configuration.

        Raises `UsageProblem` for a configuration that cannot be read.
        """
        disable, only = os.environ.get("DUOMO_DISABLE_PLUGINS"), os.environ.get("DUOMO_PLUGINS")
        if none or disable == "1":
            return cls(frozenset(), allowed_by="--no-plugins" if none else "DUOMO_DISABLE_PLUGINS=1")
        allowed_by = blocked_by = "the caller"
        if allow is None and only is not None:
            allow, allowed_by = _split(only), "DUOMO_PLUGINS"
        elif allow is None:
            allow, allowed_by = configured("allow"), "the configuration"
        lasting = _split(disable) if disable is not None else configured("disable") or []
        if lasting:
            where = "DUOMO_DISABLE_PLUGINS" if disable is not None else "the configuration"
            blocked_by = f"the caller or {where}" if block else where
        return cls(None if allow is None else frozenset(allow), frozenset({*block, *lasting}), allowed_by, blocked_by)

    def apply(self, record: PluginRecord) -> None:
        """Set a plugin aside unless it may load."""
        if record.names & set(map(canonical, self.block)):
            record.set_aside("blocked", f"switched off by {self.blocked_by}", _switch_on(record, self.blocked_by))
        elif self.allow is not None and not record.names & set(map(canonical, self.allow)):
            reason = (
                f"not among the plugins allowed by {self.allowed_by}"
                if self.allow
                else f"{self.allowed_by} allows none"
            )
            record.set_aside("not-allowed", reason, _switch_on(record, self.allowed_by))

    def warn_unknown(self, records: Sequence[PluginRecord]) -> None:
        """Warn about names that no installed plugin bears; a silent typo costs hours."""
        known = {name for record in records for name in record.names}
        for name in sorted(self.block | (self.allow or frozenset())):
            if canonical(name) not in known:
                near = nearest(name, known, 1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                warnings.warn(f"no plugin named '{name}' is installed{hint}", stacklevel=2)


def configured(key: str) -> list[str] | None:
    """``[plugins] disable`` or ``allow`` of the configuration; raises `UsageProblem` unless it is a list of names."""
    section = load_config().get("plugins", {})
    names = section.get(key) if isinstance(section, dict) else section
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UsageProblem(
            f"[plugins] {key} must be a list of names, not {names!r:.60}", fix=f'write {key} = ["birds"], or remove it'
        )
    return names


def _switch_on(record: PluginRecord, by: str) -> str:
    if by.endswith("the configuration"):
        return f"duomo plugins enable {record.name}"
    if by.startswith("DUOMO_"):
        return f"unset {by.partition('=')[0]}, or change it"
    return f"leave out {by}" if by.startswith("--") else "leave out --disable-plugin, or change the program's selection"


def _split(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]
