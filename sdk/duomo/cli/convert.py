"""From a file of pickled tensors to safetensors; only tensors are read, and no code in the file is run."""

from __future__ import annotations

import json
import re
import shutil
import struct
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from duomo.errors import InputMissing, UnsafeWeights, UsageProblem, WeightsMismatch
from duomo.layout import PICKLES

_AGAIN = "download the checkpoint again"
_SHARD = re.compile(r"-\d{5}-of-\d{5}\b")
_INDEX = ".index.json"
PARTS = ".bin.index.json"


def convert(checkpoint: str, out: str | None = None, *, force: bool = False) -> Path:
    """Write the tensors of a checkpoint as safetensors and say where.

    Raises `UnsafeWeights` for a file that holds more than tensors, `UsageProblem` for one shard of
    several or a file that is there already.
    """
    source = Path(checkpoint)
    if source.is_dir():
        found = sorted(each.name for each in source.iterdir() if each.suffix in PICKLES or each.name.endswith(PARTS))
        best = next((name for name in found if name.endswith(PARTS)), found[0] if found else "pytorch_model.bin")
        raise UsageProblem(f"'{checkpoint}' is a folder", fix=f"name the file: duomo models convert '{source / best}'")
    if not source.is_file():
        raise InputMissing(f"no checkpoint at '{checkpoint}'", fix="name one file, such as pytorch_model.bin")
    if source.name.endswith(_INDEX):
        return _convert_parts(source, out, force=force)
    if _SHARD.search(source.name):
        index = _SHARD.sub("", source.name) + _INDEX
        raise UsageProblem(
            f"'{checkpoint}' is one part of several",
            why="only whole checkpoints are converted",
            fix=f"name their index: duomo models convert {source.with_name(index)}",
        )
    # transformers looks for this name beside config.json.
    stem = "model" if source.stem == "pytorch_model" else source.stem
    target = Path(out) if out else source.with_name(f"{stem}.safetensors")
    if target.exists() and not force:
        raise UsageProblem(f"'{target}' is there already", fix="--force overwrites it; -O FILE writes elsewhere")
    _write(source, target)
    return target


def _convert_parts(index: Path, out: str | None, *, force: bool) -> Path:
    """Write each part beside the old one, then their index, which is given back."""
    try:
        described = json.loads(index.read_text("utf-8"))
        places: dict[str, str] = {str(name): str(file) for name, file in described["weight_map"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsMismatch(f"'{index}' does not say which tensor lies where", why=str(error), fix=_AGAIN) from None
    if out is not None:
        raise UsageProblem("the parts of a checkpoint are written beside the old ones", fix="leave out -O")
    names = {old: old.replace("pytorch_model", "model").rpartition(".")[0] + ".safetensors" for old in places.values()}
    target = index.with_name("model.safetensors" + _INDEX)
    for old, new in names.items():
        if Path(old).name != old:
            raise WeightsMismatch(f"'{index}' names a file outside its folder", why=old, fix="do not trust it")
        if not index.with_name(old).is_file():
            raise InputMissing(f"no part '{old}' beside '{index.name}'", fix=_AGAIN)
        if not force and (index.with_name(new).exists() or target.exists()):
            raise UsageProblem(f"'{new}' is there already", fix="--force overwrites it")
    for old, new in names.items():
        _write(index.with_name(old), index.with_name(new))
    described["weight_map"] = {name: names[old] for name, old in places.items()}
    target.write_text(json.dumps(described, indent=2) + "\n", "utf-8")
    return target


def _write(source: Path, target: Path) -> None:
    # Tensors that share memory are written once each: safetensors holds no references.
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in _tensors(source).items()}
    save_file(tensors, target, metadata={"format": "pt"})
    shutil.copymode(source, target)  # safetensors lets nobody else read it


def _is_ctranslate2(source: Path) -> bool:
    """Whether a file begins as CTranslate2 writes it: its version, and the name of what it describes."""
    with source.open("rb") as file:
        head = file.read(64)
    version, length = struct.unpack("<IH", head[:6]) if len(head) >= 6 else (0, 0)
    return version < 100 and head[6 : 6 + length].endswith(b"Spec\0")


def _tensors(source: Path) -> dict[str, torch.Tensor]:
    try:
        loaded: Any = torch.load(source, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged file surprises its reader in many ways
        if _is_ctranslate2(source):
            raise UsageProblem(
                f"'{source}' is a checkpoint of CTranslate2",
                why="speech to text by Whisper reads it as it is, and nothing else here does",
                fix=f"duomo run automatic-speech-recognition -m 'dir:{source.parent}' call.wav",
            ) from None
        raise UnsafeWeights(
            f"'{source}' cannot be read as tensors alone",
            why="it is damaged, or holds objects that only the code which made them can read",
            fix="where it was made: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')",
        ) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    others = (
        [name for name, value in loaded.items() if not isinstance(value, torch.Tensor)]
        if isinstance(loaded, dict)
        else ["?"]
    )
    if others:
        raise WeightsMismatch(
            f"'{source}' is not a table of tensors",
            why=f"it holds {', '.join(map(str, others[:3]))}, which are not tensors",
            fix="save model.state_dict() alone",
        )
    return loaded  # type: ignore[no-any-return]
