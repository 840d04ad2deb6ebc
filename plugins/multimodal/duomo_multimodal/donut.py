"""What a page says to a question, and the fields of a form, by Donut: it looks at the page and writes them down.

Kim et al. 2021, https://arxiv.org/abs/2111.15664. Greedy or beam search, as the checkpoint's generation config says.
The answer stands between ``<s_answer>`` and ``</s_answer>``; one that has no end within the bound is none, as in
transformers' pipeline. Its score is the probability of what was written, the product over its tokens.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor
from transformers import (
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoTokenizer,
    DonutProcessor,
    GenerationConfig,
)

from duomo import Model, WeightsRef
from duomo.errors import BadOption, InputTooLong, WeightsProblem, WrongTask
from duomo.imaging import Preparation
from duomo.inputs import Image, PageQuestion
from duomo.model import Features, In, R
from duomo.pretrained import load_network, load_processor
from duomo.tasks.multimodal.documents import (
    DocumentParsingOptions,
    PageAnswer,
    PageAnswers,
    PageField,
    ParsedPage,
)
from duomo.tasks.nlp.extraction import QuestionAnsweringOptions
from duomo.vocabulary import refuse_rowless

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


class Donut(Model[In, R]):
    """What both readings share: no print is read before, and what is written has no place on the page."""

    batch_size = 4

    def __init__(self, network: Network, processor: Processor, tokenizer: Processor) -> None:
        self.network = network
        self.prepared = Preparation(processor)
        self.tokenizer = tokenizer
        self.room: int = network.config.decoder.max_position_embeddings

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network, image processor and tokenizer, whole.

        Raises:
            WrongTask: it was not trained for this.
            WeightsProblem: it samples.
        """
        tokenizer = load_processor(AutoTokenizer, weights, "tokenizer")
        cls.check_marks(tokenizer.get_vocab(), weights)
        network = load_network(AutoModelForImageTextToText, weights, dtype=dtype).to(device)
        if network.generation_config.do_sample:
            raise WeightsProblem(
                f"'{weights.folder}' asks for do_sample=True, which cannot be honoured here",
                why="what is read is written greedily or by beam search: a page has the same fields in any batch",
                fix="take do_sample out of its generation_config.json",
            )
        refuse_rowless(network.decoder, tokenizer)
        return cls(network, load_processor(AutoImageProcessor, weights, "image processor"), tokenizer)

    @classmethod
    @abstractmethod
    def check_marks(cls, vocabulary: Collection[str], weights: WeightsRef) -> None:
        """Raise `WrongTask` where the marks are missing with which it is asked."""

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

    def text(self, tokens: list[int]) -> str:
        """What was written, without its end and what fills the row."""
        text: str = self.tokenizer.decode(tokens)
        for special in (self.tokenizer.eos_token, self.tokenizer.pad_token):
            text = text.replace(special, "")
        return text.strip()

    def tokens_of(self, prompt: str) -> Tensor:
        """(1, tokens)."""
        found: Tensor = self.tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
        return found

    def pixels_of(self, image: Image) -> Tensor:
        """(1, 3, H, W)."""
        return self.prepared([image])["pixel_values"]


class DonutAnswerer(Donut[PageQuestion, PageAnswers]):
    """One answer a question, or none."""

    @classmethod
    def check_marks(cls, vocabulary: Collection[str], weights: WeightsRef) -> None:
        if missing := [each for each in re.findall("<.*?>", PROMPT) if each not in vocabulary]:
            raise WrongTask(
                f"'{weights.folder}' does not answer questions on pages",
                why=f"its tokenizer does not know {', '.join(missing)}, with which Donut is asked",
                fix="use a checkpoint that was trained on DocVQA, such as naver-clova-ix/donut-base-finetuned-docvqa",
            )

    def check_options(self, options: QuestionAnsweringOptions) -> None:
        """Refuse what only a model that chooses among stretches of a text can do."""
        for name, why in FIXED.items():
            if getattr(options, name) != QuestionAnsweringOptions.model_fields[name].default:
                raise BadOption(f"option '{name}' has no effect on this checkpoint", why=why, fix="leave it out")

    def preprocess(self, items: Sequence[PageQuestion], options: QuestionAnsweringOptions) -> list[Features]:
        return [self._features(item, options.max_answer_tokens + ENDS) for item in items]

    def postprocess(
        self, output: list[Written], features: list[Features], options: QuestionAnsweringOptions
    ) -> list[PageAnswers]:
        return [PageAnswers.model_construct(answers=self._answers(written)) for written in output]

    def _answers(self, written: Written) -> list[PageAnswer]:
        whole = re.search(r"(.*)</s_answer>", self.text(written.tokens))
        if whole is None:
            return []
        said = whole.group(1).strip()
        return [PageAnswer.model_construct(text=said, score=written.score, start=None, end=None, corners=[])]

    def _features(self, item: PageQuestion, bound: int) -> Features:
        prompt = self.tokens_of(PROMPT.replace("{question}", str(item.question)))
        length = prompt.shape[1]
        if length + bound > self.room:
            raise InputTooLong(
                f"this question has {length} tokens, and its answer may have {bound}: {item.question[:39]!r}…",
                why=f"the model reads and writes {self.room} in all",
                fix="ask in fewer words, or lower max_answer_tokens",
            )
        return {"pixels": self.pixels_of(item.image), "prompt": prompt, "bound": bound}


class DonutParser(Donut[Image, ParsedPage]):
    """The fields of a page, by the marks around what it writes."""

    token2json: ClassVar[Any] = DonutProcessor.token2json  # which asks for no more than a tokenizer

    @classmethod
    def check_marks(cls, vocabulary: Collection[str], weights: WeightsRef) -> None:
        if not begins(vocabulary):
            raise WrongTask(
                f"'{weights.folder}' does not read the fields of pages",
                why="its tokenizer has no mark that says which documents are to be read, such as <s_cord-v2>",
                fix="use a checkpoint that was trained on forms, such as naver-clova-ix/donut-base-finetuned-cord-v2",
            )

    def check_options(self, options: DocumentParsingOptions) -> None:
        """Refuse a mark that the checkpoint does not know, or none where it knows several. Raises `BadOption`."""
        known = begins(self.tokenizer.get_vocab())
        if options.prompt not in known and (options.prompt is not None or len(known) > 1):
            raise BadOption(
                f"option 'prompt' cannot be {options.prompt!r}" if options.prompt else "option 'prompt' is missing",
                why=f"this checkpoint knows {', '.join(known)}",
                fix=f'prompt="{known[0]}"  (-p prompt={known[0]})',
            )

    def preprocess(self, items: Sequence[Image], options: DocumentParsingOptions) -> list[Features]:
        prompt = self.tokens_of(options.prompt or begins(self.tokenizer.get_vocab())[0])
        room = self.room - prompt.shape[1]
        bound = min(room, options.max_new_tokens or room)
        return [{"pixels": self.pixels_of(item), "prompt": prompt, "bound": bound} for item in items]

    def postprocess(
        self, output: list[Written], features: list[Features], options: DocumentParsingOptions
    ) -> list[ParsedPage]:
        return [self._parsed(written) for written in output]

    def _parsed(self, written: Written) -> ParsedPage:
        tree = self.token2json(self.text(written.tokens))
        ended = self.tokenizer.eos_token_id in written.tokens
        return ParsedPage.model_construct(
            fields=[PageField.model_construct(path=path, text=text) for path, text in leaves(tree)],
            score=written.score,
            finish_reason="stop" if ended else "length",
        )


def begins(vocabulary: Collection[str]) -> list[str]:
    """The marks that begin what is read of a page: those that no other closes, but for those of pretraining."""
    marks = [each for each in vocabulary if re.fullmatch(r"<s_[^>]+>", each) and f"</{each[1:]}" not in vocabulary]
    return sorted({*marks} - {"<s_docvqa>", "<s_synthdog>", "<s_iitcdip>"})


def leaves(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[list[str], str]]:
    """The texts of a tree of dicts and lists, each with the names, or places in a list, that lead to it."""
    if isinstance(node, dict | list):
        parts: Iterable[tuple[object, object]] = node.items() if isinstance(node, dict) else enumerate(node)
        for name, each in parts:
            yield from leaves(each, (*path, str(name)))
    else:
        yield [*path], str(node)
