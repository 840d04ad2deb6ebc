"""Labels given on the spot, by any transformers checkpoint that was trained to tell entailment.

Each label becomes a hypothesis, "This example is {label}.", and the text is its premise (Yin et al. 2019,
https://arxiv.org/abs/1909.00161). A text costs one pass of the network for each label; `embedding.py`
has a model that reads the labels once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import AutoModelForSequenceClassification

from duomo import Text, WeightsRef
from duomo.errors import BadOption, WrongTask
from duomo.model import Features
from duomo.pretrained import labels_of
from duomo.tasks.nlp import ZeroShotClassificationOptions
from duomo.tasks.results import Classification
from duomo_nlp.encoders import heads, windows
from duomo_nlp.encoders.encoder import Encoder
from duomo_nlp.encoders.rows import Rows

TEMPLATE = "This example is {}."
"""Stands in for the task's bare "{}": a word alone is not a hypothesis."""


class ZeroShotClassification(Encoder[Text, Classification]):
    """A softmax of the labels' entailment; under ``multi_label`` each label's own against its contradiction.

    A text of several windows (``long=window``) has the mean of their logits.
    """

    auto = AutoModelForSequenceClassification
    cuts = "only_first"
    batch_size = 32

    def configure(self, weights: WeightsRef) -> None:
        names = [name.lower() for name in labels_of(self.network.config)]
        entailed = [index for index, name in enumerate(names) if name.startswith("entail")]
        denied = [index for index, name in enumerate(names) if name.startswith(("contra", "not"))]
        if not entailed or len(names) < 2:
            raise WrongTask(
                f"'{weights.folder}' does not do zero-shot-classification",
                why=f"it does not tell entailment: its labels are {', '.join(names)}",
                fix="use a checkpoint that was trained on natural language inference, or nlp/minilm",
            )
        self.entailed = entailed[0]
        # Of two labels the other one denies, whatever it is called; of more, one must say so.
        others = denied or ([1 - self.entailed] if len(names) == 2 else [])
        self.denied = others[0] if others else None

    def check_options(self, options: ZeroShotClassificationOptions) -> None:
        """Refuse labels that cannot be scored as asked, or that leave no room for a text."""
        if self.denied is None and (options.multi_label or len(options.labels) == 1):
            raise BadOption(
                "this checkpoint cannot score each label on its own",
                why="none of its labels says contradiction, and the label's own score is entailment against that",
                fix="leave multi_label out, and give two labels or more",
            )
        self._check_length(_hypotheses(options))

    def preprocess(self, items: Sequence[Text], options: ZeroShotClassificationOptions) -> list[Features]:
        hypotheses = _hypotheses(options)
        pairs = [(text, hypothesis) for text in items for hypothesis in hypotheses]
        cut = iter(windows.read(self.tokenizer, pairs, options.long))
        features = []
        for _ in items:
            read = [next(cut) for _ in hypotheses]
            features.append(
                {
                    "pairs": read,
                    "windows": max(len(pair) for pair in read),
                    "truncated": any(windows.was_cut(pair, options.long) for pair in read),
                }
            )
        return features

    def _check_length(self, hypotheses: list[str]) -> None:
        """At least half of a row is for the text; few labels are long enough to be worth counting."""
        for hypothesis in hypotheses:
            if len(hypothesis.encode()) <= self.limit // 2 - 4:  # a token takes a byte at least
                continue
            counted = self.tokenizer.encode(hypothesis, "")  # as the first text, which may be cut
            if counted.overflowing or len(counted) > self.limit // 2:
                raise BadOption(
                    f"a label is too long for a model that reads {self.limit:,} tokens: {hypothesis[:39]!r}…",
                    why="text and label share a row, and no more than half of it is for the label",
                    fix="shorten the label, or the template",
                )

    def collate(self, features: list[Features]) -> list[Rows]:
        return self.pack([window for each in features for pair in each["pairs"] for window in pair], pairs=True)

    def forward(self, batch: list[Rows]) -> torch.Tensor:
        """Logits, (windows of pairs, labels of the network)."""
        return torch.cat([heads.sequence_logits(self.network, rows) for rows in batch])

    def postprocess(
        self, output: torch.Tensor, features: list[Features], options: ZeroShotClassificationOptions
    ) -> list[Classification]:
        logits = windows.mean_by_text(output.float(), [[1] * len(pair) for each in features for pair in each["pairs"]])
        if options.multi_label or len(options.labels) == 1:
            scores = logits[:, [self.denied, self.entailed]].softmax(-1)[:, 1].view(len(features), -1)
        else:
            scores = logits[:, self.entailed].view(len(features), -1).softmax(-1)
        return [Classification.ranked(options.labels, each) for each in scores.tolist()]


def _hypotheses(options: ZeroShotClassificationOptions) -> list[str]:
    template = TEMPLATE if options.template == "{}" else options.template
    return [template.replace("{}", label) for label in options.labels]
