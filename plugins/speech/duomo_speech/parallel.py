"""How the networks of this plugin are cut over several devices: Whisper, wav2vec 2.0 and HuBERT.

There is no pipeline split: Whisper has two stacks of layers, and most of the others' time goes into convolutions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


from duomo.parallel import TensorPlan

WHISPER = {
    "layers.*.{self_attn,encoder_attn}.{q,k,v}_proj": "colwise",
    "layers.*.{self_attn,encoder_attn}.out_proj": "rowwise",
    "layers.*.fc1": "colwise",
    "layers.*.fc2": "rowwise",
}
WAV2VEC2 = {
    "encoder.layers.*.attention.{q,k,v}_proj": "colwise",
    "encoder.layers.*.attention.out_proj": "rowwise",
    "encoder.layers.*.feed_forward.intermediate_dense": "colwise",
    "encoder.layers.*.feed_forward.output_dense": "rowwise",
}


def whisper_plan(config: PreTrainedConfig) -> TensorPlan:
    """Encoder and decoder; ours asks an attention for its number of heads."""
    return TensorPlan(
        WHISPER,
        {
            "attention heads of the encoder": config.encoder_attention_heads,
            "attention heads of the decoder": config.decoder_attention_heads,
            "inner units of the encoder": config.encoder_ffn_dim,
            "inner units of the decoder": config.decoder_ffn_dim,
        },
        {"layers.*.{self_attn,encoder_attn}": ("num_heads",)},
    )


def ctc_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how the layers of wav2vec 2.0 and HuBERT are cut; the convolutions before the encoder stay whole."""
    if config.model_type not in ("hubert", "wav2vec2"):
        return None
    return TensorPlan(
        WAV2VEC2, {"attention heads": config.num_attention_heads, "inner units": config.intermediate_size}
    )
