"""The page of the demo: one HTML file with everything inside, from the reports and a template."""

from __future__ import annotations

import base64
import functools
import importlib.metadata
import importlib.resources
import io
import os
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import PIL.Image
from markupsafe import Markup

from duomo import ModelSpec
from duomo.tasks.speech.synthesis import Speech
from duomo_multimodal.demo.stage import Report, Stage
from duomo_multimodal.demo.steps import PHOTOS

LIBRARIES = ("duomo", "duomo-vision", "duomo-nlp", "duomo-speech", "duomo-multimodal", "torch", "transformers")
BARS = 240
"""Bars of a drawn waveform."""


class Wave(NamedTuple):
    """An audio clip as SVG paths in a box of `BARS` by 100, apart for speech and for what lies between."""

    speech: str
    rest: str


def write_page(folder: Path, reports: Sequence[Report], stage: Stage, *, seconds: float) -> Path:
    """Draw the reports into ``index.html`` in `folder`, and say where it is."""
    env = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    env.filters.update(percent=lambda score: f"{score:.0%}", cosine=_cosine, seconds=_seconds, size=_size)
    template = env.from_string(importlib.resources.files(__package__).joinpath("page.html").read_text("utf-8"))
    html = template.render(
        reports=reports,
        done={report.step.key: report for report in reports if report.status == "ok"},
        tried={report.step.key: report for report in reports},
        photos=PHOTOS,
        picture=functools.partial(_picture, stage),
        mp3=_mp3,
        wave=_wave,
        bars=BARS,
        seconds=seconds,
        longest=max(report.load_s + report.run_s for report in reports),
        models=_models(reports, stage),
        versions=[(name, importlib.metadata.version(name)) for name in LIBRARIES if _is_installed(name)],
        machine=f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        today=date.today().isoformat(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "index.html"
    file.write_text(html, "utf-8")
    return file


def _models(reports: Sequence[Report], stage: Stage) -> list[ModelSpec]:
    """The models that ran and those they are built on, each once, in order of appearance."""
    found: dict[str, ModelSpec] = {}

    def add(name: str, task: str) -> None:
        spec = stage.catalog.model(name, task)
        found.setdefault(spec.name, spec)
        for use in spec.uses:
            task, _, name = use.partition("=")
            add(name, task)

    for report in reports:
        if report.model:
            add(report.model, report.step.task)
    return list(found.values())


@functools.cache
def _picture(stage: Stage, name: str, width: int) -> Markup:
    """A photo, scaled down, as attributes of an ``<img>``: source, size and what it shows."""
    with PIL.Image.open(stage.photo(PHOTOS[name].file)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((width, width * 2), PIL.Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80, optimize=True, progressive=True)
    source = _data_uri("image/jpeg", buffer.getvalue())
    return Markup('src="{}" width="{}" height="{}" alt="{}"').format(source, *picture.size, PHOTOS[name].alt)


def _mp3(sound: Speech) -> str:
    """An audio clip as a data URI, a tenth of the size of its WAV."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, sound.samples, sound.sampling_rate, format="MP3")
    return _data_uri("audio/mpeg", buffer.getvalue())


def _wave(sound: Speech, segments: Sequence[Any] = ()) -> Wave:
    """The loudest sample of each short stretch, as a bar that reaches as far up as down."""
    import numpy as np

    peaks = np.array([np.abs(part).max() for part in np.array_split(sound.samples, BARS)])
    heights = 2 + 46 * peaks / max(peaks.max(), 1e-6)
    paths = {True: "", False: ""}
    for index, height in enumerate(heights):
        at = (index + 0.5) / BARS * sound.duration
        inside = any(segment.start <= at <= segment.end for segment in segments)
        paths[inside] += f"M{index + 0.5} {50 - height:.1f}V{50 + height:.1f}"
    return Wave(paths[True], paths[False])


def _cosine(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count else "–"


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
