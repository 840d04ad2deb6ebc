"""When each word of a known text is said, by any CTC checkpoint of the wav2vec 2.0 kin.

Source: Kürzinger et al. 2020, https://arxiv.org/abs/2007.09127, in torchaudio's form (``forced_align`` and
``merge_tokens``): the likeliest way to put the letters of a text, in their order, on the frames of an audio clip.

Longer audio clips are heard in windows that overlap by `CONTEXT_S` on both sides and begin where a frame does, so that
their frames follow each other as those of the whole clip would; the text is put on all of them at once.
"""

from __future__ import annotations

import math
import unicodedata
import warnings
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from transformers import AutoModelForCTC, AutoTokenizer

from duomo import WeightsRef
from duomo.errors import BadInput, InputTooLong, counted
from duomo.inputs import SpokenText
from duomo.model import Features
from duomo.tasks.speech.alignment import AlignedWord, Alignment, ForcedAlignmentOptions
from duomo_speech.checkpoint import load_part
from duomo_speech.hearing import Hearing, Inputs

WINDOW_S = 30.0
CONTEXT_S = 2.0
"""Sound on either side of a window that is heard with it; its frames are not used."""


class CtcAligner(Hearing[SpokenText, Alignment]):
    """Letters on frames; a word lasts from the first frame of its first letter to the last of its last."""

    auto = AutoModelForCTC

    def configure(self, weights: WeightsRef) -> None:
        self.tokenizer = load_part(AutoTokenizer, weights)
        self.letters: dict[str, int] = self.tokenizer.get_vocab()
        self.blank: int = self.tokenizer.pad_token_id
        self.pause: int | None = self.letters.get(getattr(self.tokenizer, "word_delimiter_token", None) or "|")
        self.stride = math.prod(self.network.config.conv_stride)
        """Samples between two frames."""
        squeezed = getattr(self.network.config, "squeeze_factor", 1)
        self.field = self.least - (squeezed - 1) * self.stride
        """Samples of one frame. SEW reads some of them at once and spreads what it made of them over all again."""

    @staticmethod
    def estimate(item: SpokenText) -> int:  # type: ignore[override]
        return item.audio.size_hint

    def preprocess(self, items: Sequence[SpokenText], options: ForcedAlignmentOptions) -> list[Features]:
        """Windows, and the letters of each word.

        Raises:
            BadInput: a text that cannot be spelled with the letters of this checkpoint, or holds more of them than the
                audio clip has frames.
            InputUnreadable: less sound than gives the network one state.
            InputTooLong: more sound than a window, under the policy ``error``.
        """
        return [self._prepared(item, options) for item in items]

    def compute(self, inputs: Inputs) -> Tensor:
        """Log probabilities, (windows, frames, letters)."""
        logits: Tensor = self.network(**inputs).logits
        return logits.float().log_softmax(-1)

    def postprocess(
        self, output: list[Tensor], features: list[Features], options: ForcedAlignmentOptions
    ) -> list[Alignment]:
        results, at = [], 0
        for each in features:
            parts = output[at : at + len(each["inputs"])]
            at += len(parts)
            kept = [part[first:last] for part, (first, last) in zip(parts, each["kept"], strict=True)]
            words = self._placed(torch.cat(kept).cpu(), each["words"], each["spelled"])
            results.append(Alignment.model_construct(words=words, duration=each["duration"]))
        return results

    def _prepared(self, item: SpokenText, options: ForcedAlignmentOptions) -> Features:
        words, spelled = spell(str(item.text), self.letters, self.blank)
        samples = item.audio.samples(self.rate, self.least)
        num_frames = (len(samples) - self.field) // self.stride + 1
        tokens = self._tokens(spelled)
        needed = len(tokens) + sum(a == b for a, b in pairwise(tokens))
        if needed > num_frames:
            raise BadInput(
                f"this text of {len(tokens)} letters does not fit into {len(samples) / self.rate:.1f} s",
                why=f"it has {counted(num_frames, 'frame')}; a letter takes one, and two alike one between them",
                fix="check that the text is that of this audio clip",
            )
        if len(samples) > WINDOW_S * self.rate and options.long == "error":
            raise InputTooLong(
                f"this audio clip is {len(samples) / self.rate:.0f} s long",
                why=f"the network hears {WINDOW_S:.0f} s at once, and long is 'error'",
                fix="long=window hears it in parts and aligns it as one",
            )
        whole = self.prepare(samples)
        inputs, kept = self._windows(whole, num_frames)
        return {
            "inputs": inputs, "windows": len(inputs), "kept": kept, "words": words, "spelled": spelled,
            "duration": len(samples) / self.rate,
        }  # fmt: skip

    def _windows(self, whole: Inputs, num_frames: int) -> tuple[list[Inputs], list[tuple[int, int]]]:
        """Windows of what the feature extractor made of a clip, and which frames of each are used."""
        block, context = (int(seconds * self.rate / self.stride) for seconds in (WINDOW_S, CONTEXT_S))
        if num_frames <= block:
            return [whole], [(0, num_frames)]
        inputs, kept = [], []
        for first in range(0, num_frames, block):
            last = min(first + block, num_frames)
            begin, end = max(0, first - context), min(last + context, num_frames)
            span = slice(begin * self.stride, (end - 1) * self.stride + self.field)
            inputs.append({name: each[:, span] for name, each in whole.items()})
            kept.append((first - begin, last - begin))
        return inputs, kept

    def _tokens(self, spelled: list[list[int]]) -> list[int]:
        """All letters, with the checkpoint's sign for a pause between words."""
        tokens = list(spelled[0])
        for word in spelled[1:]:
            tokens += [self.pause, *word] if self.pause is not None else word
        return tokens

    def _placed(self, log_probabilities_TC: Tensor, words: list[str], spelled: list[list[int]]) -> list[AlignedWord]:
        from torchaudio.functional import forced_align, merge_tokens

        tokens = torch.tensor([self._tokens(spelled)], dtype=torch.int32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchaudio says when it will move
            path, scores = forced_align(log_probabilities_TC[None], tokens, blank=self.blank)
        spans = merge_tokens(path[0], scores[0].exp(), blank=self.blank)
        found, at = [], 0
        for word, letters in zip(words, spelled, strict=True):
            own = spans[at : at + len(letters)]
            at += len(letters) + (self.pause is not None)
            lengths = [each.end - each.start for each in own]
            score = sum(each.score * length for each, length in zip(own, lengths, strict=True)) / sum(lengths)
            start, end = (frame * self.stride / self.rate for frame in (own[0].start, own[-1].end))
            found.append(AlignedWord.model_construct(start=start, end=end, text=word, score=float(score)))
        return found


def spell(text: str, letters: dict[str, int], blank: int) -> tuple[list[str], list[list[int]]]:
    """The words of a text and the letters of each; signs that are not spoken stay with the word before.

    Raises `BadInput` for a letter or digit that the checkpoint does not know, and for a text without any.
    """
    words: list[str] = []
    spelled: list[list[int]] = []
    for piece in text.split():
        signs = unicodedata.normalize("NFC", piece)  # an accent of its own would leave the bare letter
        tokens = [token for sign in signs for token in _token(sign, piece, letters) if token != blank]
        if tokens:
            words.append(piece)
            spelled.append(tokens)
        elif words:
            words[-1] += f" {piece}"
    if not words:
        raise BadInput("there is nothing to align in this text", why="it has no letters", fix="pass what is said")
    return words, spelled


def _token(sign: str, piece: str, letters: dict[str, int]) -> list[int]:
    """The number of a letter as it is, in the other case, or without its accent; none for a sign."""
    for form in (sign, "'" if sign == "’" else sign, unicodedata.normalize("NFKD", sign)[0]):
        for cased in (form, form.upper(), form.lower()):
            if cased in letters and len(cased) == 1 and cased != "|":
                return [letters[cased]]
    if sign.isalnum():
        raise BadInput(
            f"{piece!r} cannot be spelled with the letters of this checkpoint",
            why=f"it does not know {sign!r}",
            fix="write numbers and signs as the words that are said; use a checkpoint of the language",
        )
    return []
