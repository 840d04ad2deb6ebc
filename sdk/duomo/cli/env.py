"""``duomo env``: versions and platform, for a bug report."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

import click

from duomo.cli.app import App
from duomo.cli.formats import for_stdout, to_json
from duomo.version import __version__

LIBRARIES = (
    *("click", "pluggy", "pydantic", "numpy", "torch", "torchvision", "torchaudio", "transformers", "tokenizers"),
    *("safetensors", "huggingface-hub", "onnxruntime", "pillow", "soundfile", "ray"),
)
VARIABLES = ("DUOMO_", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "PYTHONDONTWRITEBYTECODE")


@click.command("env")
@click.option("-o", "--output", type=click.Choice(["auto", "text", "json"]), default="auto", help="json for programs.")
@click.pass_obj
def command(app: App, /, output: str) -> None:
    """Versions and platform, for a bug report; your home folder is written as ~."""
    from duomo.config import cache_path, config_path
    from duomo.plugins.distributions import find_distribution

    found = {name: find_distribution(name) for name in LIBRARIES}
    record: dict[str, Any] = {
        "duomo": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "config": f"{config_path()}" + ("" if config_path().is_file() else " (not there)"),
        "cache": str(cache_path()),
        "variables": {name: value for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)},
        "libraries": {name: each.version for name, each in found.items() if each is not None},
        "plugins": {each.name: f"{each.origin}, {each.state}" for each in app.catalog.plugins},
    }
    home = str(Path.home())
    if output == "json":
        click.echo(for_stdout(to_json({"schema": "duomo.env/1", **record}, indent=2).replace(home, "~")))
    else:
        click.echo("\n".join(_lines(record)).replace(home, "~"))


def _lines(record: dict[str, Any]) -> list[str]:
    lines = []
    for key, value in record.items():
        if isinstance(value, dict):
            lines += [f"{key}", *(f"  {name:<24} {each}" for name, each in value.items())]
        else:
            lines.append(f"{key:<12} {value}")
    return lines
