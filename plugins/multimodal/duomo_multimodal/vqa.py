"""What an image says to a question, by ViLT: one score a known answer, each by a sigmoid of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForVisualQuestionAnswering, AutoTokenizer

from duomo import Model, WeightsRef
from duomo.errors import InputTooLong
from duomo.imaging import Preparation
from duomo.inputs import ImageQuestion
from duomo.model import Features
from duomo.pretrained import labels_of, load_network, load_processor
from duomo.tasks.multimodal.captioning import VisualAnswer, VisualAnswers, VisualQuestionAnsweringOptions
from duomo.vocabulary import refuse_rowless
from duomo_multimodal import parallel

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from duomo.pretrained import Network, Processor


class Asked(Model[ImageQuestion, VisualAnswers]):
    """Images and questions of one shape share a pass, so that none is padded."""

    batch_size = 8
    max_tokens: int
    """The longest question."""

    def __init__(self, network: Network, processor: Processor, tokenizer: Processor) -> None:
        self.network = network
        self.prepared = Preparation(processor)
        self.tokenizer = tokenizer
        self.configure(network.config)

    tensor_plan = staticmethod(parallel.answer_plan)

    @abstractmethod
    def configure(self, config: PreTrainedConfig) -> None:
        """Take from the network's configuration what this family needs."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        network = load_network(AutoModelForVisualQuestionAnswering, weights, dtype=dtype).to(device)
        processor = load_processor(AutoImageProcessor, weights, "image processor")
        tokenizer = load_processor(AutoTokenizer, weights, "tokenizer")
        refuse_rowless(network, tokenizer)
        return cls(network, processor, tokenizer)

    def preprocess(self, items: Sequence[ImageQuestion], options: VisualQuestionAnsweringOptions) -> list[Features]:
        return [self._features(item, options.long) for item in items]

    def collate(self, features: list[Features]) -> list[dict[str, Any]]:
        groups: dict[Any, list[int]] = {}
        for at, each in enumerate(features):
            groups.setdefault(tuple(tensor.shape for tensor in each["inputs"].values()), []).append(at)
        return [
            {name: torch.cat([features[at]["inputs"][name] for at in some]) for name in features[some[0]]["inputs"]}
            | {"places": some}
            for some in groups.values()
        ]

    def _features(self, item: ImageQuestion, long: str) -> Features:
        text = dict(self.tokenizer(str(item.question), return_tensors="pt", verbose=False))
        length = text["input_ids"].shape[1]
        if length > self.max_tokens:
            if long == "error":
                raise InputTooLong(
                    f"this question has {length} tokens and the model reads {self.max_tokens}: {item.question[:39]!r}…",
                    why="cutting it silently would lose its end",
                    fix="ask in fewer words, or long=truncate",
                )
            text = dict(
                self.tokenizer(str(item.question), return_tensors="pt", truncation=True, max_length=self.max_tokens)
            )
        prepared = self.prepared([item.image])
        inputs = text | {name: prepared[name] for name in ("pixel_values", "pixel_mask") if name in prepared}
        return {"inputs": inputs, "truncated": length > self.max_tokens}


class VisualQuestionAnswerer(Asked):
    """ViLT, whose patches change with the size of an image's mates."""

    def configure(self, config: PreTrainedConfig) -> None:
        self.max_tokens = min(config.max_position_embeddings, self.tokenizer.model_max_length)
        self.answers = labels_of(config)

    def forward(self, batch: list[dict[str, Any]]) -> Tensor:
        """Scores of the known answers, (B, answers)."""
        scores: dict[int, Tensor] = {}
        for group in batch:
            inputs = {name: each for name, each in group.items() if name != "places"}
            inputs["pixel_values"] = inputs["pixel_values"].to(self.network.dtype)
            with torch.random.fork_rng(devices=[]):  # ViLT shuffles its patches, which moves sums by a rounding
                torch.manual_seed(0)
                logits = self.network(**inputs).logits.float()
            scores.update(zip(group["places"], logits.sigmoid(), strict=True))
        return torch.stack([scores[at] for at in range(len(scores))])

    def postprocess(
        self, output: Tensor, features: list[Features], options: VisualQuestionAnsweringOptions
    ) -> list[VisualAnswers]:
        best, places = output.topk(min(options.top_k, output.shape[-1]))
        return [
            VisualAnswers.model_construct(
                answers=[
                    VisualAnswer.model_construct(answer=self.answers[place], score=score)
                    for score, place in zip(scores, row, strict=True)
                ]
            )
            for scores, row in zip(best.tolist(), places.tolist(), strict=True)
        ]
