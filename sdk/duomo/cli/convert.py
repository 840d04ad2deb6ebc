"""From a file of pickled tensors to safetensors; only tensors are read, and no code in the file is run."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from duomo.errors import InputMissing, UnsafeWeights, UsageProblem, WeightsMismatch

_SHARD = re.compile(r"-\d{5}-of-\d{5}\b|\.index\.json$")


def convert(checkpoint: str, out: str | None = None, *, force: bool = False) -> Path:
    """Write the tensors of a checkpoint as safetensors and say where.

    Raises `UnsafeWeights` for a file that holds more than tensors, `UsageProblem` for one shard of
    several or a file that is there already.
    """
    source = Path(checkpoint)
    if not source.is_file():
        raise InputMissing(f"no checkpoint at '{checkpoint}'", fix="name one file, such as pytorch_model.bin")
    if _SHARD.search(source.name):
        raise UsageProblem(
            f"'{checkpoint}' is one part of several",
            why="only whole checkpoints are converted",
            fix="save it again where it was made: model.save_pretrained(folder)",
        )
    # transformers looks for this name beside config.json.
    stem = "model" if source.stem == "pytorch_model" else source.stem
    target = Path(out) if out else source.with_name(f"{stem}.safetensors")
    if target.exists() and not force:
        raise UsageProblem(f"'{target}' is there already", fix="--force overwrites it; -O FILE writes elsewhere")
    # Tensors that share memory are written once each: safetensors holds no references.
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in _tensors(source).items()}
    save_file(tensors, target, metadata={"format": "pt"})
    return target


def _tensors(source: Path) -> dict[str, torch.Tensor]:
    try:
        loaded: Any = torch.load(source, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
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
