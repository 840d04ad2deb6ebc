"""Any SpeechT5 checkpoint for text to speech, with a HiFi-GAN vocoder and the vectors of speakers beside it.

Source: Ao et al. 2021, https://arxiv.org/abs/2110.07205; ``SpeechT5ForTextToSpeech`` of transformers. Its folder:

config.json, model.safetensors, spm_char.model   the network and its tokenizer
vocoder/                                         ``SpeechT5HifiGan``: from a spectrogram to sound
speakers.safetensors                             a vector of 512 numbers a voice, under its name

preprocess   text → numbers of its letters
forward      one text a pass, frames one after another until the network ends
chance       the network leaves out units at random in use, too; a generator of the text repeats it
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoTokenizer, SpeechT5ForTextToSpeech, SpeechT5HifiGan

from duomo import Text, WeightsRef
from duomo.errors import BadOption, WeightsMismatch, WeightsMissing
from duomo.pretrained import load_network
from duomo.tasks.speech.synthesis import TextToSpeechOptions
from duomo.vocabulary import refuse_rowless
from duomo_speech.checkpoint import load_part
from duomo_speech.utterances import LONGEST, Synthesizer, check_known, check_one_speed, lacks_signs, pieces

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

SPEAKERS = "speakers.safetensors"
VOCODER = "vocoder"
FRAMES_A_TOKEN = 20
"""The network ends at the latest after this many, as in `generate_speech`."""
HOW = "the vocoder is microsoft/speecht5_hifigan, and the vectors are those of SpeechBrain's x-vectors"


class SpeechT5(Synthesizer[list[int]]):
    """Speech by a checkpoint the caller names; a voice is a name in ``speakers.safetensors``."""

    def __init__(self, network: Network, vocoder: Network, tokenizer: Processor, speakers: dict[str, Tensor]) -> None:
        self.network = network
        self.vocoder = vocoder
        self.tokenizer = tokenizer
        self.speakers = speakers
        self.rate = vocoder.config.sampling_rate
        config = network.config
        frames = config.max_speech_positions * config.reduction_factor // FRAMES_A_TOKEN
        self.longest = min(LONGEST, min(config.max_text_positions, frames) - 2)
        """Characters of a pass: each is a token, beside a blank in front and the end."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network, vocoder, tokenizer and voices. Raises `WeightsMissing` where one is not there."""
        beside = weights._replace(path=weights.folder / VOCODER)
        for path in (weights.folder / VOCODER / "config.json", weights.folder / SPEAKERS):
            if not path.is_file():
                raise WeightsMissing(
                    f"'{weights.folder}' has no {path.relative_to(weights.folder)}",
                    why="it writes spectrograms in the voice of a vector, and another network makes sound of them",
                    fix=f"put them there as docs/checkpoints.md says: {HOW}",
                )
        tokenizer = load_part(AutoTokenizer, weights)
        network = load_network(SpeechT5ForTextToSpeech, weights, dtype=dtype).to(device)
        refuse_rowless(network, tokenizer)
        speakers = read_speakers(weights, network.config.speaker_embedding_dim)
        return cls(network, load_network(SpeechT5HifiGan, beside, dtype=dtype).to(device), tokenizer, speakers)

    def check_options(self, options: TextToSpeechOptions) -> None:
        """Refuse a voice that the folder does not have, and another speed."""
        if options.voice is not None and options.voice not in self.speakers:
            raise BadOption(
                f"option 'voice' cannot be {options.voice!r}",
                why=f"{SPEAKERS} has {', '.join(self.speakers)}",
                fix=f"voice={next(iter(self.speakers))}, or a vector of that name in {SPEAKERS}",
            )
        check_one_speed(options, "SpeechT5")

    def parts(self, text: Text) -> list[list[int]]:
        """The numbers of a text's letters, in parts of whole sentences where it is long."""
        self._check(text)
        return [self.tokenizer(part).input_ids for part in pieces(text, self.longest) if part.strip()]

    def say(self, part: list[int], options: TextToSpeechOptions) -> Tensor:
        speaker = self.speakers[options.voice or next(iter(self.speakers))].to(self.network.device, self.network.dtype)
        tokens = torch.tensor([part], device=self.network.device)
        waveform: Tensor = self.network.generate_speech(
            tokens, speaker[None], maxlenratio=FRAMES_A_TOKEN, vocoder=self.vocoder
        )
        return waveform

    def is_cut(self, text: Text) -> bool:
        return lacks_signs(text, self._is_known)

    def _is_known(self, sign: str) -> bool:
        return self.tokenizer.unk_token_id not in self.tokenizer(sign, add_special_tokens=False).input_ids

    def _check(self, text: str) -> None:
        """Raise `BadInput` for letters and digits that the tokenizer does not know."""
        letters = [sign for sign in dict.fromkeys(text) if unicodedata.category(sign)[0] in "LMN"]
        check_known([sign for sign in letters if not self._is_known(sign)])


def read_speakers(weights: WeightsRef, size: int) -> dict[str, Tensor]:
    """The vectors of voices, by name, each of `size` numbers. Raises `WeightsMismatch` for others."""
    path = weights.folder / SPEAKERS
    try:
        speakers = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsMismatch(f"'{path}' cannot be read", why=str(error), fix="save it again") from error
    odd = [name for name, vector in speakers.items() if vector.shape != (size,) or not vector.isfinite().all()]
    if odd or not speakers:
        raise WeightsMismatch(
            f"'{path}' has no vector of {size} numbers" + (f" under {odd[0]!r}" if odd else ""),
            why="the network was trained on such vectors of voices",
            fix="save_file({'ada': vector}, path) of safetensors.torch, with the vector of a speaker",
        )
    return {name: speakers[name] for name in sorted(speakers)}
