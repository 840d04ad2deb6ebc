"""Any VITS checkpoint of transformers: the voices of MMS in a thousand languages, VITS of LJ Speech and VCTK.

Source: Kim et al. 2021, https://arxiv.org/abs/2106.06103; ``VitsModel`` and ``VitsTokenizer`` of transformers.

preprocess   text → numbers of its letters (or phonemes), as the checkpoint's tokenizer has them
forward      one text a pass: padding would move its durations, and each text has noise of its own
noise        the network draws for durations and timbre; a generator of the text gives it the same at each run
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor
from torch.nn.utils import parametrize
from transformers import AutoTokenizer, VitsModel
from transformers.utils.import_utils import is_phonemizer_available

from duomo import Text, WeightsRef
from duomo.errors import BadInput, BadOption, RequirementMissing, WrongTask
from duomo.pretrained import load_network
from duomo.tasks.speech.reading import check_latin
from duomo.tasks.speech.synthesis import TextToSpeechOptions
from duomo_speech.checkpoint import load_part
from duomo_speech.utterances import Synthesizer, check_known, lacks_signs, pieces

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor


class Vits(Synthesizer[list[int]]):
    """Speech by a checkpoint the caller names; speakers are called by their numbers."""

    def __init__(self, network: Network, tokenizer: Processor) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.letters = frozenset(tokenizer.get_vocab())
        self.rate = network.config.sampling_rate

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

    def check_options(self, options: TextToSpeechOptions) -> None:
        """Refuse a voice that the checkpoint does not have."""
        self._speaker(options.voice)

    def parts(self, text: Text) -> list[list[int]]:
        """The numbers of a text's letters, in parts of whole sentences where it is long."""
        self._check(text)
        parts = [ids for part in pieces(text) if len(ids := self.tokenizer(part).input_ids) > 1]
        if not parts:
            raise BadInput(
                f"there is nothing to say in {text[:40]!r}",
                why="it has none of the letters that this checkpoint reads",
                fix="pass text of the checkpoint's language",
            )
        return parts

    def is_cut(self, text: Text) -> bool:
        return not self.tokenizer.phonemize and lacks_signs(text, self._is_letter)

    def say(self, part: list[int], options: TextToSpeechOptions) -> Tensor:
        output = self.network(
            input_ids=torch.tensor([part], device=self.network.device),
            speaker_id=self._speaker(options.voice),
            speaking_rate=self.network.config.speaking_rate * options.speed,
        )
        waveform: Tensor = output.waveform[0]
        return waveform

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
        check_known([*unknown])
