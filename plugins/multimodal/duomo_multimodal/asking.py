"""What an image says to a question, by BLIP, which writes one answer; its score is the probability of its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from duomo.generating import FROM_PIXELS, refuse
from duomo.model import Features
from duomo.tasks.multimodal.captioning import VisualAnswer, VisualAnswers, VisualQuestionAnsweringOptions
from duomo_multimodal.vqa import Asked

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

BOUND = 20
"""Tokens of an answer where the checkpoint does not say, the one that it starts with included, as for `generate`."""
TAKEN = ("input_ids", "attention_mask", "pixel_values")


class Written(NamedTuple):
    """An answer."""

    tokens: list[int]
    score: float
    """The product of the probabilities of its tokens, its end included."""


class Writer(Asked):
    """Writes one answer a question, and says how likely its tokens are."""

    ends: set[int]
    """The tokens that end an answer."""

    def _written(self, tokens: list[int], logs: list[float]) -> Written:
        """The answer up to its end; what follows fills the row."""
        last = next((at for at, token in enumerate(tokens) if token in self.ends), len(tokens) - 1)
        return Written(tokens[: last + 1], torch.tensor(logs[: last + 1]).sum().exp().item())

    def postprocess(
        self, output: list[Written], features: list[Features], options: VisualQuestionAnsweringOptions
    ) -> list[VisualAnswers]:
        texts = self.tokenizer.batch_decode([each.tokens for each in output], skip_special_tokens=True)
        answers = [
            VisualAnswer.model_construct(answer=text.strip(), score=each.score)
            for text, each in zip(texts, output, strict=True)
        ]
        return [VisualAnswers.model_construct(answers=[each]) for each in answers]


class AnswerWriter(Writer):
    """BLIP, which looks at the padding of a question, too."""

    def configure(self, config: PreTrainedConfig) -> None:
        """Refuse a checkpoint that samples and the like."""
        said = self.network.text_decoder.generation_config
        refuse(said, FROM_PIXELS, config.name_or_path)
        positions = config.text_config.max_position_embeddings
        self.max_tokens = min(positions, self.tokenizer.model_max_length)
        self.ends = {config.text_config.sep_token_id}
        self.bound = said.max_new_tokens or min(said.max_length or BOUND, positions) - 1

    def forward(self, batch: list[dict[str, Any]]) -> list[Written]:
        """An answer to each question."""
        written: dict[int, Written] = {}
        for group in batch:
            inputs = {name: group[name] for name in TAKEN}
            inputs["pixel_values"] = inputs["pixel_values"].to(self.network.dtype)
            output = self.network.generate(
                **inputs, max_new_tokens=self.bound, return_dict_in_generate=True, output_scores=True
            )
            chances = self.network.text_decoder.compute_transition_scores(
                output.sequences, output.scores, getattr(output, "beam_indices", None), normalize_logits=True
            )
            rows = zip(group["places"], output.sequences.tolist(), chances.float().tolist(), strict=True)
            written.update((place, self._written(tokens[1:], logs)) for place, tokens, logs in rows)
        return [written[at] for at in range(len(written))]
