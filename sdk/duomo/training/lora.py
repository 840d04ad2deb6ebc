"""Low-rank additions to frozen linear layers (Hu et al. 2021, https://arxiv.org/abs/2106.09685), by PEFT.

The head is trained whole beside them. Before the model is saved each addition is merged into its layer, so that the
folder is an ordinary checkpoint that every executor loads. The additions lie in ``adapter`` beside it, as PEFT
writes them, head included, for who keeps many of them with one base.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from duomo.errors import RequirementMissing, UsageProblem

if TYPE_CHECKING:
    import torch


def add(network: nn.Module, head: tuple[str, ...], rank: int, reference: str) -> tuple[str, ...]:
    """Put additions beside the linear layers below `head`; dotted names of all that is then trained.

    Raises:
        RequirementMissing: PEFT is not installed.
        UsageProblem: there is not a linear layer to add to.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise RequirementMissing("LoRA needs peft", why="not installed", fix="pip install 'duomo[train]'") from None
    above = tuple(f"{name}." for name in head)
    layers = [
        name
        for name, module in network.named_modules()
        if type(module) is nn.Linear and name not in head and not name.startswith(above)
    ]
    if not layers:
        raise UsageProblem(
            f"'{reference}' has no linear layer below its head", why="LoRA adds to linear layers", fix="train='head'"
        )
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=layers), network)
    added = [name for name, _ in network.named_modules() if name.rpartition(".")[2] in ("lora_A", "lora_B")]
    return (*head, *added)


def save(network: nn.Module, head: tuple[str, ...], rank: int, reference: str, folder: Path) -> None:
    """Write the additions and the head, as PEFT's ``PeftModel.from_pretrained`` reads them; before `merge`."""
    from peft import LoraConfig
    from peft.tuners.tuners_utils import BaseTunerLayer
    from safetensors.torch import save_file

    layers = [name for name, module in network.named_modules() if isinstance(module, BaseTunerLayer)]
    beside = tuple(f"{name}." for name in head)
    tensors = {}
    for name, each in network.named_parameters():
        if ".lora_A." in name or ".lora_B." in name or name.startswith(beside):
            key = name.replace(".default.", ".")
            tensors[f"base_model.model.{key}"] = each.detach().cpu().contiguous()
    folder.mkdir()
    save_file(tensors, folder / "adapter_model.safetensors")
    with_head = [name for name in head if list(network.get_submodule(name).parameters())]
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=layers, modules_to_save=with_head or None,
        base_model_name_or_path=reference, inference_mode=True,
    )  # fmt: skip
    config.save_pretrained(str(folder))


def merge(network: torch.nn.Module) -> None:
    """Make each addition part of its layer, and the layer an ordinary one again."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(network.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            network.set_submodule(name, module.get_base_layer())
