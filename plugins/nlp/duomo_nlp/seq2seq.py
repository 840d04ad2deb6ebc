"""Texts written from texts by any encoder-decoder of transformers: translation, summaries, instructions.

preprocess   prefix and language → token ids of the encoder
collate      groups of alike lengths, padded on the right and masked
forward      the encoder on each group, then `generate` of transformers on all rows together: greedy or beams, as the
             checkpoint's generation config says
postprocess  token ids → text

What a checkpoint says holds: its generation config, and for a task its ``task_specific_params`` (prefix, lengths,
beams). Sampling and the like are refused, since the same text must give the same result in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig
from transformers.modeling_outputs import BaseModelOutput

from duomo import Model, Text, WeightsRef
from duomo.errors import BadOption, InputTooLong, WeightsProblem
from duomo.generating import SEQ2SEQ, refuse
from duomo.model import Features
from duomo.pretrained import load_network, load_processor
from duomo.tasks.nlp import TranslationOptions
from duomo.tasks.nlp.writing import GeneratedText, Summary, Translation
from duomo.vocabulary import refuse_rowless
from duomo_nlp import parallel
from duomo_nlp.checkpoint import check_positions, max_tokens
from duomo_nlp.grouping import ROWS, SLACK, Group, joined, together
from duomo_nlp.languages import Languages
from duomo_nlp.splitting import parts_of, rejoined

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

BOUND = 256
"""New tokens, where neither the caller nor the checkpoint says: transformers' own 20 would cut most sentences."""


class Read(BaseModelOutput):
    """What an encoder made of texts; Switch Transformers asks for its routes, which only training needs."""

    router_logits = None


class Seq2Seq(Model[Text, Any]):
    """An encoder-decoder with its tokenizer, and what its checkpoint says about a task."""

    task: ClassVar[str]
    result: ClassVar[Any]
    field: ClassVar[str]
    """The field of the result that holds the text."""

    batch_size = 64
    batch_budget = 8192
    packed = True  # groups of alike lengths: hardly anything is padded

    tensor_plan = staticmethod(parallel.seq2seq_plan)

    def __init__(self, network: Network, tokenizer: Processor, limit: int, weights: WeightsRef) -> None:
        check_positions(network)
        self.network = network
        self.tokenizer = tokenizer
        self.limit = limit
        config: dict[str, Any] = weights.config()
        own = config.get("task_specific_params") or {}
        self.task_params: dict[str, dict[str, Any]] = own if isinstance(own, dict) else {}
        self.prefix = str(config.get("prefix") or "")
        self.languages = Languages(tokenizer, self.task_params, network)
        decoder = [getattr(network.config, name, None) for name in ("max_decoder_position_embeddings",)]
        if network.config.model_type in LEARNED:
            decoder.append(network.config.max_position_embeddings)
        if network.config.model_type == "encoder-decoder":
            decoder.append(getattr(network.config.decoder, "max_position_embeddings", None))
        self.places = min((each for each in decoder if each), default=None)
        self.is_led = network.config.model_type == "led"
        for settings in ({}, *self.task_params.values()):
            refuse(self.generation(settings), SEQ2SEQ, weights.folder)

    @classmethod
    def auto_of(cls, weights: WeightsRef) -> object:
        """Choose the class that builds this checkpoint's network."""
        del weights
        return AutoModelForSeq2SeqLM

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and tokenizer, whole.

        Raises `WeightsProblem` for a checkpoint that samples, or whose tokenizer needs a library that is not here.
        """
        network = load_network(cls.auto_of(weights), weights, dtype=dtype).to(device)
        tokenizer = load_processor(AutoTokenizer, weights, "tokenizer")
        if len(tokenizer) <= len(tokenizer.all_special_tokens):
            raise WeightsProblem(
                f"'{weights.folder}' has no tokenizer that can be used",
                why="the folder holds no vocabulary",
                fix="save it there: tokenizer.save_pretrained(folder)",
            )
        refuse_rowless(network, tokenizer)
        encoder = getattr(network.config, "max_encoder_position_embeddings", None)
        limit = encoder or max_tokens(network, tokenizer, weights)
        return cls(network, tokenizer, min(limit, tokenizer.model_max_length), weights)

    @staticmethod
    def estimate(item: Text) -> int:
        return 1 + len(item) // 5

    def generation(self, settings: dict[str, Any]) -> GenerationConfig:
        """The checkpoint's generation config with `settings` over it; entries of other things are left out."""
        config = GenerationConfig.from_dict(self.network.generation_config.to_dict())
        known = vars(config)
        for name, value in settings.items():
            if name in known:
                setattr(config, name, value)
        return config

    def split(self, item: Text, options: Any) -> list[Text]:
        """Parts of whole sentences that fit, under ``window``."""
        if options.long != "window":
            return [item]
        prefix, source = self._reading(options)
        return [Text(part, item.name) for part in parts_of(item, lambda text: self._fits(prefix + text, source))]

    def merge(self, item: Text, results: list[Any], options: Any) -> Any:
        """All parts as one text."""
        return self.result.model_construct(
            **{self.field: rejoined(getattr(each, self.field) for each in results)},
            finish_reason="length" if any(each.finish_reason == "length" for each in results) else "stop",
            num_new_tokens=sum(each.num_new_tokens for each in results),
        )

    def check_options(self, options: object) -> None:
        """Refuse languages that the checkpoint does not know, and more tokens than its decoder has positions."""
        self._settings(options)
        self._reading(options)

    def preprocess(self, items: Sequence[Text], options: Any) -> list[Features]:
        settings = self._settings(options)
        prefix, source = self._reading(options)
        with self.languages.reading(source):
            rows = self.tokenizer([prefix + item for item in items], truncation=False, verbose=False).input_ids
            short = []
            if any(len(row) > self.limit for row in rows) and options.long == "truncate":
                short = self.tokenizer(
                    [prefix + item for item in items], truncation=True, max_length=self.limit
                ).input_ids
        features: list[Features] = []
        for at, (item, row) in enumerate(zip(items, rows, strict=True)):
            is_long = len(row) > self.limit
            if is_long and options.long != "truncate":
                raise InputTooLong(
                    f"this text has {len(row):,} tokens and the model reads {self.limit:,}: {item[:39]!r}…",
                    why="one sentence alone is longer" if options.long == "window" else "its end would be lost",
                    fix="cut it up, or long=truncate reads the beginning"
                    + ("" if options.long == "window" or self.task == "text2text-generation" else ", long=window all"),
                )
            features.append({"ids": short[at] if is_long else row, "settings": settings, "truncated": is_long})
        return features

    def collate(self, features: list[Features]) -> list[Group]:
        order = sorted(range(len(features)), key=lambda at: len(features[at]["ids"]))
        groups: list[list[int]] = []
        for at in order:
            shortest = len(features[groups[-1][0]]["ids"]) if groups else 0
            if groups and len(groups[-1]) < ROWS and len(features[at]["ids"]) <= 1.25 * shortest + SLACK:
                groups[-1].append(at)
            else:
                groups.append([at])
        return [self._pad([features[at]["ids"] for at in some], some, features[0]["settings"]) for some in groups]

    def forward(self, batch: list[Group]) -> list[list[int]]:
        """Tokens of the decoder for each text, in order."""
        written: dict[int, list[int]] = {}
        for groups in together(batch, self.generation(batch[0].settings)):
            ids, mask = (joined([getattr(group, name) for group in groups]) for name in ("ids", "mask"))
            tokens = self.network.generate(
                input_ids=ids,
                attention_mask=mask,
                encoder_outputs=Read(last_hidden_state=joined([self._read(group) for group in groups])),
                generation_config=self.generation(groups[0].settings),
            )
            places = [place for group in groups for place in group.places]
            written.update(zip(places, tokens.tolist(), strict=True))
        return [written[at] for at in range(len(written))]

    def _read(self, group: Group) -> Tensor:
        """What the encoder makes of a group, (B, L, D)."""
        extra = {}
        if self.is_led:  # as it was trained: the first token sees and is seen by all
            extra["global_attention_mask"] = torch.zeros_like(group.mask)
            extra["global_attention_mask"][:, 0] = 1
        encoder = self.network.get_encoder()
        states: Tensor = encoder(input_ids=group.ids, attention_mask=group.mask, **extra).last_hidden_state
        return states

    def postprocess(self, output: list[list[int]], features: list[Features], options: Any) -> list[Any]:
        ends, pad = self._ends(), self.network.generation_config.pad_token_id
        texts = self.tokenizer.batch_decode(output, skip_special_tokens=True)
        results = []
        for tokens, text in zip(output, texts, strict=True):
            new = tokens[1:]  # without the token that the decoder starts from
            while new and new[-1] == pad and pad not in ends:
                new.pop()
            last = next((at for at, token in enumerate(new) if token in ends), None)
            count = len(new) if last is None else last + 1
            reason = "length" if last is None else "stop"
            fields = {self.field: text, "finish_reason": reason, "num_new_tokens": count}
            results.append(self.result.model_construct(**fields))
        return results

    def _params(self, options: Any) -> dict[str, Any]:
        """What the checkpoint says about this task."""
        del options
        return self.task_params.get(self.task, {})

    def _reading(self, options: Any) -> tuple[str, str | None]:
        """What is put before each text, and the language that the tokenizer is set to."""
        return str(self._params(options).get("prefix", self.prefix)), None

    def _settings(self, options: Any) -> dict[str, Any]:
        """The entries of the generation config that hold for this call."""
        settings = {name: value for name, value in self._params(options).items() if name != "prefix"}
        if options.num_beams is not None:
            settings["num_beams"] = options.num_beams
        own = self.generation(settings)
        bound = options.max_new_tokens
        if bound is None and own.max_new_tokens is None and own.max_length is None:
            bound = BOUND if self.places is None else min(BOUND, self.places - 1)
        if bound is not None:
            if self.places is not None and bound >= self.places:
                raise BadOption(
                    f"option 'max_new_tokens' cannot be {bound}",
                    why=f"the decoder has {self.places} positions, and one is the token it starts from",
                    fix=f"max_new_tokens={self.places - 1} at most",
                )
            settings |= {"max_new_tokens": bound, "max_length": None}
        return settings

    def _fits(self, text: str, source: str | None) -> bool:
        with self.languages.reading(source):
            return len(self.tokenizer(text, truncation=False, verbose=False).input_ids) <= self.limit

    def _pad(self, rows: list[list[int]], places: list[int], settings: dict[str, Any]) -> Group:
        longest, pad = max(map(len, rows)), self.tokenizer.pad_token_id or 0
        ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        return Group(ids, mask, places, settings)

    def _ends(self) -> frozenset[int]:
        ends = self.network.generation_config.eos_token_id
        return frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])


class Text2TextGeneration(Seq2Seq):
    """For text2text-generation."""

    task = "text2text-generation"
    result = GeneratedText
    field = "generated_text"


class Summarization(Seq2Seq):
    """For summarization; parts of a long text are summarized one by one."""

    task = "summarization"
    result = Summary
    field = "summary_text"


class Translate(Seq2Seq):
    """For translation; languages by prefix (T5, Marian) or by token (NLLB, mBART, M2M100)."""

    task = "translation"
    result = Translation
    field = "translation_text"

    def _params(self, options: TranslationOptions) -> dict[str, Any]:
        return self.languages.params(options.src_lang, options.tgt_lang)

    def _reading(self, options: TranslationOptions) -> tuple[str, str | None]:
        prefix = str(self._params(options).get("prefix", self.prefix))
        return prefix + self.languages.prefix(options.tgt_lang), self.languages.source(options.src_lang)

    def _settings(self, options: TranslationOptions) -> dict[str, Any]:
        return {**super()._settings(options), **self.languages.start(options.tgt_lang)}


LEARNED = frozenset(
    {"bart", "bigbird_pegasus", "blenderbot", "blenderbot-small", "mbart", "mvp", "plbart", "prophetnet"}
)
"""Encoder-decoders with one learned vector a position: behind the last one there is nothing."""
