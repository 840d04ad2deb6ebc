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

from duomo import Audio, Model, WeightsRef
from duomo.errors import BadOption, did_you_mean
from duomo.model import Portable
from duomo.parallel import from_first_rank
from duomo.tasks.speech import Segment, SpeechRecognitionOptions, Transcript
from duomo_speech import parallel
from duomo_speech.silero import FRAME, SAMPLING_RATE, SileroVad
from duomo_speech.whisper_checkpoint import Vocabulary, read_checkpoint
from duomo_speech.whisper_decoder import WhisperDecoder
from duomo_speech.whisper_graphs import portable_whisper
from duomo_speech.windows import WINDOW_S, Window, join, load_vad, speech_windows

STEP_S = 0.02  # between two timestamp tokens, and two states of the encoder
MEL_FRAMES = 2  # of a spectrogram for each state of the encoder
MAX_STEPS = round(WINDOW_S / STEP_S)
MARGIN_S = 3.0  # of silence after speech: with 1 s, a trimmed encoder makes the decoder repeat short clips for ever
TOKENS_A_SECOND = 10  # of speech, and for a second more: whoever needs more with a trimmed encoder repeats a phrase
FIRST_TIMESTAMP = 50  # speech begins in the first second of a window


class Whisper(Model[Any, Transcript]):
    """Speech recognition, and translation into English where the checkpoint has languages."""

    batch_size = 8
    batch_budget = 2**26  # half an hour of 16-bit sound
    packed = True

    def __init__(self, network: PreTrainedModel, vocabulary: Vocabulary, vad: SileroVad) -> None:
        self.network = network
        self.vocabulary = vocabulary
        self.vad = vad
        self.extractor: Any = WhisperFeatureExtractor(feature_size=network.config.num_mel_bins)  # type: ignore[no-untyped-call]
        self.timestamps_from = vocabulary.no_timestamps + 1

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read a CTranslate2 ``model.bin`` of an installed package, or a folder in transformers layout."""
        network, vocabulary = read_checkpoint(weights)
        return cls(network.to(device, dtype), vocabulary, load_vad())

    tensor_plan = staticmethod(parallel.whisper_plan)

    @staticmethod
    def estimate(item: Audio) -> int:
        return item.size_hint

    def check_options(self, options: SpeechRecognitionOptions) -> None:
        """Refuse languages and tasks that the checkpoint does not know."""
        self._prompt(options)

    def split(self, item: Audio, options: SpeechRecognitionOptions) -> list[Window]:
        """Windows of speech; none where no one speaks. Raises `InputUnreadable` for less than a frame of sound."""
        return speech_windows(item.samples(SAMPLING_RATE, FRAME), self.vad, options)

    def merge(self, item: Audio, results: list[Transcript], options: SpeechRecognitionOptions) -> Transcript:
        """The transcripts of all windows as one."""
        return join(results)

    def preprocess(self, items: Sequence[Window], options: SpeechRecognitionOptions) -> list[dict[str, Any]]:
        """Log-mel spectrograms of shape (mels, frames): 30 s, or with ``encoder="trimmed"`` the speech and a margin."""
        prompt = self._prompt(options)
        steps = [int(len(window.samples) / SAMPLING_RATE / STEP_S) for window in items]
        spans = [_trimmed(each) if options.encoder == "trimmed" else _trimmed(MAX_STEPS) for each in steps]
        mels = self.extractor(
            [window.samples for window in items],
            sampling_rate=SAMPLING_RATE,
            max_length=round(max(spans) * STEP_S * SAMPLING_RATE),
            return_tensors="pt",
        ).input_features
        return [
            {"mel": mel[:, : MEL_FRAMES * span], "steps": each, "prompt": prompt, "window": window}
            for mel, span, each, window in zip(mels, spans, steps, items, strict=True)
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
        names = {token: name for name, token in self.vocabulary.languages.items()}
        transcripts = []
        for tokens, each in zip(output, features, strict=True):
            each["truncated"] = tokens[-1] != self.vocabulary.end
            segments = self._segments(tokens, each["window"])
            transcripts.append(
                Transcript.model_construct(
                    text=" ".join(segment.text for segment in segments),
                    segments=segments,
                    language=names[tokens[1]] if names else "en",
                )
            )
        return transcripts

    def portable(self) -> Portable:
        return portable_whisper(self.network, self.vocabulary, self.vad)

    def _prompt(self, options: SpeechRecognitionOptions) -> tuple[int | None, ...]:
        """Language and task of the call, or of the checkpoint; None stands for a language to be found."""
        known = self.vocabulary.languages
        if not known:
            if options.language not in (None, "en") or options.task == "translate":
                raise BadOption(
                    "this Whisper writes English speech down as English",
                    why=f"language={options.language}, task={options.task} were asked for",
                    fix="use a multilingual one: -m speech/whisper-base",
                )
            return ()
        language = self.vocabulary.language if options.language is None else options.language
        if language is not None and language not in known:
            raise BadOption(
                f"option 'language' cannot be '{language}'",
                why=did_you_mean(language, known) or f"Whisper knows {', '.join(sorted(known))}",
                fix="pass an ISO 639-1 code such as en, or leave it out",
            )
        # A call that leaves the task out reads "transcribe" too, but did not ask for it.
        task = options.task if "task" in options.model_fields_set else self.vocabulary.task
        return (
            None if language is None else known[language],
            self.vocabulary.translate if task == "translate" else self.vocabulary.transcribe,
        )

    def _hear(self, mels: list[Tensor], steps: list[int], prompt: tuple[int | None, ...]) -> list[list[int]]:
        """Tokens of each window, to its end: Whisper may stop where it announces that more is said, or run out of room.

        It then hears the rest from the last time it wrote; what it wrote after that time it writes again. What a
        trimmed encoder lets run out of room is heard again from the start, by the full one.
        """
        decoder = self._encode(mels)
        prompt_BP = self._prompts(decoder, prompt, len(mels))
        most = self.network.config.max_target_positions // 2
        trimmed = [mel.shape[1] < MEL_FRAMES * MAX_STEPS for mel in mels]
        rooms = [min(most, _room(each)) if short else most for each, short in zip(steps, trimmed, strict=True)]
        tokens = self._decode(decoder, prompt_BP, rooms)
        stops = {row: self._stop(found, steps[row], trimmed[row]) for row, found in enumerate(tokens)}
        again = {row: at for row, at in stops.items() if at is not None}
        if again:
            rest = [_from(mels[row], MEL_FRAMES * at) for row, at in again.items()]
            tails = self._hear(rest, [steps[row] - at for row, at in again.items()], prompt)
            length = prompt_BP.shape[1]
            for (row, at), tail in zip(again.items(), tails, strict=True):
                later = [token + at if token >= self.timestamps_from else token for token in tail[length:]]
                tokens[row] = tokens[row][: self._last_time(tokens[row]) + 1 if at else length] + later
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

    def _prompts(self, decoder: WhisperDecoder, prompt: tuple[int | None, ...], count: int) -> Tensor:
        """The first tokens (B, P) of all windows, with the likeliest language of each where none was named."""
        start = torch.full((count, 1), self.vocabulary.start, device=self.network.device)
        rest = [start.new_tensor(each or 0).expand(count, 1) for each in prompt]
        if None in prompt:
            languages = start.new_tensor(list(self.vocabulary.languages.values()))
            likeliest = from_first_rank(decoder.step(start)[:, languages].argmax(-1, keepdim=True))
            rest[prompt.index(None)] = languages[likeliest]
            decoder.forget()
        return torch.cat([start, *rest], dim=1)

    def _stop(self, tokens: list[int], length: int, trimmed: bool) -> int | None:
        """The step to hear on from, a second or more from the start and half a second from the end; None for none.

        It is the last time written, if no text follows it though a segment was begun, or if the end never came; the
        start, if the end never came and the encoder was trimmed.
        """
        if trimmed and tokens[-1] != self.vocabulary.end:
            return 0
        last = self._last_time(tokens)
        at = tokens[last] - self.timestamps_from
        begun = tokens[last - 1] >= self.timestamps_from and tokens[last + 1 :] == [self.vocabulary.end]
        goes_on = begun or tokens[-1] != self.vocabulary.end
        return at if goes_on and 1 / STEP_S <= at <= length - 0.5 / STEP_S else None

    def _last_time(self, tokens: list[int]) -> int:
        """The place of the last timestamp; of the first token when there is none."""
        return max(at for at, token in enumerate(tokens) if at == 0 or token >= self.timestamps_from)

    def _decode(self, decoder: WhisperDecoder, prompt_BP: Tensor, rooms: list[int]) -> list[list[int]]:
        """The likeliest token each time; a window that has ended leaves the batch, as does one that is out of room."""
        vocabulary = self.vocabulary
        steering: Any = types.SimpleNamespace(
            eos_token_id=vocabulary.end,
            no_timestamps_token_id=vocabulary.no_timestamps,
            max_initial_timestamp_index=FIRST_TIMESTAMP,
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

    def _segments(self, tokens: list[int], window: Window) -> list[Segment]:
        """Text between timestamp tokens; the last segment ends with the window when no token says so."""
        segments: list[Segment] = []
        text: list[int] = []
        start = 0.0

        def close(end: float) -> None:
            words = self.vocabulary.tokenizer.decode(text, skip_special_tokens=True).strip()
            if words:
                times = [round(min(window.start_s + at, window.end_s), 3) for at in (start, end)]
                segments.append(Segment.model_construct(start=times[0], end=times[1], text=words))

        for token in tokens:
            if token < self.timestamps_from:
                text.append(token)
                continue
            at = (token - self.timestamps_from) * STEP_S
            close(at)
            start, text = at, []
        close(window.end_s - window.start_s)
        return segments


def _trimmed(steps: int) -> int:
    """Number of states of a trimmed encoder for this many states of speech."""
    return min(steps + round(MARGIN_S / STEP_S), MAX_STEPS)


def _room(steps: int) -> int:
    """Number of tokens that a trimmed encoder may let be written for this many states of speech."""
    return round((steps * STEP_S + 1) * TOKENS_A_SECOND)


def _from(mel_MT: Tensor, frame: int) -> Tensor:
    """A spectrogram from a frame on, silence at its end; from 0 on, of 30 s."""
    end = frame or MEL_FRAMES * MAX_STEPS - mel_MT.shape[1]
    return F.pad(mel_MT[:, frame:], (0, end), value=float(mel_MT.min()))
