"""Texts ranked by a `CrossEncoder` folder of several steps: a network without a head, a pooling, and dense layers.

pair      query and text in one row, its token vectors pooled to one, and dense layers make a number of that
score     a sigmoid of it, or the number itself, as the folder says
"""

from __future__ import annotations

import torch
from transformers import AutoModel

from duomo import WeightsRef
from duomo.errors import WeightsMismatch, WrongTask
from duomo_nlp.encoders import packed
from duomo_nlp.encoders.heads import adjust
from duomo_nlp.encoders.rows import Rows
from duomo_nlp.pooling import pool
from duomo_nlp.projections import Dense, read_projections
from duomo_nlp.ranking import TextRanking, is_sigmoid, refuse_prompt
from duomo_nlp.sentences import lower_case, read_recipe

OWN = ("model_type", "activation_fn", "prompts", "default_prompt_name", "keep_in_fp32_modules")
"""Entries of ``config_sentence_transformers.json`` that say what kind it is, or are read beside the steps."""


class PooledRanking(TextRanking):
    """As `TextRanking`, with the steps of the folder for a head."""

    auto = AutoModel
    unused = ("pooler.",)

    def enable(self) -> None:
        adjust(self.network)
        packed.enable(self.network)

    def configure(self, weights: WeightsRef) -> None:
        refuse_prompt(weights)
        recipe = read_recipe(weights, OWN, "scores")
        parameter = next(self.network.parameters())
        self.pooling = recipe.pooling
        self.steps = read_projections(weights, recipe.after, device=parameter.device, dtype=parameter.dtype)
        last = self.steps[-1]
        assert isinstance(last, Dense), "folders that end otherwise are of another family"
        if (width := last.linear.out_features) != 1:
            raise WrongTask(
                f"'{weights.folder}' does not do text-ranking",
                why=f"it gives a pair of texts {width} numbers, and a rank needs one",
                fix="use a cross-encoder, such as hf:cross-encoder/ms-marco-MiniLM-L6-v2",
            )
        if not recipe.is_described:
            raise WeightsMismatch(
                f"'{weights.folder}' does not say how the vectors of tokens are pooled",
                why="its modules.json has no Pooling, or that has no config.json",
                fix="take the whole folder from where it was saved",
            )
        self.network.config.use_cache = False  # a decoder's keys and values are not read again
        self.is_sigmoid = is_sigmoid(weights)
        lower_case(weights, self.tokenizer)

    def forward(self, batch: list[Rows]) -> torch.Tensor:
        """One number a window of a pair, (windows,)."""
        pooled = torch.cat([pool(self.network, rows, self.pooling, None) for rows in batch])
        scores: torch.Tensor = self.steps(pooled)[:, 0]
        return scores
