"""What a folder with a checkpoint is: its layout, its weights, the tasks it serves, and what is missing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from duomo.catalog import Catalog
from duomo.cli.foreign import look_foreign
from duomo.errors import DuomoError
from duomo.layout import GRAPHS, graphs_of, no_folder
from duomo.plugins.requirements import missing_requirements
from duomo.specs import ModelSpec
from duomo.unfit import POINTER, READERS, ctranslate2_spec, quantised_by
from duomo.weights import PICKLES, WeightsRef, network_folder

INDEX = "model.safetensors.index.json"
PREPARES = {
    "tokenizer": ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "spiece.model", "source.spm"),
    "image or feature processor": (
        "preprocessor_config.json",
        "processor_config.json",
        "video_preprocessor_config.json",
    ),
}
"""What prepares inputs, and the files that say so."""
_HEADER_BYTES = 100_000_000


class Folder(NamedTuple):
    """What was found."""

    path: str
    layout: str
    """``transformers``, ``sentence-transformers``, ``timm``, ``duomo``, ``ctranslate2``, ``gguf``, ``peft`` or
    ``unknown``."""
    architectures: list[str]
    parameters: int
    """Numbers in all tensors; 0 without weights that can be read."""
    size: int
    """Bytes of the files of weights."""
    dtypes: list[str]
    prepares: list[str]
    """What prepares inputs: ``tokenizer``, ``image or feature processor``."""
    tasks: dict[str, str]
    """Task → the family that would load it."""
    missing: list[str]
    """What is not there or cannot be used, and what would help."""
    base: str = ""
    """What it was made from: the base of an adapter, the architecture of a GGUF file."""
    quantised: str = ""
    """How its numbers are quantised, such as ``gptq``; empty for plain ones."""


def look(path: str, catalog: Catalog) -> Folder:
    """Look into a folder; no tensor is read. Raises `WeightsMissing` where there is none."""
    folder = Path(path).expanduser()
    foreign = look_foreign(folder)
    if foreign is not None:
        tasks = {spec.task: spec.name for spec in catalog.families(None, foreign.architectures)}
        if foreign.layout == "gguf":
            tasks = {task: name for task, name in tasks.items() if task == "text-generation"}
        return Folder(path=str(folder), tasks=tasks, **foreign._asdict())
    if not folder.is_dir():
        raise no_folder(path)
    inner = network_folder(folder)
    missing: list[str] = []
    layout, architectures, tasks = _what_it_is(folder, path, catalog, missing)
    files = sorted(inner.glob("*.safetensors"))
    counted = [_count(file, missing) for file in files]
    quantised = quantised_by(inner)
    if layout == "ctranslate2":
        files = [folder / "model.bin"]
    elif not files and (graphs := graphs_of(folder)):
        files = graphs
    else:
        missing += _missing_weights(inner, files)
    if quantised:
        missing += _missing_readers(quantised)
    prepares = [what for what, names in PREPARES.items() if any((inner / name).is_file() for name in names)]
    if layout in ("transformers", "sentence-transformers") and not prepares:
        missing.append(
            "what prepares inputs: save the tokenizer or processor beside the model, save_pretrained(folder)"
        )
    return Folder(
        path=str(folder),
        layout=layout,
        architectures=architectures,
        parameters=sum(count for count, _ in counted),
        size=sum(file.stat().st_size for file in files),
        dtypes=sorted({dtype for _, dtypes in counted for dtype in dtypes}),
        prepares=prepares,
        tasks=tasks,
        missing=list(dict.fromkeys(missing)),
        quantised=quantised,
    )


def _what_it_is(folder: Path, path: str, catalog: Catalog, missing: list[str]) -> tuple[str, list[str], dict[str, str]]:
    """Layout, architectures and tasks; what keeps a task away joins `missing`."""
    weights = WeightsRef(ModelSpec(f"dir:{path}", "", "", "", "", weights="given"), folder)
    layout, named, architectures = "unknown", "", list[str]()
    tasks: dict[str, str] = {}
    try:
        architectures, named = weights.architectures(), weights.family()
        layout = _layout(folder, weights, named)
        specs = (
            [spec for spec in catalog.models if spec.name == named] if named else catalog.families(None, architectures)
        )
        # What modules.json makes of a network comes before what the network was.
        specs.sort(key=lambda spec: spec not in catalog.families(spec.task, architectures[-1:]))
        for spec in specs:
            tasks.setdefault(spec.task, spec.name)  # the first that fits is the one that loads it
            missing += [f"{line} ({spec.task}): pip install '{line}'" for line in missing_requirements(spec.requires)]
    except (DuomoError, ValueError) as error:
        missing.append(f"its configuration cannot be read: {error}")
    if layout == "unknown" and any(each for end in GRAPHS for each in folder.glob(f"*{end}")):
        missing.append('duomo.json, which says what reads the graph, such as {"model": "edge/image-classifier", …}')
    elif layout == "unknown":
        missing.append("config.json: save the whole checkpoint, model.save_pretrained(folder)")
    elif not tasks:
        what = ", ".join(architectures) or named or "it"
        missing.append(f"no family loads {what}: duomo models list --family")
    return layout, architectures, tasks


def _layout(folder: Path, weights: WeightsRef, named: str) -> str:
    if named:
        return "duomo"
    if (folder / "modules.json").is_file():
        return "sentence-transformers"
    if ctranslate2_spec(folder) and not any(folder.glob("*.safetensors")):
        return "ctranslate2"
    config = weights.config()
    if "pretrained_cfg" in config:
        return "timm"
    return "transformers" if config else "unknown"


def _missing_readers(method: str) -> list[str]:
    packages = READERS.get(method, "").split()
    if not packages:
        return [f"a reader of numbers quantised by '{method}': take the checkpoint that it was made from"]
    lost = missing_requirements(packages)
    return [f"{', '.join(lost)}, which reads what {method} wrote: pip install {' '.join(lost)}"] if lost else []


def _missing_weights(folder: Path, files: list[Path]) -> list[str]:
    index = folder / INDEX
    if index.is_file():
        try:
            wanted = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            return [f"{INDEX} cannot be read: download or save the checkpoint again"]
        lost = sorted(name for name in wanted if not (folder / name).is_file())
        return [f"{name}, a part of the weights: download it again" for name in lost]
    if files:
        return []
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        return [f"weights that can be read ({pickles[0]} is a pickle): duomo models convert '{folder / pickles[0]}'"]
    return ["weights: there is no *.safetensors file"]


def _count(file: Path, missing: list[str]) -> tuple[int, set[str]]:
    """Numbers and types of a file's tensors, from its header alone."""
    try:
        with open(file, "rb") as opened:
            if opened.read(len(POINTER)) == POINTER:
                missing.append(f"{file.name} is a pointer of Git LFS: git -C '{file.parent}' lfs pull")
                return 0, set()
            opened.seek(0)
            length = int.from_bytes(opened.read(8), "little")
            if not 2 <= length <= min(_HEADER_BYTES, file.stat().st_size - 8):
                raise ValueError("its header is longer than the file")
            header: dict[str, Any] = json.loads(opened.read(length))
        tensors = [each for name, each in header.items() if name != "__metadata__"]
        if 8 + length + max((each["data_offsets"][1] for each in tensors), default=0) > file.stat().st_size:
            raise ValueError("it is cut short")
        return sum(math.prod(each["shape"]) for each in tensors), {each["dtype"] for each in tensors}
    except (ValueError, KeyError, TypeError) as error:
        missing.append(f"{file.name} is damaged ({error}): download it again")
        return 0, set()
