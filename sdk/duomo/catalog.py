"""What is installed: tasks, models, executors and the rest, looked up by name."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

from duomo.config import load_config
from duomo.counting import counted
from duomo.errors import (
    DuomoError,
    PluginBroken,
    UnknownExecutor,
    UnknownModel,
    UnknownTask,
    WeightsMissing,
    WrongTask,
    did_you_mean,
    nearest,
)
from duomo.hooks import Hooks
from duomo.plugins.discovery import PluginRecord
from duomo.plugins.host import PluginHost
from duomo.plugins.ours import distribution_of, install_line
from duomo.plugins.requirements import missing_requirements
from duomo.plugins.selection import Selection
from duomo.specs import AdapterSpec, CommandSpec, ExecutorSpec, ModelSpec, RendererSpec, TaskSpec
from duomo.tasks import CORE_TASKS
from duomo.tasks.aliases import ALIASES, SEVERAL
from duomo.tasks.starting import advice
from duomo.weights import is_installed

CORE_EXECUTORS = (
    ExecutorSpec("inline", "duomo.execution.inline:InlineExecutor", "in this process, one batch after another"),
    ExecutorSpec("local", "duomo.execution.pools.local:LocalExecutor", "in a process for each device of this machine"),
    ExecutorSpec(
        "ray",
        "duomo.execution.pools.ray:RayExecutor",
        "as actors of a Ray cluster, one that is there or one started for the run",
        requires=("ray>=2.40",),
        remote=True,
    ),
)
"""The executors that come with duomo."""
CORE_NAMES = {
    "register_tasks": [spec.name for spec in CORE_TASKS],
    "register_executors": [spec.name for spec in CORE_EXECUTORS],
    "register_commands": [
        *("adapt", "adapters", "audit", "bench", "completion", "config", "doctor", "env", "eval", "evaluate"),
        *("executors", "export", "models", "plan", "plugins", "run", "serve", "tasks", "train"),
    ],
    "register_renderers": ["auto", "csv", "json", "jsonl", "table", "text"],
}
"""Names that no plugin may take, by hook; those of the command line also for commands still to come."""
S = TypeVar("S", TaskSpec, ModelSpec, ExecutorSpec, AdapterSpec, CommandSpec, RendererSpec)


class Catalog:
    """All that one set of plugins offers.

    Args:
        selection: which installed plugins may load; the environment and configuration decide when left out.
        extra: plugins that live in this process only, by name (an embedder's own, or a test's).
    """

    def __init__(self, selection: Selection | None = None, *, extra: Mapping[str, Hooks] | None = None) -> None:
        self.host = PluginHost(selection, extra, CORE_NAMES)
        self.tasks = {spec.name: spec for spec in (*CORE_TASKS, *self._gather("register_tasks", TaskSpec))}
        self.models = self._gather("register_models", ModelSpec)
        self.executors = {s.name: s for s in (*CORE_EXECUTORS, *self._gather("register_executors", ExecutorSpec))}
        self.adapters = {s.name: s for s in self._gather("register_adapters", AdapterSpec)}
        self.commands = {s.name: s for s in self._gather("register_commands", CommandSpec)}
        self.renderers = {s.name: s for s in self._gather("register_renderers", RendererSpec)}

    def __repr__(self) -> str:
        return f"<Catalog: {len(self.tasks)} tasks, {len(self.models)} models, {len(self.plugins)} plugins>"

    @property
    def plugins(self) -> list[PluginRecord]:
        """Every plugin found, usable or not, and why."""
        return self.host.records

    def plugin_of(self, spec: ModelSpec) -> str:
        """Distribution and version that brought a model."""
        return next(
            (record.origin for record in self.plugins if record.name == spec.plugin and record.state == "ok"), ""
        )

    def find_task(self, name: str) -> TaskSpec | None:
        """Look a task up by its name or by an alias such as ``ner``; None when no plugin has it."""
        return self.tasks.get(name) or self.tasks.get(ALIASES.get(name, ""))

    def task(self, name: str) -> TaskSpec:
        """A task by name or alias. Raises `UnknownTask` with the nearest names."""
        found = self.find_task(name)
        if found is None:
            model = next((spec for spec in self.models if name in (spec.name, spec.name.partition("/")[2])), None)
            if model is not None:
                raise UnknownTask(
                    f"no task named '{name}'",
                    why=f"it is a model, for {model.task}",
                    fix=f'duomo.load("{model.task}", "{model.name}")  (duomo run {model.task} -m {model.name} …)',
                )
            if name in SEVERAL:
                raise UnknownTask(
                    f"no task named '{name}'",
                    why=f"it stands for several: {', '.join(SEVERAL[name])}",
                    fix="\n".join(f"duomo tasks show {each}" for each in SEVERAL[name]),
                )
            if os.path.exists(name):
                raise UnknownTask(
                    f"no task named '{name}'",
                    why="it is a file or folder, and the task comes first",
                    fix=f"duomo run image-classification {name}\nduomo tasks list",
                )
            raise UnknownTask(
                f"no task named '{name}'",
                why=f"{len(self.tasks)} tasks are known",
                fix=f"{did_you_mean(name, [*self.tasks, *ALIASES])}\nduomo tasks list".strip(),
            )
        return found

    def model(self, name: str, task: str | None = None) -> ModelSpec:
        """A model by name, and for a model with several tasks by task.

        A bare ``thing`` works while one plugin has it. Raises `UnknownModel` with the nearest
        names, `WrongTask` with what the model can do, or `PluginBroken` when its plugin did not load.
        """
        name = load_config().get("models", {}).get("alias", {}).get(name, name)
        found = [spec for spec in self.models if spec.name == name]
        if not found:
            found = [spec for spec in self.models if name in spec.formerly]
            if found:
                now = f"'{name}' is now '{found[0].name}'; the old name goes with the next release"
                warnings.warn(now, DeprecationWarning, stacklevel=2)
        if not found and "/" not in name:
            found = [spec for spec in self.models if spec.name.partition("/")[2] == name]
            owners = sorted({spec.name for spec in found})
            if len(owners) > 1:
                raise UnknownModel(
                    f"'{name}' is the name of several models", why=", ".join(owners), fix=f"write {owners[0]}"
                )
        if not found:
            raise self._unknown_model(name, task)
        if task is None:
            return found[0]
        for spec in found:
            if spec.task == task:
                return spec
        others = sorted({spec.name for spec in self.models if spec.task == task and not spec.is_family})
        raise WrongTask(
            f"'{found[0].name}' does not do {task}",
            why=f"it does {', '.join(spec.task for spec in found)}",
            fix=f"for {task}: {', '.join(others) or 'no model is installed'}",
        )

    def default_model(self, task: str) -> ModelSpec:
        """The model used when none is named: the configured one, else the first that is installed.

        Raises `WeightsMissing` with the command that installs one, or `UnknownModel`.
        """
        chosen = load_config().get("models", {}).get("default", {}).get(task)
        if chosen:
            return self.model(chosen, task)
        able = [
            spec for spec in self.models
            if spec.task == task and spec.weights not in ("", "given") and "demonstration" not in spec.tags
        ]  # fmt: skip
        for spec in able:
            if self.is_ready(spec):
                return spec
        if not able:
            families = [spec.name for spec in self.models if spec.task == task and spec.is_family]
            missing = self.plugin_to_install(task)
            raise UnknownModel(
                f"no model for {task} is at hand",
                why=f"{missing} is not installed" if missing else "the installed plugins bring none of their own",
                fix=install_line(missing) if missing else advice(task) if families else "duomo plugins list",
            )
        spec = able[0]
        raise WeightsMissing(
            f"no model for {task} is installed",
            why=f"'{spec.name}' would do it, but {self.lacking(spec)}",
            fix=f"duomo models add {spec.packs[0] if spec.packs else spec.name}",
        )

    def plugin_to_install(self, task: str) -> str:
        """The distribution of this project that has models for a task of the core; empty when it is here already."""
        spec = self.find_task(task)
        name = f"duomo-{spec.modality}" if spec is not None and spec in CORE_TASKS else ""
        return "" if name in {record.distribution for record in self.plugins} else name

    def is_ready(self, spec: ModelSpec) -> bool:
        """Whether a model's weights and libraries are here, and those of the models it uses."""
        return not self.lacking(spec)

    def lacking(self, spec: ModelSpec) -> str:
        """What keeps a model from being used here, in words; empty when nothing does."""
        if not is_installed(spec):
            return "its weights are not on this machine"
        libraries = missing_requirements(spec.requires)
        if libraries:
            return f"it needs {', '.join(libraries)}"
        for use in spec.uses:
            task, _, name = use.partition("=")
            try:
                reason = self.lacking(self.model(name, task))
            except DuomoError as error:
                reason = error.what
            if reason:
                return f"it needs '{name}': {reason}"
        return ""

    def families(self, task: str | None, architectures: Iterable[str]) -> list[ModelSpec]:
        """The families that load a checkpoint of these architectures, for `task` or for any."""
        return [
            spec
            for spec in self.models
            if spec.is_family
            and task in (None, spec.task)
            and any(_fits(name, spec.architectures) for name in architectures)
        ]

    def executor(self, name: str) -> ExecutorSpec:
        """An executor by name. Raises `UnknownExecutor` with the nearest names."""
        if name not in self.executors:
            raise UnknownExecutor(
                f"no executor named '{name}'",
                why=f"there are: {', '.join(self.executors)}",
                fix=f"{did_you_mean(name, self.executors)}\nduomo executors list".strip(),
            )
        return self.executors[name]

    def _unknown_model(self, name: str, task: str | None) -> DuomoError:
        owner = name.partition("/")[0]
        for record in self.plugins:
            if record.name == owner and record.state != "ok":
                return PluginBroken(
                    f"model '{name}' cannot be used: plugin '{owner}' is {record.state}",
                    why=record.error,
                    fix=record.fix,
                )
        ours = distribution_of(owner)
        if ours and ours not in {record.distribution for record in self.plugins}:
            return UnknownModel(f"no model named '{name}'", why=f"{ours} is not installed", fix=install_line(ours))
        if os.path.isfile(name):
            return UnknownModel(
                f"no model named '{name}'",
                why="it is a file, and a model is the folder with its weights, config.json and tokenizer",
                fix='model="dir:FOLDER"  (-m dir:FOLDER); a pickle in it (.pt, .bin) is converted first: '
                "duomo models convert FILE",
            )
        names = sorted({spec.name for spec in self.models if task in (None, spec.task)})
        near = nearest(name, names)
        # One of another task is not an answer, but tells who misremembered the task.
        other = [] if near else nearest(name, {spec.name for spec in self.models}, least=0.8)
        does = ", ".join(sorted({spec.task for spec in self.models if other and spec.name == other[0]}))
        is_foreign = "/" in name and owner not in {record.name for record in self.plugins}
        is_hub = is_foreign or not (near or other)
        hub = f"hf:{name}" if is_foreign else "hf:org/name"
        return UnknownModel(
            f"no model named '{name}'" + (f" for task {task}" if task else ""),
            why=f"{counted(len(names), 'model is', 'models are')} available"
            + (f"; the closest is '{near[0]}'" if near else "")
            + (f"; '{other[0]}' does {does}" if other else ""),
            fix=(f'model="{near[0]}"  (-m {near[0]})\n' if near else "")
            + (f'model="{hub}"  (-m {hub}) takes a checkpoint from the hub\n' if is_hub else "")
            + "duomo models list"
            + (f" --task {task}" if task else ""),
        )

    def _gather(self, hook: str, kind: type[S]) -> list[S]:
        """The specs of one hook; the host has already seen to it that their names are unique."""
        return [spec for spec in self.host.specs(hook) if isinstance(spec, kind)]


def _fits(architecture: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern is met, and none of those that begin with ``!``."""
    wanted = (each for each in patterns if not each.startswith("!"))
    barred = (each[1:] for each in patterns if each.startswith("!"))
    fits = any(fnmatchcase(architecture, each) for each in wanted)
    return fits and not any(fnmatchcase(architecture, each) for each in barred)


_default: Catalog | None = None


def default_catalog() -> Catalog:
    """The catalog of this process: all installed plugins that the environment and the configuration allow."""
    global _default
    if _default is None:
        _default = Catalog()
    return _default


def use_catalog(catalog: Catalog | None) -> None:
    """Make a catalog the one of this process; None goes back to the installed plugins, which are looked for again."""
    global _default
    _default = catalog
