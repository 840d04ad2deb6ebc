"""Speech in OpenAI's dialect: the settings of a request, and transcripts and audio clips in its formats."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from duomo.errors import BadOption
from duomo.serving.dialect import cannot, event
from duomo.writers.subtitles import SrtWriter, VttWriter

if TYPE_CHECKING:
    from duomo.tasks.speech.recognition import Transcript
    from duomo.tasks.speech.synthesis import Speech

TEXT_FORMATS = ("json", "text", "srt", "vtt", "verbose_json")
SPEECH_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""Formats of a spoken text; AAC is missing, since no free encoder of it is at hand."""
DURATION_RATE = 8_000
"""Hertz at which the length of an audio clip is told, to the millisecond."""
PCM_RATE = 24_000
"""Hertz of ``pcm``, which has no header to say it."""
THEIR_VOICES = frozenset(
    "alloy ash ballad coral echo fable onyx nova sage shimmer verse marin cedar default any".split()
)
"""Names that their clients must send; ours has its own voices, and these stand for the model's choice."""
_FILE_FORMATS = {"mp3": ("MP3", "MPEG_LAYER_III"), "opus": ("OGG", "OPUS"), "flac": ("FLAC", "PCM_16")}


def transcription_settings(form: Mapping[str, object]) -> tuple[str, bool]:
    """Return the format of the transcript and whether it comes as events. Raises `BadOption`."""
    known = {"file", "model", "language", "response_format", "stream", "temperature", "timestamp_granularities[]"}
    for name, value in form.items():
        if name not in known or (name == "temperature" and str(value) not in ("0", "0.0")):
            raise cannot(name)
    if form.get("timestamp_granularities[]") not in (None, "segment"):
        raise cannot("timestamp_granularities[]")
    kind = str(form.get("response_format") or "json")
    if kind not in TEXT_FORMATS:
        raise BadOption(
            f"response_format cannot be '{kind:.40}'", why="no such format of a transcript", fix=", ".join(TEXT_FORMATS)
        )
    streams = str(form.get("stream") or "false").lower()
    if streams not in ("true", "1", "false", "0"):
        raise BadOption(f"stream cannot be '{streams:.40}'", why="it is a truth value", fix="true")
    return kind, streams in ("true", "1")


def seconds_of(sound: bytes) -> float:
    """Return how long an audio clip is, silence behind the last word included."""
    from duomo.inputs import Audio

    return len(Audio.accept(sound).samples(DURATION_RATE)) / DURATION_RATE


def write_transcript(said: Transcript, kind: str, task: str, length_s: float) -> tuple[str, str]:
    """Return a transcript in one of `TEXT_FORMATS`, and its media type.

    Args:
        said: the transcript.
        kind: the format.
        task: ``transcribe`` or ``translate``; ``verbose_json`` says it, and the length.
        length_s: seconds of the audio clip.
    """
    if kind == "text":
        return said.text + "\n", "text/plain"
    if kind == "srt":
        numbered = (f"{number}\n{cue}\n" for number, cue in enumerate(SrtWriter.cues(said), 1))
        return "\n".join(numbered), "application/x-subrip"
    if kind == "vtt":
        return VttWriter.head + "\n".join(f"{cue}\n" for cue in VttWriter.cues(said)), "text/vtt"
    if kind == "json":
        return json.dumps({"text": said.text}, ensure_ascii=False), "application/json"
    segments = [
        {"id": number, "start": each.start, "end": each.end, "text": each.text}
        for number, each in enumerate(said.segments)
    ]
    record = {
        "task": task,
        "language": said.language or "",
        "duration": round(length_s, 3),
        "text": said.text,
        "segments": segments,
    }
    return json.dumps(record, ensure_ascii=False), "application/json"


def transcript_events(said: Transcript) -> Iterator[bytes]:
    """Yield a transcript as server-sent events: one for each segment, and the whole."""
    for number, each in enumerate(said.segments):
        text = each.text if number == 0 else " " + each.text.lstrip()
        yield event({"type": "transcript.text.delta", "delta": text})
    yield event({"type": "transcript.text.done", "text": said.text})
    yield b"data: [DONE]\n\n"


def speech_settings(body: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """Return the format of the audio clip and the task's options. Raises `BadOption`."""
    for name, value in body.items():
        if name not in ("input", "model", "voice", "response_format", "speed") and value is not None:
            raise cannot(name)
    asked = body.get("response_format")
    kind = "mp3" if asked is None else str(asked)
    if kind not in SPEECH_TYPES:
        raise BadOption(
            f"response_format cannot be '{kind:.40}'", why="this server has no encoder for it",
            fix=", ".join(SPEECH_TYPES),
        )  # fmt: skip
    options: dict[str, object] = {"speed": body["speed"]} if body.get("speed") is not None else {}
    if str(body.get("voice") or "any") not in THEIR_VOICES:
        options["voice"] = body["voice"]
    return kind, options


def encode_speech(spoken: Speech, kind: str) -> bytes:
    """Return a spoken text in one of the formats of `SPEECH_TYPES`."""
    if kind == "wav":
        return spoken.wav
    from duomo.inputs import Audio
    from duomo.tasks.speech.sound import to_int16

    if kind == "pcm":
        samples = Audio.accept(spoken.wav).samples(PCM_RATE)
        return bytes(to_int16(samples).tobytes())  # resampling goes beyond loud samples
    import soundfile

    buffer = io.BytesIO()
    form, subtype = _FILE_FORMATS[kind]
    rate = 48_000 if kind == "opus" else spoken.sampling_rate  # Opus has few rates, and this is its own
    samples = spoken.samples if kind != "opus" else Audio.accept(spoken.wav).samples(rate)
    soundfile.write(buffer, samples, rate, format=form, subtype=subtype)
    return buffer.getvalue()
