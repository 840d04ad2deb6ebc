"""Text said part by part, one pass a part: what voices of every family share, and chance that a seed repeats."""

from __future__ import annotations

import re
import unicodedata
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from duomo import Model, Text
from duomo.errors import BadInput, BadOption
from duomo.model import Features
from duomo.tasks.speech.synthesis import Speech, TextToSpeechOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from duomo.pretrained import Network

LONGEST = 500
"""Characters of one pass, half a minute of speech: attention grows with their square."""
Part = TypeVar("Part")
"""What one pass takes: a text, or the numbers of its letters."""
_ENDS = re.compile(r"[.!?…。！？।]+\s*")


def pieces(text: str, longest: int = LONGEST) -> list[str]:
    """A text in parts of at most `longest` characters: whole sentences, or else whole words."""
    found = []
    while len(text) > longest:
        last = max((match.end() for match in _ENDS.finditer(text, 0, longest)), default=0)
        at = last or text.rfind(" ", 0, longest) + 1 or longest
        found.append(text[:at])
        text = text[at:]
    return [*found, text]


def lacks_signs(text: str, is_known: Callable[[str], bool]) -> bool:
    """Whether `text` has signs that a reader says as words, such as & and €, and that are not known.

    Marks that are only paused at, such as brackets and quotes, are none of them.
    """
    said = (sign for sign in dict.fromkeys(text) if unicodedata.category(sign)[0] == "S" or sign in "&@#%§")
    return not all(map(is_known, said))


class Noise(TorchFunctionMode):
    """Inside it, on this thread, what is drawn comes from one generator on the CPU, whatever else draws meanwhile."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        if func is torch.randn_like:  # in the order of memory, as torch draws
            drawn = torch.empty_like(args[0], device="cpu", dtype=torch.float32).normal_(generator=self.generator)
            return drawn.to(args[0])
        if func is torch.randn:
            return torch.randn(*args, generator=self.generator, **(kwargs or {}))
        if func is torch.bernoulli and "p" in (kwargs or {}):
            drawn = torch.empty_like(args[0], device="cpu", dtype=torch.float32)
            return drawn.bernoulli_(**(kwargs or {}), generator=self.generator).to(args[0])
        if func is torch.multinomial:
            return func(args[0].cpu(), *args[1:], **(kwargs or {}), generator=self.generator).to(args[0].device)
        return func(*args, **(kwargs or {}))


class Synthesizer(Model[Text, Speech], Generic[Part]):
    """Says each text under its own seed; a family adds `load`, `check_options`, `parts` and `say`.

    Texts of a batch are not padded: padding would move durations, and each text has noise of its own.
    """

    batch_size = 4
    network: Network
    rate: int
    """Samples a second."""

    @staticmethod
    def estimate(item: Text) -> int:
        return len(item)

    @abstractmethod
    def parts(self, text: Text) -> list[Part]:
        """What one pass each takes. Raises `BadInput` for what this voice cannot say."""

    @abstractmethod
    def say(self, part: Part, options: TextToSpeechOptions) -> Tensor:
        """Samples of one part."""

    def is_cut(self, text: Text) -> bool:
        """Whether signs of the text are left out."""
        del text
        return False

    def preprocess(self, items: Sequence[Text], options: TextToSpeechOptions) -> list[Features]:
        """The parts of each text, and whether it has signs that are left out."""
        return [self._features(item, options) for item in items]

    def _features(self, item: Text, options: TextToSpeechOptions) -> Features:
        parts = self.parts(item)
        return {"parts": parts, "windows": len(parts), "truncated": self.is_cut(item), "options": options}

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[NDArray[np.float32]]:
        """Samples of each text."""
        return [self._samples(each["parts"], each["options"]) for each in batch]

    def _samples(self, parts: list[Part], options: TextToSpeechOptions) -> NDArray[np.float32]:
        with Noise(options.seed):
            return np.concatenate([self.say(part, options).float().cpu().numpy() for part in parts])

    def postprocess(
        self, output: list[NDArray[np.float32]], features: list[Features], options: TextToSpeechOptions
    ) -> list[Speech]:
        """Samples as WAV files."""
        return [Speech.from_samples(samples, self.rate) for samples in output]


def check_one_speed(options: TextToSpeechOptions, family: str) -> None:
    """Raise `BadOption` for another speed than the one that this family has learned."""
    if options.speed != 1:
        raise BadOption(
            f"option 'speed' cannot be {options.speed:g}",
            why=f"{family} speaks as fast as it has learned",
            fix="leave it out",
        )


def check_known(unknown: Sequence[str]) -> None:
    """Raise `BadInput` if there are letters or digits that the checkpoint's tokenizer would leave out."""
    if unknown:
        raise BadInput(
            f"this voice cannot say {', '.join(map(repr, unknown[:5]))}{' …' if len(unknown) > 5 else ''}",
            why="its checkpoint does not know these letters or digits; they would be left out",
            fix="write numbers as words, and the text in the letters of the checkpoint's language",
        )
