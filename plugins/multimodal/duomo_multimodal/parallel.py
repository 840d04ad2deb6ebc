"""How the networks of this plugin are cut over several devices: CLIP and SigLIP, LayoutLMv3, chats with images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duomo.parallel import PipelinePlan, TensorPlan

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

STYLES = {
    "layers.*.self_attn.{q,k,v}_proj": "colwise",
    "layers.*.self_attn.out_proj": "rowwise",
    "layers.*.mlp.fc1": "colwise",
    "layers.*.mlp.fc2": "rowwise",
}
LAYOUTLM = {
    "layer.*.attention.self.{query,key,value}": "colwise",
    "layer.*.attention.output.dense": "rowwise",
    "layer.*.intermediate.dense": "colwise",
    "layer.*.output.dense": "rowwise",
}
HEADS = {"layer.*.attention.self": ("num_attention_heads", "all_head_size")}


def tensor_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how the layers of both encoders of CLIP and SigLIP are cut; None for other networks.

    There is no pipeline split: texts and images go through two stacks of layers, not one.
    """
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


def page_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how the layers of LayoutLMv3 are cut, with the biases that its heads have for distances; else None."""
    if config.model_type != "layoutlmv3":
        return None
    names = {"rel_pos_bias": config.has_relative_attention_bias, "rel_pos_x_bias": config.has_spatial_attention_bias}
    names["rel_pos_y_bias"] = config.has_spatial_attention_bias
    return TensorPlan(
        LAYOUTLM,
        {"attention heads": config.num_attention_heads, "inner units": config.intermediate_size},
        HEADS,
        {f"encoder.{name}.weight": 0 for name, is_there in names.items() if is_there},
    )


def page_split(config: PreTrainedConfig) -> PipelinePlan | None:
    """Say where the layers of LayoutLMv3 are; words, places and patches are small and stay on every device."""
    if config.model_type != "layoutlmv3":
        return None
    return PipelinePlan("encoder.layer", config.num_hidden_layers)


def chat_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """The plan that transformers has for the model of texts inside; what reads images stays whole on each device."""
    text = config.get_text_config()
    styles = getattr(text, "base_model_tp_plan", None)
    if not styles:
        return None
    divisible = {
        "attention heads": text.num_attention_heads,
        "key-value heads": getattr(text, "num_key_value_heads", None) or text.num_attention_heads,
        "inner units": text.intermediate_size,
    }
    return TensorPlan({f"{{language_model,text_model}}.{name}": each for name, each in styles.items()}, divisible)
