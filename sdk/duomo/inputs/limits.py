"""How much a decoder may be asked to swallow."""

import dataclasses
import time
from pathlib import Path

from duomo.config import config_path, load_config
from duomo.errors import UsageProblem, did_you_mean


@dataclasses.dataclass(frozen=True)
class Limits:
    """Beyond these an input is refused before it is decoded. Set with ``duomo config set limits.NAME N``."""

    image_pixels: int = 100_000_000
    """Width times height of an image."""
    audio_seconds: int = 2 * 3600
    """Length of an audio clip."""
    video_seconds: int = 2 * 3600
    """Length of a video."""
    text_chars: int = 10_000_000
    """Length of a text."""
    file_bytes: int = 2 * 1024**3
    """Size of any file, or of what a URL sends."""


_DEFAULTS = Limits()
_LOOK_AGAIN_S = 0.02
"""Every item is held against the limits, and each look at a file hands the interpreter to another thread."""
_ASK_AGAIN_S = 0.001
"""And to ask the environment where the file is takes longer than to hold a text against them."""
_known: tuple[Path, float, Limits] | None = None
_asked = -1.0
"""When the environment was asked last."""


def limits() -> Limits:
    """Return the limits in force: the defaults, changed by the ``[limits]`` table of the configuration as it is now.

    A changed file is seen after 20 ms at the latest, a changed environment after 1 ms.
    """
    global _known, _asked
    now = time.monotonic()
    if _known is not None and now - _asked < _ASK_AGAIN_S:
        return _known[2]
    path = config_path()
    if _known is None or _known[0] is not path or now - _known[1] > _LOOK_AGAIN_S:
        _known = (path, now, _read())
    _asked = now
    return _known[2]


def _read() -> Limits:
    chosen = load_config().get("limits")
    if not chosen:
        return _DEFAULTS
    known = [field.name for field in dataclasses.fields(Limits)]
    for name, value in chosen.items():
        if name not in known:
            raise UsageProblem(
                f"the configuration sets an unknown limit '{name}'",
                why=did_you_mean(name, known) or f"the limits are: {', '.join(known)}",
                fix=f"fix the [limits] table of {config_path()}",
            )
        if type(value) is not int or value < 1:
            raise UsageProblem(
                f"the limit {name} must be a positive whole number, not {value!r}",
                why="it is counted or measured in whole units",
                fix=f"duomo config set limits.{name} {getattr(_DEFAULTS, name)}",
            )
    return Limits(**chosen)
