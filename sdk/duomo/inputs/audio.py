"""Recordings."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duomo.counting import counted
from duomo.errors import BadInput, InputTooLarge, InputUnreadable, RequirementMissing
from duomo.inputs.advice import not_one
from duomo.inputs.chatter import native_remarks_left_out
from duomo.inputs.forgiving import ForgivingFile
from duomo.inputs.lengths import doubt, unfilled
from duomo.inputs.limits import limits
from duomo.inputs.media import Media
from duomo.inputs.mono import check_level, next_mono, to_array, to_mono
from duomo.inputs.resampling import resampled
from duomo.inputs.signatures import HEAD, looks_like
from duomo.inputs.source import open_source, take_file, unpack_file

if TYPE_CHECKING:
    import numpy as np
    import soundfile

_PROMISED_TOO_MUCH = 2 * 1152
"""Samples by which the header of a whole file, such as MP3, may be wrong: two frames."""
_UNKNOWN = 1 << 62
"""Fewer frames than libsndfile reports of a header that leaves the length open, as that of a FLAC from a pipe does."""
_SLOWEST = 1000
"""Hertz; telephones have 8,000."""
_USUAL_RATE = 48_000
"""Hertz; audio clips of `Limits.audio_seconds` at this rate are still taken, denser ones have to be shorter."""
_READ = ("WAV", "FLAC", "Ogg", "MP3")
"""What `looks_like` calls the formats that are read."""
_LAST_GUESS = ("resource fork", "bad data offset")
"""What libsndfile says of bytes it knows nothing of: it takes them for the last of its formats, SD2."""


class Audio(Media):
    """An audio clip that is decoded when a model asks for it."""

    __slots__ = ("_source", "name", "sampling_rate")

    def __init__(self, source: Any, name: str = "", sampling_rate: int = 0) -> None:
        self._source = source
        self.name = name
        self.sampling_rate = sampling_rate
        """Hertz of an array; 0 for a file, which states its own."""

    @classmethod
    def accept(cls, value: object) -> Audio:
        """Take a path, URL, bytes, file object, ``(array, sampling_rate)``, or a mapping.

        Arrays are float in [-1, 1] or int16, of shape (samples,), (channels, samples) or
        (samples, channels). A mapping has ``audio``, which is anything above or a mapping; or ``array`` (``raw`` in
        pipelines of transformers) and ``sampling_rate``; or ``bytes`` or ``path``, as rows of Hugging Face datasets
        have. It is not changed.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            return cls._of_mapping(value)
        if (taken := take_file(value, "audio", "this audio clip")) is not None:
            return cls(*taken)
        if isinstance(value, tuple) and len(value) == 2 and hasattr(value[0], "__array__"):
            if not hasattr(value[1], "__index__") or isinstance(value[1], bool) or value[1] <= 0:
                what = f"the sampling rate must be a positive int, not {value[1]!r}"
                raise BadInput(what, why="it counts the samples of a second", fix="(array, 16000)")
            return cls(value[0], "", int(value[1]))
        if isinstance(value, tuple) and len(value) == 2 and hasattr(value[1], "__array__"):
            raise BadInput(
                "the array comes first, then its sampling rate",
                why=f"the first is {type(value[0]).__name__}; scipy.io.wavfile.read gives them the other way round",
                fix="rate, samples = scipy.io.wavfile.read(FILE), then (samples, rate)",
            )
        if hasattr(value, "__array__"):
            raise BadInput(
                "an array alone does not say how fast it was sampled",
                why="a wrong guess would change the pitch and every prediction",
                fix='pass (array, sampling_rate) or {"array": array, "sampling_rate": 16000}',
            )
        raise not_one("audio", value, "a path, URL, bytes, file object or (array, sampling_rate)")

    @classmethod
    def _of_mapping(cls, value: Mapping[Any, Any]) -> Audio:
        inner = value.get("audio", value)
        if not isinstance(inner, Mapping):
            rate = value.get("sampling_rate")
            return cls.accept(inner if rate is None or not hasattr(inner, "__array__") else (inner, rate))
        rate = inner.get("sampling_rate", value.get("sampling_rate"))
        for samples in (inner.get("array"), inner.get("raw")):
            if isinstance(samples, list | tuple) and rate is not None:
                return cls.accept((to_array(samples), rate))
            if samples is not None:
                return cls.accept(samples if rate is None else (samples, rate))
        fix = 'pass {"audio": path or bytes}, {"array": array, "sampling_rate": 16000} or (array, sampling_rate)'
        file, name = unpack_file(inner, "audio", fix)
        audio = cls.accept(file)
        audio.name = audio.name or name
        return audio

    @property
    def size_hint(self) -> int:
        """About how many bytes of 16-bit sound it holds, without decoding; 0 when that is not known (a URL)."""
        if isinstance(self._source, Path):
            return os.path.getsize(self._source) if self._source.exists() else 0
        if hasattr(self._source, "__array__"):
            return int(2 * math.prod(self._source.shape))
        return len(self._source) if isinstance(self._source, bytes | bytearray) else 0

    def samples(self, sampling_rate: int = 16_000, least: int = 1) -> np.ndarray[Any, Any]:
        """Decode to mono float32 of shape (samples,) in [-1, 1] at `sampling_rate` hertz, `least` samples or more.

        Channels are mixed while a file is read, so that memory holds one of them. A ratio of rates
        that has no small terms (44,101 to 16,000) is taken as the nearest that has: pitch and times
        then move by less than 1 in 2,000, which is under a cent.

        `least` is what a model needs for one frame: an empty result of less would say that it listened.

        Raises `InputUnreadable` for what cannot be decoded, holds no sound or less than `least`, `InputTooLarge`
        beyond ``limits.audio_seconds``; the length is known before the samples are read.
        """
        import numpy as np

        mono, rate = self._decode()
        if rate < _SLOWEST:
            raise BadInput(
                f"{self._label()} has {counted(rate, 'sample')} a second",
                why="no speech and no music is recorded so slowly; a rate is given in hertz",
                fix="16 kHz is 16000: (array, 16000)",
            )
        if mono.size == 0:
            raise InputUnreadable(
                f"{self._label()} holds no samples", why="its length is zero", fix="record it again, or leave it out"
            )
        if not np.isfinite(mono).all():
            raise InputUnreadable(
                f"{self._label()} holds samples that are not numbers",
                why="there are NaN or infinities in it",
                fix="numpy.nan_to_num(samples), where they are few",
            )
        check_level(mono, self._label())
        found = mono if rate == sampling_rate else resampled(mono, rate, sampling_rate)
        if len(found) < least:
            raise InputUnreadable(
                f"{self._label()} has {counted(len(found), 'sample')}, too few for one frame",
                why=f"at {sampling_rate:,} Hz it needs {least}, {1000 * least / sampling_rate:.1f} ms",
                fix="use a longer audio clip, or leave it out",
            )
        return found

    def _label(self) -> str:
        return f"'{self.name}'" if self.name else "this audio clip"

    def _decode(self) -> tuple[np.ndarray[Any, Any], int]:
        if hasattr(self._source, "__array__"):
            mono = to_mono(self._source)
            self._check_length(len(mono), self.sampling_rate)
            return mono, self.sampling_rate
        try:
            import soundfile
        except ImportError:
            raise RequirementMissing(
                "reading audio files needs soundfile", why="it is not installed", fix="pip install soundfile"
            ) from None
        with open_source(self._source, "audio") as file, native_remarks_left_out():
            if (found := doubt(file)) is not None:
                raise self._of_wrong_length(*found)
            try:
                return self._read(ForgivingFile(file, unfilled(file)))
            except (soundfile.SoundFileError, ValueError, ArithmeticError, TypeError) as error:
                why = getattr(error, "error_string", str(error)).rstrip(".")
                file.seek(0)
                if looks := looks_like(file.read(HEAD)):
                    why = f"it looks like {looks}" if looks not in _READ else why
                elif any(each in why for each in _LAST_GUESS):
                    why = "its first bytes are of no known format"
                raise InputUnreadable(
                    f"{self._label()} cannot be decoded",
                    why=f"{why}; WAV, FLAC, OGG, MP3 and AIFF can be read; M4A cannot",
                    fix="convert it: ffmpeg -i INPUT -ac 1 -ar 16000 output.wav",
                ) from None

    def _read(self, file: ForgivingFile) -> tuple[np.ndarray[Any, Any], int]:
        import soundfile

        with soundfile.SoundFile(file) as sound:
            if sound.frames >= _UNKNOWN:
                return self._read_stream(sound), sound.samplerate
            self._check_length(sound.frames, sound.samplerate)
            return self._read_all(sound), sound.samplerate

    def _of_wrong_length(self, what: str, why: str) -> InputUnreadable:
        fix = "copy or record it again; what is there: ffmpeg -i INPUT output.wav"
        return InputUnreadable(f"{self._label()} {what}", why=why, fix=fix)

    def _read_all(self, sound: soundfile.SoundFile) -> np.ndarray[Any, Any]:
        """All of a file that says how many frames it has."""
        import numpy as np

        mono = np.empty(sound.frames, np.float32)
        end = 0
        while end < len(mono):
            block = next_mono(sound)[: len(mono) - end]
            if not len(block):
                break
            end += len(block)
            mono[end - len(block) : end] = block
        if len(mono) - end > _PROMISED_TOO_MUCH:
            why = f"its header promises {len(mono):,} samples, and {len(mono) - end:,} of them are missing"
            raise self._of_wrong_length("is cut short", why)
        return mono[:end]

    def _read_stream(self, sound: soundfile.SoundFile) -> np.ndarray[Any, Any]:
        """All of a file whose header leaves its length open, up to the limits."""
        import numpy as np

        blocks, frames = [], 0
        while len(block := next_mono(sound)):
            frames += len(block)
            self._check_length(frames, sound.samplerate)
            blocks.append(block)
        return np.concatenate(blocks) if blocks else np.empty(0, np.float32)

    def _check_length(self, frames: int, rate: int) -> None:
        seconds = frames / rate
        if seconds > limits().audio_seconds:
            raise InputTooLarge(
                f"{self._label()} is {seconds / 60:,.0f} minutes long",
                why=f"the limit is {limits().audio_seconds / 60:,.0f} minutes; all of it is held in memory",
                fix=f"cut it up, or: duomo config set limits.audio_seconds {int(seconds) + 1}",
            )
        if frames > limits().audio_seconds * _USUAL_RATE:
            raise InputTooLarge(
                f"{self._label()} has {frames:,} samples a channel",
                why=f"at {rate:,} Hz; the limit is {limits().audio_seconds:,} seconds at {_USUAL_RATE:,} Hz",
                fix="convert it: ffmpeg -i INPUT -ac 1 -ar 16000 output.wav",
            )
