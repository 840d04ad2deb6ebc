"""What a checkpoint that cannot be loaded is: a pointer, a format of another program, a quantised one."""

from __future__ import annotations

import json
from pathlib import Path

from duomo.errors import WeightsProblem

ADAPTER = "adapter_config.json"
"""What a folder with an adapter of PEFT holds."""
READERS = {
    "auto-round": "auto-round",
    "awq": "gptqmodel optimum",
    "bitsandbytes": "bitsandbytes accelerate",
    "compressed-tensors": "compressed-tensors",
    "gptq": "gptqmodel optimum",
    "hqq": "hqq",
    "quanto": "optimum-quanto",
    "torchao": "torchao",
}
"""Ways to quantise, and the packages that read what they write."""
CONVERTED = (
    "use a checkpoint of an architecture that transformers itself knows; the hub has many a second time in its layout, "
    "under a name that ends in -hf"
)
"""What to do about code that comes with a checkpoint."""
POINTER = b"version https://git-lfs"


def check_layout(folder: Path) -> None:
    """Raise `WeightsProblem` for a folder that is known to hold something else than a whole checkpoint."""
    weights = sorted((*folder.glob("*.safetensors"), *folder.glob("model.bin")))
    pointers = [path for path in weights if path.stat().st_size < 1024 and path.read_bytes().startswith(POINTER)]
    if pointers:
        raise WeightsProblem(
            f"'{pointers[0]}' is a pointer of Git LFS, not the weights",
            why="the repository was cloned without its large files",
            fix=f"git lfs install && git -C '{folder}' lfs pull",
        )
    spec = ctranslate2_spec(folder)
    if spec not in ("", "WhisperSpec"):
        raise WeightsProblem(
            f"'{folder}' is a model of CTranslate2 ({spec})",
            why="in that format Whisper is read, and nothing else",
            fix="take the checkpoint that it was converted from, in transformers layout",
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


def ctranslate2_spec(folder: Path) -> str:
    """What a folder of CTranslate2 holds, such as ``WhisperSpec``; empty for another folder."""
    file = folder / "model.bin"
    if not file.is_file():
        return ""
    with open(file, "rb") as opened:
        start = opened.read(6 + 64)
    length = int.from_bytes(start[4:6], "little")  # after the version, with the null at its end
    name = start[6 : 5 + length]
    return name.decode("ascii", "replace") if name.endswith(b"Spec") and start[5 + length : 6 + length] == b"\0" else ""


def quantised_by(folder: Path) -> str:
    """How a checkpoint is quantised, such as ``gptq``; empty for one that is not."""
    found = read_config(folder, "config.json").get("quantization_config")
    return str(found.get("quant_method") or "in a way that it does not name") if isinstance(found, dict) else ""


def explain_quantised(folder: Path, why: str) -> WeightsProblem | None:
    """Why a quantised checkpoint does not load; None for one that is not. `why` is what its reader says."""
    method = quantised_by(folder)
    if not method:
        return None
    packages = READERS.get(method)
    ours = "take the checkpoint it was made from; optimize='int8' quantises that on a CPU"
    return WeightsProblem(
        f"'{folder}' is quantised ({method})",
        why=f"its numbers can only be read by the library that wrote them, which says: {why}",
        fix=f"pip install {packages}, on a device that it knows; or {ours}" if packages else ours,
    )


def read_config(folder: Path, name: str) -> dict[str, object]:
    """A JSON file of the folder; empty where there is none, or something else in it."""
    try:
        found = json.loads((folder / name).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
