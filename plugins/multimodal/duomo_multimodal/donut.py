"""What a page says to a question, by Donut: it looks at the page and writes the answer, and no print is read before.

Kim et al. 2021, https://arxiv.org/abs/2111.15664. Greedy or beam search, as the checkpoint's generation config says.
The answer stands between ``<s_answer>`` and ``</s_answer>``; one that has no end within the bound is none, as in
transformers' pipeline. Its score is the probability of what was written, the product over its tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import torch
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer, GenerationConfig

from duomo import Model, WeightsRef
from duomo.errors import BadOption, InputTooLong, WeightsProblem, WrongTask
from duomo.inputs import PageQuestion
from duomo.model import Features
from duomo.pretrained import load_network, load_processor
from duomo.tasks.multimodal.documents import PageAnswer, PageAnswers
from duomo.tasks.nlp.extraction import QuestionAnsweringOptions

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

PROMPT = "<s_docvqa><s_question>{question}</s_question><s_answer>"
FIXED = {
    "top_k": "it writes one answer",
    "may_abstain": "it was not trained to say that there is none",
}
"""Options without effect here, and why."""
ENDS = 2
"""Tokens behind an answer: its end, and that of the text."""


class Group(NamedTuple):
    """Pages with questions of one length."""

    pixels: Tensor
    """(B, 3, H, W)."""
    prompts: Tensor
    """(B, tokens)."""
    places: list[int]


class Written(NamedTuple):
    """What was written for one page."""

    tokens: list[int]
    score: float


class DonutAnswerer(Model[PageQuestion, PageAnswers]):
    """One answer a question, or none; it has no place on the page."""

    batch_size = 4

    def __init__(self, network: Network, processor: Processor, tokenizer: Processor) -> None:
        self.network = network
        self.processor = processor
        self.tokenizer = tokenizer
        self.room: int = network.config.decoder.max_position_embeddings

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network, image processor and tokenizer, whole.

        Raises:
            WrongTask: it was not trained to answer questions on pages.
            WeightsProblem: it samples.
        """
        tokenizer = load_processor(AutoTokenizer, weights, "tokenizer")
        if missing := [each for each in re.findall("<.*?>", PROMPT) if each not in tokenizer.get_vocab()]:
            raise WrongTask(
                f"'{weights.folder}' does not answer questions on pages",
                why=f"its tokenizer does not know {', '.join(missing)}, with which Donut is asked",
                fix="use a checkpoint that was trained on DocVQA, such as naver-clova-ix/donut-base-finetuned-docvqa",
            )
        network = load_network(AutoModelForImageTextToText, weights, dtype=dtype).to(device)
        if network.generation_config.do_sample:
            raise WeightsProblem(
                f"'{weights.folder}' asks for do_sample=True, which cannot be honoured here",
                why="answers are written greedily or by beam search: a page has the same answer in any batch",
                fix="take do_sample out of its generation_config.json",
            )
        return cls(network, load_processor(AutoImageProcessor, weights, "image processor"), tokenizer)

    def check_options(self, options: QuestionAnsweringOptions) -> None:
        """Refuse what only a model that chooses among stretches of a text can do."""
        for name, why in FIXED.items():
            if getattr(options, name) != QuestionAnsweringOptions.model_fields[name].default:
                raise BadOption(f"option '{name}' has no effect on this checkpoint", why=why, fix="leave it out")

    def preprocess(self, items: Sequence[PageQuestion], options: QuestionAnsweringOptions) -> list[Features]:
        return [self._features(item, options.max_answer_tokens + ENDS) for item in items]

    def collate(self, features: list[Features]) -> tuple[list[Group], int]:
        """Pages whose questions are of one length, and how many tokens may be written."""
        groups: dict[tuple[torch.Size, torch.Size], list[int]] = {}
        for at, each in enumerate(features):
            groups.setdefault((each["prompt"].shape, each["pixels"].shape), []).append(at)
        return [
            Group(
                torch.cat([features[at]["pixels"] for at in some]),
                torch.cat([features[at]["prompt"] for at in some]),
                some,
            )
            for some in groups.values()
        ], features[0]["bound"]

    def forward(self, batch: tuple[list[Group], int]) -> list[Written]:
        """Write the answer for each page."""
        groups, bound = batch
        config = GenerationConfig.from_dict(self.network.generation_config.to_dict())
        config.max_new_tokens, config.max_length = bound, None
        config.return_dict_in_generate = config.output_scores = True
        found: dict[int, Written] = {}
        for group in groups:
            output = self.network.generate(
                pixel_values=group.pixels.to(self.network.dtype),
                decoder_input_ids=group.prompts,
                generation_config=config,
            )
            chances = self.network.compute_transition_scores(
                output.sequences, output.scores, output.get("beam_indices"), normalize_logits=True
            )
            new = output.sequences[:, group.prompts.shape[1] :]
            kept = chances.float().masked_fill(new == self.tokenizer.pad_token_id, 0.0)
            rows = zip(new.tolist(), kept.sum(-1).exp().tolist(), strict=True)
            found.update(zip(group.places, (Written(*row) for row in rows), strict=True))
        return [found[at] for at in range(len(found))]

    def postprocess(
        self, output: list[Written], features: list[Features], options: QuestionAnsweringOptions
    ) -> list[PageAnswers]:
        return [PageAnswers.model_construct(answers=self._answers(written)) for written in output]

    def _answers(self, written: Written) -> list[PageAnswer]:
        text = self.tokenizer.decode(written.tokens)
        for special in (self.tokenizer.eos_token, self.tokenizer.pad_token):
            text = text.replace(special, "")
        whole = re.search(r"(.*)</s_answer>", text)
        if whole is None:
            return []
        said = whole.group(1).strip()
        return [PageAnswer.model_construct(text=said, score=written.score, start=None, end=None, corners=[])]

    def _features(self, item: PageQuestion, bound: int) -> Features:
        prompt = self.tokenizer(
            PROMPT.replace("{question}", str(item.question)), add_special_tokens=False, return_tensors="pt"
        )["input_ids"]
        length = prompt.shape[1]
        if length + bound > self.room:
            raise InputTooLong(
                f"this question has {length} tokens, and its answer may have {bound}: {item.question[:39]!r}…",
                why=f"the model reads and writes {self.room} in all",
                fix="ask in fewer words, or lower max_answer_tokens",
            )
        pixels = self.processor(images=[item.image.pil()], return_tensors="pt")["pixel_values"]
        return {"pixels": pixels, "prompt": prompt, "bound": bound}
