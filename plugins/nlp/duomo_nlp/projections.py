"""What a sentence-transformers folder does with a pooled vector: dense layers, layer norms, a length of 1 between them.

LaBSE, the sentence-t5 models and EmbeddingGemma end so. The steps run in the order of ``modules.json``; a `Normalize`
that is the last is left to the option ``normalize``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from duomo import WeightsRef
from duomo.errors import WeightsMismatch
from duomo.weights import refuse_pickles
from duomo_nlp.checkpoint import read_json

ACTIVATIONS: dict[str, type[nn.Module]] = {
    each.__name__: each
    for each in (
        nn.Identity,
        nn.Tanh,
        nn.ReLU,
        nn.GELU,
        nn.SiLU,
        nn.Sigmoid,
        nn.LeakyReLU,
        nn.ELU,
        nn.Mish,
        nn.Softplus,
    )
}
"""By the last part of their name in the config; what takes arguments, or is not torch's own, is refused."""
NEEDED = {"Dense": ("in_features", "out_features"), "LayerNorm": ("dimension",)}
"""What the config of a step must say."""
STEPS = tuple(NEEDED)
USUAL = "sentence_embedding"
"""What a step reads and writes where its config does not say."""


class Dense(nn.Module):
    """A linear layer with an activation, and the vector itself added to it where the config says so."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        size, width = int(config["in_features"]), int(config["out_features"])
        self.linear = nn.Linear(size, width, bias=bool(config.get("bias", True)))
        self.activation = ACTIVATIONS[_activation(config)]()
        self.adds = bool(config.get("use_residual", False))
        if self.adds and size != width:
            self.residual = nn.Linear(size, width, bias=False)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(B, in) to (B, out)."""
        out: torch.Tensor = self.activation(self.linear(vectors))
        if not self.adds:
            return out
        return out + (self.residual(vectors) if hasattr(self, "residual") else vectors)


class Norm(nn.Module):
    """A layer norm."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(int(config["dimension"]))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(B, D) to (B, D)."""
        return torch.as_tensor(self.norm(vectors))


class UnitLength(nn.Module):
    """Vectors scaled to length 1."""

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(B, D) to (B, D)."""
        return nn.functional.normalize(vectors, dim=-1)


def refused(weights: WeightsRef, name: str, path: str, output: str = USUAL) -> list[str]:
    """What the config of a step asks for and is not written here; `output` is where it is to write."""
    if name not in STEPS:
        return []
    config = _config(weights, path)
    found = [f"no {key}" for key in NEEDED[name] if key not in config]
    if name != "Dense":
        return found
    if _activation(config) not in ACTIVATIONS or not str(config.get("activation_function", "torch.")).startswith(
        "torch."
    ):
        found.append(f"activation_function={config.get('activation_function')!r:.60}")
    names = {"module_input_name": USUAL, "module_output_name": output}
    odd = (key for key, usual in names.items() if (config.get(key) or USUAL) != usual)
    return [*found, *(f"{key}={config.get(key)!r:.60}" for key in odd)]


def read_projections(
    weights: WeightsRef, steps: Sequence[tuple[str, str]], *, device: torch.device, dtype: torch.dtype
) -> nn.Sequential:
    """The steps after the pooling, with their weights. Raises `WeightsMismatch`, `WeightsMissing`, `UnsafeWeights`."""
    names = [name for name, _ in steps]
    last = max((at for at, name in enumerate(names) if name in STEPS), default=-1)
    found = nn.Sequential()
    for name, path in steps[: last + 1]:
        if name in STEPS:
            config = _config(weights, path)
            found.append(_loaded(Dense(config) if name == "Dense" else Norm(config), weights.folder / path))
        elif name == "Normalize":
            found.append(UnitLength())
    return found.to(device=device, dtype=dtype).eval()


def _config(weights: WeightsRef, path: str) -> dict[str, Any]:
    """The config of a step, whose folder is in the checkpoint's own."""
    folder = weights.folder
    if not path or not (folder / path).resolve().is_relative_to(folder.resolve()):
        raise WeightsMismatch(
            f"a step of '{folder}' lies outside of it", why=f"modules.json says '{path}'", fix="save the folder again"
        )
    found: dict[str, Any] = read_json(weights, f"{path}/config.json")
    return found


def _loaded(step: nn.Module, folder: Path) -> nn.Module:
    refuse_pickles(folder)
    try:
        step.load_state_dict(load_file(folder / "model.safetensors"))
    except (RuntimeError, OSError) as error:
        raise WeightsMismatch(
            f"the weights in '{folder}' do not fit its config.json",
            why=str(error).strip().splitlines()[-1].strip(),
            fix="take the whole folder from where it was saved",
        ) from None
    return step


def _activation(config: Mapping[str, Any]) -> str:
    return str(config.get("activation_function", "torch.nn.modules.activation.Tanh")).rpartition(".")[2]
