"""Labels given on the spot for an audio clip, by any CLAP checkpoint: one space of sounds and texts.

Source: Wu et al. 2022, https://arxiv.org/abs/2211.06687. A softmax over the labels, as in transformers' pipeline. Its
feature extractor would cut a long audio clip at random; here it is never given one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoTokenizer, ClapModel

from duomo import Audio, WeightsRef
from duomo.model import Features
from duomo.tasks.options import check_label_length
from duomo.tasks.results import Classification
from duomo.tasks.speech.classification import ZeroShotAudioClassificationOptions
from duomo.vocabulary import refuse_rowless
from duomo_speech.checkpoint import load_part
from duomo_speech.classification import means
from duomo_speech.hearing import Hearing, Inputs


class Clap(Hearing[Audio, Classification]):
    """The label whose sentence lies nearest to the sound; windows have the mean of their scores."""

    auto = ClapModel

    def configure(self, weights: WeightsRef) -> None:
        self.tokenizer = load_part(AutoTokenizer, weights)
        refuse_rowless(self.network.text_model, self.tokenizer)
        config = self.network.config.text_config
        # RoBERTa counts positions from pad_token_id + 1, so that the last rows do not exist.
        self.max_tokens: int = config.max_position_embeddings - (config.pad_token_id or 0) - 1
        self.known: tuple[Tensor, Tensor] | None = None
        """Tokens and vectors of the labels asked for last: most runs ask for the same ones again and again."""

    def check_options(self, options: ZeroShotAudioClassificationOptions) -> None:
        """Refuse labels that are longer than the model reads."""
        self._texts(options)

    def preprocess(self, items: Sequence[Audio], options: ZeroShotAudioClassificationOptions) -> list[Features]:
        texts = self._texts(options)
        return [{**self.heard_in(item, options.long), "texts": texts} for item in items]

    def collate(self, features: list[Features]) -> list[Inputs]:
        """All windows, and behind them the labels."""
        return [*super().collate(features), features[0]["texts"]]

    def forward(self, batch: list[Inputs]) -> list[Tensor]:
        """Scores of each window, (labels,)."""
        *windows, texts = batch
        self.vectors = self._vectors(texts)
        return super().forward(windows)

    def compute(self, inputs: Inputs) -> Tensor:
        heard = F.normalize(self.network.get_audio_features(**inputs).pooler_output, dim=-1)
        logits: Tensor = heard @ self.vectors.T * self.network.logit_scale_a.exp()
        return logits.float().softmax(-1)

    def postprocess(
        self, output: list[Tensor], features: list[Features], options: ZeroShotAudioClassificationOptions
    ) -> list[Classification]:
        return [Classification.ranked(options.labels, each) for each in means(output, features)]

    def _vectors(self, texts: Inputs) -> Tensor:
        """Vectors of the labels, (labels, D), each of length 1."""
        ids = texts["input_ids"]
        if self.known is None or not torch.equal(self.known[0], ids):
            self.known = ids, F.normalize(self.network.get_text_features(**texts).pooler_output, dim=-1)
        return self.known[1]

    def _texts(self, options: ZeroShotAudioClassificationOptions) -> Inputs:
        sentences = [options.template.replace("{}", label) for label in options.labels]
        tokens = self.tokenizer(sentences, return_tensors="pt", padding=True)
        check_label_length(tokens["input_ids"].shape[1], self.max_tokens)
        return {name: torch.as_tensor(each) for name, each in tokens.items()}
