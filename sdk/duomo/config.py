"""The user's settings and folders: a TOML file, environment variables above it."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import Any

from duomo.errors import UsageProblem

Config = dict[str, Any]
_TRUE = {"1", "true", "yes", "on"}
_TABLES = ("limits", "models", "plugins")


def config_path() -> Path:
    """Where the settings are: ``DUOMO_CONFIG``, or ``config.toml`` in the user's configuration folder."""
    chosen = os.environ.get("DUOMO_CONFIG")
    return Path(chosen) if chosen else _folder("XDG_CONFIG_HOME", "~/.config", "APPDATA") / "config.toml"


def cache_path() -> Path:
    """Where converted weights are kept: ``DUOMO_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("DUOMO_CACHE")
    return Path(chosen) if chosen else _folder("XDG_CACHE_HOME", "~/.cache", "LOCALAPPDATA")


def _folder(variable: str, usual: str, on_windows: str) -> Path:
    """A folder of ours by the XDG base directory specification; on Windows below its own variable."""
    chosen = os.environ.get(on_windows if sys.platform == "win32" else variable)
    return Path(chosen or usual).expanduser() / "duomo"


def load_config() -> Config:
    """The settings; empty when there are none. Raises `UsageProblem` for a file that is not TOML."""
    path = config_path()
    return _parse(path, path.stat().st_mtime_ns) if path.is_file() else {}


@functools.lru_cache(maxsize=4)
def _parse(path: Path, _mtime_ns: int) -> Config:
    import tomllib  # most people have no settings

    try:
        config = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageProblem(
            f"the configuration '{path}' cannot be read", why=str(error), fix="mend that line, or remove the file"
        ) from None
    for name in _TABLES:
        if not isinstance(config.get(name, {}), dict):
            raise UsageProblem(
                f"the configuration '{path}' is not in order",
                why=f"'{name}' must be a table, not {config[name]!r}",
                fix=f"write its settings under a line [{name}]",
            )
    return config


def save_config(config: Config) -> Path:
    """Write the settings and say where."""
    import tomli_w

    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tomli_w.dumps(config), "utf-8")
    return path


def is_offline() -> bool:
    """Whether the network is off: ``DUOMO_OFFLINE``, ``HF_HUB_OFFLINE`` or ``offline = true``."""
    for name in ("DUOMO_OFFLINE", "HF_HUB_OFFLINE"):
        if name in os.environ:
            return os.environ[name].lower() in _TRUE
    return bool(load_config().get("offline", False))
