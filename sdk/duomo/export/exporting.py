"""The export itself: write the folder, load it as anybody would, compare, and seal what was found into it."""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from duomo.catalog import Catalog, default_catalog
from duomo.errors import ExportRefused, UsageProblem, did_you_mean
from duomo.execution.worker import opening
from duomo.export.artifact import RECORD, SCHEMA, Artifact, seal
from duomo.export.comparing import Comparison, compare
from duomo.inputs import Image
from duomo.model import Model, Portable
from duomo.references import find_weights
from duomo.resolving import resolve
from duomo.runner import Runner, load
from duomo.specs import ModelSpec
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.results import Classification
from duomo.weights import WeightsRef
from duomo.writers.base import explain_os_errors

LOG = logging.getLogger(__name__)

FORMATS = ("onnx", "openvino")
TOLERANCES = {"exact": 1e-3, "image": 5e-3, "int8": 0.1}
"""How far results may move: the same arithmetic in another order; images that Pillow resizes, where torch's own kernel
rounds some pixels to the level beside; and 8-bit integers."""
FURTHER = {
    "image": "images are resized by Pillow, which moves results a little: allow more with --tolerance N",
    "int8": "export it without int8, or allow more: --tolerance N",
    "exact": "try another --format",
}
"""What may help where results move further."""
EXPORTABLE = "export"
"""The tag of models that can be exported."""
ALL_LABELS = 1_000_000


def export(
    model: str,
    folder: str | Path,
    *,
    task: str | None = None,
    format: str = "onnx",
    int8: bool = False,
    on: Sequence[object] = (),
    tolerance: float | None = None,
    catalog: Catalog | None = None,
) -> Artifact:
    """Write a model as a folder that runs without torch, after comparing it with the original.

    Args:
        model: ``plugin/thing``, ``hf:org/name`` or ``dir:path``.
        folder: where to; it must not exist, or be empty.
        task: for a model with several; its first when left out.
        format: ``onnx`` or ``openvino``.
        int8: matrix products with weights of 8-bit integers (``onnx`` only): smaller, maybe faster, and other results.
        on: real inputs that both are run on; a few drawn or written samples of the task when left out. Of those longer
            than the model reads, the beginning is compared.
        tolerance: the most that results may move, relative to the largest value; 0.001, of images 0.005, and 0.1
            with `int8`.
        catalog: the plugins to use.

    Raises:
        ExportRefused: the model has no such form, or its artefact gives other results.
        RequirementMissing: a library of the format, or the plugin that reads artefacts, is not installed.
    """
    catalog = catalog or default_catalog()
    _check_call(format, int8, tolerance)
    place = _place(folder)
    weights, reference = find_weights(task, model, catalog)
    spec = weights.spec
    if EXPORTABLE not in spec.tags:
        raise _not_exportable(spec, catalog)
    from duomo.export import graphs

    graphs.need(format)
    parts = _parts(weights, spec)
    reader = catalog.model(parts.reader, spec.task)
    task_class: type[Task[object, Options, Result]] = resolve(catalog.task(spec.task).target)
    items, options = _inputs(task_class, on)
    usual = "int8" if int8 else "image" if issubclass(task_class.Input, Image) else "exact"
    limit = TOLERANCES[usual] if tolerance is None else tolerance
    _check_writable(place)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".duomo-export-") as scratch:
        made = Path(scratch) / "made"
        _write(made, parts, format, spec, reference)
        record: dict[str, object] = {
            "schema": SCHEMA,
            "model": reader.name,
            "task": spec.task,
            "format": format,
            "precision": "int8" if int8 else "float32",
            "graphs": {name: f"{name}{graphs.SUFFIX[format]}" for name in parts.networks},
            **parts.settings,
            "source": {"model": reference, "revision": weights.revision, "license": spec.license},
            "tools": _versions(),
        }
        with load(spec.task, model, device="cpu", catalog=catalog) as original:
            tried = functools.partial(_tried, record, original, catalog, items, options)
            made, found = _best_int8(made, Path(scratch), tried) if int8 else (made, tried(made))
        _check_moved(found, limit, spec, FURTHER[usual])
        record["measured"] = {
            "difference": found.difference,
            "tolerance": limit,
            "inputs": len(items),
            "given": bool(on),
            "truncated": found.truncated,
            "ms": {"original": found.ms[0], "artefact": found.ms[1]},
        }
        whole = seal(made, record)
        _move(made, place)
    return Artifact(place, whole, found.difference, found.ms, found.truncated)


def _check_moved(found: Comparison, limit: float, spec: ModelSpec, further: str) -> None:
    if found.difference > limit:
        raise ExportRefused(
            f"the export of '{spec.name}' was refused: its results are not the original's",
            why=f"'{found.where}' moves by {found.difference:.2g} of its largest value; {limit:g} is allowed",
            fix=further,
        )


def _place(folder: str | Path) -> Path:
    """The folder to write, which is not there yet, or empty."""
    if not os.fspath(folder):
        raise UsageProblem("the folder to write to has no name", fix='name a new one: "exported/"  (-O exported/)')
    place = Path(folder).expanduser()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        why = "an export writes a folder of its own"
        raise UsageProblem(f"'{place}' is there already", why=why, fix="name a new one")
    return place


def _check_writable(place: Path) -> None:
    """Find a place that takes no file before the work."""
    with explain_os_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=place.parent).close()


def _move(made: Path, place: Path) -> None:
    """Put a finished folder where it was asked for."""
    if place.is_dir():
        place.rmdir()
    made.chmod(0o755)
    shutil.move(made, place)


def _write(made: Path, parts: Portable, format: str, spec: ModelSpec, reference: str) -> None:
    """Write graphs, files and a notice into a new folder."""
    from duomo.export import graphs

    made.mkdir()
    for name, network in parts.networks.items():
        file = made / f"{name}.onnx"
        graphs.write_onnx(network, file, spec.name)
        LOG.info("graph %s: %.1f MB", name, file.stat().st_size / 1e6)
        if format == "openvino":
            graphs.to_openvino(file)
    for name, text in parts.files.items():
        (made / name).write_text(text, "utf-8")
    (made / "NOTICE").write_text(f"Made from the weights of {reference}, licensed under {spec.license}.\n", "utf-8")


def _tried(
    record: Mapping[str, object],
    original: Runner[Result],
    catalog: Catalog,
    items: Sequence[object],
    options: Mapping[str, object],
    candidate: Path,
) -> Comparison:
    """Load a written folder as anybody would, and compare it with the original."""
    seal(candidate, record)
    with load(original.task.name, f"dir:{candidate}", device="cpu", catalog=catalog) as artefact:
        found = compare(original, artefact, items, options)
    LOG.info("compared on %d inputs: moved by %.2g at most, in %s", len(items), found.difference, found.where)
    return found


def _best_int8(exact: Path, scratch: Path, tried: Callable[[Path], Comparison]) -> tuple[Path, Comparison]:
    """The nearest of the recipes for 8-bit integers, in a folder of its own."""
    from duomo.export import graphs

    best: tuple[Path, Comparison] | None = None
    for at, recipe in enumerate(graphs.RECIPES):
        candidate = scratch / f"int8-{at}"
        shutil.copytree(exact, candidate, ignore=shutil.ignore_patterns("*.onnx", RECORD))
        for file in exact.glob("*.onnx"):
            graphs.to_int8(file, candidate / file.name, recipe)
        found = tried(candidate)
        if best is None or found.difference < best[1].difference:
            best = candidate, found
    assert best is not None
    return best


def _check_call(format: str, int8: bool, tolerance: float | None) -> None:
    if format not in FORMATS:
        raise UsageProblem(f"no export format '{format}'", why=did_you_mean(format, FORMATS), fix=" or ".join(FORMATS))
    if int8 and format != "onnx":
        raise UsageProblem(
            f"{format} has no 8-bit form here",
            why="it is made by ONNX Runtime's quantizer",
            fix='format="onnx", int8=True  (--format onnx --int8)',
        )
    if tolerance is not None and not tolerance > 0:
        raise UsageProblem(f"the tolerance must be above 0, not {tolerance!r}", fix="leave it out, or 0.01")


def _not_exportable(spec: ModelSpec, catalog: Catalog) -> ExportRefused:
    """Why a model has no exported form, and the nearest that has."""
    cls = resolve(spec.loader, spec.requires, f"model '{spec.name}'")
    if spec.plugin == "edge":
        why = "it is an exported model already"
    elif cls.stream is not Model.stream:
        why = "it writes token by token, and no graph of its cache is made here"
    elif spec.uses:
        why = f"it is put together from {', '.join(use.partition('=')[2] for use in spec.uses)}"
    else:
        why = "its author has not said how it runs without torch (Model.portable)"
    own = spec.name.partition("/")[2]
    graph = next((each.name for each in catalog.models if each.plugin == "edge" and each.name == f"edge/{own}"), "")
    if graph and spec.plugin != "edge":
        return ExportRefused(
            f"'{spec.name}' cannot be exported for {spec.task}",
            why=f"it is a graph already, which '{graph}' runs without torch",
            fix=f'duomo models add {graph}; then model="{graph}"  (-m {graph})',
        )
    able = [each for each in catalog.models if EXPORTABLE in each.tags]
    same = [each.name for each in able if each.task == spec.task]
    modality = catalog.task(spec.task).modality
    kin = [each.name for each in able if catalog.task(each.task).modality == modality]
    near = list(dict.fromkeys(same or kin or [each.name for each in able]))
    names = ", ".join(near[:4])
    return ExportRefused(
        f"'{spec.name}' cannot be exported for {spec.task}",
        why=why,
        fix=f"for {spec.task} these can: {names}" if same else f"none for {spec.task} can; the nearest: {names}",
    )


def _parts(weights: WeightsRef, spec: ModelSpec) -> Portable:
    """Load the model as it is written, without the layouts of a worker, and take it apart."""
    import torch

    cls: type[Model[object, Result]] = resolve(spec.loader, spec.requires, f"model '{spec.name}'")
    with opening(weights):
        found = cls.load(weights, device=torch.device("cpu"), dtype=torch.float32).portable()
    if found is None:
        raise ExportRefused(
            f"'{spec.name}' cannot be exported", why=f"{cls.__name__}.portable() gives nothing", fix="run it with torch"
        )
    return found


def _inputs(
    task: type[Task[object, Options, Result]], on: Sequence[object]
) -> tuple[list[object], Mapping[str, object]]:
    """What both are run on, and with which options: every label counts, not only the best."""
    from duomo.testing.samples import sample_for

    sample = sample_for(task)
    items = list(on) or (sample.items if sample is not None else [])
    if not items:
        raise UsageProblem(f"there is no sample for {task.name}", fix="name real inputs: on=[…]  (--on FILE)")
    options = dict(sample.options) if sample is not None else {}
    if issubclass(task.Result, Classification) and "top_k" in task.Options.model_fields:
        options["top_k"] = ALL_LABELS
    return items, {**task.Options.cutting(), **options}


def _versions() -> dict[str, str]:
    found = {}
    for name in ("duomo", "torch", "onnx", "onnxscript", "onnxruntime", "openvino"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
