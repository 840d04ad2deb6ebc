"""The door: every way a plugin can add to duomo, one sentence each.

A plugin is an instance of a subclass of `Hooks`, named by an entry point in the group
``duomo.plugins.v1``. Subclassing gives completion in an editor and lets mypy find a wrong signature.
Registration hooks return specs, never live objects, so that nothing heavy is imported to list them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pluggy

from duomo.specs import AdapterSpec, Check, CommandSpec, ExecutorSpec, ModelSpec, RendererSpec, TaskSpec

API_VERSION = 1
ENTRY_POINT_GROUP = f"duomo.plugins.v{API_VERSION}"

hookspec = pluggy.HookspecMarker("duomo")
hookimpl = pluggy.HookimplMarker("duomo")
"""Marks a method of a `Hooks` subclass as the implementation of a hook."""


@dataclasses.dataclass
class RunContext:
    """What a lifecycle hook sees of one run."""

    task: str
    model: str
    executor: str
    device: str
    options: dict[str, Any]
    """``before_run`` may change these; they are checked again afterwards."""
    num_ok: int = 0
    num_failed: int = 0
    error: BaseException | None = None
    """What ended the run, for ``on_run_error``."""
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    """A plugin's own scratch space between its hooks."""


@dataclasses.dataclass
class TrainingContext:
    """What ``on_training`` sees of one training; the same object from its start to its end."""

    task: str
    model: str
    """What it starts from."""
    folder: Path
    """Where the trained model is written."""
    recipe: dict[str, Any]
    """Its settings, JSON-safe; ``train`` and ``lr`` are among them."""
    event: str = "start"
    """``start``, ``log`` (a line of ``log.jsonl``), ``checkpoint`` or ``end``."""
    step: int = 0
    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    """The line of a ``log``, such as ``loss`` and ``lr``, or ``scores`` of an epoch; the ``folder`` of a
    ``checkpoint``; the scores at the ``end``."""
    error: BaseException | None = None
    """What ended it, if it did not end well."""
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    """A plugin's own scratch space from one event to the next."""


@dataclasses.dataclass
class WeightsContext:
    """What ``resolve_weights`` is asked for."""

    ref: str
    """The reference as written: ``hf:org/name@revision``, ``package:…``."""
    offline: bool


class Hooks:
    """Base class of every plugin; override what you add and mark it with `hookimpl`."""

    @hookspec
    def register_tasks(self) -> Iterable[TaskSpec]:
        """Add tasks to the vocabulary; their names start with ``plugin/``."""
        return ()

    @hookspec
    def register_models(self) -> Iterable[ModelSpec]:
        """Add models; their names start with ``plugin/``."""
        return ()

    @hookspec
    def register_executors(self) -> Iterable[ExecutorSpec]:
        """Add places where models run."""
        return ()

    @hookspec
    def register_adapters(self) -> Iterable[AdapterSpec]:
        """Add industry adapters."""
        return ()

    @hookspec
    def register_commands(self) -> Iterable[CommandSpec]:
        """Add commands to ``duomo``."""
        return ()

    @hookspec
    def register_renderers(self) -> Iterable[RendererSpec]:
        """Add output formats to ``duomo run -o``."""
        return ()

    @hookspec(firstresult=True)
    def resolve_weights(self, ctx: WeightsContext) -> Path | None:
        """Say where weights lie on this machine (a mirror, a cache), or None; never download when offline."""
        return None

    @hookspec
    def before_run(self, ctx: RunContext) -> None:
        """Look at a run before it starts; change ``ctx.options`` or raise `duomo.errors.Aborted`."""

    @hookspec
    def after_run(self, ctx: RunContext) -> None:
        """Look at a run after its last item."""

    @hookspec
    def on_run_error(self, ctx: RunContext) -> None:
        """Look at ``ctx.error``, which ended a run."""

    @hookspec
    def on_training(self, ctx: TrainingContext) -> None:
        """Look at a training at its start, each line of its log, each checkpoint and its end (``ctx.event``).

        What is raised at the start stops it; later it is a warning.
        """

    @hookspec
    def doctor_checks(self) -> Iterable[Check]:
        """Add lines to ``duomo doctor``."""
        return ()


REGISTRATION_HOOKS: dict[str, type] = {
    "register_tasks": TaskSpec,
    "register_models": ModelSpec,
    "register_executors": ExecutorSpec,
    "register_adapters": AdapterSpec,
    "register_commands": CommandSpec,
    "register_renderers": RendererSpec,
}
"""Each registration hook and the type of what it yields."""
