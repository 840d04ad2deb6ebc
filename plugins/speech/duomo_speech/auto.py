"""Any transformers checkpoint that writes speech down: CTC (wav2vec 2.0 …), transducers (Parakeet), or by sequences.

Source: https://huggingface.co/docs/transformers, ``AutoModelForCTC``, ``AutoModelForRNNT``, ``AutoModelForTDT`` and
``AutoModelForSpeechSeq2Seq``. Whisper has a file of its own, `duomo_speech.whisper`; those that are asked in words are
in `duomo_speech.asked`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor


from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn.utils import parametrize
from transformers import (
    AutoFeatureExtractor,
    AutoModelForCTC,
    AutoModelForRNNT,
    AutoModelForSpeechSeq2Seq,
    AutoModelForTDT,
    AutoTokenizer,
)

from duomo import Audio, WeightsRef
from duomo.generating import FROM_PIXELS, refuse
from duomo.pretrained import load_network
from duomo.tasks.speech import SpeechRecognitionOptions, Transcript
from duomo_speech import parallel
from duomo_speech.checkpoint import load_part
from duomo_speech.hearing import PASS, by_shape, receptive_field
from duomo_speech.silero import FRAME, SAMPLING_RATE, SileroVad
from duomo_speech.windows import WINDOW_S, Recognizer, Window, load_vad, one_segment, speech_windows

HEADS = {"ForCTC": AutoModelForCTC, "ForRNNT": AutoModelForRNNT, "ForTDT": AutoModelForTDT}
"""What builds a network, by the end of its architecture's name; all else is sequence to sequence."""
MAX_TOKENS = 448  # for 30 s of speech; checkpoints that set no limit of their own would stop at 20


class AutoSpeechRecognition(Recognizer):
    """Speech recognition with a checkpoint the caller names; one segment a window.

    A CTC network hears up to 30 s whole, since it writes nothing where there is not speech. All else is cut into
    windows of speech first.
    """

    def __init__(
        self, network: Network, is_ctc: bool, extractor: Processor, tokenizer: Processor, vad: SileroVad
    ) -> None:
        self.network = network
        self.is_ctc = is_ctc
        self.extractor = extractor
        self.tokenizer = tokenizer
        self.vad = vad
        decoder = network.config.get_text_config(decoder=True)
        places = [getattr(decoder, name, None) for name in ("max_target_positions", "max_position_embeddings")]
        self.least_s = receptive_field(network.config, extractor) / extractor.sampling_rate
        self.is_transducer = hasattr(network.config, "blank_token_id")
        """Whether it writes a token, or none, for each state of its encoder: it ends when these end."""
        encoder = getattr(network.config, "encoder_config", None)
        frame = round(getattr(encoder, "frame_ms", 0) * getattr(encoder, "sample_rate", 0) / 1000)
        self.padding = {"padding": True, "pad_to_multiple_of": frame} if frame else {}
        """To whole frames, of which Moonshine for live sound makes its spectra itself."""
        ahead = getattr(encoder, "default_num_lookahead_tokens", None)
        self.ahead = {} if ahead is None else {"num_lookahead_tokens": ahead}
        """How far a recogniser for live sound hears ahead: as far as its config says."""
        self.max_tokens = min([MAX_TOKENS, *(place - 1 for place in places if place)])

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read a folder in transformers layout; its config says which kind of network it is."""
        names = weights.config()["architectures"]
        head = next((end for end in HEADS if any(name.endswith(end) for name in names)), "")
        network = load_network(HEADS.get(head, AutoModelForSpeechSeq2Seq), weights)
        is_ctc = head == "ForCTC"
        for module in list(network.modules()):
            # wav2vec 2.0 would compute the normalised weight of its positional convolution at each pass.
            for name in list(getattr(module, "parametrizations", ())):
                parametrize.remove_parametrizations(module, name)
        if not is_ctc:
            refuse(network.generation_config, FROM_PIXELS, weights.folder)
        extractor, tokenizer = load_part(AutoFeatureExtractor, weights), load_part(AutoTokenizer, weights)
        return cls(network.to(device, dtype), is_ctc, extractor, tokenizer, load_vad())

    tensor_plan = staticmethod(parallel.ctc_plan)

    def split(self, item: Audio, options: SpeechRecognitionOptions) -> list[Window]:
        """Windows of at most 30 s; none where no one speaks.

        Raises `InputUnreadable` for less sound than gives a CTC network one state, or the detector of voices a frame.
        """
        samples = item.samples(SAMPLING_RATE, math.ceil(self.least_s * SAMPLING_RATE) if self.is_ctc else FRAME)
        if self.is_ctc and len(samples) <= WINDOW_S * SAMPLING_RATE:
            return [Window(samples, 0.0)]
        return speech_windows(samples, self.vad, options)

    def preprocess(self, items: Sequence[Window], options: SpeechRecognitionOptions) -> list[dict[str, Any]]:
        """What the checkpoint's feature extractor makes of each window, as a batch of one."""
        rate = self.extractor.sampling_rate
        return [
            {
                "inputs": dict(
                    self.extractor(
                        Audio(window.samples, "", SAMPLING_RATE).samples(rate),
                        sampling_rate=rate,
                        return_tensors="pt",
                        **self.padding,
                    )
                ),
                "window": window,
            }
            for window in items
        ]

    def forward(self, batch: list[dict[str, Tensor]]) -> list[list[int]]:
        """Tokens of each window.

        Only windows of one length share a pass: wav2vec 2.0 with group norm sees padding whatever the mask
        says, and for the others padding costs what a batch gains.
        """
        # What writes token by token gains by rows that are written together.
        return by_shape(batch, self.network.dtype, self._tokens, PASS if self.is_ctc else 0)

    def postprocess(
        self, output: list[list[int]], features: list[dict[str, Any]], options: SpeechRecognitionOptions
    ) -> list[Transcript]:
        """Tokens to text. A CTC tokenizer needs the blanks, to tell one letter held from two; a transducer has two."""
        how: Any = {"skip_special_tokens": not self.is_ctc} | ({"group_tokens": False} if self.is_transducer else {})
        texts = [self.tokenizer.decode(tokens, **how).strip() for tokens in output]
        return [one_segment(each["window"], text) for each, text in zip(features, texts, strict=True)]

    def _tokens(self, inputs: dict[str, Tensor]) -> list[list[int]]:
        if self.is_ctc:
            ids: Tensor = self.network(**inputs).logits.argmax(-1)
        elif self.is_transducer:
            ids = self.network.generate(**inputs, **self.ahead).sequences
        else:
            said = self.network.generation_config
            is_open = said.max_new_tokens is None and said.max_length is None
            ids = self.network.generate(**inputs, **({"max_new_tokens": self.max_tokens} if is_open else {}))
        return ids.tolist()
