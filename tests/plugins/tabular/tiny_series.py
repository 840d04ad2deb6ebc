"""Tiny random networks that forecast."""

from pathlib import Path
from typing import Any

import torch
import transformers as tf


def patch_tst(folder: Path, **settings: Any) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "num_input_channels": 1, "context_length": 24, "prediction_length": 6, "patch_length": 4, "patch_stride": 4,
        "d_model": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 24,
    }  # fmt: skip
    tf.PatchTSTForPrediction(tf.PatchTSTConfig(**sizes | settings)).save_pretrained(folder)


def patch_ts_mixer(folder: Path) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "num_input_channels": 1, "context_length": 24, "prediction_length": 6, "patch_length": 4, "patch_stride": 4,
        "d_model": 16, "num_layers": 2,
    }  # fmt: skip
    tf.PatchTSMixerForPrediction(tf.PatchTSMixerConfig(**sizes)).save_pretrained(folder)


def timesfm(folder: Path) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "patch_length": 8, "context_length": 32, "horizon_length": 8, "head_dim": 8, "hidden_size": 32,
        "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    }  # fmt: skip
    tf.TimesFmModelForPrediction(tf.TimesFmConfig(**sizes)).save_pretrained(folder)


def timesfm2_5(folder: Path) -> None:
    """It forecasts negative numbers, too."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "patch_length": 8, "context_length": 32, "horizon_length": 8, "output_quantile_len": 16, "head_dim": 8,
        "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 4, "max_position_embeddings": 32, "initializer_range": 0.5,
    }  # fmt: skip
    tf.TimesFm2_5ModelForPrediction(tf.TimesFm2_5Config(**sizes)).save_pretrained(folder)
