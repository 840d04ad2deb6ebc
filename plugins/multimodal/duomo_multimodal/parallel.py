"""How the networks of this plugin are cut over several devices: both encoders of CLIP and SigLIP in one way.

There is no pipeline split: texts and images go through two stacks of layers, not one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


from duomo.parallel import TensorPlan

STYLES = {
    "layers.*.self_attn.{q,k,v}_proj": "colwise",
    "layers.*.self_attn.out_proj": "rowwise",
    "layers.*.mlp.fc1": "colwise",
    "layers.*.mlp.fc2": "rowwise",
}


def tensor_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how the layers of CLIP and SigLIP are cut; None for other networks."""
    if config.model_type not in ("clip", "siglip"):
        return None
    text, vision = config.text_config, config.vision_config
    return TensorPlan(
        STYLES,
        {
            "attention heads for texts": text.num_attention_heads,
            "attention heads for images": vision.num_attention_heads,
            "inner units for texts": text.intermediate_size,
            "inner units for images": vision.intermediate_size,
        },
    )
