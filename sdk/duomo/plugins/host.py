"""Find plugins, load each one guarded, and keep a record of what happened to it.

Every plugin ends in one state:

    ok            loaded
    blocked       switched off by an option, the environment or the configuration; not imported
    not-allowed   an allow-list is set and it is not on it; not imported
    incompatible  built for another version of the plugin API or of duomo
    clash         two distributions claim its name, or another plugin has a name it registers
    broken        it raised, exited, or registered what it may not

Of a plugin that is not ok, nothing is kept. `pluggy.PluginManager.load_setuptools_entrypoints` is not
used: one exception there ends the loop for all, a second plugin of the same name is dropped without a
word, and the order is the file system's.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pluggy

from duomo.counting import a_type
from duomo.hooks import Hooks
from duomo.plugins.discovery import PluginRecord, State, discover, settle_clashes, unmet
from duomo.plugins.registration import check_hooks, implemented, key, registered
from duomo.plugins.selection import Selection
from duomo.specs import Spec

HEAVY = ("torch", "transformers", "torchvision", "torchaudio", "numpy", "pydantic", "rich", "pandas", "scipy")
NAME = re.compile(r"[a-z][a-z0-9-]*$")
_VALUE = re.compile(r"([\w.]+)\s*:\s*([\w.]+)$")
RESERVED = frozenset({"builtin", "core", "dir", "duomo", "hf", "package"})


SLOW_S = 5.0
"""Seconds after which a plugin that is still loading is named; no Python code can be stopped safely from outside."""


class Clash(ValueError):
    """A plugin registers a name that is taken."""


class _Manager(pluggy.PluginManager):
    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        # Pluggy looks at each attribute without running it, which costs a listing more than reading its plugins.
        return None if name.startswith("_") else super().parse_hookimpl_opts(plugin, name)


class PluginHost:
    """The plugins of one catalog. Nothing is global: an embedder may hold several hosts.

    Args:
        selection: which installed plugins may load.
        extra: plugins of this process, by name; the program names them itself, so they always load.
        taken: names that are the core's own, by registration hook.
    """

    def __init__(
        self,
        selection: Selection | None = None,
        extra: Mapping[str, Hooks] | None = None,
        taken: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self.manager = _Manager("duomo")
        self.manager.add_hookspecs(Hooks)
        self._taken: dict[tuple[str, ...], str] = {
            (hook, name): "duomo itself" for hook, names in (taken or {}).items() for name in names
        }
        selection = selection if selection is not None else Selection.of()
        installed = list(discover())
        selection.warn_unknown(installed)
        for record in installed:
            selection.apply(record)
        given = [PluginRecord(name, "in-process", "", "", plugin=plugin) for name, plugin in (extra or {}).items()]
        self.records = sorted([*installed, *given], key=lambda record: record.rank)
        settle_clashes(self.records)
        for record in self.records:
            if record.state == "ok":
                self._load(record)

    def __repr__(self) -> str:
        return f"<PluginHost: {', '.join(record.name for record in self.records) or 'no plugins'}>"

    def implementing(self, hook: str) -> list[tuple[PluginRecord, Any]]:
        """The loaded plugins that implement a hook, with the bound method, in order of rank."""
        return [
            (record, getattr(record.plugin, hook))
            for record in self.records
            if record.plugin is not None and hook in implemented(record.plugin)
        ]

    def specs(self, hook: str) -> list[Spec]:
        """What all loaded plugins registered through a hook, in order of rank."""
        return [spec for record in self.records for spec in record.specs.get(hook, ())]

    def _load(self, record: PluginRecord) -> None:
        before = set(sys.modules)
        start = time.perf_counter()
        try:
            # What a plugin prints must not end up in the JSON that a command writes.
            with contextlib.redirect_stdout(sys.stderr), _warned_when_slow(record):
                plugin = record.plugin if record.plugin is not None else _load_object(record)
                check_hooks(plugin)
                self.manager.register(plugin, record.name)
                specs = registered(record.name, plugin)
            self._claim(record, specs)
            record.plugin, record.specs = plugin, specs
        except KeyboardInterrupt:
            raise
        # A plugin may raise anything, SystemExit included; none of it may end the host.
        except BaseException as error:
            if self.manager.has_plugin(record.name):
                self.manager.unregister(name=record.name)
            import traceback  # only a failure needs it

            record.traceback = "".join(traceback.format_exception(error))
            record.set_aside(*_explain(record, error))
        record.import_ms = (time.perf_counter() - start) * 1000
        record.heavy = tuple(name for name in HEAVY if name in sys.modules and name not in before)

    def _claim(self, record: PluginRecord, specs: Mapping[str, list[Spec]]) -> None:
        """Take all names of a plugin, or raise `Clash` and take none."""
        mine: dict[tuple[str, ...], str] = {}
        for hook, each in specs.items():
            for spec in each:
                owner = (self._taken | mine).get(key(hook, spec))
                if owner is not None:
                    raise Clash(f"{hook}(): '{spec.name}' is already registered by {owner}")
                mine[key(hook, spec)] = f"plugin '{record.name}' ({record.origin})"
        self._taken |= mine


@contextlib.contextmanager
def _warned_when_slow(record: PluginRecord) -> Iterator[None]:
    """Name a plugin that is still loading after `SLOW_S`, while it is."""

    def warn() -> None:
        import logging  # a plugin that loads in time does without

        logging.getLogger("duomo").warning(
            "plugin '%s' (%s) has been loading for %g s; duomo --disable-plugin %s leaves it out",
            *(record.name, record.origin, SLOW_S, record.name),
        )

    timer = threading.Timer(SLOW_S, warn)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _load_object(record: PluginRecord) -> Hooks:
    if not NAME.match(record.name) or record.name in RESERVED:
        raise ValueError(
            f"'{record.name}' is not a plugin name: use [a-z][a-z0-9-]*, none of {', '.join(sorted(RESERVED))}"
        )
    match = _VALUE.match(record.value)
    if match is None:
        raise ValueError(f"'{record.value}' is not an entry point: write package.module:object")
    loaded = functools.reduce(getattr, match[2].split("."), importlib.import_module(match[1]))
    if not isinstance(loaded, Hooks):
        what = f"the class {loaded.__name__}" if inspect.isclass(loaded) else a_type(loaded)
        raise TypeError(f"the entry point must name an instance of a duomo.Hooks subclass, '{record.value}' is {what}")
    return loaded


def _explain(record: PluginRecord, error: BaseException) -> tuple[State, str, str]:
    """State, reason and remedy for what a plugin raised."""
    import traceback

    # An exception may fail even at being printed.
    words = "".join(traceback.format_exception_only(error)[-1:]).strip()
    lives = f"to live without it: duomo plugins disable {record.name}"
    if isinstance(error, Clash):
        return "clash", str(error), f"rename it in {record.origin}; {lives}"
    lacking = unmet(record)
    for_duomo = [each for each in lacking if re.match(r"duomo\b(?!-)", each)]
    if for_duomo:
        from duomo.version import __version__

        why = f"{record.origin} needs {for_duomo[0]}, this is {__version__} ({words})"
        return "incompatible", why, f"pip install -U '{for_duomo[0]}'"
    if lacking:
        line = " ".join(f"'{each}'" for each in lacking)
        return "broken", f"{words}; {record.origin} needs {', '.join(lacking)}", f"pip install {line}   (or {lives})"
    if isinstance(error, SystemExit):
        return "broken", f"it tried to end the program while it was loading ({words})", lives
    if isinstance(error, ModuleNotFoundError) and error.name:
        if f"{record.value.partition(':')[0]}.".startswith(f"{error.name}."):
            gone = f"{words}: its metadata is installed and its code is not"
            return "broken", gone, f"pip uninstall {record.distribution}"
        return "broken", words, f"pip install {error.name}   (or {lives})"
    return "broken", words, f"duomo plugins show {record.name} --traceback; {lives}"
