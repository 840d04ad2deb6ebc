"""A network in the hands of another runtime: exported with its first batch, and run by ONNX Runtime or OpenVINO.

Layers and networks that only torch on this CPU can run offer their plain form: a method ``plain()`` gives the
module that stands for them here. Both runtimes read ONNX, so there is one exporter, torch's own. (OpenVINO could
read torch's graph itself, by a converter that reports its use over the network.)
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from duomo.errors import OptimizeRefused, RequirementMissing

NEEDS = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("onnx", "onnxscript", "openvino")}
"""Modules that each runtime takes."""
MOST_GRAPHS = 8
"""A network whose sizes are fixed in the graph is exported again for others, at most this many times."""
Run = Callable[[list[Tensor]], list[Tensor]]


def need(runtime: str) -> None:
    """Raises `RequirementMissing` when a library is not installed."""
    missing = [name for name in NEEDS[runtime] if importlib.util.find_spec(name) is None]
    if missing:
        raise RequirementMissing(
            f"the speed mode {runtime} needs {', '.join(missing)}",
            why="the network is exported to ONNX and run outside torch",
            fix=f"pip install 'duomo[{runtime}]'",
        )


def plain(network: nn.Module) -> nn.Module:
    """Copy a network, its weights shared; what offers a plain form has taken it in the copy."""
    tensors = {id(each): each for each in (*network.parameters(), *network.buffers())}
    network = copy.deepcopy(network, tensors)
    for name, module in list(network.named_modules()):
        # Of its class, or given to it alone; one that held its module would keep a closed model alive.
        if callable(form := vars(module).get("plain") or getattr(type(module), "plain", None)):
            if name:
                network.set_submodule(name, form(module))
            else:
                network = form(module)
    return network


class Graph(NamedTuple):
    """An exported network."""

    run: Run
    sizes: list[tuple[int | None, ...]]
    """Sizes that each input may have; None where any will do."""
    outputs: pytree.TreeSpec

    def takes(self, tensors: Sequence[Tensor]) -> bool:
        """Whether the inputs have the sizes that are fixed in the graph."""
        return all(
            len(sizes) == each.ndim and all(a in (None, b) for a, b in zip(sizes, each.shape, strict=True))
            for sizes, each in zip(self.sizes, tensors, strict=True)
        )


class _Call(nn.Module):
    """A call in one form, whatever was given by name: export asks for the sizes in the form of the call."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        return self.network(*args, **kwargs)


class Exported(nn.Module):
    """Stands for a network that is called with tensors and gives tensors; its attributes are not its parts'.

    Args:
        network: in float32 on the CPU, in evaluation mode.
        runtime: one of `NEEDS`.
    """

    def __init__(self, network: nn.Module, runtime: str) -> None:
        super().__init__()
        # In a list, so that it does not count as a submodule: code that walks the modules finds only those that run.
        self._network = [plain(network)]
        self._runtime = runtime
        self._graphs: dict[Any, list[Graph]] = {}
        self.config: Any = getattr(self._network[0], "config", None)
        self.device = torch.device("cpu")

    def forward(self, *args: object, **kwargs: object) -> object:
        """What the network gives. Raises `OptimizeRefused` when it cannot be exported."""
        leaves, spec = pytree.tree_flatten((args, kwargs))
        tensors = [each for each in leaves if isinstance(each, Tensor)]
        key = (spec, tuple(each.dtype if isinstance(each, Tensor) else each for each in leaves))
        graphs = self._graphs.setdefault(key, [])
        graph = next((each for each in graphs if each.takes(tensors)), None)
        if graph is None:
            if len(graphs) == MOST_GRAPHS:
                raise self._refusal(f"its graph takes batches of one size only, and {MOST_GRAPHS} sizes were exported")
            graph = self._export(leaves, spec)
            graphs.append(graph)
        return pytree.tree_unflatten(graph.run(tensors), graph.outputs)

    def _export(self, leaves: list[Any], spec: pytree.TreeSpec) -> Graph:
        # A size of 1 would be fixed in the graph: a batch of one is exported as two of the same.
        alone = all(each.ndim and len(each) == 1 for each in leaves if isinstance(each, Tensor))
        try:
            # Neither the network's tensors nor the graph may be of inference mode, which export does not know.
            with torch.inference_mode(False), torch.no_grad(), quiet():
                leaves = [
                    torch.cat([each, each] if alone else [each]) if isinstance(each, Tensor) and each.ndim else each
                    for each in leaves
                ]
                auto = [_open_sizes(each) if isinstance(each, Tensor) else None for each in leaves]
                given, sizes = (pytree.tree_unflatten(each, spec) for each in (leaves, auto))
                program = torch.export.export(_Call(self._network[0]), given, dynamic_shapes=sizes)
                return Graph(*self._compile(program), program.call_spec.out_spec)
        except OptimizeRefused:
            raise
        except Exception as error:
            first = str(error).strip().partition("\n")[0]
            raise self._refusal(f"the network cannot be exported: {type(error).__name__}: {first}") from error

    def _compile(self, program: torch.export.ExportedProgram) -> tuple[Run, list[tuple[int | None, ...]]]:
        names = [each for each in program.graph_signature.user_inputs if isinstance(each, str)]
        values = {node.name: node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"}
        sizes = [tuple(n if isinstance(n, int) else None for n in values[name].shape) for name in names]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            file = Path(folder) / "network.onnx"
            onnx = torch.onnx.export(program, dynamo=True, verbose=False)
            assert onnx is not None
            onnx.save(file, external_data=True)
            run, inputs, outputs = RUNTIMES[self._runtime](file)
        if (inputs, outputs) != (len(names), program.call_spec.out_spec.num_leaves):
            raise self._refusal("the network takes or gives something that is not a tensor")
        return run, sizes

    def _refusal(self, why: str) -> OptimizeRefused:
        return OptimizeRefused(
            f"the speed mode {self._runtime} was refused", why=why, fix='optimize="none"  (--optimize none)'
        )


def _open_sizes(tensor: Tensor) -> dict[int, Any]:
    """All sizes, but of images only their number: with sides unknown, EfficientNet takes minutes to export."""
    auto, static = torch.export.Dim.AUTO, torch.export.Dim.STATIC
    return {at: auto if at == 0 or tensor.ndim < 4 else static for at in range(tensor.ndim)}


def _onnxruntime(file: Path) -> tuple[Run, int, int]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(tensors: list[Tensor]) -> list[Tensor]:
        given = {name: each.contiguous().numpy() for name, each in zip(names, tensors, strict=True)}
        return [torch.from_numpy(each) for each in session.run(None, given)]

    return run, len(names), len(session.get_outputs())


def _openvino(file: Path) -> tuple[Run, int, int]:
    import openvino

    # Left alone it computes in bfloat16 or float16 wherever the processor can.
    settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(file), "CPU", settings)

    def run(tensors: list[Tensor]) -> list[Tensor]:
        # A copy: the next call writes into the same memory.
        found = compiled([each.contiguous().numpy() for each in tensors])
        return [torch.from_numpy(found[at].copy()) for at in range(len(compiled.outputs))]

    return run, len(compiled.inputs), len(compiled.outputs)


RUNTIMES: dict[str, Callable[[Path], tuple[Run, int, int]]] = {"onnx": _onnxruntime, "openvino": _openvino}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporters, which tell of every version they know; what goes wrong they raise."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
