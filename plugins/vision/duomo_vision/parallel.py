"""How the networks of this plugin are cut over several devices: vision transformers; not convolutional networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


from duomo.parallel import PipelinePlan, TensorPlan

VIT = {
    "layers.*.attention.{q,k,v}_proj": "colwise",
    "layers.*.attention.o_proj": "rowwise",
    "layers.*.mlp.fc1": "colwise",
    "layers.*.mlp.fc2": "rowwise",
}
KNOWN = frozenset({"deit", "vit"})


def tensor_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how the layers of ViT and DeiT are cut; None for other networks."""
    if config.model_type not in KNOWN:
        return None
    return TensorPlan(VIT, {"attention heads": config.num_attention_heads, "inner units": config.intermediate_size})


def pipeline_split(config: PreTrainedConfig) -> PipelinePlan | None:
    """Say where the layers of ViT and DeiT are; what makes patches of an image is small and stays on every device."""
    return PipelinePlan("layers", config.num_hidden_layers) if config.model_type in KNOWN else None
