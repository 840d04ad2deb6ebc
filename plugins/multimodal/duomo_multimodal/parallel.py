"""How the networks of this plugin are cut over several devices.

CLIP and SigLIP, LayoutLMv3, ViLT, BLIP and others that write about images, and chats with images.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

from duomo.parallel import GPT2, GPT2_HEADS, PipelinePlan, TensorPlan

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
VILT = {name.replace("attention.self", "attention.attention"): style for name, style in LAYOUTLM.items()}
VILT_HEADS = {"layer.*.attention.attention": HEADS["layer.*.attention.self"]}
BLIP = {
    "layer.*.{attention,crossattention}.self.{query,key,value}": "colwise",
    "layer.*.{attention,crossattention}.output.dense": "rowwise",
    "layer.*.intermediate.dense": "colwise",
    "layer.*.output.dense": "rowwise",
    "vision_model.encoder.layers.*.mlp.fc1": "colwise",
    "vision_model.encoder.layers.*.mlp.fc2": "rowwise",
}
BLIP_HEADS = {"layer.*.{attention,crossattention}.self": HEADS["layer.*.attention.self"]}
ENCODER = {
    "encoder.layers.*.attention.{q,k,v}_proj": "colwise",
    "encoder.layers.*.attention.o_proj": "rowwise",
    "encoder.layers.*.mlp.fc1": "colwise",
    "encoder.layers.*.mlp.fc2": "rowwise",
}
TROCR = {"decoder.layers.*.fc1": "colwise", "decoder.layers.*.fc2": "rowwise"}
"""TrOCR's attentions give their result a fixed width, and stay whole."""


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


def answer_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how the layers of ViLT are cut, which read words and patches in one row; else `caption_plan`."""
    if config.model_type != "vilt":
        return caption_plan(config)
    divisible = {"attention heads": config.num_attention_heads, "inner units": config.intermediate_size}
    return TensorPlan(VILT, divisible, VILT_HEADS)


def caption_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how GIT, BLIP, and a ViT or DeiT with GPT-2 or TrOCR are cut; BLIP's attentions to patches stay whole."""
    if config.model_type == "git":
        return TensorPlan(STYLES | LAYOUTLM, _sizes(config, config.vision_config), HEADS)
    if config.model_type == "blip":
        return TensorPlan(BLIP, _sizes(config.text_config, config.vision_config), BLIP_HEADS)
    if config.model_type != "vision-encoder-decoder" or config.encoder.model_type not in ("vit", "deit"):
        return None
    decoder = config.decoder
    if decoder.model_type == "gpt2":
        sizes = {"attention heads of the decoder": decoder.n_head, "inner units of the decoder": 4 * decoder.n_embd}
        return TensorPlan(ENCODER | GPT2, _sizes(config.encoder) | sizes, GPT2_HEADS)
    if decoder.model_type == "trocr":
        return TensorPlan(ENCODER | TROCR, _sizes(config.encoder) | {"inner units": decoder.decoder_ffn_dim})
    return None


def _sizes(*parts: PreTrainedConfig) -> dict[str, int]:
    """What the number of devices must divide, of each part of a network."""
    return {
        f"{what} of the {part.model_type}": int(count)
        for part in parts
        for what, count in (("attention heads", part.num_attention_heads), ("inner units", part.intermediate_size))
    }


def chat_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """The plan that transformers has for the model of texts inside; what reads images stays whole on each device."""
    text = config.get_text_config()
    styles = getattr(text, "base_model_tp_plan", None)
    if not styles:
        return None
    inner = text.intermediate_size
    divisible = {
        "attention heads": text.num_attention_heads,
        "key-value heads": getattr(text, "num_key_value_heads", None) or text.num_attention_heads,
        "inner units": inner if isinstance(inner, int) else gcd(*inner),  # Gemma 3n says so many for each layer
    }
    return TensorPlan({f"{{language_model,text_model}}.{name}": each for name, each in styles.items()}, divisible)
