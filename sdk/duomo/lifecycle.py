"""Plugins looking on: the hooks that are called before and after a run, and when one fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from duomo.errors import DuomoError, PluginBroken
from duomo.hooks import RunContext
from duomo.outcome import Meta, Outcome
from duomo.plugins.host import PluginHost

T = TypeVar("T")


class Lifecycle:
    """The hooks of a set of plugins around each run; false when no plugin has any."""

    def __init__(self, host: PluginHost) -> None:
        self._hooks = {name: host.implementing(name) for name in ("before_run", "after_run", "on_run_error")}

    def __bool__(self) -> bool:
        return any(self._hooks.values())

    def watch(
        self,
        compute: Callable[[Mapping[str, Any]], Iterator[T]],
        meta: Meta,
        options: Mapping[str, Any],
        *,
        one: bool = False,
    ) -> Iterator[T]:
        """Run `compute` with the options that ``before_run`` leaves, and pass on what it yields.

        Args:
            compute: takes options and yields outcomes, or the parts of one result.
            meta: model, executor and device, which the plugins see.
            options: as the caller gave them.
            one: whether all that is yielded belongs to one item.

        Raises:
            PluginBroken: ``before_run`` of a plugin raised.
        """
        context = RunContext(meta.task, meta.model, meta.executor, meta.device, dict(options))
        for record, hook in self._hooks["before_run"]:
            try:
                hook(context)
            except DuomoError:
                raise
            except Exception as error:
                raise PluginBroken(
                    f"plugin '{record.name}' stopped this run",
                    why=f"its before_run raised {type(error).__name__}: {error}",
                    fix=f"report it to its author, or: duomo plugins disable {record.name}",
                ) from error
        try:
            for part in compute(context.options):
                if isinstance(part, Outcome):
                    context.num_ok += part.ok
                    context.num_failed += not part.ok
                yield part
            context.num_ok += one
        except GeneratorExit:  # whoever reads has seen enough
            self._tell("after_run", context)
            raise
        except BaseException as error:  # Ctrl-C too: a hook that saw the start sees the end
            context.num_failed += one
            context.error = error
            self._tell("on_run_error", context)
            raise
        self._tell("after_run", context)

    def _tell(self, name: str, context: RunContext) -> None:
        """Call the hooks that only observe; one that fails is a warning and costs no result."""
        for record, hook in self._hooks[name]:
            try:
                hook(context)
            except Exception as error:
                warnings.warn(f"plugin '{record.name}': {name} raised {type(error).__name__}: {error}", stacklevel=2)
