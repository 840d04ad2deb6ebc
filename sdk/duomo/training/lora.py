"""Low-rank additions to frozen linear layers (Hu et al. 2021, https://arxiv.org/abs/2106.09685), by PEFT.

The head is trained whole beside them, but for that of a language model, which has learned already. Before the model is
saved each addition is merged into its layer, so that the folder is an ordinary checkpoint that every executor loads.
The additions lie in ``adapter`` beside it, as PEFT writes them, with such a head, for who keeps many with one base.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from duomo.errors import RequirementMissing, UsageProblem


class Additions(NamedTuple):
    """What was added to some layers."""

    layers: tuple[str, ...]
    tensors: dict[str, Tensor]
    """By their names in the network."""
    is_transposed: bool


def add(network: nn.Module, head: tuple[str, ...], rank: int, reference: str) -> tuple[str, ...]:
    """Put additions beside the linear layers below `head`; their dotted names.

    Raises:
        RequirementMissing: PEFT is not installed.
        UsageProblem: there is not a linear layer to add to.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
        from transformers.pytorch_utils import Conv1D
    except ImportError:
        raise RequirementMissing("LoRA needs peft", why="not installed", fix="pip install 'duomo[train]'") from None
    above = tuple(f"{name}." for name in head)
    kinds = {
        name: type(module)
        for name, module in network.named_modules()
        if type(module) in (nn.Linear, Conv1D) and name not in head and not name.startswith(above)
    }
    if not kinds:
        raise UsageProblem(
            f"'{reference}' has no linear layer below its head", why="LoRA adds to linear layers", fix="train='head'"
        )
    # GPT-2 keeps its matrices the other way round, and has them so in all of its layers.
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=list(kinds), fan_in_fan_out=Conv1D in kinds.values()
    )
    inject_adapter_in_model(config, network)
    return tuple(name for name, _ in network.named_modules() if name.rpartition(".")[2] in ("lora_A", "lora_B"))


def merge(network: nn.Module) -> Additions:
    """Make each addition part of its layer, and the layer an ordinary one again; what was added."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    tensors = {
        name: each.detach().cpu().contiguous()
        for name, each in network.named_parameters()
        if ".lora_A." in name or ".lora_B." in name
    }
    layers = {name: module for name, module in network.named_modules() if isinstance(module, BaseTunerLayer)}
    for name, module in layers.items():
        module.merge()
        network.set_submodule(name, module.get_base_layer())
    is_transposed = any(getattr(module, "fan_in_fan_out", False) for module in layers.values())
    return Additions(tuple(layers), tensors, is_transposed)


def save(
    additions: Additions, network: nn.Module, head: tuple[str, ...], rank: int, reference: str, folder: Path
) -> None:
    """Write the additions and the head as it is saved with the network, as ``PeftModel.from_pretrained`` reads them."""
    from peft import LoraConfig
    from safetensors.torch import save_file

    beside = tuple(f"{name}." for name in head)
    tensors = {name.replace(".default.", "."): each for name, each in additions.tensors.items()}
    if beside:
        own = network.named_parameters()
        tensors |= {name: each.detach().cpu().contiguous() for name, each in own if name.startswith(beside)}
    folder.mkdir()
    save_file(
        {f"base_model.model.{name}": each for name, each in tensors.items()}, folder / "adapter_model.safetensors"
    )
    with_head = [name for name in head if list(network.get_submodule(name).parameters())]
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=list(additions.layers), modules_to_save=with_head or None,
        base_model_name_or_path=reference, inference_mode=True, fan_in_fan_out=additions.is_transposed,
    )  # fmt: skip
    config.save_pretrained(str(folder))
