"""What a checkpoint that cannot be loaded is: an adapter, a format of another program, a pointer, a quantised one."""

from __future__ import annotations

import json
from pathlib import Path

from duomo.errors import WeightsProblem

_POINTER = b"version https://git-lfs"


def check_layout(folder: Path) -> None:
    """Raise `WeightsProblem` for a folder that is known to hold something else than a whole checkpoint."""
    adapter = read_config(folder, "adapter_config.json")
    if adapter and not (folder / "config.json").is_file():
        base = adapter.get("base_model_name_or_path") or "its base model"
        raise WeightsProblem(
            f"'{folder}' is a PEFT adapter, not a whole model",
            why=f"it holds what was learned on top of '{base}'",
            fix="merge it into its base and save that: peft_model.merge_and_unload().save_pretrained(folder)",
        )
    weights = sorted(folder.glob("*.safetensors"))
    pointers = [path for path in weights if path.stat().st_size < 1024 and _begins(path)]
    if pointers:
        raise WeightsProblem(
            f"'{pointers[0]}' is a pointer of Git LFS, not the weights",
            why="the repository was cloned without its large files",
            fix=f"git lfs install && git -C '{folder}' lfs pull",
        )
    others = sorted(folder.glob("*.gguf"))
    if others and not weights:
        raise WeightsProblem(
            f"'{folder}' holds GGUF, the format of llama.cpp ({others[0].name})",
            why="duomo reads safetensors",
            fix="take the model it was made from; for GGUF itself, llama.cpp serves it",
        )


def explain_config(folder: Path) -> WeightsProblem | None:
    """Why nothing can be told from the config of a folder; None where it says what the checkpoint is."""
    if not (folder / "config.json").is_file():
        return WeightsProblem(
            f"'{folder}' has no config.json",
            why="it says of what architecture the weights are",
            fix="save the whole checkpoint there: model.save_pretrained(folder)",
        )
    config = read_config(folder, "config.json")
    if config.get("architecture") and not config.get("architectures"):
        return WeightsProblem(
            f"'{folder}' is a checkpoint of timm ('{config['architecture']}')",
            why="its config.json is timm's, and not that of transformers",
            fix="save it by way of transformers' TimmWrapperForImageClassification, or: duomo models list --family",
        )
    return None


def explain_quantised(folder: Path) -> WeightsProblem | None:
    """Why a quantised checkpoint does not load; None for one that is not."""
    quantised = read_config(folder, "config.json").get("quantization_config")
    if not isinstance(quantised, dict):
        return None
    return WeightsProblem(
        f"'{folder}' is quantised ({quantised.get('quant_method', 'in a way that it does not name')})",
        why="its numbers can only be read by the library that wrote them",
        fix="take the checkpoint it was made from; optimize='int8' quantises that on a CPU",
    )


def read_config(folder: Path, name: str) -> dict[str, object]:
    """A JSON file of the folder; empty where there is none, or something else in it."""
    try:
        found = json.loads((folder / name).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _begins(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(_POINTER)) == _POINTER
