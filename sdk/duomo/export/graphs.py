"""Networks to graphs: ONNX by torch's exporter, OpenVINO and 8-bit integers from that."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from duomo.errors import ExportRefused, RequirementMissing
from duomo.execution.speed.graph import plain, quiet
from duomo.model import PortableNetwork

NEEDS = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("onnx", "onnxscript", "onnxruntime", "openvino")}
SUFFIX = {"onnx": ".onnx", "openvino": ".xml"}
MOST_BYTES = 2**31 - 2**20
"""A graph that does not fit one file of ONNX needs further files beside it, which is not done here."""
NO_CHECKS = "TRANSFORMERS_DISABLE_TORCH_CHECK"
RECIPES = ({"per_channel": True, "reduce_range": False}, {"per_channel": True, "reduce_range": True})
"""How weights become 8-bit integers; which is nearer differs from network to network, so all are tried."""


def need(form: str) -> None:
    """Raise `RequirementMissing` when a library of a format is not installed."""
    missing = [name for name in NEEDS[form] if importlib.util.find_spec(name) is None]
    if missing:
        raise RequirementMissing(
            f"exporting to {form} needs {', '.join(missing)}",
            why="they write and read the graph",
            fix="pip install 'duomo[onnx]'" + (" openvino" if form == "openvino" else ""),
        )


def write_onnx(network: PortableNetwork, file: Path, name: str) -> None:
    """Write a network as one file of ONNX; one whose code fixes the number of rows takes one row at a time.

    Raises `ExportRefused` in a line where it cannot be written.
    """
    given = {key: _plain_tensor(each) for key, each in network.example.items()}
    with _refusing(name):
        program = _traced(network, given, network.varying)
        asked = any(network.varying.values())
        fixed = asked and not program.range_constraints  # no size is a symbol, whatever the inputs' sizes say
        if not fixed:
            _save(program, network, file)
            fixed = asked and not _takes_more_rows(file, given)
        if fixed:
            _save(_traced(network, {key: each[:1] for key, each in given.items()}, {}), network, file)
    if file.stat().st_size > MOST_BYTES:
        raise ExportRefused(f"'{name}' is too large", why="one file of ONNX holds 2 GB", fix="export a smaller model")


def _traced(
    network: PortableNetwork, given: Mapping[str, Tensor], varying: Mapping[str, tuple[int, ...]]
) -> torch.export.ExportedProgram:
    auto, static = torch.export.Dim.AUTO, torch.export.Dim.STATIC
    sizes = tuple(
        {at: auto if at in varying.get(key, ()) else static for at in range(each.ndim)} for key, each in given.items()
    )
    with torch.inference_mode(False), torch.no_grad(), quiet(), _unchecked():
        return torch.export.export(plain(network.module).eval(), tuple(given.values()), dynamic_shapes=sizes)


def _save(program: torch.export.ExportedProgram, network: PortableNetwork, file: Path) -> None:
    """Translate a traced network to ONNX, and write it."""
    with torch.inference_mode(False), torch.no_grad(), quiet(), _unchecked():
        made = torch.onnx.export(
            program,
            dynamo=True,
            verbose=False,
            input_names=list(network.example),
            output_names=list(network.outputs),
        )
    assert made is not None
    made.save(file, external_data=False)


@contextlib.contextmanager
def _refusing(name: str) -> Iterator[None]:
    """What torch's exporter raises within becomes an `ExportRefused`."""
    try:
        yield
    except Exception as error:
        root: BaseException = error
        while root.__cause__ is not None:
            root = root.__cause__
        first = str(root).strip().partition("\n")[0]
        raise ExportRefused(
            f"'{name}' cannot be exported",
            why=f"torch's exporter raised {type(root).__name__}: {first:.300}",
            fix="report it to the author of the model's plugin",
        ) from error


@contextlib.contextmanager
def _unchecked() -> Iterator[None]:
    """Use transformers' switch for checks of sizes: traced, they are operators for which ONNX has no word."""
    before = os.environ.get(NO_CHECKS)
    os.environ[NO_CHECKS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[NO_CHECKS]
        else:
            os.environ[NO_CHECKS] = before


def _takes_more_rows(file: Path, given: Mapping[str, Tensor]) -> bool:
    """Whether a graph runs on one row more than it was written with; what its sizes say is not always so."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    more = {key: torch.cat([each, each[:1]]).numpy() for key, each in given.items()}
    try:
        session.run(None, {each.name: more[each.name] for each in session.get_inputs()})
    except Exception:  # the runtime's own
        return False
    return True


def to_openvino(file: Path) -> None:
    """Replace a file of ONNX by OpenVINO's ``.xml`` and ``.bin``, in float32."""
    import openvino

    model = openvino.convert_model(str(file))
    openvino.save_model(model, str(file.with_suffix(".xml")), compress_to_fp16=False)
    file.unlink()


def to_int8(exact: Path, file: Path, recipe: dict[str, bool]) -> None:
    """Write a file of ONNX whose matrix products have weights of 8-bit integers."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with quiet():
        quantize_dynamic(exact, file, op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8, **recipe)


def _plain_tensor(tensor: Tensor) -> Tensor:
    """A copy that export may hold: tensors made in inference mode are not for it."""
    with torch.inference_mode(False):
        return tensor.detach().clone()
