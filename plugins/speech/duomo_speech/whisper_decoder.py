"""Whisper's decoder, one token a step, over windows that are not of one length and end one after another.

Source: Radford et al. 2022, https://arxiv.org/abs/2212.04356. The layers are transformers' own; what its
``forward`` does around them at each step would cost as much as the layers themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

if TYPE_CHECKING:
    from duomo.pretrained import Network

KeysValues = tuple[Tensor, Tensor]
"""Both of shape (B, heads, T, D of a head)."""


class WhisperDecoder:
    """What a batch of windows has heard and written so far."""

    def __init__(self, network: Network, hidden: list[Tensor]) -> None:
        """Compute what each layer hears, once for all steps.

        Args:
            network: a ``WhisperForConditionalGeneration``.
            hidden: the encoder's output for each window, (T, D).
        """
        self.network, self.decoder = network, network.model.decoder
        attentions = [layer.encoder_attn for layer in self.decoder.layers]
        self.heard: list[KeysValues] = []
        self.apart: list[list[KeysValues]] = []
        """By layer and window, instead of `heard`: on a CPU a step is mostly reading this, and half may be padding."""
        self.silence_B11T: Tensor | None = None
        if len({len(each) for each in hidden}) > 1:
            if not hidden[0].is_cuda:
                self.apart = [[_keys_values(attention, each[None]) for each in hidden] for attention in attentions]
            else:
                silence = [torch.zeros_like(each[:, 0]) for each in hidden]
                self.silence_B11T = pad_sequence(silence, True, -torch.inf)[:, None, None]
        if not self.apart:
            hidden_BTD = pad_sequence(hidden, batch_first=True)
            self.heard = [_keys_values(attention, hidden_BTD) for attention in attentions]
        self.forget()

    def forget(self) -> None:
        """Forget what was written; what was heard stays."""
        self.written: list[KeysValues] = []
        self.length = 0

    def step(self, tokens_BN: Tensor) -> Tensor:
        """Logits (B, V) of the token that follows; `tokens_BN` is the whole prompt at first, one token a row after."""
        first, self.length = self.length, self.length + tokens_BN.shape[1]
        assert first == 0 or tokens_BN.shape[1] == 1, "only the prompt may be several tokens"
        x_BND = self.decoder.embed_tokens(tokens_BN) + self.decoder.embed_positions.weight[first : self.length]
        for at, layer in enumerate(self.decoder.layers):
            y_BND = layer.self_attn_layer_norm(x_BND)
            x_BND = x_BND + _attend(layer.self_attn, y_BND, self._write(at, layer, y_BND), is_causal=first == 0)
            y_BND = layer.encoder_attn_layer_norm(x_BND)
            x_BND = x_BND + self._listen(at, layer.encoder_attn, y_BND)
            x_BND = x_BND + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(x_BND))))
        logits_BV: Tensor = self.network.proj_out(self.decoder.layer_norm(x_BND[:, -1]))
        return logits_BV

    def keep(self, alive_B: Tensor) -> Tensor:
        """Let go of the windows that have ended; returns the old rows in their new order.

        The last windows move into the gaps, since copying all that the others have heard would cost as much as a step.
        """
        count = int(alive_B.sum())
        order = torch.arange(count, device=alive_B.device)
        gaps, movers = (~alive_B[:count]).nonzero()[:, 0], alive_B[count:].nonzero()[:, 0] + count
        order[gaps] = movers

        def moved(tensor: Tensor) -> Tensor:
            tensor[gaps] = tensor[movers]
            return tensor[:count]

        self.heard = [(moved(keys), moved(values)) for keys, values in self.heard]
        self.apart = [[windows[row] for row in order.tolist()] for windows in self.apart]
        self.written = [(moved(keys), moved(values)) for keys, values in self.written]
        self.silence_B11T = None if self.silence_B11T is None else moved(self.silence_B11T)
        return order

    def _listen(self, at: int, attention: object, y_BND: Tensor) -> Tensor:
        if not self.apart:
            return _attend(attention, y_BND, self.heard[at], mask=self.silence_B11T)
        query = _query(attention, y_BND)
        rows = zip(torch.split(query, 1), self.apart[at], strict=True)
        return _out(attention, torch.cat([F.scaled_dot_product_attention(q, *heard, scale=1.0) for q, heard in rows]))

    def _write(self, at: int, layer: Network, y_BND: Tensor) -> KeysValues:
        keys, values = _keys_values(layer.self_attn, y_BND)
        if at == len(self.written):
            self.written.append((keys, values))
        else:
            past_keys, past_values = self.written[at]
            self.written[at] = (torch.cat([past_keys, keys], dim=2), torch.cat([past_values, values], dim=2))
        return self.written[at]


def _keys_values(attention: Network, x_BTD: Tensor) -> KeysValues:
    return _heads(attention, attention.k_proj(x_BTD)), _heads(attention, attention.v_proj(x_BTD))


def _heads(attention: Network, x_BTD: Tensor) -> Tensor:
    """(B, T, D) to (B, heads, T, D of a head), copied because each step reads all of it."""
    x_BTHD = x_BTD.view(*x_BTD.shape[:2], attention.num_heads, attention.head_dim)
    return x_BTHD.transpose(1, 2).contiguous()


def _attend(
    attention: object, y_BND: Tensor, keys_values: KeysValues, *, mask: Tensor | None = None, is_causal: bool = False
) -> Tensor:
    query = _query(attention, y_BND)
    mixed = F.scaled_dot_product_attention(query, *keys_values, attn_mask=mask, is_causal=is_causal, scale=1.0)
    return _out(attention, mixed)


def _query(attention: Network, y_BND: Tensor) -> Tensor:
    return _heads(attention, attention.q_proj(y_BND) * attention.scaling)  # scaled first, as in transformers


def _out(attention: Network, mixed: Tensor) -> Tensor:
    out_BND: Tensor = attention.out_proj(mixed.transpose(1, 2).flatten(2))
    return out_BND
