"""Texts ranked by a decoder that is asked whether each answers the query: Qwen3-Reranker (arXiv:2506.05176), its kin.

question   the folder's chat template, with a message of role ``query`` and one of role ``document``
score      what the next token says: the logit of "yes" less that of "no", and a sigmoid of it, as `CrossEncoder` does
           with a folder whose ``modules.json`` ends in `LogitScore`
window     of a text that does not fit, one question each part; the best score counts
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jinja2 import TemplateError
from tokenizers import Encoding
from transformers import AutoModelForCausalLM

from duomo import WeightsRef
from duomo.errors import InputTooLong, WeightsMismatch
from duomo.inputs import Candidates
from duomo.model import Features
from duomo.tasks.nlp.ranking import TextRankingOptions
from duomo_nlp.checkpoint import load_tokenizer, read_json, read_sentence_config
from duomo_nlp.encoders.rows import Rows, batches, by_row
from duomo_nlp.ranking import TextRanking, is_sigmoid

STEPS = ("Transformer", "LogitScore")
SAYS = "max_seq_length transformer_task modality_config module_output_name processing_kwargs unpad_inputs".split()
"""What ``sentence_bert_config.json`` may say here."""


class AnsweredRanking(TextRanking):
    """As `TextRanking`, by what a decoder would say."""

    auto = AutoModelForCausalLM

    def configure(self, weights: WeightsRef) -> None:
        self.wrapper, _ = load_tokenizer(weights)
        self.tokenizer.no_truncation()  # a question is cut in its text, never at its end
        modules = read_json(weights, "modules.json")
        said = read_sentence_config(weights)
        own = read_json(weights, "config_sentence_transformers.json")
        score = read_json(weights, f"{modules[-1]['path']}/config.json")
        self.tokens = [
            score.get("true_token_id"),
            *[each for each in [score.get("false_token_id")] if each is not None],
        ]
        self.prompt = (own.get("prompts") or {}).get(own.get("default_prompt_name") or "", "")
        self.is_sigmoid = is_sigmoid(weights)
        message = (said.get("modality_config") or {}).get("message") or {}
        self.is_flat = message.get("format") == "flat"
        how = said.get("processing_kwargs") or {}
        self.template = {name: to for name, to in (how.get("chat_template") or {}).items() if name != "restore_suffix"}
        refused = [f"{name} of sentence_bert_config.json" for name in said if name not in SAYS]
        refused += [f"processing_kwargs['{name}']" for name in how if name != "chat_template"]
        refused += [f"the step {step}" for each in modules if (step := each["type"].rpartition(".")[2]) not in STEPS]
        size = self.network.config.get_text_config().vocab_size
        refused += [f"the token {each}" for each in self.tokens if not isinstance(each, int) or not 0 <= each < size]
        probes = [self._render("alpha", "bravo"), self._render("charlie", "bravo"), self._render("alpha", "foxtrot")]
        if not message or len(set(probes)) < len(probes):
            refused.append("a chat template that leaves out the query or the text")
        if refused:
            raise WeightsMismatch(
                f"'{weights.folder}' ranks texts in a way that duomo does not know",
                why=f"it asks for {', '.join(refused)}",
                fix="use a checkpoint without that; docs/checkpoints.md lists what is known",
            )

    def preprocess(self, items: Sequence[Candidates], options: TextRankingOptions) -> list[Features]:
        features: list[Features] = []
        for item in items:
            asked = [self._ask(str(item.query), str(text), options.long) for text in item.texts]
            read = [windows for windows, _ in asked]
            features.append(
                {
                    "item": item,
                    "pairs": read,
                    "windows": max(len(windows) for windows in read),
                    "truncated": any(was_cut for _, was_cut in asked),
                }
            )
        return features

    def forward(self, batch: list[Rows]) -> torch.Tensor:
        """One number a question, (windows,)."""
        return torch.cat([self._score(rows) for rows in batch])

    def _score(self, rows: Rows) -> torch.Tensor:
        groups = [self.network(**each, logits_to_keep=1).logits[:, -1, self.tokens].float() for each in batches(rows)]
        logits = by_row(groups, rows)
        return logits[:, 0] - logits[:, 1] if len(self.tokens) > 1 else logits[:, 0]

    def _ask(self, query: str, text: str, long: str) -> tuple[list[Encoding], bool]:
        """The questions about a text, and whether part of it was left out."""
        whole = self._encode(query, text)
        if len(whole) <= self.limit:
            return [whole], False
        if long == "error":
            raise InputTooLong(
                f"this text has {len(whole):,} tokens with its question and the model reads {self.limit:,}: "
                f"{text[:39]!r}…",
                why="cutting it silently would lose its end",
                fix="long=truncate reads the beginning, long=window reads all of it in parts",
            )
        room = self.limit - len(self._encode(query, "")) - 2  # words that meet the question may be cut otherwise
        if room < 1:
            raise InputTooLong(
                f"this query is too long for a model that reads {self.limit:,} tokens: {query[:39]!r}…",
                why="query and text share a question, and nothing is left for the text",
                fix="ask in fewer words",
            )
        offsets = self.tokenizer.encode(text, add_special_tokens=False).offsets
        ends = [offsets[at : at + room] for at in range(0, len(offsets), room)]
        parts = [text[part[0][0] : part[-1][1]] for part in ends]
        cut = parts[:1] if long == "truncate" else parts
        return [self._encode(query, part) for part in cut], long == "truncate"

    def _encode(self, query: str, text: str) -> Encoding:
        # The template writes the special tokens itself.
        return self.tokenizer.encode(self._render(query, text), add_special_tokens=False)

    def _render(self, query: str, text: str) -> str:
        said = [("system", self.prompt)] if self.prompt else []
        chat: list[dict[str, object]] = [
            {"role": role, "content": content if self.is_flat else [{"type": "text", "text": content}]}
            for role, content in [*said, ("query", query), ("document", text)]
        ]
        try:
            said_so = self.wrapper.apply_chat_template(chat, tokenize=False, **self.template)  # type: ignore[arg-type]
        except (TemplateError, ValueError):
            return ""
        return str(said_so)
