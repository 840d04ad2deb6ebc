"""How decoders are cut over several devices, whichever plugin has them: the texts of chats are theirs, too."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

from duomo.parallel import ONCE, SUMMED, WHOLE, PipelinePlan, TensorPlan

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

UNITS = {
    "inner units": ("intermediate_size", "hidden_dim", "n_inner"),
    "inner units of dense layers": ("intermediate_size_mlp",),
    "inner units of an expert": ("moe_intermediate_size",),
    "inner units of the shared expert": ("shared_expert_intermediate_size",),
}
"""What the number of devices must divide in the layers of a decoder, and what configurations call it."""
HEADS = {
    "attention heads": ("num_attention_heads",),
    "key-value heads": ("num_key_value_heads",),
    "key-value heads of global layers": ("num_global_key_value_heads",),
}
"""The same for its attentions, where these are cut."""
LLAMA = {
    "layers.*.self_attn.{q,k,v}_proj": "colwise",
    "layers.*.self_attn.o_proj": "rowwise",
    "layers.*.mlp.{gate,up}_proj": "colwise",
    "layers.*.mlp.down_proj": "rowwise",
}
OPT = {
    "layers.*.self_attn.{q,k,v}_proj": "colwise",
    "layers.*.self_attn.out_proj": "rowwise",
    "layers.*.fc1": "colwise",
    "layers.*.fc2": "rowwise",
}
CROSS = {name.replace("self_attn", "{self_attn,cross_attn}"): style for name, style in LLAMA.items()}
DECODERS = {
    "qwen3_vl_text": LLAMA,
    "molmo2_text": LLAMA,
    "mllama_text_model": CROSS,
    "opt": OPT,
    "lfm2": OPT | {"layers.*.feed_forward.{w1,w3}": "colwise", "layers.*.feed_forward.w2": "rowwise"},
    "phi3": {"layers.*.mlp.gate_up_proj": "packed_colwise", "layers.*.mlp.down_proj": "rowwise"},
    "gpt_oss": {
        "layers.*.self_attn.{q,k,v}_proj": "colwise",
        "layers.*.self_attn.sinks": "colwise",
        "layers.*.self_attn.o_proj": "rowwise",
        # Experts lie as (inputs, gates and units in turn) and (units, outputs).
        "layers.*.mlp.experts.{gate_up_proj,gate_up_proj_bias}": "rowwise",
        "layers.*.mlp.experts.down_proj": "colwise",
        "layers.*.mlp.experts.down_proj_bias": ONCE,
        "layers.*.mlp.experts": SUMMED,
    },
}
"""Styles of decoders for which transformers has none, or leaves them whole. The short convolutions of LFM2 and the
attentions of Phi-3, whose queries, keys and values lie in one layer, stay whole."""
COUNTING: dict[str, dict[str, tuple[str, ...]]] = {
    "mllama_text_model": {"layers.*.{self_attn,cross_attn}": ("num_heads", "num_key_value_heads")},
    "opt": {"layers.*.self_attn": ("num_heads",)},
}
"""Their modules that count heads."""
NOT_AS_SAID = frozenset({"doge"})
"""Decoders that transformers' plan cannot cut: Doge's attention has more to cut than it names."""
ATTENTION = frozenset({"chunked_attention", "full_attention", "sliding_attention"})
"""Kinds of layers that keep keys and values, and from these know how far a text has come."""


def decoder_plan(config: PreTrainedConfig, prefix: str = "") -> TensorPlan | None:
    """The plan of a decoder: one of `DECODERS`, or the one that transformers has; None without either.

    What must be divided is read from its `config`; `prefix` stands before the names.
    """
    kind = config.model_type
    styles = DECODERS.get(kind) or getattr(config, "base_model_tp_plan", None)
    if not styles or kind in NOT_AS_SAID:
        return None
    has_heads = any("attn" in name and style not in WHOLE for name, style in styles.items())
    known = {
        what: next(filter(None, (getattr(config, name, None) for name in names)), None)
        for what, names in (HEADS | UNITS if has_heads else UNITS).items()
    }
    if not known["inner units"]:
        known["inner units"] = 4 * config.hidden_size
    # Gemma 3n has a number for each layer.
    counts = {what: gcd(*each) if isinstance(each, list) else each for what, each in known.items() if each}
    divided = {prefix + name: attributes for name, attributes in COUNTING.get(kind, {}).items()}
    return TensorPlan({prefix + name: style for name, style in styles.items()}, counts, divided, is_loose=True)


def decoder_split(config: PreTrainedConfig, prefix: str = "") -> PipelinePlan | None:
    """The split of a decoder that transformers can cut, and every layer of which has attention and a cache of its own.

    Another stage may have what a layer borrows: keys and values, or a part of what the first made for each layer.
    """
    kinds = set(getattr(config, "layer_types", None) or ())
    borrows = ("num_kv_shared_layers", "hidden_size_per_layer_input", "num_layers_per_stack", "cross_attention_layers")
    has_plan = bool(getattr(config, "base_model_pp_plan", None))
    if not has_plan or not kinds <= ATTENTION or any(getattr(config, name, None) for name in borrows):
        return None
    return PipelinePlan(f"{prefix}layers", config.num_hidden_layers, (f"{prefix}embed_tokens",), ("lm_head",))
