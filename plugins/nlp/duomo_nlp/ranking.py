"""Texts in the order in which they answer a query, by any cross-encoder (Nogueira and Cho 2019, arXiv:1901.04085).

pair      query and text in one row, one number out
score     a sigmoid of it, or the number itself where the checkpoint says so, as sentence-transformers' `CrossEncoder`
window    a text of several windows has the score of its best one (MaxP, Dai and Callan 2019, arXiv:1905.09217)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from transformers import AutoModelForSequenceClassification

from duomo import WeightsRef
from duomo.errors import WeightsProblem, WrongTask
from duomo.inputs import Candidates
from duomo.model import Features
from duomo.tasks.nlp.ranking import TextRankingOptions
from duomo.tasks.results import Hit, SearchResult
from duomo_nlp.checkpoint import read_json
from duomo_nlp.encoders import heads, windows
from duomo_nlp.encoders.encoder import Encoder
from duomo_nlp.encoders.rows import Rows


class TextRanking(Encoder[Candidates, SearchResult]):
    """Each text beside the query, the best first; ties keep the order of the texts."""

    auto: ClassVar[object] = AutoModelForSequenceClassification
    cuts = "only_second"
    batch_size = 32

    def configure(self, weights: WeightsRef) -> None:
        if self.network.config.num_labels != 1:
            raise WrongTask(
                f"'{weights.folder}' does not do text-ranking",
                why=f"it gives a pair of texts {self.network.config.num_labels} numbers, and a rank needs one",
                fix="use a cross-encoder, such as hf:cross-encoder/ms-marco-MiniLM-L6-v2",
            )
        self.is_sigmoid = is_sigmoid(weights)
        refuse_prompt(weights)

    @staticmethod
    def estimate(item: Any) -> int:
        return 1 + sum(1 + (len(item.query) + len(text)) // 5 for text in item.texts)

    def preprocess(self, items: Sequence[Candidates], options: TextRankingOptions) -> list[Features]:
        for item in items:
            windows.check_half(self.tokenizer, item.query, self.limit, "query", "text")
        pairs = [(str(item.query), str(text)) for item in items for text in item.texts]
        cut = iter(windows.read(self.tokenizer, pairs, options.long))
        features: list[Features] = []
        for item in items:
            read = [next(cut) for _ in item.texts]
            features.append(
                {
                    "item": item,
                    "pairs": read,
                    "windows": max(len(pair) for pair in read),
                    "truncated": any(windows.was_cut(pair, options.long) for pair in read),
                }
            )
        return features

    def collate(self, features: list[Features]) -> list[Rows]:
        return self.pack([window for each in features for pair in each["pairs"] for window in pair], pairs=True)

    def forward(self, batch: list[Rows]) -> torch.Tensor:
        """One number a window of a pair, (windows,)."""
        return torch.cat([heads.sequence_logits(self.network, rows)[:, 0] for rows in batch])

    def postprocess(
        self, output: torch.Tensor, features: list[Features], options: TextRankingOptions
    ) -> list[SearchResult]:
        # In double precision: a sigmoid of single precision is 1 from 17 on, and the order of the best texts is lost.
        numbers = iter((output.cpu().double().sigmoid() if self.is_sigmoid else output.float()).tolist())
        results = []
        for each in features:
            scores = [max(next(numbers) for _ in pair) for pair in each["pairs"]]
            best = sorted(range(len(scores)), key=lambda at: -scores[at])[: options.top_k]
            item: Candidates = each["item"]
            hits = [Hit.model_construct(index=at, item=str(item.texts[at]), score=scores[at]) for at in best]
            results.append(SearchResult.model_construct(query=str(item.query), hits=hits))
        return results


def refuse_prompt(weights: WeightsRef) -> None:
    """Raise `WeightsProblem` where a prompt stands before each text."""
    if name := read_json(weights, "config_sentence_transformers.json").get("default_prompt_name"):
        raise WeightsProblem(
            f"'{weights.folder}' asks for the prompt '{name}' before each text",
            why="prompts of cross-encoders that are no decoders cannot be honoured here",
            fix="use a checkpoint without prompts",
        )


def is_sigmoid(weights: WeightsRef) -> bool:
    """Whether a sigmoid of the network's number is the score, and not the number itself, as where nothing is said.

    Raises `WeightsProblem` where the checkpoint asks for something else.
    """
    config, own = weights.config(), read_json(weights, "config_sentence_transformers.json")
    named = (
        own.get("activation_fn")
        or (config.get("sentence_transformers") or {}).get("activation_fn")
        or config.get("sbert_ce_default_activation_function")
        or "Sigmoid"
    )
    name = str(named).rpartition(".")[2]
    if name not in ("Sigmoid", "Identity"):
        raise WeightsProblem(
            f"'{weights.folder}' asks for the activation {named}, which is not known here",
            why="a score is a sigmoid of the network's number, or the number itself",
            fix="set activation_fn in config_sentence_transformers.json to one of the two",
        )
    return name == "Sigmoid"
