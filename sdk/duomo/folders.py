"""A network as a folder: ``duomo.json`` says what it is, ``model.safetensors`` holds its tensors.

For plugins whose networks are not in transformers format: what a training writes, and what ``dir:`` loads.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pydantic

from duomo.errors import WeightsMismatch, WeightsMissing
from duomo.weights import WeightsRef, check_tensors, first_line

if TYPE_CHECKING:
    from torch import Tensor, nn

Description = TypeVar("Description", bound=pydantic.BaseModel)
TENSORS = "model.safetensors"


def write(network: nn.Module, about: pydantic.BaseModel, folder: str | Path) -> Path:
    """Write the folder, made if need be; files of these names in it are replaced.

    Args:
        network: its tensors are written from the CPU, in their own precision.
        about: what `describe` reads again; its field ``model`` names the spec that loads the folder.
        folder: where.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "duomo.json").write_text(about.model_dump_json(indent=2) + "\n", "utf-8")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, folder / TENSORS)
    shutil.copymode(folder / "duomo.json", folder / TENSORS)  # safetensors lets nobody else read it
    return folder


def describe(kind: type[Description], weights: WeightsRef) -> Description:
    """Read ``duomo.json``. Raises `WeightsMismatch` where it does not say what `kind` asks for."""
    file = weights.folder / "duomo.json"
    try:
        return kind.model_validate_json(file.read_text("utf-8"))
    except OSError as error:
        raise WeightsMissing(f"'{file}' cannot be read", why=str(error), fix="check the folder") from None
    except (pydantic.ValidationError, UnicodeDecodeError) as error:
        why = first_line(error)
        if isinstance(error, pydantic.ValidationError):
            problem = error.errors()[0]
            why = f"{'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}"
        raise WeightsMismatch(
            f"'{file}' does not describe such a network",
            why=why,
            fix="take the folder as it was written, or train it again",
        ) from None


def fill(network: nn.Module, weights: WeightsRef) -> None:
    """Load the folder's tensors into a network. Raises `WeightsMismatch` rather than leave one random."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = weights.folder / TENSORS
    try:
        state = load_file(file)
    except OSError as error:
        raise WeightsMissing(f"'{file}' cannot be read", why=str(error), fix="check the folder") from None
    except SafetensorError as error:
        raise WeightsMismatch(
            f"'{file}' is damaged", why=first_line(error), fix="take the file as it was written"
        ) from None
    load_state(network, state, str(weights.folder))


def load_state(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Copy `state` into `network`.

    Raises `WeightsMismatch` where a tensor is missing, surplus or of the wrong shape; `name` is named in the message.
    """
    own = network.state_dict()
    misshapen = [key for key in own.keys() & state.keys() if own[key].shape != state[key].shape]
    check_tensors(name, own.keys() - state.keys(), state.keys() - own.keys(), misshapen)
    network.load_state_dict(state)
