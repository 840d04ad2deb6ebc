"""duomo: a plugin-based multimodal AI SDK.

    import duomo
    duomo.run("image-classification", "cat.jpg").top.name

Names are loaded when first used, so that ``import duomo`` and the command line stay light.
"""

import os
import sys
from typing import TYPE_CHECKING

from duomo.lazy import face
from duomo.version import __version__ as __version__

# ONNX Runtime and OpenVINO tell Microsoft and Google of each import, unless these stand before it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as Python marks what is not to be found

if TYPE_CHECKING:
    from duomo.adapters.adapter import Adapter as Adapter
    from duomo.adapters.adapting import adapt as adapt
    from duomo.catalog import Catalog as Catalog, default_catalog as default_catalog
    from duomo.errors import BadInput as BadInput, DuomoError as DuomoError
    from duomo.execution.base import FLUSH as FLUSH, Executor as Executor
    from duomo.execution.resuming.store import RunStore as RunStore
    from duomo.hooks import (
        Hooks as Hooks,
        RunContext as RunContext,
        TrainingContext as TrainingContext,
        WeightsContext as WeightsContext,
        hookimpl as hookimpl,
    )
    from duomo.inputs import Audio as Audio, Image as Image, Prompt as Prompt, Text as Text
    from duomo.model import Model as Model
    from duomo.outcome import (
        Failure as Failure,
        ItemError as ItemError,
        Meta as Meta,
        Outcome as Outcome,
        Success as Success,
    )
    from duomo.plugins.discovery import PluginRecord as PluginRecord
    from duomo.plugins.selection import Selection as Selection
    from duomo.runner import Runner as Runner
    from duomo.specs import (
        AdapterSpec as AdapterSpec,
        Check as Check,
        CommandSpec as CommandSpec,
        ExecutorSpec as ExecutorSpec,
        ModelSpec as ModelSpec,
        RendererSpec as RendererSpec,
        TaskSpec as TaskSpec,
    )
    from duomo.tasks.base import ListOf as ListOf, Options as Options, Result as Result, Task as Task
    from duomo.training.fit import Fit as Fit
    from duomo.training.fitting import finetune as finetune
    from duomo.training.pretraining import pretrain as pretrain
    from duomo.training.recipe import Recipe as Recipe
    from duomo.typed import Client as Client, load as load, run as run
    from duomo.weights import WeightsRef as WeightsRef
    from duomo.writers.frame import frame as frame

face(
    __name__,
    {
        "duomo.adapters.adapter": "Adapter",
        "duomo.adapters.adapting": "adapt",
        "duomo.catalog": "Catalog default_catalog",
        "duomo.errors": "BadInput DuomoError",
        "duomo.execution.base": "FLUSH Executor",
        "duomo.execution.resuming.store": "RunStore",
        "duomo.hooks": "Hooks RunContext TrainingContext WeightsContext hookimpl",
        "duomo.inputs": "Audio Image Prompt Text",
        "duomo.model": "Model",
        "duomo.outcome": "Failure ItemError Meta Outcome Success",
        "duomo.plugins.discovery": "PluginRecord",
        "duomo.plugins.selection": "Selection",
        "duomo.runner": "Runner",
        "duomo.specs": "AdapterSpec Check CommandSpec ExecutorSpec ModelSpec RendererSpec TaskSpec",
        "duomo.tasks.base": "ListOf Options Result Task",
        "duomo.training.fit": "Fit",
        "duomo.training.fitting": "finetune",
        "duomo.training.pretraining": "pretrain",
        "duomo.training.recipe": "Recipe",
        "duomo.typed": "Client load run",
        "duomo.weights": "WeightsRef",
        "duomo.writers.frame": "frame",
    },
)
