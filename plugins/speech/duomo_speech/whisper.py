"""Whisper: what is said in an audio clip of any length, with times.

Source: Radford et al. 2022, https://arxiv.org/abs/2212.04356 (MIT). The network is transformers'
``WhisperForConditionalGeneration``. Pauses found by Silero VAD cut an audio clip into windows of at most
30 s, so that silence and noise never reach the network, which would invent words for them. Windows are
decoded greedily in batches, under Whisper's own rules for timestamp tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel


import functools
import types
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import (
    WhisperFeatureExtractor,
    WhisperTimeStampLogitsProcessor,
)

from duomo import WeightsRef
from duomo.model import Portable
from duomo.parallel import encoder_decoder_plan, from_first_rank
from duomo.tasks.speech import SpeechRecognitionOptions, Transcript
from duomo.tasks.speech.whispering import FIRST_TIME, MAX_STEPS, MEL_FRAMES, STEP_S, Prompt, heard_steps, room_of
from duomo_speech.silero import SAMPLING_RATE, SileroVad
from duomo_speech.whisper_checkpoint import Vocabulary, read_checkpoint
from duomo_speech.whisper_decoder import WhisperDecoder
from duomo_speech.whisper_graphs import portable_whisper
from duomo_speech.windows import Recognizer, Window, load_vad


class Whisper(Recognizer):
    """Speech recognition, and translation into English where the checkpoint has languages."""

    def __init__(self, network: PreTrainedModel, vocabulary: Vocabulary, vad: SileroVad) -> None:
        self.network = network
        self.vocabulary = vocabulary
        self.vad = vad
        self.extractor: Any = WhisperFeatureExtractor(feature_size=network.config.num_mel_bins)  # type: ignore[no-untyped-call]

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read a CTranslate2 ``model.bin`` of an installed package, or a folder in transformers layout."""
        network, vocabulary = read_checkpoint(weights)
        return cls(network.to(device, dtype), vocabulary, load_vad())

    tensor_plan = staticmethod(encoder_decoder_plan)

    def check_options(self, options: SpeechRecognitionOptions) -> None:
        """Refuse languages and tasks that the checkpoint does not know."""
        self.vocabulary.prompt(options)

    def preprocess(self, items: Sequence[Window], options: SpeechRecognitionOptions) -> list[dict[str, Any]]:
        """Log-mel spectrograms of shape (mels, frames): 30 s, or with ``encoder="trimmed"`` the speech and a margin."""
        prompt = self.vocabulary.prompt(options)
        heard = [heard_steps(window, options.encoder) for window in items]
        mels = self.extractor(
            [window.samples for window in items],
            sampling_rate=SAMPLING_RATE,
            max_length=round(max(span for _, span in heard) * STEP_S * SAMPLING_RATE),
            return_tensors="pt",
        ).input_features
        return [
            {"mel": mel[:, : MEL_FRAMES * span], "steps": steps, "prompt": prompt, "window": window}
            for mel, (steps, span), window in zip(mels, heard, items, strict=True)
        ]

    def collate(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        """Spectrograms stay apart: the encoder may hear a different length of each."""
        mels, steps = ([each[name] for each in features] for name in ("mel", "steps"))
        return {"mels": mels, "steps": steps, "prompt": features[0]["prompt"]}

    def forward(self, batch: dict[str, Any]) -> list[list[int]]:
        """Tokens of each window, prompt included; the end is missing where the decoder had no room to reach it."""
        return self._hear([mel.to(self.network.dtype) for mel in batch["mels"]], batch["steps"], batch["prompt"])

    def postprocess(
        self, output: list[list[int]], features: list[dict[str, Any]], options: SpeechRecognitionOptions
    ) -> list[Transcript]:
        """Tokens to text and segments on the clock of the audio clip."""
        decode = functools.partial(self.vocabulary.tokenizer.decode, skip_special_tokens=True)
        for tokens, each in zip(output, features, strict=True):
            each["truncated"] = tokens[-1] != self.vocabulary.end
        return [
            self.vocabulary.transcript(tokens, each["window"], decode)
            for tokens, each in zip(output, features, strict=True)
        ]

    def portable(self) -> Portable:
        return portable_whisper(self.network, self.vocabulary, self.vad)

    def _hear(self, mels: list[Tensor], steps: list[int], prompt: Prompt) -> list[list[int]]:
        """Tokens of each window, to its end: Whisper may stop where it announces that more is said, or run out of room.

        It then hears the rest from the last time it wrote; what it wrote after that time it writes again. What a
        trimmed encoder lets run out of room is heard again from the start, by the full one.
        """
        decoder = self._encode(mels)
        prompt_BP = self._prompts(decoder, prompt, len(mels))
        most = self.network.config.max_target_positions // 2
        trimmed = [mel.shape[1] < MEL_FRAMES * MAX_STEPS for mel in mels]
        rooms = [room_of(each, short, most) for each, short in zip(steps, trimmed, strict=True)]
        tokens = self._decode(decoder, prompt_BP, rooms)
        stops = {row: self.vocabulary.stop(found, steps[row], trimmed[row]) for row, found in enumerate(tokens)}
        again = {row: at for row, at in stops.items() if at is not None}
        if again:
            rest = [_from(mels[row], MEL_FRAMES * at) for row, at in again.items()]
            tails = self._hear(rest, [steps[row] - at for row, at in again.items()], prompt)
            length = prompt_BP.shape[1]
            for (row, at), tail in zip(again.items(), tails, strict=True):
                tokens[row] = self.vocabulary.joined(tokens[row], at, tail[length:], length)
        return tokens

    def _encode(self, mels: list[Tensor]) -> WhisperDecoder:
        """What transformers' encoder does, but of any length: its own ``forward`` insists on 30 s.

        A window fills the caches of a core, so on a CPU a batch would only be slower; a GPU wants one.
        """
        encoder = self.network.model.encoder
        lengths = {mel.shape[1] for mel in mels}
        together = mels[0].is_cuda and len(lengths) == 1
        hidden = []
        for mel_BMT in [torch.stack(mels)] if together else [mel[None] for mel in mels]:
            x_BDT = F.gelu(encoder.conv2(F.gelu(encoder.conv1(mel_BMT))))
            x_BTD = x_BDT.transpose(1, 2) + encoder.embed_positions.weight[: x_BDT.shape[2]]
            for layer in encoder.layers:
                x_BTD = layer(x_BTD, None)
            hidden.extend(encoder.layer_norm(x_BTD))
        return WhisperDecoder(self.network, hidden)

    def _prompts(self, decoder: WhisperDecoder, prompt: Prompt, count: int) -> Tensor:
        """The first tokens (B, P) of all windows, with the likeliest language of each where none was named."""
        start = torch.full((count, 1), self.vocabulary.start, device=self.network.device)
        rest = [start.new_tensor(each or 0).expand(count, 1) for each in prompt]
        if None in prompt:
            languages = start.new_tensor(list(self.vocabulary.languages.values()))
            likeliest = from_first_rank(decoder.step(start)[:, languages].argmax(-1, keepdim=True))
            rest[prompt.index(None)] = languages[likeliest]
            decoder.forget()
        return torch.cat([start, *rest], dim=1)

    def _decode(self, decoder: WhisperDecoder, prompt_BP: Tensor, rooms: list[int]) -> list[list[int]]:
        """The likeliest token each time; a window that has ended leaves the batch, as does one that is out of room."""
        vocabulary = self.vocabulary
        steering: Any = types.SimpleNamespace(
            eos_token_id=vocabulary.end,
            no_timestamps_token_id=vocabulary.no_timestamps,
            max_initial_timestamp_index=FIRST_TIME,
        )
        rules = WhisperTimeStampLogitsProcessor(steering, begin_index=prompt_BP.shape[1])
        finished: dict[int, list[int]] = {}
        rows = torch.arange(len(prompt_BP), device=prompt_BP.device)
        tokens = new = prompt_BP
        forbidden = vocabulary.suppressed + vocabulary.suppressed_first
        room_B = torch.tensor(rooms, device=prompt_BP.device)
        for length in range(1, max(rooms) + 1):
            logits_BV = decoder.step(new).float()
            logits_BV[:, forbidden] = -torch.inf
            new = from_first_rank(rules(tokens, logits_BV).argmax(-1, keepdim=True))
            alive = (new[:, 0] != vocabulary.end) & (length < room_B)
            forbidden = vocabulary.suppressed
            if not alive.all():
                ended = torch.cat([tokens, new], dim=1)[~alive]
                finished.update(zip(rows[~alive].tolist(), ended.tolist(), strict=True))
                if not alive.any():
                    break
                order = decoder.keep(alive)
                rows, tokens, new, room_B = rows[order], tokens[order], new[order], room_B[order]
            tokens = torch.cat([tokens, new], dim=1)
        return [finished[row] for row in range(len(prompt_BP))]


def _from(mel_MT: Tensor, frame: int) -> Tensor:
    """A spectrogram from a frame on, silence at its end; from 0 on, of 30 s."""
    end = frame or MEL_FRAMES * MAX_STEPS - mel_MT.shape[1]
    return F.pad(mel_MT[:, frame:], (0, end), value=float(mel_MT.min()))
