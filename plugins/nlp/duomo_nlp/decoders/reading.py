"""How one decoder reads: which inputs it takes, which rows may share a pass, and the pass itself."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from transformers import MODEL_FOR_MASKED_LM_MAPPING, EncoderDecoderCache, PreTrainedModel

from duomo.errors import WrongTask
from duomo_nlp.checkpoint import check_positions
from duomo_nlp.decoders.kv_cache import can_join

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

FROM_MASK = frozenset({"bloom", "mpt"})
"""Decoders that take no positions and need none: they read distances off the mask (ALiBi)."""


STATEFUL = frozenset({"recurrent_gemma"})
"""Decoders that take a cache and hand none back: their layers hold the state of the last text themselves."""


class Reader:
    """A network, and what is true of its inputs."""

    def __init__(self, network: PreTrainedModel) -> None:
        known = inspect.signature(network.forward).parameters
        if "past_key_values" not in known or network.config.model_type in STATEFUL:
            raise WrongTask(
                f"{type(network).__name__} cannot be used for text-generation here",
                why="it keeps its state in another form than a key-value cache",
                fix="use a transformer decoder (Llama, Qwen, GPT-2, …)",
            )
        if type(network.config) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(network.config, "is_decoder", True):
            raise WrongTask(
                f"{type(network).__name__} cannot be used for text-generation here",
                why="is_decoder in its config.json is false: it reads a text in both directions and keeps no cache",
                fix="use a checkpoint that was trained to go on with a text; for a masked word, fill-mask",
            )
        check_positions(network)
        self.network = network
        self._extra: dict[str, Any] = {"logits_to_keep": 1} if "logits_to_keep" in known else {}
        self._takes_positions = "position_ids" in known
        self._first = _first_position(network)
        self.pads = self._takes_positions or network.config.model_type in FROM_MASK
        """Whether rows of unlike lengths may share a pass: the others count positions from the left edge."""
        self.joins = self.pads and can_join(network.config)
        """Whether prompts that were read apart can be written to together."""
        self.turn = _turn(network.config)
        """The length beyond which all positions are turned otherwise (longrope); None where there is none."""

    def is_long(self, length: int) -> bool:
        """On which side of `turn` a row of `length` tokens is: rows of both sides cannot share a pass."""
        return self.turn is not None and length > self.turn

    def read(self, ids: torch.Tensor, mask: torch.Tensor, cache: object) -> Any:
        """The network on the next tokens (B, new), with a mask for all tokens so far (B, L)."""
        inputs: dict[str, Any] = dict(self._extra)
        padded = not bool(mask.all())
        if padded:
            inputs["attention_mask"] = mask
        if self._takes_positions:  # always: with a cache, some networks would count from 0 again
            length, new = mask.shape[1], ids.shape[1]
            if padded:
                positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -new:]
            else:
                positions = torch.arange(length - new, length, device=ids.device).expand(len(ids), new)
            inputs["position_ids"] = positions + self._first
        output = self.network(input_ids=ids, past_key_values=cache, use_cache=True, **inputs)
        if isinstance(output.past_key_values, EncoderDecoderCache):  # there is no encoder to keep anything of
            output.past_key_values = output.past_key_values.self_attention_cache
        return output


def _first_position(network: PreTrainedModel) -> int:
    """0, or for RoBERTa and its kin the one after the padding token's."""
    for name, module in network.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return int(module.padding_idx) + 1
    return 0


def _turn(config: PreTrainedConfig) -> int | None:
    """Where a config with longrope goes over from its short factors to its long ones (Ding et al. 2024)."""
    said = getattr(config.get_text_config(decoder=True), "rope_parameters", None) or {}
    parts = [said, *(each for each in said.values() if isinstance(each, dict))]
    turns = [each["original_max_position_embeddings"] for each in parts if each.get("rope_type") == "longrope"]
    return min(turns) if turns else None
