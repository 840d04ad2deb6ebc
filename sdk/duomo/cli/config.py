"""``duomo config``: show and change settings; only what duomo knows can be set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_models
from duomo.cli.formats import echo_json, to_json
from duomo.cli.groups import Group
from duomo.config import config_path, load_config, save_config
from duomo.errors import BadOption, UsageProblem, did_you_mean

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

FREE_KEYS = {
    "models.default.TASK": "the model used for a task when none is named",
    "models.alias.NAME": "another name for a model",
    "plugins.disable": "plugins that stay out, separated by commas",
    "plugins.allow": "the only plugins that may load, separated by commas",
    "offline": "true keeps duomo off the network",
}

_NAMED = ("models.default.", "models.alias.")


def complete_keys(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the names of settings."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(key, help=text) for key, text in _known().items() if key.startswith(begun)]


@click.group("config", cls=Group)
def command() -> None:
    """Show and change settings."""


@command.command("path")
def show_path() -> None:
    """Print where the settings are."""
    click.echo(config_path())


@command.command("show")
@click.option("-o", "--output", type=click.Choice(["auto", "text", "json"]), default="auto", help="json for programs.")
def show_settings(output: str) -> None:
    """Show what is set, and what can be."""
    settings = _flat(load_config())
    if output == "json":
        echo_json(settings, indent=2)
        return
    for key, value in settings.items():
        click.echo(f"{key} = {to_json(value)}")
    if not settings:
        click.echo("nothing is set; what can be:\n")
        for key, text in _known().items():
            click.echo(f"  {key:<22} {text}")


@command.command("get")
@click.argument("key", shell_complete=complete_keys)
@click.pass_context
def get_setting(ctx: click.Context, /, key: str) -> None:
    """Print a setting; exit 1 when it is not set."""
    _check_key(key)
    settings = _flat(load_config())
    if key not in settings:
        ctx.exit(1)
    value = settings[key]
    click.echo(value if isinstance(value, str) else to_json(value))


@command.command("set")
@click.argument("key", shell_complete=complete_keys)
@click.argument("value")
@click.pass_obj
def set_setting(app: App, /, key: str, value: str) -> None:
    """Change a setting, such as: duomo config set limits.image_pixels 200000000."""
    _check_key(key)
    _put(key, _typed(app, key, value))


@command.command("unset")
@click.argument("key", shell_complete=complete_keys)
def unset_setting(key: str) -> None:
    """Remove a setting."""
    _check_key(key)
    _put(key, None)


@command.command("alias")
@click.argument("name")
@click.argument("model", shell_complete=complete_models)
@click.pass_obj
def set_alias(app: App, /, name: str, model: str) -> None:
    """Give a model another name, such as: duomo config alias mini nlp/minilm."""
    _check_key(f"models.alias.{name}")
    _put(f"models.alias.{name}", app.catalog.model(model).name)


def _known() -> dict[str, str]:
    """List every key that can be set and what it is for; capitals stand for a name."""
    import dataclasses

    from duomo.inputs.limits import Limits

    limits = {
        f"limits.{each.name}": f"a limit of inputs; {each.default:,} at first" for each in dataclasses.fields(Limits)
    }
    return {**limits, **FREE_KEYS}


def _check_key(key: str) -> None:
    if key in _known() or any(len(key) > len(table) and key.startswith(table) for table in _NAMED):
        return
    raise BadOption(
        f"no setting named '{key}'",
        why=did_you_mean(key, _known()) or f"there are: {', '.join(_known())}",
        fix="duomo config show",
    )


def _typed(app: App, key: str, value: str) -> object:
    if key.startswith("limits."):
        if not re.fullmatch(r"\d+(_\d+)*", value) or int(value) < 1:
            raise BadOption(
                f"'{key}' must be a whole number above 0, not '{value}'", fix=f"duomo config set {key} 1000000"
            )
        return int(value)
    if key == "offline":
        if value.lower() not in ("true", "false"):
            raise BadOption(f"'{key}' must be true or false, not '{value}'", fix=f"duomo config set {key} true")
        return value.lower() == "true"
    if key.startswith("plugins."):
        return [name.strip() for name in value.split(",") if name.strip()]
    if key.startswith("models.default."):
        task = key.removeprefix("models.default.")
        return app.catalog.model(value, app.catalog.task(task).name).name
    return app.catalog.model(value).name


def _put(key: str, value: object) -> None:
    """Write one key, or remove it where the value is None."""
    import copy

    settings = copy.deepcopy(load_config())
    *tables, last = _parts(key)
    place = settings
    for name in tables:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise UsageProblem(f"'{name}' in {config_path()} is not a table", fix="correct the file")
    if value is None:
        place.pop(last, None)
    else:
        place[last] = value
    save_config(settings)


def _parts(key: str) -> list[str]:
    """Split a key into tables and name; names of tasks and aliases may have dots of their own."""
    return key.split(".", 2) if key.startswith("models.") else key.split(".")


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat
