"""How much a decoder may be asked to swallow."""

import dataclasses
import functools

from duomo.config import load_config


@dataclasses.dataclass(frozen=True)
class Limits:
    """Beyond these an input is refused before it is decoded. Set with ``duomo config set limits.NAME N``."""

    image_pixels: int = 100_000_000
    """Width times height of a picture."""
    audio_seconds: int = 2 * 3600
    """Length of a recording."""
    text_chars: int = 10_000_000
    """Length of a text."""
    file_bytes: int = 2 * 1024**3
    """Size of any file, or of what a URL sends."""


@functools.cache
def limits() -> Limits:
    """The limits in force: the defaults, changed by the ``[limits]`` table of the configuration."""
    known = {field.name for field in dataclasses.fields(Limits)}
    chosen = load_config().get("limits", {})
    return Limits(**{name: int(value) for name, value in chosen.items() if name in known})
