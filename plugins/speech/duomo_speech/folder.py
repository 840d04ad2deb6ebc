"""A folder in duomo layout: ``duomo.json`` says what the network is, ``model.safetensors`` holds its tensors."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pydantic
from safetensors.torch import load_file, save_file
from torch import nn

from duomo import WeightsRef
from duomo.errors import WeightsMismatch
from duomo.weights import check_tensors

Description = TypeVar("Description", bound=pydantic.BaseModel)


def write(network: nn.Module, about: pydantic.BaseModel, folder: str | Path) -> Path:
    """Write the folder; files of these names in it are replaced."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "duomo.json").write_text(about.model_dump_json(indent=2) + "\n", "utf-8")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    return folder


def describe(kind: type[Description], weights: WeightsRef) -> Description:
    """What ``duomo.json`` says. Raises `WeightsMismatch`."""
    file = weights.folder / "duomo.json"
    try:
        return kind.model_validate_json(file.read_text("utf-8"))
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        raise WeightsMismatch(
            f"'{file}' does not describe such a network",
            why=f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}",
            fix="write it with the function save beside the network",
        ) from None


def fill(network: nn.Module, weights: WeightsRef) -> None:
    """Load the tensors into a network. Raises `WeightsMismatch` rather than leave one random."""
    found = load_file(weights.folder / "model.safetensors")
    own = network.state_dict()
    misshapen = [name for name, tensor in found.items() if name in own and own[name].shape != tensor.shape]
    check_tensors(str(weights.folder), own.keys() - found.keys(), found.keys() - own.keys(), misshapen)
    network.load_state_dict(found)
