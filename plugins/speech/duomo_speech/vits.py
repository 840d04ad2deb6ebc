"""Any VITS checkpoint of transformers: the voices of MMS in a thousand languages, VITS of LJ Speech and VCTK.

Source: Kim et al. 2021, https://arxiv.org/abs/2106.06103; ``VitsModel`` and ``VitsTokenizer`` of transformers.

preprocess   text → numbers of its letters (or phonemes), as the checkpoint's tokenizer has them
forward      one text a pass: padding would move its durations, and each text has noise of its own
noise        the network draws for durations and timbre; a generator of the text gives it the same at each run
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import parametrize
from transformers import AutoTokenizer, VitsModel
from transformers.utils.import_utils import is_phonemizer_available

from duomo import Model, Text, WeightsRef
from duomo.errors import BadInput, BadOption, RequirementMissing, WrongTask
from duomo.model import Features
from duomo.pretrained import load_network
from duomo.tasks.speech.reading import check_latin
from duomo.tasks.speech.synthesis import Speech, TextToSpeechOptions
from duomo_speech.checkpoint import load_part
from duomo_speech.utterances import Noise, lacks_signs, pieces

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor


class Vits(Model[Text, Speech]):
    """Speech by a checkpoint the caller names; speakers are called by their numbers."""

    batch_size = 4

    def __init__(self, network: Network, tokenizer: Processor) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.letters = frozenset(tokenizer.get_vocab())
        self.rate: int = network.config.sampling_rate

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and tokenizer.

        Raises:
            WrongTask: the checkpoint reads romanized text.
            RequirementMissing: it reads phonemes, and the package that makes them is not here.
        """
        tokenizer = load_part(AutoTokenizer, weights)
        if tokenizer.is_uroman:
            raise WrongTask(
                f"'{weights.folder}' cannot be used for text-to-speech",
                why="it reads romanized text (is_uroman), and duomo does not romanize",
                fix="use a checkpoint of this language that reads its own letters",
            )
        if tokenizer.phonemize and not is_phonemizer_available():
            raise RequirementMissing(
                f"'{weights.folder}' needs the package phonemizer",
                why="it reads phonemes, and its tokenizer has them from there",
                fix="pip install phonemizer   (it needs espeak-ng, too)",
            )
        network = load_network(VitsModel, weights, dtype=dtype, may_miss=("posterior_encoder.",))
        for module in list(network.modules()):
            for name in list(getattr(module, "parametrizations", ())):  # weights would be normalised at each pass
                parametrize.remove_parametrizations(module, name)
        return cls(network.to(device), tokenizer)

    @staticmethod
    def estimate(item: Text) -> int:
        return len(item)

    def check_options(self, options: TextToSpeechOptions) -> None:
        """Refuse a voice that the checkpoint does not have."""
        self._speaker(options.voice)

    def preprocess(self, items: Sequence[Text], options: TextToSpeechOptions) -> list[Features]:
        """The numbers of each text's letters, in parts of whole sentences where it is long."""
        features: list[Features] = []
        for item in items:
            self._check(item)
            parts = [ids for part in pieces(item) if len(ids := self.tokenizer(part).input_ids) > 1]
            if not parts:
                raise BadInput(
                    f"there is nothing to say in {item[:40]!r}",
                    why="it has none of the letters that this checkpoint reads",
                    fix="pass text of the checkpoint's language",
                )
            cut = not self.tokenizer.phonemize and lacks_signs(item, self._is_letter)
            features.append({"parts": parts, "windows": len(parts), "truncated": cut, "options": options})
        return features

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[np.ndarray]:
        """Samples of each text."""
        return [self._say(each["parts"], each["options"]) for each in batch]

    def postprocess(
        self, output: list[np.ndarray], features: list[Features], options: TextToSpeechOptions
    ) -> list[Speech]:
        """Samples as WAV files."""
        return [Speech.from_samples(samples, self.rate) for samples in output]

    def _say(self, parts: list[list[int]], options: TextToSpeechOptions) -> np.ndarray:
        said = []
        with Noise(options.seed):
            for ids in parts:
                waveform: Tensor = self.network(
                    input_ids=torch.tensor([ids], device=self.network.device),
                    speaker_id=self._speaker(options.voice),
                    speaking_rate=self.network.config.speaking_rate * options.speed,
                ).waveform
                said.append(waveform[0].float().cpu().numpy())
        return np.concatenate(said)

    def _speaker(self, voice: str | None) -> int | None:
        """The number of a speaker, the first when none is named; None where the checkpoint has one voice."""
        count = self.network.config.num_speakers
        names = [str(number) for number in range(count)] if count > 1 else []
        if voice is not None and voice not in names:
            raise BadOption(
                f"option 'voice' cannot be {voice!r}",
                why=f"the voices are 0 to {count - 1}" if names else "this checkpoint has one voice, without a name",
                fix=f"voice={names[-1]}, for example" if names else "leave it out",
            )
        return int(voice or 0) if names else None

    def _is_letter(self, sign: str) -> bool:
        return sign in self.letters or self.letters.issuperset(sign.lower())

    def _check(self, text: str) -> None:
        """Raise `BadInput` for letters and digits that the tokenizer would leave out without a word."""
        if self.tokenizer.phonemize:
            check_latin(text)
            return
        known = filter(self._is_letter, text)
        unknown = dict.fromkeys(sign for sign in text if unicodedata.category(sign)[0] in "LMN")
        for sign in known:
            unknown.pop(sign, None)
        if self.tokenizer.language == "ron":
            unknown.pop("ț", None)  # its tokenizer writes it with a cedilla
        if unknown:
            raise BadInput(
                f"this voice cannot say {', '.join(map(repr, [*unknown][:5]))}{' …' if len(unknown) > 5 else ''}",
                why="its checkpoint does not know these letters or digits; they would be left out",
                fix="write numbers as words, and the text in the letters of the checkpoint's language",
            )
