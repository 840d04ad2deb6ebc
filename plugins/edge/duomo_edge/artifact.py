"""An artefact on this disk: its settings checked, its graphs opened in the runtime that its format names."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from duomo import WeightsRef
from duomo.errors import DeviceUnavailable, RequirementMissing, WeightsMismatch, WeightsMissing
from duomo.weights import read_artifact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]
    Floats = NDArray[np.float32]
S = TypeVar("S", bound="Settings")


class Settings(BaseModel):
    """What every ``duomo.json`` may say; a reader adds its own."""

    # What a reader does not know would be left out in silence, and change results.
    model_config = ConfigDict(extra="forbid")

    graphs: dict[str, str] = Field(default_factory=dict)
    """The file of each graph; the only one in the folder where it is left out."""


class Graph(Protocol):
    """A network in a runtime."""

    inputs: list[str]
    outputs: list[str]
    rows: int | None
    """How many rows the graph takes at once; None for any number."""

    def __call__(self, given: Mapping[str, Array]) -> list[Floats]:
        """Run it on arrays by name; gives all outputs in their order."""


ABOUT = ("schema", "model", "task", "format", "precision", "source", "tools", "measured", "files", "digest")
"""Entries that are not for the reader."""


def read_settings(weights: WeightsRef, kind: type[S]) -> S:
    """Read and check ``duomo.json``. Raises `WeightsMismatch` for a changed file, and for an entry that is wrong."""
    record = {name: value for name, value in read_artifact(weights).items() if name not in ABOUT}
    try:
        return kind.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise WeightsMismatch(
            f"'{weights.folder / 'duomo.json'}' does not say what '{weights.spec.name}' needs",
            why=f"{place}: {first['msg']}",
            fix="correct it; docs/export.md lists the entries of each reader",
        ) from None


def open_graph(weights: WeightsRef, settings: Settings, name: str = "network") -> Graph:
    """Open a graph. Raises `WeightsMissing` or `WeightsMismatch` where there is none that can be used."""
    file = weights.folder / _file_of(weights, settings, name)
    try:
        return OpenVinoGraph(file) if file.suffix == ".xml" else OnnxGraph(file)
    except (RequirementMissing, MemoryError):
        raise
    except Exception as error:  # each runtime has its own errors
        raise WeightsMismatch(
            f"'{file}' is not a graph that can be run",
            why=str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__,
            fix="export it again",
        ) from None


def run_rows(graph: Graph, given: Mapping[str, Array]) -> list[Floats]:
    """Run a graph on rows, one after another where it takes one at a time."""
    count = len(next(iter(given.values())))
    if graph.rows != 1 or count == 1:
        return graph(given)
    found = [graph({name: each[at : at + 1] for name, each in given.items()}) for at in range(count)]
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def check_device(device: object) -> None:
    """Raise `DeviceUnavailable` unless it is the CPU: the graphs are run there."""
    if "cpu" not in str(device):
        raise DeviceUnavailable(
            f"an exported model does not run on {device}", why="its runtime is the CPU's", fix='device="cpu"  (-d cpu)'
        )


def check_names(graph: Graph, folder: Path, inputs: Sequence[str]) -> None:
    """Raise `WeightsMismatch` unless the graph has these inputs."""
    lost = [name for name in inputs if name not in graph.inputs]
    if lost:
        raise WeightsMismatch(
            f"the graph in '{folder}' has no input named {', '.join(map(repr, lost))}",
            why=f"it has: {', '.join(graph.inputs)}",
            fix="name it in duomo.json",
        )


def _file_of(weights: WeightsRef, settings: Settings, name: str) -> str:
    if name in settings.graphs:
        file = settings.graphs[name]
        if Path(file).name == file and (weights.folder / file).is_file():
            return file
        raise WeightsMissing(
            f"'{weights.folder}' has no file '{file}'", why="its duomo.json names it", fix="copy the whole folder"
        )
    found = sorted(each.name for end in ("*.onnx", "*.xml") for each in weights.folder.glob(end))
    if len(found) != 1:
        raise WeightsMismatch(
            f"'{weights.folder}' does not say which graph is the {name}",
            why=f"it holds {', '.join(found) or 'none'}",
            fix=f'"graphs": {{"{name}": "model.onnx"}} in duomo.json',
        )
    return found[0]


class OnnxGraph:
    """ONNX Runtime on the CPU."""

    def __init__(self, file: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        with contextlib.suppress(ValueError):
            options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False  # it would keep the memory of the largest batch for good
        self._session = onnxruntime.InferenceSession(
            str(file),
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # it would be to the same, said on standard output
        )
        self.inputs = [each.name for each in self._session.get_inputs()]
        self.outputs = [each.name for each in self._session.get_outputs()]
        first = self._session.get_inputs()[0].shape[:1]
        self.rows = first[0] if first and isinstance(first[0], int) else None

    def __call__(self, given: Mapping[str, Array]) -> list[Floats]:
        """Run it."""
        return list(self._session.run(None, {name: given[name] for name in self.inputs}))


class OpenVinoGraph:
    """OpenVINO on the CPU, in float32."""

    def __init__(self, file: Path) -> None:
        if importlib.util.find_spec("openvino") is None:
            raise RequirementMissing(
                f"'{file}' needs openvino", why="it is a graph of OpenVINO", fix="pip install 'duomo-edge[openvino]'"
            )
        import openvino

        # Left alone it computes in bfloat16 or float16 wherever the processor can.
        settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32"}
        with contextlib.suppress(ValueError):
            settings["INFERENCE_NUM_THREADS"] = (
                int(os.environ["OMP_NUM_THREADS"]) if "OMP_NUM_THREADS" in os.environ else 0
            )
        self._compiled = openvino.Core().compile_model(str(file), "CPU", settings)
        self.inputs = [each.get_any_name() for each in self._compiled.inputs]
        self.outputs = [each.get_any_name() for each in self._compiled.outputs]
        shape = self._compiled.inputs[0].partial_shape
        self.rows = shape[0].get_length() if len(shape) and shape[0].is_static else None

    def __call__(self, given: Mapping[str, Array]) -> list[Floats]:
        """Run it."""
        # A copy: the next call writes into the same memory.
        found = self._compiled([given[name] for name in self.inputs])
        return [found[at].copy() for at in range(len(self.outputs))]
