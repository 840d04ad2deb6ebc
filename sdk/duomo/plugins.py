"""Find plugins, load each one guarded, and keep a record of what happened to it.

Every plugin ends in one state:

    ok            loaded
    blocked       switched off by an option, the environment or the configuration; not imported
    not-allowed   an allow-list is set and it is not on it; not imported
    incompatible  built for another version of the plugin API; not imported
    clash         two distributions claim its name; none is imported
    broken        it raised, exited, or registered what it may not; nothing of it is kept

`pluggy.PluginManager.load_setuptools_entrypoints` is not used: one exception there ends the loop for
all, a second plugin of the same name is dropped without a word, and the order is the file system's.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import inspect
import os
import re
import sys
import time
import traceback
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import pluggy

from duomo.config import load_config
from duomo.hooks import API_VERSION, ENTRY_POINT_GROUP, REGISTRATION_HOOKS, Hooks
from duomo.specs import Spec

State = Literal["ok", "blocked", "not-allowed", "incompatible", "clash", "broken"]
HEAVY = ("torch", "transformers", "torchvision", "torchaudio", "numpy", "pydantic", "rich", "pandas", "scipy")
FIRST_PARTY = re.compile(r"duomo-[a-z]+$")
_NAME = re.compile(r"[a-z][a-z0-9-]*$")
_GROUP = re.compile(r"duomo\.plugins\.v(\d+)$")
RESERVED = frozenset({"core", "builtin", "duomo", "hf", "dir", "package"})


@dataclass
class PluginRecord:
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
    specs: dict[str, list[Spec]] = field(default_factory=dict)
    """What it registered, by hook."""
    plugin: Hooks | None = None

    @property
    def origin(self) -> str:
        """``distribution version``."""
        return f"{self.distribution} {self.version}".strip()


@dataclass(frozen=True)
class Selection:
    """Which plugins may load; `None` for `allow` means all."""

    allow: frozenset[str] | None = None
    block: frozenset[str] = frozenset()

    @classmethod
    def of(cls, allow: Iterable[str] | None = None, block: Iterable[str] = (), *, none: bool = False) -> Selection:
        """The selection in force: arguments above the environment above the configuration."""
        config = load_config().get("plugins", {})
        disable = os.environ.get("DUOMO_DISABLE_PLUGINS")
        only = os.environ.get("DUOMO_PLUGINS")
        if none or disable == "1":
            return cls(allow=frozenset())
        if allow is None:
            allow = _names(only) if only is not None else config.get("allow")
        blocked = {*block, *(_names(disable) if disable is not None else config.get("disable", ()))}
        return cls(None if allow is None else frozenset(allow), frozenset(blocked))

    def verdict(self, record: PluginRecord) -> State:
        """``ok``, ``blocked`` or ``not-allowed``; plugin and distribution names both count."""
        names = {record.name, record.distribution}
        if names & self.block:
            return "blocked"
        if self.allow is not None and not names & self.allow:
            return "not-allowed"
        return "ok"

    def warn_unknown(self, records: Sequence[PluginRecord]) -> None:
        """Warn about names that no installed plugin bears; a silent typo costs hours."""
        known = {name for record in records for name in (record.name, record.distribution)}
        for name in sorted((self.block | (self.allow or frozenset())) - known):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            warnings.warn(f"no plugin named '{name}' is installed{hint}", stacklevel=2)


class PluginHost:
    """The plugins of one catalog. Nothing is global: an embedder may hold several hosts."""

    def __init__(self, selection: Selection | None = None, extra: Mapping[str, Hooks] | None = None) -> None:
        self.manager = pluggy.PluginManager("duomo")
        self.manager.add_hookspecs(Hooks)
        self.records: list[PluginRecord] = []
        self._load(selection if selection is not None else Selection.of(), extra or {})

    def implementing(self, hook: str) -> list[tuple[PluginRecord, Any]]:
        """The loaded plugins that implement a hook, with the bound method, in name order."""
        return [
            (record, getattr(record.plugin, hook))
            for record in self.records
            if record.state == "ok" and hook in _implemented(record.plugin)
        ]

    def specs(self, hook: str) -> list[tuple[PluginRecord, Spec]]:
        """What all loaded plugins registered through a hook, first-party plugins first, then by name."""
        return [
            (record, spec) for record in self.records if record.state == "ok" for spec in record.specs.get(hook, ())
        ]

    def _load(self, selection: Selection, extra: Mapping[str, Hooks]) -> None:
        given = [PluginRecord(name, "in-process", "", "", plugin=plugin) for name, plugin in extra.items()]
        self.records = sorted(
            [*discover(), *given], key=lambda record: (not FIRST_PARTY.match(record.distribution), record.name)
        )
        _mark_clashes(self.records)
        selection.warn_unknown(self.records)
        for record in self.records:
            verdict = selection.verdict(record)
            if verdict != "ok":
                record.state = verdict
                record.error = "switched off" if verdict == "blocked" else "not on the allow-list"
                record.fix = f"duomo plugins enable {record.name}"
            elif record.state == "ok":
                self._wake(record)

    def _wake(self, record: PluginRecord) -> None:
        before = set(sys.modules)
        start = time.perf_counter()
        try:
            record.plugin = record.plugin or _load_object(record)
            _check_hooks(record.plugin)
            self.manager.register(record.plugin, record.name)
            record.specs = _registered(record)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        # A plugin may raise anything, SystemExit included; none of it may end the host.
        except BaseException as error:
            if self.manager.has_plugin(record.name):
                self.manager.unregister(name=record.name)
            record.state, record.plugin, record.specs = "broken", None, {}
            record.error = f"{type(error).__name__}: {error}"
            record.traceback = "".join(traceback.format_exception(error))
            record.fix = _suggest_fix(record, error)
        record.import_ms = (time.perf_counter() - start) * 1000
        record.heavy = tuple(name for name in HEAVY if name in sys.modules and name not in before)


def discover() -> Iterable[PluginRecord]:
    """One record for each distinct (name, object) of every ``duomo.plugins.v*`` group."""
    seen: dict[tuple[str, str], PluginRecord] = {}
    points = importlib.metadata.entry_points()
    for group in points.groups:
        match = _GROUP.match(group)
        if match is None:
            continue
        for point in points.select(group=group):
            name = point.dist.name if point.dist is not None else "?"
            version = point.dist.version if point.dist is not None else ""
            record = PluginRecord(point.name, name, version, point.value)
            if group != ENTRY_POINT_GROUP:
                theirs = int(match[1])
                record.state = "incompatible"
                record.error = f"built for plugin API v{theirs}, this duomo speaks v{API_VERSION}"
                record.fix = "pip install -U duomo" if theirs > API_VERSION else f"pip install -U {name}"
            # Stale metadata and doubled path entries list the same code twice.
            seen.setdefault((point.name, point.value), record)
    return seen.values()


def _mark_clashes(records: list[PluginRecord]) -> None:
    by_name: dict[str, list[PluginRecord]] = {}
    for record in records:
        if record.state == "ok":
            by_name.setdefault(record.name, []).append(record)
    for name, rivals in by_name.items():
        ours = [
            record
            for record in rivals
            if FIRST_PARTY.match(record.distribution) and record.distribution == f"duomo-{name}"
        ]
        losers = [record for record in rivals if record not in ours] if ours else rivals
        if len(rivals) == 1:
            continue
        for record in losers:
            others = ", ".join(rival.origin for rival in rivals if rival is not record)
            record.state = "clash"
            record.error = f"the name '{name}' is also claimed by {others}"
            record.fix = (
                f"keep one: duomo plugins disable {record.distribution}, or pip uninstall {record.distribution}"
            )


def _load_object(record: PluginRecord) -> Hooks:
    if not _NAME.match(record.name) or record.name in RESERVED:
        raise ValueError(
            f"'{record.name}' is not a plugin name: use [a-z][a-z0-9-]*, none of {', '.join(sorted(RESERVED))}"
        )
    point = importlib.metadata.EntryPoint(record.name, record.value, ENTRY_POINT_GROUP)
    loaded = point.load()
    if not isinstance(loaded, Hooks):
        raise TypeError(
            f"the entry point must name an instance of a duomo.Hooks subclass, '{record.value}' is "
            + (f"the class {loaded.__name__}" if inspect.isclass(loaded) else f"a {type(loaded).__name__}")
        )
    return loaded


def _implemented(plugin: Hooks | None) -> set[str]:
    """Names of the methods marked with hookimpl; getattr_static wakes no property."""
    found = set()
    for name in dir(type(plugin)):
        method = inspect.getattr_static(type(plugin), name)
        if hasattr(method, "duomo_impl"):
            found.add(name)
    return found


def _check_hooks(plugin: Hooks) -> None:
    known = [name for name in vars(Hooks) if not name.startswith("_")]
    marked = _implemented(plugin)
    for name in marked - set(known):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise TypeError(f"it implements the unknown hook '{name}'{hint}")
    for name in known:
        if name not in marked and getattr(type(plugin), name) is not getattr(Hooks, name):
            raise TypeError(f"'{name}' is overridden but not marked: put @hookimpl above it")


def _registered(record: PluginRecord) -> dict[str, list[Spec]]:
    specs: dict[str, list[Spec]] = {}
    for hook, kind in REGISTRATION_HOOKS.items():
        if hook not in _implemented(record.plugin):
            continue
        items = getattr(record.plugin, hook)()
        if not isinstance(items, Iterable) or (isinstance(items, str | tuple) and hasattr(items, "_fields")):
            raise TypeError(f"{hook}() must give several {kind.__name__}, it gave {items!r:.60}")
        specs[hook] = [_checked(record, hook, kind, item) for item in items]
    return specs


def _checked(record: PluginRecord, hook: str, kind: type, item: object) -> Spec:
    if not isinstance(item, kind):
        raise TypeError(f"{hook}() gave a {type(item).__name__} where a {kind.__name__} is expected: {item!r:.60}")
    spec = cast(Spec, item)
    for name, value in spec._asdict().items():
        default = kind._field_defaults.get(name, "")  # type: ignore[attr-defined]
        if not isinstance(value, type(default)) or (
            isinstance(value, tuple) and not all(isinstance(v, str) for v in value)
        ):
            raise TypeError(f"{hook}(): {kind.__name__}.{name} must be {type(default).__name__}, not {value!r:.60}")
    # Commands, executors and renderers are short words of the command line; the rest is namespaced.
    if hook in ("register_tasks", "register_models", "register_adapters") and not spec.name.startswith(
        f"{record.name}/"
    ):
        raise ValueError(f"{hook}(): '{spec.name}' must be named '{record.name}/…'")
    return spec


def _suggest_fix(record: PluginRecord, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        if error.name == record.value.partition(":")[0].partition(".")[0]:
            return f"its files are gone but its metadata is not: pip uninstall {record.distribution}"
        return f"pip install {error.name}   (or: duomo plugins disable {record.name})"
    return f"duomo plugins show {record.name} --traceback; to live without it: duomo plugins disable {record.name}"


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]
