"""Plugins looking on: the hooks that are called before and after a run, and when one fails."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from duomo.errors import DuomoError, PluginBroken
from duomo.hooks import RunContext
from duomo.outcome import Meta, Outcome
from duomo.plugins.host import PluginHost

T = TypeVar("T")


class Lifecycle:
    """Calls the hooks of plugins around each run; false when no plugin has any."""

    def __init__(self, host: PluginHost) -> None:
        self._hooks = {name: host.implementing(name) for name in ("before_run", "after_run", "on_run_error")}

    def __bool__(self) -> bool:
        return any(self._hooks.values())

    def begin(self, meta: Meta, options: Mapping[str, Any]) -> RunContext:
        """Call ``before_run``, which may change the options of the context or refuse the run.

        Raises:
            DuomoError: as a plugin raised it, to refuse the run.
            PluginBroken: ``before_run`` of a plugin raised anything else.
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
        return context

    def end(self, context: RunContext, error: BaseException | None = None) -> None:
        """Call ``after_run``, or ``on_run_error`` when an error ended the run.

        These hooks only look on: one that fails is warned about and costs no result.
        """
        context.error = error
        name = "after_run" if error is None else "on_run_error"
        for record, hook in self._hooks[name]:
            try:
                hook(context)
            except Exception as failure:
                said = f"{name} raised {type(failure).__name__}: {failure}"
                warnings.warn(f"plugin '{record.name}': {said}", stacklevel=2)

    def end_of_one(self, context: RunContext, future: Future[Outcome[Any]]) -> None:
        """Call `end` for a single item whose future is done; one that was cancelled counts as neither."""
        error = None if future.cancelled() else future.exception()
        if not future.cancelled() and error is None:
            context.num_ok += future.result().ok
            context.num_failed += not future.result().ok
        self.end(context, error)

    def watch(
        self,
        compute: Callable[[Mapping[str, Any]], Iterator[T]],
        meta: Meta,
        options: Mapping[str, Any],
        *,
        one: bool = False,
    ) -> Iterator[T]:
        """Pass on what `compute` yields, with the hooks around it, which are called when the first of it is asked for.

        Args:
            compute: takes options and yields outcomes, or the parts of one result.
            meta: of the runner.
            options: as the caller gave them; ``before_run`` may change them.
            one: whether all that is yielded belongs to one item.
        """
        return self._watch(compute, meta, options, one) if self else compute(options)

    def _watch(
        self, compute: Callable[[Mapping[str, Any]], Iterator[T]], meta: Meta, options: Mapping[str, Any], one: bool
    ) -> Iterator[T]:
        context = self.begin(meta, options)
        try:
            for part in compute(context.options):
                if isinstance(part, Outcome):
                    context.num_ok += part.ok
                    context.num_failed += not part.ok
                yield part
            context.num_ok += one
        except GeneratorExit:  # the caller has seen enough
            self.end(context)
            raise
        except BaseException as error:  # Ctrl-C too: a hook that saw the beginning sees the end
            context.num_failed += one
            self.end(context, error)
            raise
        self.end(context)
