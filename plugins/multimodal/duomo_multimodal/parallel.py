"""How the networks of this plugin are cut over several devices.

CLIP and SigLIP, LayoutLMv3, ViLT, BLIP and others that write about images, and chats with images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from duomo.decoders import decoder_plan, decoder_split
from duomo.parallel import GPT2, GPT2_HEADS, PipelinePlan, TensorPlan, t5_plan

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
QUERIED = {
    "encoder.layer.*.{attention,crossattention}.attention.{query,key,value}": "colwise",
    "encoder.layer.*.{attention,crossattention}.output.dense": "rowwise",
    "encoder.layer.*.{intermediate,intermediate_query}.dense": "colwise",
    "encoder.layer.*.{output,output_query}.dense": "rowwise",
    "vision_model.encoder.layers.*.mlp.fc1": "colwise",
    "vision_model.encoder.layers.*.mlp.fc2": "rowwise",
}
"""In BLIP-2; the attentions to patches stay whole."""
TEXT = "{language_model.model.decoder,language_model.model,language_model,text_model}."
"""Before the names of the model of texts in a chat with images."""
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
    """Say how GIT, BLIP (not its attentions to patches), BLIP-2, and a ViT or DeiT with GPT-2 or TrOCR are cut."""
    if config.model_type == "git":
        return TensorPlan(STYLES | LAYOUTLM, _sizes(config, config.vision_config), HEADS)
    if config.model_type == "blip":
        return TensorPlan(BLIP, _sizes(config.text_config, config.vision_config), BLIP_HEADS)
    if config.model_type in ("blip-2", "instructblip"):
        return _queried(config)
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


def _queried(config: PreTrainedConfig) -> TensorPlan | None:
    """BLIP-2 and InstructBLIP: what asks the image, and the model of texts behind it."""
    text = config.get_text_config(decoder=True)
    plan = t5_plan(text) if text.model_type == "t5" else decoder_plan(text, TEXT)
    if plan is None:
        return None
    divisible = {**plan.divisible, **_sizes(config.vision_config, config.qformer_config)}
    return plan._replace(styles={**plan.styles, **QUERIED}, divisible=divisible)


def chat_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how the model of texts inside is cut; what reads images stays whole on each device."""
    return decoder_plan(config.get_text_config(), TEXT)


def chat_split(config: PreTrainedConfig) -> PipelinePlan | None:
    """Say where the layers of the model of texts inside are; what reads images is on every device.

    None for an eye that adds to the hidden states between the first layers, as Qwen3-VL's.
    """
    eye = getattr(config, "vision_config", None)
    is_deep = bool(getattr(eye, "deepstack_visual_indexes", None))
    return None if is_deep else decoder_split(config.get_text_config(), TEXT)
