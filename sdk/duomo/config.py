"""The user's settings and folders: a TOML file, environment variables above it."""

from __future__ import annotations

import functools
import os
import stat
import sys
from pathlib import Path
from typing import Any, NoReturn

from duomo.errors import UsageProblem, did_you_mean
from duomo.replacing import replacing as replacing

Config = dict[str, Any]
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}
_TABLES = ("limits", "models", "plugins")
_SETTINGS = {"": (*_TABLES, "offline"), "models": ("alias", "default"), "plugins": ("allow", "disable")}
"""What each table may hold; `duomo.inputs.limits` looks at its own."""


def config_path() -> Path:
    """Where the settings are: ``DUOMO_CONFIG``, or ``config.toml`` in the user's configuration folder."""
    chosen = os.environ.get("DUOMO_CONFIG")
    if chosen:
        return _path(chosen)
    # Asked for with every item, which is held against the limits: expanding and joining would take longest of all.
    variable = "APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME"
    return _usual_path(os.environ.get(variable), os.environ.get("HOME"))


_path = functools.lru_cache(maxsize=4)(Path)


@functools.lru_cache(maxsize=4)
def _usual_path(_chosen: str | None, _home: str | None) -> Path:
    return _folder("XDG_CONFIG_HOME", "~/.config", "APPDATA") / "config.toml"


def cache_path() -> Path:
    """Where converted weights are kept: ``DUOMO_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("DUOMO_CACHE")
    return Path(chosen) if chosen else _folder("XDG_CACHE_HOME", "~/.cache", "LOCALAPPDATA")


def _folder(variable: str, usual: str, on_windows: str) -> Path:
    """A folder of ours by the XDG base directory specification; on Windows below its own variable."""
    chosen = os.environ.get(on_windows if sys.platform == "win32" else variable)
    return Path(os.path.expanduser(chosen or usual), "duomo")


def load_config() -> Config:
    """Read the settings; empty when there are none.

    Raises:
        UsageProblem: the file is not TOML, a value has another type, or a setting is unknown.
    """
    path = config_path()
    try:
        found = os.stat(path)
    except OSError:
        return {}
    return _parse(path, found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else {}


@functools.lru_cache(maxsize=4)
def _parse(path: Path, _mtime_ns: int, _size: int) -> Config:
    import tomllib  # most people have no settings

    try:
        config = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageProblem(
            f"the configuration '{path}' cannot be read", why=str(error), fix="correct that line, or remove the file"
        ) from None
    for name in _TABLES:
        if not isinstance(config.get(name, {}), dict):
            _refuse(path, name, "a table", config[name], f"write its settings under a line [{name}]")
    for prefix, known in _SETTINGS.items():
        for key in config.get(prefix, {}) if prefix else config:
            if key not in known:
                raise UsageProblem(
                    f"the configuration '{path}' has an unknown setting '{f'{prefix}.{key}'.lstrip('.')}'",
                    why=did_you_mean(key, known) or f"known there are: {', '.join(known)}",
                    fix="correct the name, or remove it",
                )
    for name in ("alias", "default"):
        table = config.get("models", {}).get(name, {})
        if not isinstance(table, dict):
            _refuse(path, f"models.{name}", "a table", table, f"write its settings under a line [models.{name}]")
        for key, model in table.items():
            if not isinstance(model, str):
                _refuse(path, f"models.{name}.{key}", "the name of a model", model, f'{key} = "PLUGIN/MODEL"')
    if not isinstance(config.get("offline", False), bool):
        _refuse(path, "offline", "true or false", config["offline"], "offline = true")
    return config


def _refuse(path: Path, key: str, expected: str, value: object, fix: str) -> NoReturn:
    raise UsageProblem(
        f"the configuration '{path}' is not in order", why=f"'{key}' must be {expected}, not {value!r:.80}", fix=fix
    )


def save_config(config: Config) -> Path:
    """Write the settings and say where; readers meanwhile find the old ones or the new."""
    import tomli_w

    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Next to what a link points to: a file kept elsewhere stays linked.
    with replacing(path.resolve()) as fresh:
        fresh.write_text(tomli_w.dumps(config), "utf-8")
    return path


def is_offline() -> bool:
    """Whether the network is off: ``DUOMO_OFFLINE``, ``HF_HUB_OFFLINE`` or ``offline = true``.

    Raises `UsageProblem` where ``DUOMO_OFFLINE`` is neither true nor false: a typing error opens no connection.
    """
    chosen = os.environ.get("DUOMO_OFFLINE", "").strip().lower()
    if chosen not in _TRUE | _FALSE:
        raise UsageProblem(f"DUOMO_OFFLINE is neither true nor false: '{chosen}'", fix="DUOMO_OFFLINE=1")
    for name in ("DUOMO_OFFLINE", "HF_HUB_OFFLINE"):
        if name in os.environ:
            return os.environ[name].strip().lower() in _TRUE
    return bool(load_config().get("offline", False))
