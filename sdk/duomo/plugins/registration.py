"""What a plugin may register, and the words that explain what it may not."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterable
from typing import Any, cast

from duomo.counting import a_type, with_article
from duomo.hooks import REGISTRATION_HOOKS, Hooks
from duomo.specs import ModelSpec, Spec

HOOKS = tuple(name for name in vars(Hooks) if not name.startswith("_"))
NAMESPACED = ("register_tasks", "register_models", "register_adapters")
"""Hooks whose names begin with ``plugin/``; the others register short words of the command line."""
_CALLED_ONLY = ("resolve_weights", "before_run", "after_run", "on_run_error", "on_training")
_THING = re.compile(r"[a-zA-Z0-9][\w.-]*$")
_WORD = re.compile(r"[a-z][a-z0-9-]*$")


def implemented(plugin: Hooks) -> set[str]:
    """The names of the methods marked with `hookimpl`; no property of the plugin is woken."""
    cls: type = type(plugin)
    return _marked(cls)


@functools.cache
def _marked(cls: type) -> set[str]:
    return {name for name in dir(cls) if hasattr(inspect.getattr_static(cls, name), "duomo_impl")}


def check_hooks(plugin: Hooks) -> None:
    """Raise `TypeError` for a hook that is misspelt, or would never run."""
    marked = implemented(plugin)
    for name in sorted(marked):
        if name not in HOOKS:
            raise TypeError(f"it implements the unknown hook '{name}'{_hint(name, 0.6)}")
        method = getattr(type(plugin), name)
        options = sorted(option for option, value in method.duomo_impl.items() if value)
        if options:
            raise TypeError(f"'{name}': hooks are called one by one, @hookimpl takes no {', '.join(options)}")
        lazy = inspect.isgeneratorfunction(method) and name in _CALLED_ONLY
        if lazy or inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            raise TypeError(f"'{name}' would never run: make it an ordinary method, without async or yield")
    for name in HOOKS:
        if name not in marked and getattr(type(plugin), name) is not getattr(Hooks, name):
            raise TypeError(f"'{name}' is overridden but not marked: put @hookimpl above it")
    for name in vars(type(plugin)):
        if name not in HOOKS and not name.startswith("_") and _hint(name, 0.85):
            raise TypeError(f"'{name}' is not a hook{_hint(name, 0.85)}")


def registered(name: str, plugin: Hooks) -> dict[str, list[Spec]]:
    """All that the plugin called `name` registers, by hook; raises `TypeError` or `ValueError`."""
    specs: dict[str, list[Spec]] = {}
    for hook, kind in REGISTRATION_HOOKS.items():
        if hook not in implemented(plugin):
            continue
        items = getattr(plugin, hook)()
        if not isinstance(items, Iterable) or hasattr(items, "_fields"):
            raise TypeError(f"{hook}() must give several {kind.__name__}, it gave {items!r:.60}")
        specs[hook] = [_checked(name, hook, kind, item) for item in items]
    return specs


def key(hook: str, spec: Spec) -> tuple[str, ...]:
    """What may exist once in a catalog; a model may serve several tasks."""
    return (hook, spec.name, spec.task) if isinstance(spec, ModelSpec) else (hook, spec.name)


def _checked(plugin: str, hook: str, kind: type, item: object) -> Spec:
    if not isinstance(item, kind):
        raise TypeError(f"{hook}() gave {a_type(item)} where {with_article(kind.__name__)} is expected: {item!r:.60}")
    spec = cast(Spec, item)
    defaults: dict[str, Any] = kind._field_defaults  # type: ignore[attr-defined]
    for field, value in spec._asdict().items():
        wanted = type(defaults.get(field, ""))
        if not isinstance(value, wanted) or (wanted is tuple and not all(isinstance(each, str) for each in value)):
            of = " of str" if wanted is tuple else ""
            raise TypeError(
                f"{hook}(): {kind.__name__}.{field} must be {with_article(wanted.__name__)}{of}, not {value!r:.60}"
            )
    owner, slash, thing = spec.name.partition("/")
    if hook in NAMESPACED:
        if owner != plugin or not slash or not _THING.match(thing):
            raise ValueError(f"{hook}(): '{spec.name}' must be named '{plugin}/…' (letters, digits, '.', '_', '-')")
    elif not _WORD.match(spec.name):
        raise ValueError(f"{hook}(): '{spec.name}' must be one word: [a-z][a-z0-9-]*")
    return spec


def _hint(name: str, cutoff: float) -> str:
    import difflib  # only a mistake needs it

    near = difflib.get_close_matches(name, HOOKS, n=1, cutoff=cutoff)
    return f"; did you mean '{near[0]}'?" if near else ""
