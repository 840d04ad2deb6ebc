"""How the networks of this plugin are cut over several devices: vision transformers, DETR and its kin.

Convolutional networks are not cut; of a detector on one, the encoder and the decoder behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from duomo.parallel import PipelinePlan, TensorPlan

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

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
GATED = {"layers.*.mlp.{up,gate}_proj": "colwise", "layers.*.mlp.down_proj": "rowwise"}
DINOV3 = {
    name.replace("layers", "layer"): style
    for name, style in ({each: VIT[each] for each in VIT if "attention" in each} | GATED).items()
}
MLP = {"layers.*.mlp.fc1": "colwise", "layers.*.mlp.fc2": "rowwise"}
VJEPA = {
    "encoder.layer.*.attention.{query,key,value}": "colwise",
    "encoder.layer.*.attention.proj": "rowwise",
    "encoder.layer.*.mlp.fc1": "colwise",
    "encoder.layer.*.mlp.fc2": "rowwise",
}
TIMESFORMER = {"layer.*.intermediate.dense": "colwise", "layer.*.output.dense": "rowwise"}
"""Its attentions give their result a fixed width."""
COUNTED = ("num_attention_heads", "all_head_size")
HEADS: dict[str, dict[str, tuple[str, ...]]] = {
    **{kind: {"encoder.layer.*.attention.attention": COUNTED} for kind in ("dpt", "yolos", "videomae")},
    "vjepa2": {"encoder.layer.*.attention": COUNTED},
    "dinov3_vit": {"layer.*.attention": ("num_heads",)},
}
"""Attentions that count their heads."""
STYLES = {
    **dict.fromkeys(("beit", "deit", "vit", "vivit"), VIT),
    **dict.fromkeys(("dpt", "yolos", "videomae"), ENCODER),
    "dinov2": DINO,
    "dinov3_vit": DINOV3,
    "timesformer": TIMESFORMER,
    "vjepa2": VJEPA,
    "eomt": MLP,
    "eomt_dinov3": GATED,
}
STACKS = {
    **dict.fromkeys(("beit", "deit", "vit", "vivit"), "layers"),
    **dict.fromkeys(("dinov2", "videomae", "vjepa2", "yolos"), "encoder.layer"),
}
"""Those whose layers take hidden states and give them. DPT and Depth Anything take states from several layers, the
layers of SegFormer stand in four stacks."""
BIASES = "{shared_position_bias,relative_position_bias}.relative_position_bias_table"
"""In BEiT: one of the stack, or one of each layer; a column for each head."""
BLOCKS = {"blocks.*.mlp.fc1": "colwise", "blocks.*.mlp.fc2": "rowwise"}
MIXED = {
    "segformer": BLOCKS,
    "swin": BLOCKS,
    "convnext": {"layers.*.pwconv1": "colwise", "layers.*.pwconv2": "rowwise"},
    "glpn": {"mlp.dense1": "colwise", "mlp.dense2": "rowwise"},
}
DEPTHWISE = "mlp.dwconv.dwconv"
"""A convolution of each inner unit by itself, in SegFormer and GLPN."""

PLAIN_MLP = {"layers.*.fc1": "colwise", "layers.*.fc2": "rowwise"}
SELF = {"layers.*.self_attn.{q,k,v}_proj": "colwise", "layers.*.self_attn.o_proj": "rowwise"}
OWL = {name.replace("o_proj", "out_proj"): style for name, style in SELF.items()} | MLP
BOTH = {name.replace("self_attn", "{self_attn,encoder_attn}"): style for name, style in SELF.items()}
DETRS = {
    "detr": BOTH | MLP,
    "maskformer": BOTH | MLP,
    "conditional_detr": BOTH
    | MLP
    | {"decoder.layers.*.{self_attn,encoder_attn}.{q_content,q_pos,k_content,k_pos,q_pos_sine}_proj": "colwise"},
    **dict.fromkeys(("deformable_detr", "rt_detr", "rt_detr_v2", "lw_detr", "rf_detr"), SELF | MLP),
    "d_fine": SELF | {"layers.*.mlp.layers.0": "colwise", "layers.*.mlp.layers.1": "rowwise"},
    **dict.fromkeys(("mask2former", "table-transformer"), PLAIN_MLP),
    "omdet-turbo": PLAIN_MLP | {"layers.*.linear1": "colwise", "layers.*.linear2": "rowwise"},
    "oneformer": PLAIN_MLP | {"layers.*.ffn.linear1": "colwise", "layers.*.ffn.linear2": "rowwise"},
    **dict.fromkeys(
        ("grounding-dino", "mm-grounding-dino"),
        {
            "layers.*.{deformable_layer,text_enhancer_layer}.fc1": "colwise",
            "layers.*.{deformable_layer,text_enhancer_layer}.fc2": "rowwise",
        }
        | PLAIN_MLP,
    ),
}
"""What lies behind the backbone. Deformable attention stays whole, and so do attentions that give their result a fixed
width (Mask2Former, OneFormer, Table Transformer) or that images and texts share (Grounding DINO): there the MLPs are
cut."""
COUNTS = {
    "attention heads of the encoder": "encoder_attention_heads",
    "attention heads of the decoder": "decoder_attention_heads",
    "attention heads between the queries": "decoder_self_attention_heads",
    "inner units of the encoder": "encoder_ffn_dim",
    "inner units of the decoder": "decoder_ffn_dim",
    "inner units of the pixel decoder": "encoder_feedforward_dim",
    "inner units of the layers": "dim_feedforward",
    "inner units of the hybrid encoder": "encoder_dim_feedforward",
    "inner units behind the queries": "decoder_dim_feedforward",
}
"""What the number of devices must divide, and what configurations call it."""


def tensor_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how the layers of a vision transformer are cut; None for other networks.

    Those of ViT, DeiT, BEiT, DINOv2 and 3, YOLOS, VideoMAE, ViViT, V-JEPA 2, TimeSformer and DPT; of a network on a
    backbone, such as Depth Anything and UperNet, the backbone's; both encoders of OWL-ViT. The attentions of SegFormer
    and GLPN stay whole, because their first has one head, those of Swin, whose windows have biases, and of EoMT, whose
    masks have one for each head: their MLPs are cut, and those of ConvNeXt. Of DETR and its kin, MaskFormer,
    Mask2Former, OneFormer, Grounding DINO and OmDet-Turbo the layers behind the backbone.
    """
    if config.model_type in DETRS:
        return _detr(config)
    if config.model_type in ("owlvit", "owlv2"):
        parts = {"texts": config.text_config, "images": config.vision_config}
        heads = {f"attention heads for {what}": part.num_attention_heads for what, part in parts.items()}
        return TensorPlan(
            OWL, heads | {f"inner units for {what}": part.intermediate_size for what, part in parts.items()}
        )
    config = getattr(config, "backbone_config", None) or config
    if config.model_type in MIXED:
        return _mixed(config)
    styles = STYLES.get(config.model_type)
    if styles is None or getattr(config, "use_swiglu_ffn", False):
        return None
    ratio = getattr(config, "mlp_ratio", None)
    inner = config.intermediate_size if ratio is None else int(config.hidden_size * ratio)
    divisible = {"attention heads": config.num_attention_heads, "inner units": inner}
    is_biased = any(getattr(config, f"use_{kind}relative_position_bias", False) for kind in ("", "shared_"))
    return TensorPlan(styles, divisible, HEADS.get(config.model_type, {}), {BIASES: 1} if is_biased else {})


def pipeline_split(config: PreTrainedConfig) -> PipelinePlan | None:
    """Say where the layers of a plain stack are; what makes patches is small and stays on every device.

    None for a YOLOS that adds positions between its layers, as for what `STACKS` leaves out.
    """
    stack = STACKS.get(config.model_type)
    if stack is None or getattr(config, "use_mid_position_embeddings", False):
        return None
    return PipelinePlan(stack, config.num_hidden_layers)


def _detr(config: PreTrainedConfig) -> TensorPlan:
    own = getattr(config, "decoder_config", config)  # MaskFormer's is that of a DETR
    counts = {what: getattr(own, name, None) for what, name in COUNTS.items()}
    cross = {"decoder.layers.*.encoder_attn": ("num_attention_heads",)}  # which count their heads elsewhere
    return TensorPlan(
        DETRS[config.model_type],
        {what: count for what, count in counts.items() if count},
        cross if config.model_type == "conditional_detr" else {},
    )


def _mixed(config: PreTrainedConfig) -> TensorPlan:
    kind = config.model_type
    sizes = [config.embed_dim << at for at in range(len(config.depths))] if kind == "swin" else config.hidden_sizes
    ratios = getattr(config, "mlp_ratios", None) or [getattr(config, "mlp_ratio", 4)] * len(sizes)
    units = {
        f"inner units of stage {at}": int(size * ratio)
        for at, (size, ratio) in enumerate(zip(sizes, ratios, strict=True), start=1)
    }
    if kind not in ("segformer", "glpn"):
        return TensorPlan(MIXED[kind], units)
    divided = {DEPTHWISE: ("in_channels", "out_channels", "groups")}
    return TensorPlan(MIXED[kind], units, divided, {f"{DEPTHWISE}.{{weight,bias}}": 0})
