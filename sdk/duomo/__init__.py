"""duomo: a plugin-based multimodal AI SDK.

    import duomo
    duomo.run("image-classification", "cat.jpg").top.name

Names are loaded when first used, so that ``import duomo`` and the command line stay light.
"""

import importlib
from typing import TYPE_CHECKING, Any

from duomo.version import __version__

if TYPE_CHECKING:
    from duomo.adapters.adapter import Adapter
    from duomo.adapters.adapting import adapt
    from duomo.catalog import Catalog, default_catalog
    from duomo.errors import BadInput, DuomoError
    from duomo.execution.base import Executor
    from duomo.execution.store import RunStore
    from duomo.hooks import Hooks, RunContext, WeightsContext, hookimpl
    from duomo.inputs import Audio, Image, Prompt, Text
    from duomo.model import Model
    from duomo.outcome import ItemError, Meta, Outcome
    from duomo.plugins import PluginRecord, Selection
    from duomo.runner import Runner, load, run
    from duomo.specs import AdapterSpec, Check, CommandSpec, ExecutorSpec, ModelSpec, RendererSpec, TaskSpec
    from duomo.tasks.base import Options, Result, Task
    from duomo.weights import WeightsRef

_HOME = {
    "adapters.adapter": ("Adapter",),
    "adapters.adapting": ("adapt",),
    "catalog": ("Catalog", "default_catalog"),
    "errors": ("BadInput", "DuomoError"),
    "execution.base": ("Executor",),
    "execution.store": ("RunStore",),
    "hooks": ("Hooks", "RunContext", "WeightsContext", "hookimpl"),
    "inputs": ("Audio", "Image", "Prompt", "Text"),
    "model": ("Model",),
    "outcome": ("ItemError", "Meta", "Outcome"),
    "plugins": ("PluginRecord", "Selection"),
    "runner": ("Runner", "load", "run"),
    "specs": ("AdapterSpec", "Check", "CommandSpec", "ExecutorSpec", "ModelSpec", "RendererSpec", "TaskSpec"),
    "tasks.base": ("Options", "Result", "Task"),
    "weights": ("WeightsRef",),
}
_WHERE = {name: f"duomo.{module}" for module, names in _HOME.items() for name in names}

__all__ = [
    "Adapter",
    "AdapterSpec",
    "Audio",
    "BadInput",
    "Catalog",
    "Check",
    "CommandSpec",
    "DuomoError",
    "Executor",
    "ExecutorSpec",
    "Hooks",
    "Image",
    "ItemError",
    "Meta",
    "Model",
    "ModelSpec",
    "Options",
    "Outcome",
    "PluginRecord",
    "Prompt",
    "RendererSpec",
    "Result",
    "RunContext",
    "RunStore",
    "Runner",
    "Selection",
    "Task",
    "TaskSpec",
    "Text",
    "WeightsContext",
    "WeightsRef",
    "__version__",
    "adapt",
    "default_catalog",
    "hookimpl",
    "load",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'duomo' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
