"""The words that fit where a text has a mask, by any transformers checkpoint for masked language modelling.

encoder   packed, where its architecture can
head      over the vectors of the masks alone: logits of every token of a long text would be most of the work
score     softmax over the whole vocabulary, also when only some tokens are asked for
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Encoding
from torch import Tensor
from transformers import AutoModelForMaskedLM

from duomo import Text, WeightsRef
from duomo.errors import BadInput, BadOption, WeightsProblem
from duomo.model import Features
from duomo.tasks.nlp.filling import FilledMask, Filling, FillMaskOptions, MaskedText
from duomo_nlp.checkpoint import load_tokenizer
from duomo_nlp.encoders import packed, windows
from duomo_nlp.encoders.encoder import Encoder
from duomo_nlp.encoders.heads import adjust, hidden_states
from duomo_nlp.encoders.rows import Rows, batches, by_token

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

MASKS = ("[MASK]", "<mask>")
"""What stands for a mask whatever the model calls it."""

# From the vectors of the masks, (M, H), to logits (M, vocabulary): what each architecture's forward does after its
# encoder.
HEADS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "bert": lambda network, states: network.cls(states),
    "camembert": lambda network, states: network.lm_head(states),
    "distilbert": lambda network, states: network.vocab_projector(
        network.vocab_layer_norm(network.activation(network.vocab_transform(states)))
    ),
    "electra": lambda network, states: network.generator_lm_head(network.generator_predictions(states)),
    "modernbert": lambda network, states: network.decoder(network.head(states)),
    "roberta": lambda network, states: network.lm_head(states),
    "xlm-roberta": lambda network, states: network.lm_head(states),
}


class FillMask(Encoder[Text, MaskedText]):
    """The likeliest tokens of each mask."""

    auto = AutoModelForMaskedLM

    def enable(self) -> None:
        adjust(self.network)
        if self.network.config.model_type in HEADS:
            packed.enable(self.network.base_model)

    def configure(self, weights: WeightsRef) -> None:
        self.wrapper = load_tokenizer(weights)[0]  # decodes with the spaces that the checkpoint asks for
        mask = self.wrapper.mask_token
        number = None if mask is None else self.tokenizer.token_to_id(str(mask))
        if number is None:
            raise WeightsProblem(
                f"the tokenizer of '{weights.folder}' has no mask token",
                why="without one a text cannot say which word is asked for",
                fix="use a checkpoint whose tokenizer has a mask_token",
            )
        self.mask = str(mask)
        self.mask_id = number

    @classmethod
    def pipeline_split(cls, config: PreTrainedConfig) -> None:
        """Cannot be spread over stages: its head reads the masks alone."""

    def check_options(self, options: FillMaskOptions) -> None:
        """Refuse targets of several tokens, and those that are no token."""
        self._targets(options)

    def preprocess(self, items: Sequence[Text], options: FillMaskOptions) -> list[Features]:
        texts = [self._with_masks(item) for item in items]
        features: list[Features] = []
        for text, [encoding, *_] in zip(texts, windows.read(self.tokenizer, texts, options.long), strict=True):
            if self.mask_id not in encoding.ids:
                raise BadInput(
                    f"this text has no mask: {text[:39]!r}…" if len(text) > 40 else f"this text has no mask: {text!r}",
                    why="the masks are behind its cut end" if encoding.overflowing else "nothing is to be filled in",
                    fix=f"write {self.mask} (or {' or '.join(MASKS)}) where a word is missing",
                )
            features.append({"encodings": [encoding], "truncated": windows.was_cut([encoding], options.long)})
        return features

    def forward(self, batch: list[Rows]) -> Tensor:
        """Logits of the masks of all texts, end to end, (M, vocabulary)."""
        return torch.cat([self._mask_logits(rows) for rows in batch])

    def postprocess(self, output: Tensor, features: list[Features], options: FillMaskOptions) -> list[MaskedText]:
        targets = self._targets(options)
        scores = output.float().softmax(-1)
        if targets is not None:
            scores = scores[:, targets]
        best, places = scores.topk(min(options.top_k, scores.shape[-1]))
        rows = iter(zip(best.tolist(), places.tolist(), strict=True))
        results = []
        for [encoding] in (each["encodings"] for each in features):
            where = [at for at, token in enumerate(encoding.ids) if token == self.mask_id]
            masks = []
            for at in where:
                values, found = next(rows)
                tokens = found if targets is None else [targets[place] for place in found]
                fillings = [
                    self._filling(encoding, at, token, score, len(where) == 1)
                    for token, score in zip(tokens, values, strict=True)
                ]
                masks.append(FilledMask.model_construct(fillings=fillings))
            results.append(MaskedText.model_construct(masks=masks))
        return results

    def _with_masks(self, text: str) -> str:
        for mask in MASKS:
            text = text.replace(mask, self.mask)
        return text

    def _targets(self, options: FillMaskOptions) -> list[int] | None:
        """Numbers of the tokens that are asked for, each once."""
        if options.targets is None:
            return None
        tokens: dict[int, None] = {}
        for target in options.targets:
            known = self.tokenizer.token_to_id(target)
            ids = [known] if known is not None else self.tokenizer.encode(target, add_special_tokens=False).ids
            if len(ids) != 1:
                raise BadOption(
                    f"option 'targets' cannot hold {target!r}",
                    why=f"to this model it is {len(ids)} tokens, and a mask is one",
                    fix="choose words that are one token, or write as many masks as it has",
                )
            if known is None and self.tokenizer.id_to_token(ids[0]) == self.wrapper.unk_token:
                raise BadOption(
                    f"option 'targets' cannot hold {target!r}",
                    why=f"this model's vocabulary does not have it: it reads {self.wrapper.unk_token} there",
                    fix="choose other words, or leave the option out to see which it has",
                )
            tokens[ids[0]] = None
        return list(tokens)

    def _mask_logits(self, rows: Rows) -> Tensor:
        """(M, vocabulary), in the order of the texts."""
        network = self.network
        if packed.is_enabled(network.base_model):
            states = by_token(hidden_states(network.base_model, rows), rows)
            asked = by_token(rows.ids[0], rows) == self.mask_id
            return HEADS[network.config.model_type](network, states[asked])
        parts = [network(**batch).logits[batch["input_ids"] == self.mask_id] for batch in batches(rows)]
        # Masks come in the order of the sorted rows: give each token the number of its mask, and put those in order.
        asked = rows.ids[0] == self.mask_id
        order = by_token(asked.cumsum(0) - 1, rows)[by_token(asked, rows)]
        return torch.cat(parts)[order]

    def _filling(self, encoding: Encoding, at: int, token: int, score: float, is_only: bool) -> Filling:
        ids = list(encoding.ids)
        ids[at] = token
        return Filling.model_construct(
            score=score,
            token=token,
            token_str=str(self.wrapper.decode([token])),
            sequence=str(self.wrapper.decode(ids, skip_special_tokens=is_only)),
        )
