"""How the networks of this plugin are cut over several devices: wav2vec 2.0, HuBERT, AST and CLAP.

Whisper is cut as any encoder-decoder. There is no pipeline split but for AST: Whisper and CLAP have two stacks of
layers, and most of the others' time goes into convolutions, as does all of the codecs'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from duomo.parallel import PipelinePlan, TensorPlan

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

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
CLAP = {
    "{layer,blocks}.*.attention.self.{query,key,value}": "colwise",
    "{layer,blocks}.*.attention.output.dense": "rowwise",
    "{layer,blocks}.*.intermediate.dense": "colwise",
    "{layer,blocks}.*.output.dense": "rowwise",
}
CLAP_HEADS = {"{layer,blocks}.*.attention.self": ("num_attention_heads", "all_head_size")}
SPECTROGRAM = "audio-spectrogram-transformer"


def ctc_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how the layers of wav2vec 2.0 and HuBERT are cut; the convolutions before the encoder stay whole."""
    if config.model_type not in ("hubert", "wav2vec2"):
        return None
    return TensorPlan(
        WAV2VEC2, {"attention heads": config.num_attention_heads, "inner units": config.intermediate_size}
    )


def hearing_plan(config: PreTrainedConfig) -> TensorPlan | None:
    """Say how the layers of an encoder under any head are cut; None for networks that are not known here."""
    if config.model_type == "clap":
        return _clap_plan(config)
    if config.model_type != SPECTROGRAM:
        return ctc_plan(config)
    return TensorPlan(AST, {"attention heads": config.num_attention_heads, "inner units": config.intermediate_size})


def hearing_split(config: PreTrainedConfig) -> PipelinePlan | None:
    """Say where the layers of AST are; what makes patches of a spectrogram is small and stays on every device."""
    return PipelinePlan("layers", config.num_hidden_layers) if config.model_type == SPECTROGRAM else None


def _clap_plan(config: PreTrainedConfig) -> TensorPlan:
    """Both encoders; each layer for sounds has a bias for each head and distance."""
    text, audio = config.text_config, config.audio_config
    sizes = [audio.patch_embeds_hidden_size * 2**at for at in range(len(audio.depths))]
    return TensorPlan(
        CLAP,
        {
            "attention heads for texts": text.num_attention_heads,
            "inner units for texts": text.intermediate_size,
            **{f"attention heads for sounds in stage {at}": n for at, n in enumerate(audio.num_attention_heads, 1)},
            **{f"inner units for sounds in stage {at}": int(n * audio.mlp_ratio) for at, n in enumerate(sizes, 1)},
        },
        CLAP_HEADS,
        {"attention.self.relative_position_bias_table": 1},
    )
