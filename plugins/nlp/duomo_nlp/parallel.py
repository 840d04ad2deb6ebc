"""How the networks of this plugin are cut over several devices.

Encoders whose attention has a bias for each head and distance (MPNet, DeBERTa) have no plan, but for T5: that bias
would have to be cut too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from duomo.parallel import GPT2, GPT2_HEADS, PipelinePlan, TensorPlan, encoder_decoder_plan

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

BERT = {
    "layer.*.attention.self.{query,key,value}": "colwise",
    "layer.*.attention.output.dense": "rowwise",
    "layer.*.intermediate.dense": "colwise",
    "layer.*.output.dense": "rowwise",
}
STYLES = {
    **dict.fromkeys(("bert", "camembert", "electra", "roberta", "xlm-roberta"), BERT),
    "distilbert": {
        "layer.*.attention.{q,k,v}_lin": "colwise",
        "layer.*.attention.out_lin": "rowwise",
        "layer.*.ffn.lin1": "colwise",
        "layer.*.ffn.lin2": "rowwise",
    },
    "modernbert": {
        "layers.*.attn.Wqkv": "qkv_colwise",
        "layers.*.attn.Wo": "rowwise",
        "layers.*.mlp.Wi": "packed_colwise",
        "layers.*.mlp.Wo": "rowwise",
    },
    "gpt2": GPT2,
}
BART_KIN = frozenset({"bart", "blenderbot", "blenderbot-small", "m2m_100", "marian", "mbart", "pegasus", "plbart"})
T5 = {
    "block.*.layer.*.{SelfAttention,EncDecAttention}.{q,k,v}": "colwise",
    "block.*.layer.*.{SelfAttention,EncDecAttention}.o": "rowwise",
    "block.*.layer.*.DenseReluDense.{wi,wi_0,wi_1}": "colwise",
    "block.*.layer.*.DenseReluDense.wo": "rowwise",
}
T5_HEADS = {"block.*.layer.*.{SelfAttention,EncDecAttention}": ("n_heads", "inner_dim")}
DISTANCES = "relative_attention_bias.weight"
"""In T5: how far tokens lie apart, with a column for each head."""
DIVIDED = {"gpt2": GPT2_HEADS}

EMBEDDINGS = ("embeddings.word_embeddings", "embeddings.position_embeddings", "embeddings.token_type_embeddings")
SPLITS = {
    **dict.fromkeys(("bert", "camembert", "electra", "roberta", "xlm-roberta"), ("encoder.layer", EMBEDDINGS, ())),
    "distilbert": ("transformer.layer", EMBEDDINGS, ()),
    "modernbert": ("layers", ("embeddings.tok_embeddings",), ()),
    "gpt2": ("h", ("wte", "wpe"), ("lm_head",)),
}
ATTENTION = frozenset({"chunked_attention", "full_attention", "sliding_attention"})
"""Kinds of layers that keep keys and values, and from these know how far a text has come."""


def tensor_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """The plan of the encoders above and GPT-2; of other decoders the one that transformers has."""
    styles = STYLES.get(config.model_type) or getattr(config, "base_model_tp_plan", None)
    if not styles:
        return None
    known = (getattr(config, name, None) for name in ("intermediate_size", "hidden_dim", "n_inner"))
    inner = next(filter(None, known), 4 * config.hidden_size)
    divisible = {"attention heads": config.num_attention_heads, "inner units": inner}
    if getattr(config, "num_key_value_heads", None):
        divisible["key-value heads"] = config.num_key_value_heads
    return TensorPlan(styles, divisible, DIVIDED.get(config.model_type, {}))


def seq2seq_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """The plan of encoder-decoders: BART and its kin, whose layers have one form, and T5, mT5 and UMT5.

    They have no pipeline split: there are two stacks of layers.
    """
    if config.model_type in ("t5", "mt5", "umt5"):
        divisible = {"attention heads": config.num_heads, "inner units": config.d_ff}
        return TensorPlan(T5, divisible, T5_HEADS, {DISTANCES: 1})
    return encoder_decoder_plan(config) if config.model_type in BART_KIN else None


def pipeline_split(config: PreTrainedConfig) -> PipelinePlan | None:
    """The split of the encoders above, GPT-2, and decoders that transformers can cut and that are plain stacks."""
    if config.model_type in SPLITS:
        layers, first, last = SPLITS[config.model_type]
    elif getattr(config, "base_model_pp_plan", None) and _is_a_plain_stack(config):
        layers, first, last = "layers", ("embed_tokens",), ("lm_head",)
    else:
        return None
    return PipelinePlan(layers, config.num_hidden_layers, first, last)


def _is_a_plain_stack(config: PreTrainedConfig) -> bool:
    """Whether every layer has attention and a cache of its own: another stage may have what a layer borrows."""
    kinds = set(getattr(config, "layer_types", None) or ())
    return kinds <= ATTENTION and not getattr(config, "num_kv_shared_layers", 0)
