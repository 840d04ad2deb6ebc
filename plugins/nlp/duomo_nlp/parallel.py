"""How the networks of this plugin are cut over several devices.

Encoders whose attention has a bias for each head and distance (MPNet, DeBERTa) have no plan, but for T5: that bias
would have to be cut too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from duomo.decoders import UNITS, decoder_plan, decoder_split
from duomo.parallel import GPT2, GPT2_HEADS, PipelinePlan, TensorPlan, encoder_decoder_plan, t5_plan

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
DIVIDED = {"gpt2": GPT2_HEADS}

EMBEDDINGS = ("embeddings.word_embeddings", "embeddings.position_embeddings", "embeddings.token_type_embeddings")
SPLITS = {
    **dict.fromkeys(("bert", "camembert", "electra", "roberta", "xlm-roberta"), ("encoder.layer", EMBEDDINGS, ())),
    "distilbert": ("transformer.layer", EMBEDDINGS, ()),
    "modernbert": ("layers", ("embeddings.tok_embeddings",), ()),
    "gpt2": ("h", ("wte", "wpe"), ("lm_head",)),
}


def tensor_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """The plan of the encoders above and GPT-2; of other decoders the one of `duomo.decoders.decoder_plan`."""
    styles = STYLES.get(config.model_type)
    if styles is None:
        return decoder_plan(config)
    known = (getattr(config, name, None) for name in UNITS["inner units"])
    inner = next(filter(None, known), 4 * config.hidden_size)
    divisible = {"attention heads": config.num_attention_heads, "inner units": inner}
    return TensorPlan(styles, divisible, DIVIDED.get(config.model_type, {}))


def seq2seq_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """The plan of encoder-decoders: BART and its kin, whose layers have one form, and T5, mT5 and UMT5.

    They have no pipeline split: there are two stacks of layers.
    """
    if config.model_type in ("t5", "mt5", "umt5"):
        return t5_plan(config)
    return encoder_decoder_plan(config) if config.model_type in BART_KIN else None


def pipeline_split(config: PreTrainedConfig) -> PipelinePlan | None:
    """The split of the encoders above, GPT-2, and decoders that transformers can cut and that are plain stacks."""
    if config.model_type not in SPLITS:
        return decoder_split(config)
    layers, first, last = SPLITS[config.model_type]
    return PipelinePlan(layers, config.num_hidden_layers, first, last)
