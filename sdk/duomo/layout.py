"""A folder of weights: where its network lies, what is in it that may be read, and its digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from duomo.counting import a_type
from duomo.errors import UnsafeWeights, WeightsMismatch, WeightsMissing
from duomo.unfit import check_layout, ctranslate2_spec

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
GRAPHS = (".onnx", ".xml")
"""Endings of graphs: ONNX, OpenVINO."""


def network_folder(folder: Path) -> Path:
    """Find where the network of `folder` lies: sentence-transformers used to keep it in a folder of its own.

    Never outside `folder`, whatever ``modules.json`` says.
    """
    file = folder / "modules.json"
    for step in read_objects(file) if file.is_file() else ():
        inner = folder / str(step.get("path", ""))
        if str(step.get("type", "")).endswith(".Transformer") and inner.resolve().is_relative_to(folder.resolve()):
            return inner if (inner / "config.json").is_file() else folder
    return folder


def no_folder(path: str) -> WeightsMissing:
    """What there is instead of a folder at the path that the caller named: a file, or nothing."""
    place = Path(path).expanduser()
    if place.is_file():
        return WeightsMissing(
            f"'{path}' is a file",
            why="a model is the folder with all its files",
            fix=f"model='dir:{place.parent}'  (-m 'dir:{place.parent}')",
        )
    return WeightsMissing(
        f"no model folder at '{path}'", why=f"looked in {place.absolute().parent}", fix="check the path"
    )


def graphs_of(folder: Path) -> list[Path]:
    """The graphs in a folder that has a ``duomo.json``, which says what reads them."""
    if not (folder / "duomo.json").is_file():
        return []
    return sorted(each for end in GRAPHS for each in folder.glob(f"*{end}"))


def refuse_pickles(folder: Path) -> None:
    """Raise `UnsafeWeights` unless there is a safetensors file or a graph, or `WeightsMissing` when there is nothing.

    A graph counts beside a ``duomo.json`` that says what reads it. Raises `WeightsProblem` for what is known to be
    something else.
    """
    if graphs_of(folder):
        return
    check_layout(folder)
    if any(folder.glob("*.safetensors")) or ctranslate2_spec(folder):
        return
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise UnsafeWeights(
            f"'{folder}' holds its weights as a pickle ({pickles[0]})",
            why="loading a pickle can run any code; duomo reads safetensors only",
            fix=f"duomo models convert {folder / pickles[0]}",
        )
    raise WeightsMissing(
        f"'{folder}' holds no weights",
        why="there is no *.safetensors file in it, nor a graph (*.onnx) beside a duomo.json",
        fix="save a checkpoint there: model.save_pretrained(folder); or write the duomo.json of a graph",
    )


def first_line(error: BaseException) -> str:
    """Return what an exception says first, also behind a colon; its class where it says nothing."""
    first, *rest = (str(error).strip() or type(error).__name__).splitlines()
    return f"{first} {rest[0].strip()}" if rest and first.endswith(":") else first


def file_digest(*paths: Path) -> str:
    """SHA-256 of a file, or of several one after another, in hex."""
    import hashlib

    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()


def record_digest(record: Mapping[str, object]) -> str:
    """SHA-256 of the content of a ``duomo.json`` without its own ``digest``, in hex."""
    import hashlib
    import json

    rest = {name: value for name, value in record.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def read_object(file: Path) -> dict[str, Any]:
    """Read a JSON object, empty when there is no such file. Raises `WeightsMismatch` when it is damaged."""
    found = _read_json(file) if file.is_file() else {}
    if not isinstance(found, dict):
        raise _damaged(file, f"it holds {a_type(found)} where an object with names is expected")
    return found


def read_objects(file: Path) -> list[dict[str, Any]]:
    """Read a JSON list of objects. Raises `WeightsMismatch` when it is damaged."""
    found = _read_json(file)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _damaged(file, "it does not hold a list of objects with names")
    return found


def _read_json(file: Path) -> Any:
    import json

    try:
        return json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _damaged(file, str(error)) from None


def _damaged(file: Path, why: str) -> WeightsMismatch:
    return WeightsMismatch(f"'{file}' is damaged", why=why, fix="save or download the checkpoint again")


def folder_digest(folder: Path) -> str:
    """Make a digest of names, sizes and times: cheap, since hashing gigabytes at every start is not.

    Folders in it count, where sentence-transformers keeps the settings and weights of its steps; theirs do not.
    """
    import hashlib

    digest = hashlib.sha256()
    inner = network_folder(folder)
    for path in sorted({*folder.glob("*"), *folder.glob("*/*"), *inner.glob("*")}):
        if path.is_file():
            digest.update(f"{path.relative_to(folder)}:{path.stat().st_size}:{path.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


def check_tensors(
    name: str, missing: Iterable[str], unexpected: Iterable[str] = (), misshapen: Iterable[str] = ()
) -> None:
    """Raise `WeightsMismatch` unless every list is empty: a model is never left partly random."""
    groups = {"missing": sorted(missing), "unexpected": sorted(unexpected), "of the wrong shape": sorted(misshapen)}
    faults = [
        f"{len(keys)} {label} ({', '.join(keys[:3])}{', …' if len(keys) > 3 else ''})"
        for label, keys in groups.items()
        if keys
    ]
    if faults:
        raise WeightsMismatch(
            f"the checkpoint of '{name}' does not fit its model",
            why="tensors: " + "; ".join(faults),
            fix="use the checkpoint's own task (see architectures in its config.json), or save it again whole",
        )
