"""The object that a spec names as ``module:attribute``."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from duomo.errors import PluginBroken, RequirementMissing
from duomo.plugins.requirements import missing_requirements


def resolve(target: str, requires: Iterable[str] = (), owner: str = "") -> Any:
    """Import ``module:attribute``. Raises `RequirementMissing` with the pip line, or `PluginBroken`."""
    lacking = missing_requirements(requires)
    if lacking:
        line = " ".join(f"'{each}'" for each in lacking)
        raise RequirementMissing(
            f"{owner or target} needs {', '.join(lacking)}",
            why="not installed here in that version",
            fix=f"pip install {line}",
        )
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        absent = error.name if isinstance(error, ModuleNotFoundError) else None
        foreign = absent and absent.partition(".")[0] != module.partition(".")[0]
        raise PluginBroken(
            f"{owner or target} cannot be imported",
            why=f"{type(error).__name__}: {error}",
            fix=f"pip install {absent}" if foreign else "report it to the plugin's author (duomo plugins list)",
        ) from error
