"""Plugins looking on: the hooks that are called before and after a run, and when one fails."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from duomo.errors import DuomoError, PluginBroken, UsageProblem
from duomo.hooks import RunContext
from duomo.outcome import Meta, Outcome
from duomo.plugins.host import PluginHost

if TYPE_CHECKING:
    from duomo.tasks.base import Result

T = TypeVar("T")
R = TypeVar("R", bound="Result")


class Lifecycle:
    """Calls the hooks of plugins around each run; false when no plugin has any."""

    def __init__(self, host: PluginHost) -> None:
        self._hooks = {name: host.implementing(name) for name in ("before_run", "after_run", "on_run_error")}

    def __bool__(self) -> bool:
        return any(self._hooks.values())

    def begin(self, meta: Meta, options: Mapping[str, object]) -> RunContext:
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

    def watch_one(
        self, ask: Callable[[Mapping[str, Any]], Future[Outcome[R]]], meta: Meta, options: Mapping[str, object]
    ) -> Future[Outcome[R]]:
        """Return the future that `ask` gives for a single item, with the hooks around it.

        Args:
            ask: takes options.
            meta: of the runner.
            options: as the caller gave them; ``before_run`` may change them.
        """
        if not self:
            return ask(options)
        context = self.begin(meta, options)
        try:
            future = ask(context.options)
        except BaseException as error:
            self.end(context, error)
            raise
        future.add_done_callback(functools.partial(self._end_of_one, context))
        return future

    def _end_of_one(self, context: RunContext, future: Future[Outcome[R]]) -> None:
        error = None
        if not future.cancelled():  # a cancelled item counts as neither
            error = future.exception()
            ok = error is None and future.result().ok
            context.num_ok += ok
            context.num_failed += not ok
        self.end(context, error)

    def watch(
        self,
        compute: Callable[[Mapping[str, Any]], Iterator[T]],
        meta: Meta,
        options: Mapping[str, object],
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
        self, compute: Callable[[Mapping[str, Any]], Iterator[T]], meta: Meta, options: Mapping[str, object], one: bool
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


def check_process(loaded_in: int, task: str) -> None:
    """Raise `UsageProblem` in a process that was forked after a model was loaded."""
    if loaded_in != os.getpid():
        raise UsageProblem(
            f"{task} was loaded in another process, {loaded_in}, of which this one is a fork",
            why="threads, locks and devices of a loaded model do not survive a fork: it could hang for good",
            fix="load it in this process: in gunicorn in post_fork or at the first request and without --preload, "
            "in multiprocessing in the initializer of the pool, best with the start method 'spawn'",
        )
