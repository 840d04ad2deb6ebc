"""Sound in results, and what happens in an audio clip: a wave, the segments below it, and a player."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import pydantic

from duomo.errors import DuomoError
from duomo.inputs import Audio
from duomo.tasks.showing.parts import Source, escape
from duomo.tasks.showing.style import COLORS

if TYPE_CHECKING:
    import numpy as np

_COLUMNS = 360
_RATE = 16_000
_PLAYED_S = 120
"""Longest audio clip that is shown with a player: the page holds all of its samples."""


def sound(result: pydantic.BaseModel, source: Source) -> tuple[str, set[str]]:
    """The sound that a result is, or the segments that it found in one."""
    fields = {name: getattr(result, name) for name in type(result).model_fields}
    own = next((name for name, value in fields.items() if isinstance(value, bytes) and value[:4] == b"RIFF"), "")
    if own:
        return _drawing(recording_of(fields[own]), [], 0.0) + player(fields[own]), {own}
    for name, value in fields.items():
        sounds = [each for each in value if _is_sound(each)] if isinstance(value, list) else []
        if sounds:
            return "".join(_named(each) for each in sounds), {name}
    segments = [each for value in fields.values() if isinstance(value, list) for each in value if _is_segment(each)]
    if not segments:
        return "", set()
    samples = recording_of(source.value)
    length = max([float(fields.get("duration") or 0), *(float(each.end) for each in segments)])
    if samples is not None:
        length = len(samples) / _RATE
    heard = player(_wav(samples)) if samples is not None and length <= _PLAYED_S else ""
    return _drawing(samples, segments, length) + heard, set()


def _is_sound(each: object) -> bool:
    """Whether it is a record with sound of its own."""
    wav = getattr(each, "wav", None)
    return isinstance(wav, bytes) and wav[:4] == b"RIFF"


def _named(each: pydantic.BaseModel) -> str:
    """One of several sounds: its label, its wave and a player."""
    return f"<p><b>{escape(getattr(each, 'label', ''))}</b></p>" + sound(each, Source())[0]


def _is_segment(each: object) -> bool:
    """Whether it has times: floats, where the places of letters in a text are whole numbers."""
    return isinstance(getattr(each, "start", None), float) and isinstance(getattr(each, "end", None), float)


def recording_of(value: object) -> np.ndarray[Any, Any] | None:
    """Decode what was given to a task, if it is an audio clip or a path of one."""
    try:
        return Audio.accept(value).samples(_RATE) if value is not None else None
    except (DuomoError, OSError, ValueError, ImportError):
        return None


def player(wav: bytes) -> str:
    """A player that holds the audio clip."""
    return f'<audio controls src="data:audio/wav;base64,{base64.b64encode(wav).decode()}"></audio>'


def _drawing(samples: np.ndarray[Any, Any] | None, segments: list[Any], length: float) -> str:
    wave = _wave(samples) if samples is not None else f'<path d="M0 30H{_COLUMNS}" stroke="#888" stroke-width=".5"/>'
    names = list(dict.fromkeys(str(getattr(each, "speaker", getattr(each, "label", ""))) for each in segments))
    spans = []
    for each in segments:
        color = COLORS[names.index(str(getattr(each, "speaker", getattr(each, "label", "")))) % len(COLORS)]
        start, end = (_COLUMNS * float(at) / (length or 1) for at in (each.start, each.end))
        words = escape(getattr(each, "text", getattr(each, "speaker", "")))
        spans.append(f'<rect x="{start:.1f}" y="0" width="{max(end - start, 0.5):.1f}" height="60" fill="{color}" '
                     f'opacity=".22"><title>{each.start:.2f}–{each.end:.2f} s {words}</title></rect>')  # fmt: skip
    return (
        f'<svg viewBox="0 0 {_COLUMNS} 60" preserveAspectRatio="none" style="width:100%;height:72px" role="img">'
        f"{''.join(spans)}{wave}</svg>"
    )


def _wave(samples: np.ndarray[Any, Any]) -> str:
    """The loudest of each stretch, above and below the middle."""
    import numpy as np

    loudest = [float(np.abs(part).max(initial=0)) for part in np.array_split(samples, _COLUMNS)]
    top = max(loudest) or 1.0
    path = "".join(
        f"M{at + 0.5:g} {30 - 28 * each / top:.1f}V{30 + 28 * each / top:.1f}" for at, each in enumerate(loudest)
    )
    return f'<path d="{path}" stroke="#3d6fd1" stroke-width=".8" fill="none"/>'


def _wav(samples: np.ndarray[Any, Any]) -> bytes:
    import soundfile

    written = io.BytesIO()
    soundfile.write(written, samples, _RATE, format="WAV", subtype="PCM_16")
    return written.getvalue()
