"""The plugins of this project: which there are, and how they are installed."""

from __future__ import annotations

from duomo.plugins.distributions import find_distribution


def install_line(distribution: str) -> str:
    """The commands that install one plugin of this project, or all of them."""
    return f"pip install {distribution}, or pip install 'duomo[all]' for all plugins"


def no_plugin(noun: str, distribution: str = "duomo-nlp") -> str:
    """Say that no plugin brings a model, an adapter or what `noun` is, and how to install one."""
    return f"no plugin that brings {noun}s is installed: {install_line(distribution)}"


def distribution_of(plugin: str) -> str:
    """Return the distribution of a plugin of this project, installed or not; empty for any other name.

    Each is the one requirement of an extra of its name: ``duomo[nlp]`` is ``duomo-nlp``.
    """
    duomo = find_distribution("duomo")
    lines = duomo.header("Requires-Dist") if duomo is not None else []
    known = {line.partition(";")[0].strip() for line in lines}
    return f"duomo-{plugin}" if f"duomo-{plugin}" in known else ""
