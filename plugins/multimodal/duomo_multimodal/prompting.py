"""What an image says to a question, by BLIP-2 and InstructBLIP: language models that go on after a prompt.

A question is put to BLIP-2 as its authors do (Li et al. 2023, https://arxiv.org/abs/2301.12597), and to InstructBLIP as
it stands. The tokens are those of ``generate``; the score is the product of their probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig

from duomo import WeightsRef
from duomo.errors import InputTooLong
from duomo.generating import SEQ2SEQ, refuse
from duomo.inputs import ImageQuestion
from duomo.model import Features
from duomo.pretrained import load_network, load_processor, narrow_images
from duomo.vocabulary import refuse_rowless
from duomo_multimodal.asking import Writer, Written

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from duomo.pretrained import Network, Processor

BOUND = 20
"""Tokens of an answer where the checkpoint does not say."""
PROMPTS = {"blip-2": "Question: {} Answer:", "instructblip": "{}"}


class PromptedAnswerer(Writer):
    """One answer a question."""

    def __init__(self, network: Network, processor: Processor) -> None:
        self.network = network
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.configure(network.config)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and processor; refuses a checkpoint that samples and the like."""
        network = load_network(AutoModelForImageTextToText, weights, dtype=dtype).to(device)
        refuse(network.generation_config, SEQ2SEQ, weights.folder)
        processor = load_processor(AutoProcessor, weights, "processor")
        refuse_rowless(network, processor.tokenizer)
        processor.num_query_tokens = network.config.num_query_tokens  # older processors do not say
        return cls(network, processor)

    def configure(self, config: PreTrainedConfig) -> None:
        text, said = config.get_text_config(decoder=True), self.network.generation_config
        self.bound = said.max_new_tokens or said.max_length or BOUND
        self.prompt = PROMPTS[config.model_type]
        self.apart = bool(text.is_encoder_decoder)
        """Whether answers stand apart from what is read."""
        positions = getattr(text, "max_position_embeddings", None) or self.tokenizer.model_max_length
        room = positions - config.num_query_tokens - (0 if self.apart else self.bound)
        self.max_tokens = min(room, self.tokenizer.model_max_length)
        ends = text.eos_token_id if said.eos_token_id is None else said.eos_token_id
        self.ends = set(ends) if isinstance(ends, list) else {ends}

    def _features(self, item: ImageQuestion, long: str) -> Features:
        question = str(item.question)
        surplus = self._length(question) - self.max_tokens
        if surplus > 0:
            if long == "error":
                raise InputTooLong(
                    f"this question has {surplus + self.max_tokens} tokens with what stands around it, "
                    f"and the model reads {self.max_tokens}: {question[:39]!r}…",
                    why="cutting it silently would lose its end",
                    fix="ask in fewer words, or long=truncate",
                )
            words = self.tokenizer(question, add_special_tokens=False)["input_ids"]
            question = self.tokenizer.decode(words[:-surplus])
        picture = item.image.pil()
        with narrow_images(*picture.size):
            inputs = self.processor(images=[picture], text=[self.prompt.format(question)], return_tensors="pt")
        return {"inputs": dict(inputs), "truncated": surplus > 0}

    def _length(self, question: str) -> int:
        return len(self.tokenizer(self.prompt.format(question), verbose=False)["input_ids"])

    def forward(self, batch: list[dict[str, Any]]) -> list[Written]:
        """An answer to each question."""
        config = GenerationConfig.from_dict(self.network.generation_config.to_dict())
        config.max_new_tokens, config.max_length = self.bound, None
        config.return_dict_in_generate = config.output_scores = True
        written: dict[int, Written] = {}
        for group in batch:
            inputs = {name: each for name, each in group.items() if name != "places"}
            inputs["pixel_values"] = inputs["pixel_values"].to(self.network.dtype)
            output = self.network.generate(**inputs, generation_config=config)
            chances = self.network.language_model.compute_transition_scores(
                output.sequences, output.scores, getattr(output, "beam_indices", None), normalize_logits=True
            )
            new = output.sequences[:, 1 if self.apart else inputs["input_ids"].shape[1] :]
            rows = zip(group["places"], new.tolist(), chances.float().tolist(), strict=True)
            written.update((place, self._written(tokens, logs)) for place, tokens, logs in rows)
        return [written[at] for at in range(len(written))]
