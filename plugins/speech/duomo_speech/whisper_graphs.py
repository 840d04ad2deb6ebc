"""Whisper as graphs: the encoder with what each layer of the decoder hears of it, and one step of the decoder.

The step takes the keys and values of all it has written and gives them with one more, so that nothing is computed
twice. All inputs have the windows in front.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from duomo.model import Portable, PortableNetwork
from duomo_speech.silero import EXPORTED, SileroVad
from duomo_speech.whisper_checkpoint import Vocabulary

if TYPE_CHECKING:
    from duomo.pretrained import Network


class EncoderGraph(nn.Module):
    """Spectrograms (B, mels, 2T) to keys and values (B, layers, heads, T, D) of the decoder's listening."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.encoder = network.model.encoder
        self.listening = nn.ModuleList(layer.encoder_attn for layer in network.model.decoder.layers)

    def forward(self, mel_BMT: Tensor) -> tuple[Tensor, Tensor]:
        """As in `duomo_speech.whisper`."""
        encoder = self.encoder
        x_BDT = F.gelu(encoder.conv2(F.gelu(encoder.conv1(mel_BMT))))
        x_BTD = x_BDT.transpose(1, 2) + encoder.embed_positions.weight[: x_BDT.shape[2]]
        for layer in encoder.layers:
            y_BTD = layer.self_attn_layer_norm(x_BTD)
            own = layer.self_attn
            heard = F.scaled_dot_product_attention(
                _heads(own, own.q_proj(y_BTD) * own.scaling), *_keys_values(own, y_BTD), scale=1.0
            )
            x_BTD = x_BTD + own.out_proj(heard.transpose(1, 2).flatten(2))
            x_BTD = x_BTD + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(x_BTD))))
        hidden_BTD = encoder.layer_norm(x_BTD)
        pairs = [_keys_values(attention, hidden_BTD) for attention in self.listening]
        return torch.stack([keys for keys, _ in pairs], 1), torch.stack([values for _, values in pairs], 1)


class StepGraph(nn.Module):
    """One token (B,) at its place (B,), what was written and what is heard, to logits (B, V) and what is written."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.decoder = network.model.decoder
        self.proj_out = network.proj_out

    def forward(
        self,
        token_B: Tensor,
        place_B: Tensor,
        keys_BLHPD: Tensor,
        values_BLHPD: Tensor,
        heard_keys_BLHTD: Tensor,
        heard_values_BLHTD: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As in `duomo_speech.whisper_decoder`."""
        places = F.embedding(place_B, self.decoder.embed_positions.weight)
        x_B1D = (self.decoder.embed_tokens(token_B) + places)[:, None]
        keys, values = [], []
        for at, layer in enumerate(self.decoder.layers):
            own, other = layer.self_attn, layer.encoder_attn
            y_B1D = layer.self_attn_layer_norm(x_B1D)
            key, value = _keys_values(own, y_B1D)
            keys.append(torch.cat([keys_BLHPD[:, at], key], 2))
            values.append(torch.cat([values_BLHPD[:, at], value], 2))
            x_B1D = x_B1D + _attended(own, y_B1D, keys[-1], values[-1])
            y_B1D = layer.encoder_attn_layer_norm(x_B1D)
            x_B1D = x_B1D + _attended(other, y_B1D, heard_keys_BLHTD[:, at], heard_values_BLHTD[:, at])
            x_B1D = x_B1D + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(x_B1D))))
        logits_BV = self.proj_out(self.decoder.layer_norm(x_B1D[:, 0]))
        return logits_BV, torch.stack(keys, 1), torch.stack(values, 1)


def portable_whisper(network: Network, vocabulary: Vocabulary, vad: SileroVad) -> Portable:
    """Encoder, step and the detector of pauses; the tokenizer as a file, what steers decoding as settings."""
    config = network.config
    layers, heads = config.decoder_layers, config.decoder_attention_heads
    past = torch.zeros(2, layers, heads, 3, config.d_model // heads)
    heard = torch.rand(2, layers, heads, 8, config.d_model // heads)
    step = {
        "token": torch.tensor([vocabulary.start] * 2), "place": torch.tensor([3, 3]), "keys": past,
        "values": past.clone(), "heard_keys": heard, "heard_values": heard.clone(),
    }  # fmt: skip
    activity = vad.portable()
    networks = {
        "encoder": PortableNetwork(
            EncoderGraph(network), {"mel": torch.rand(2, config.num_mel_bins, 16)}, ("heard_keys", "heard_values"),
            {"mel": (0, 2)},
        ),
        "step": PortableNetwork(
            StepGraph(network), step, ("logits", "keys_after", "values_after"),
            {"token": (0,), "place": (0,), **{name: (0, 3) for name in step if name not in ("token", "place")}},
        ),
        "activity": activity.networks["network"],
    }  # fmt: skip
    steering = vocabulary.model_dump(exclude={"tokenizer"})
    settings = {
        "frames": EXPORTED, "mels": config.num_mel_bins, "shape": [layers, heads, config.d_model // heads],
        "most_tokens": config.max_target_positions // 2, "vocabulary": steering,
    }  # fmt: skip
    return Portable(
        "edge/whisper", networks, settings, {"tokenizer.json": vocabulary.tokenizer.backend_tokenizer.to_str()}
    )


def _keys_values(attention: Network, x_BTD: Tensor) -> tuple[Tensor, Tensor]:
    return _heads(attention, attention.k_proj(x_BTD)), _heads(attention, attention.v_proj(x_BTD))


def _heads(attention: Network, x_BTD: Tensor) -> Tensor:
    """(B, T, D) to (B, heads, T, D of a head)."""
    return x_BTD.view(*x_BTD.shape[:2], attention.num_heads, attention.head_dim).transpose(1, 2)


def _attended(attention: Network, y_B1D: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    query = _heads(attention, attention.q_proj(y_B1D) * attention.scaling)
    mixed = F.scaled_dot_product_attention(query, keys, values, scale=1.0)
    out: Tensor = attention.out_proj(mixed.transpose(1, 2).flatten(2))
    return out
