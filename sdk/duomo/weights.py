"""From a model reference to files on this disk; nothing here opens a pickle.

plugin/thing           a model of the catalog
hf:org/name[@revision] a checkpoint on the hub (needs the network once)
dir:path, or a path    a folder in transformers or duomo layout
package:name/path      a file inside an installed package (in specs only), found without importing it
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from duomo.errors import AmbiguousReference, WeightsMismatch, WeightsMissing
from duomo.hub import download
from duomo.layout import (
    PICKLES as PICKLES,
    check_tensors as check_tensors,
    file_digest as file_digest,
    first_line as first_line,
    folder_digest as folder_digest,
    network_folder as network_folder,
    no_folder,
    read_object,
    read_objects,
    record_digest as record_digest,
    refuse_pickles as refuse_pickles,
)
from duomo.plugins.ours import distribution_of
from duomo.specs import ModelSpec
from duomo.unfit import ADAPTER, ctranslate2_spec, read_config

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+$")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


class WeightsRef(NamedTuple):
    """Weights that have been found."""

    spec: ModelSpec
    path: Path | None = None
    """The file (the first, when they come in parts) or folder; None when the model has no weights of its own."""
    revision: str = ""
    """Digest or commit; ``random`` for weights that were never trained."""

    @property
    def folder(self) -> Path:
        """The folder it lies in, or is."""
        assert self.path is not None, "this model has no weights"
        return self.path if self.path.is_dir() else self.path.parent

    @property
    def network_folder(self) -> Path:
        """The folder with the network and its tokenizer: `folder`, or the one in it that ``modules.json`` names."""
        return network_folder(self.folder)

    def config(self) -> dict[str, Any]:
        """The network's ``config.json``, or an empty dict."""
        return read_object(self.network_folder / "config.json")

    def architectures(self) -> list[str]:
        """What the folder can be loaded as: its ``architectures``, and the kind of a sentence-transformers folder.

        That is ``SentenceTransformer`` or ``SparseEncoder``, or ``CrossEncoder.`` with the step that it ends with.

        Raises `WeightsMismatch` where ``config.json`` is damaged.
        """
        config = self.config()
        named = config.get("architectures") or []
        if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
            raise WeightsMismatch(
                f"the architectures of '{self.folder}' are not names",
                why=f"config.json has {named!r:.60}",
                fix='write them as a list, such as ["BertModel"], or save the checkpoint again',
            )
        if not named and "pretrained_cfg" in config and "architecture" in config:  # as timm writes it
            named = ["TimmWrapperForImageClassification"]
        if not named and ctranslate2_spec(self.folder) == "WhisperSpec":
            named = ["WhisperForConditionalGeneration"]
        if not (self.folder / "modules.json").is_file():
            return [*named]
        said = read_object(self.folder / "config_sentence_transformers.json").get("model_type") or "SentenceTransformer"
        steps = [str(each.get("type", "")) for each in read_objects(self.folder / "modules.json")]
        end = f".{steps[-1].rpartition('.')[2]}" if said == "CrossEncoder" and steps else ""
        return [*named, f"{said}{end}"]

    def family(self) -> str:
        """The model that a folder in duomo layout names in ``duomo.json``; empty in transformers layout."""
        return str(read_object(self.folder / "duomo.json").get("model", ""))


class ModelRef(NamedTuple):
    """A model reference, taken apart."""

    kind: Literal["catalog", "hf", "dir"]
    name: str
    revision: str = ""

    def __str__(self) -> str:
        prefix = "" if self.kind == "catalog" else f"{self.kind}:"
        return f"{prefix}{self.name}" + (f"@{self.revision}" if self.revision else "")


def parse_ref(reference: str | os.PathLike[str], catalog_names: Iterable[str]) -> ModelRef:
    """Take a model reference apart; a `pathlib.Path` is a folder, whatever its name.

    Raises `AmbiguousReference` for a bare ``org/name`` that is neither in the catalog nor a folder:
    guessing would silently load different weights on different machines.
    """
    if isinstance(reference, os.PathLike):
        return ModelRef("dir", os.fspath(reference))
    text, names = reference, set(catalog_names)
    if text.startswith("hf:"):
        name, _, revision = text[3:].partition("@")
        if not _HUB_NAME.match(name):
            raise AmbiguousReference(
                f"'{text}' is not a hub reference", fix="write hf:org/name or hf:org/name@revision"
            )
        return ModelRef("hf", name, revision)
    if text.startswith("dir:"):
        return ModelRef("dir", text[4:])
    if text in names or text in {name.partition("/")[2] for name in names}:
        return ModelRef("catalog", text)
    if text.startswith((".", "/", "~", "\\\\")) or _DRIVE.match(text) or os.path.isdir(text):
        return ModelRef("dir", text)
    if "/" not in text:
        return ModelRef("catalog", text)
    owner = text.partition("/")[0]
    if owner in {name.partition("/")[0] for name in names} or distribution_of(owner):
        return ModelRef("catalog", text)
    raise AmbiguousReference(
        f"'{text}' could mean several things",
        why=f"no plugin is named '{owner}', and no folder '{text}' exists here",
        fix=f"from the hub: hf:{text}\na folder: dir:{text}\nthe catalog: duomo models list",
    )


def find_package_file(ref: str) -> Path | None:
    """Where ``package:import_name/path`` lies, or None; the package is not imported."""
    name, _, inside = ref.removeprefix("package:").partition("/")
    try:
        roots = _package_folders(name, tuple(sys.path))
    except (ImportError, ValueError):
        return None
    return next((path for root in roots if (path := Path(root, inside)).exists()), None)


@functools.cache  # many models lie in one package; what raises is not kept, so that a package installed now is found
def _package_folders(name: str, _path: tuple[str, ...]) -> tuple[str, ...]:
    """Find where the files of an installed package lie. Raises `ImportError` where it is not one."""
    found: importlib.machinery.ModuleSpec | None = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise ImportError(name)
    return tuple(found.submodule_search_locations)


def find_parts(spec: ModelSpec) -> list[Path]:
    """The files inside packages that make up a model's weights, in order; empty unless all of them are there."""
    if not spec.weights.startswith("package:"):
        return []
    found = [find_package_file(ref) for ref in spec.weights.split()]
    paths = [path for path in found if path is not None]
    return paths if len(paths) == len(found) else []


def is_installed(spec: ModelSpec) -> bool:
    """Whether a model's own weights are on this machine (its libraries and `uses` aside)."""
    return not spec.weights.startswith("package:") or bool(find_parts(spec))


def locate(spec: ModelSpec) -> WeightsRef:
    """Find the weights a spec names. Raises `WeightsMissing` with the command that installs them."""
    if spec.weights.startswith("package:"):
        paths = find_parts(spec)
        if not paths:
            pack = spec.packs[0] if spec.packs else spec.name
            packages = ", ".join(line.split()[0] for line in spec.packages) or spec.weights
            raise WeightsMissing(
                f"the weights of '{spec.name}' are not installed",
                why=f"they come with {packages}, not all of which is here",
                fix=f"duomo models add {pack}",
            )
        return WeightsRef(spec, paths[0], f"sha256:{spec.sha256[:12]}" if spec.sha256 else "")
    if spec.weights.startswith("hf:"):
        name, _, revision = spec.weights[3:].partition("@")
        return fetch_from_hub(spec, name, revision)
    return WeightsRef(spec, None, "" if spec.weights == "none" else "random")


def open_folder(spec: ModelSpec, path: str) -> WeightsRef:
    """A folder the caller named. Raises `WeightsMissing`, or `UnsafeWeights` when it holds only pickles."""
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise no_folder(path)
    refuse_pickles(network_folder(folder))
    return WeightsRef(spec, folder, f"files:{folder_digest(folder)[:12]}")


def folder_identity(reference: str | os.PathLike[str] | None) -> str:
    """Say which folder or file a model reference means, and what is in it now; empty where it means neither.

    Of an adapter the folder that it names as its base counts, too.
    """
    text = os.fspath(reference or "").removeprefix("dir:")
    path = Path(text).expanduser()
    if text and path.is_file():
        found = path.stat()
        return f"{os.path.abspath(path)}:{found.st_size}:{found.st_mtime_ns}"
    if not text or not path.is_dir():
        return ""
    base = str(read_config(path, ADAPTER).get("base_model_name_or_path") or "")
    folders = [path, *(each for each in (Path(base), path / base) if base and each.is_dir())]
    return ":".join(f"{os.path.abspath(each)}:{folder_digest(each)}" for each in folders)


def fetch_from_hub(spec: ModelSpec, name: str, revision: str) -> WeightsRef:
    """A checkpoint from the hub's local cache, downloaded first if need be and allowed."""
    path = download(name, revision)
    refuse_pickles(network_folder(path))
    return WeightsRef(spec, path, path.name)


def verify(spec: ModelSpec) -> None:
    """Compare the installed weights with the spec's digest. Raises `WeightsMissing` or `WeightsMismatch`."""
    path = locate(spec).path
    if path is None or not spec.sha256:
        return
    paths = find_parts(spec) or [path]
    if path.is_dir():
        # A folder in transformers layout: the digest is that of its one weights file.
        paths = [next(path.glob("*.safetensors"), path / "model.safetensors")]
    found = file_digest(*paths)
    if found != spec.sha256:
        raise WeightsMismatch(
            f"the weights of '{spec.name}' are not the ones duomo was tested with",
            why=f"sha256 {found[:16]}… where {spec.sha256[:16]}… is expected, in {path}",
            fix=f"install them again: duomo models add {spec.packs[0] if spec.packs else spec.name} --force",
        )


def read_artifact(weights: WeightsRef) -> dict[str, Any]:
    """Read the ``duomo.json`` of a folder with graphs, with every file that it lists compared with its digest.

    Raises `WeightsMismatch` where a file was changed, is missing or lies elsewhere, or ``duomo.json`` itself was
    changed after `duomo.export.export` wrote it.
    """
    folder = weights.folder
    record = read_object(folder / "duomo.json")
    again = "export it again, or copy the whole folder again"
    if "digest" in record and record["digest"] != record_digest(record):
        raise WeightsMismatch(
            f"'{folder / 'duomo.json'}' was changed after it was written",
            why="its content does not fit the digest in it",
            fix=f"{again}; in a file of your own leave 'digest' and 'files' out",
        )
    for name, digest in dict(record.get("files") or {}).items():
        path = folder / str(name)
        if Path(name).name != name or not path.is_file():
            raise WeightsMismatch(f"'{folder}' has no file '{name}'", why="its duomo.json lists it", fix=again)
        found = file_digest(path)
        if found != digest:
            raise WeightsMismatch(
                f"'{path}' was changed after it was written",
                why=f"sha256 {found[:16]}… where its duomo.json has {str(digest)[:16]}…",
                fix=again,
            )
    return record
