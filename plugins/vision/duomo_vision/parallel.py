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
DINO = {name.replace("layers", "encoder.layer"): style for name, style in VIT.items()}
ENCODER = {
    "encoder.layer.*.attention.attention.{query,key,value}": "colwise",
    "encoder.layer.*.attention.output.dense": "rowwise",
    "encoder.layer.*.intermediate.dense": "colwise",
    "encoder.layer.*.output.dense": "rowwise",
}
HEADS = {"encoder.layer.*.attention.attention": ("num_attention_heads", "all_head_size")}
STYLES = {"deit": VIT, "vit": VIT, "dinov2": DINO, "yolos": ENCODER, "videomae": ENCODER}
STACKS = {"deit": "layers", "vit": "layers", "dinov2": "encoder.layer"}
"""Those whose layers take hidden states and give them, with nothing between; YOLOS adds positions to each."""


def tensor_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how the layers of ViT, DeiT, DINOv2, YOLOS and VideoMAE are cut; None for other networks."""
    styles = STYLES.get(config.model_type)
    if styles is None or getattr(config, "use_swiglu_ffn", False):
        return None
    ratio = getattr(config, "mlp_ratio", None)
    inner = config.intermediate_size if ratio is None else int(config.hidden_size * ratio)
    divisible = {"attention heads": config.num_attention_heads, "inner units": inner}
    return TensorPlan(styles, divisible, HEADS if styles is ENCODER else {})


def pipeline_split(config: PreTrainedConfig) -> PipelinePlan | None:
    """Say where the layers of ViT, DeiT and DINOv2 are; what makes patches is small and stays on every device."""
    stack = STACKS.get(config.model_type)
    return None if stack is None else PipelinePlan(stack, config.num_hidden_layers)
