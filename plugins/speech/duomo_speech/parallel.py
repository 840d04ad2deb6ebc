"""How the networks of this plugin are cut over several devices: Whisper, wav2vec 2.0, HuBERT and AST.

There is no pipeline split but for AST: Whisper has two stacks of layers, and most of the others' time goes into
convolutions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


from duomo.parallel import PipelinePlan, TensorPlan

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
AST = {
    "layers.*.attention.{q,k,v}_proj": "colwise",
    "layers.*.attention.o_proj": "rowwise",
    "layers.*.mlp.fc1": "colwise",
    "layers.*.mlp.fc2": "rowwise",
}
SPECTROGRAM = "audio-spectrogram-transformer"


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


def hearing_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how the layers of an encoder under any head are cut; None for networks that are not known here."""
    if config.model_type != SPECTROGRAM:
        return ctc_plan(config)
    return TensorPlan(AST, {"attention heads": config.num_attention_heads, "inner units": config.intermediate_size})


def hearing_split(config: PreTrainedConfig) -> PipelinePlan | None:
    """Say where the layers of AST are; what makes patches of a spectrogram is small and stays on every device."""
    return PipelinePlan("layers", config.num_hidden_layers) if config.model_type == SPECTROGRAM else None
