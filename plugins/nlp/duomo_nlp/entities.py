"""Names and terms in a text, by any transformers checkpoint made for token classification.

    tokens     each gets the likeliest tag; windows of a long text share a quarter of their tokens,
               and a shared token is read in the window where it stands further from the edge
    tags       B-, I-, E- (or L-), S- (or U-) and O; a tag without prefix continues its like
    spans      tokens of one name joined; text[start:end] is the span, without white space around it

A later piece of a word follows the word's first piece, as such models are trained: what WordPiece marks (``##``),
elsewhere a token between two letters or digits of one word. So does a token that shares its character with the one
before (a byte of an emoji). A span has whole letters: accents that are characters of their own, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import torch
from tokenizers import Encoding, Tokenizer
from transformers import AutoModelForTokenClassification

from duomo import Text, WeightsRef
from duomo.model import Features
from duomo.pretrained import labels_of
from duomo.tasks.nlp import TokenClassificationOptions
from duomo.tasks.nlp.extraction import Entities, Span
from duomo_nlp.encoders import heads, windows
from duomo_nlp.encoders.encoder import Encoder
from duomo_nlp.encoders.rows import Rows
from duomo_nlp.words import is_within_letter, is_within_word, whole_letters

OUTSIDE = "O"


class Token(NamedTuple):
    """One token with its tag."""

    prefix: str
    """B, I, E, L, S or U; empty where the tag has none."""
    label: str
    score: float
    start: int
    end: int
    inside: bool
    """Whether it follows the tag of the token before."""


class TokenClassification(Encoder[Text, Entities]):
    """Spans with labels, in the order of the text."""

    auto = AutoModelForTokenClassification
    overlap = 4

    def configure(self, weights: WeightsRef) -> None:
        self.stride = self.limit // self.overlap
        self.mark = mark_of(self.tokenizer)
        names = labels_of(self.network.config)
        self.tags = [split_tag(name, names) for name in names]

    def preprocess(self, items: Sequence[Text], options: TokenClassificationOptions) -> list[Features]:
        return [
            {
                "text": str(item),
                "encodings": encodings,
                "windows": len(encodings),
                "truncated": windows.was_cut(encodings, options.long),
            }
            for item, encodings in zip(
                items, windows.read(self.tokenizer, items, options.long, offsets=True), strict=True
            )
        ]

    def forward(self, batch: list[Rows]) -> tuple[torch.Tensor, torch.Tensor]:
        """Probability and index of the likeliest label of each token, all windows end to end, (N,) each."""
        best = torch.cat([heads.token_logits(self.network, rows) for rows in batch]).float().softmax(-1).max(-1)
        return best.values, best.indices

    def postprocess(
        self, output: tuple[torch.Tensor, torch.Tensor], features: list[Features], options: TokenClassificationOptions
    ) -> list[Entities]:
        lengths = [len(encoding) for each in features for encoding in each["encodings"]]
        rows = zip(*([row.tolist() for row in torch.split(values, lengths)] for values in output), strict=True)
        results = []
        for each in features:
            tokens = list(self._tokens(each["text"], each["encodings"], [next(rows) for _ in each["encodings"]]))
            groups = join(tokens) if options.aggregate else [[token] for token in tokens if token.label != OUTSIDE]
            spans = [_span(each["text"], group, options.aggregate) for group in groups]
            kept = [span for span in spans if span.score >= options.threshold and span.text]
            results.append(Entities.model_construct(spans=kept))
        return results

    def _tokens(
        self, text: str, encodings: list[Encoding], rows: list[tuple[list[float], list[int]]]
    ) -> Iterator[Token]:
        """The tokens of the whole text, each once, special ones left out."""
        stride = self.stride
        covered = 0
        for number, (encoding, (scores, labels)) in enumerate(zip(encodings, rows, strict=True)):
            real = [at for at, special in enumerate(encoding.special_tokens_mask) if not special]
            first = stride // 2 if number > 0 else 0
            last = len(real) - (stride - stride // 2 if number < len(encodings) - 1 else 0)
            for at in real[first:last]:
                start, end = encoding.offsets[at]
                inside = start < covered or is_within_letter(text, start)
                inside = inside or is_later_piece(text, encoding, at, self.mark)
                yield Token(*self.tags[labels[at]], scores[at], start, end, inside)
                covered = end


def mark_of(tokenizer: Tokenizer) -> str | None:
    """What later pieces of a word begin with, "##" for WordPiece; elsewhere they have no mark, and "##" may be text."""
    mark: str | None = getattr(tokenizer.model, "continuing_subword_prefix", None)
    return mark or None


def is_later_piece(text: str, encoding: Encoding, at: int, mark: str | None) -> bool:
    """Whether a token of `text` is a later piece of a word."""
    return bool(encoding.tokens[at].startswith(mark)) if mark else is_within_word(text, encoding.offsets[at][0])


def join(tokens: Sequence[Token]) -> list[list[Token]]:
    """Group the tokens of each name; the first token of a group has its label."""
    groups: list[list[Token]] = []
    outside = True
    # The label that a next token needs to belong to the last group; empty when that group has ended.
    open_label = ""
    for token in tokens:
        prefix, label = token.prefix, token.label
        if token.inside and not outside:
            groups[-1].append(token)
        elif token.inside or label == OUTSIDE:
            outside, open_label = True, ""
        else:
            if label == open_label and prefix not in ("B", "S", "U"):
                groups[-1].append(token)
            else:
                groups.append([token])
            outside, open_label = False, "" if prefix in ("E", "L", "S", "U") else label
    return groups


def split_tag(tag: str, tags: Collection[str]) -> tuple[str, str]:
    """``B-PER`` to ``("B", "PER")``; a tag without prefix has an empty one.

    What looks like a prefix in a label such as ``E-MAIL`` is none: among the `tags` are no B-MAIL and I-MAIL.
    """
    prefix, dash, label = tag.partition("-")
    is_prefix = bool(dash) and (prefix in ("B", "I") or (prefix in ("E", "L", "S", "U") and _is_begun(label, tags)))
    return (prefix, label) if is_prefix else ("", tag)


def _is_begun(label: str, tags: Collection[str]) -> bool:
    return f"B-{label}" in tags or f"I-{label}" in tags


def _span(text: str, group: list[Token], aggregate: bool) -> Span:
    """One span; its score is the mean over the tokens that were tagged themselves."""
    start, end = group[0].start, max(token.end for token in group)
    if aggregate:
        start, end = whole_letters(text, start, end)
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    scores = [token.score for token in group if not token.inside] or [group[0].score]
    first = group[0]
    return Span.model_construct(
        label=first.label if aggregate or not first.prefix else f"{first.prefix}-{first.label}",
        score=sum(scores) / len(scores),
        text=piece.strip(),
        start=start,
        end=start + len(piece.strip()),
    )
