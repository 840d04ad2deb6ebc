"""What all commands share in one call of ``duomo``: the global options, the catalog, and a voice."""

from __future__ import annotations

import functools
import os
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any

import click

from duomo.errors import DuomoError, PluginBroken

if TYPE_CHECKING:
    from duomo.catalog import Catalog
    from duomo.outcome import ItemError
    from duomo.specs import CommandSpec


class App:
    """Carried by every `click.Context` as its ``obj``.

    Args:
        catalog: for tests and embedders; the installed plugins when left out.
    """

    def __init__(self, catalog: Catalog | None = None) -> None:
        self.verbose = 0
        """How often ``-v`` was given."""
        self.quiet = self.debug = self.no_plugins = self.strict_plugins = False
        self.disabled: tuple[str, ...] = ()
        self.progress = "auto"
        self.color: bool | None = None
        self.output = ""
        """The output format in force, once a command knows it; errors follow it."""
        if catalog is not None:
            self.__dict__["catalog"] = catalog

    def configure(self, ctx: click.Context, **options: Any) -> None:
        """Take the global options; those that live in the environment do so until the command ends."""
        self.verbose, self.quiet, self.debug = options["verbose"], options["quiet"], options["debug"]
        self.no_plugins, self.strict_plugins = options["no_plugins"], options["strict_plugins"]
        self.disabled = options["disable_plugin"]
        self.progress = options["progress"]
        self.color = ctx.color = wants_color(options["color"])
        for name, value in (("DUOMO_OFFLINE", options["offline"] and "1"), ("DUOMO_CONFIG", options["config"])):
            if value:
                ctx.call_on_close(functools.partial(_restore, name, os.environ.get(name)))
                os.environ[name] = value
        if self.verbose or self.quiet:
            import logging

            if self.verbose:
                logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", stream=sys.stderr)
            logger = logging.getLogger("duomo")
            ctx.call_on_close(functools.partial(logger.setLevel, logger.level))
            level = logging.DEBUG if self.verbose > 1 else logging.INFO
            logger.setLevel(logging.ERROR if self.quiet else level)

    @functools.cached_property
    def catalog(self) -> Catalog:
        """The plugins that the options, the environment and the configuration allow; warnings are shown once."""
        from duomo.catalog import Catalog, use_catalog
        from duomo.plugins.selection import Selection

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            catalog = Catalog(Selection.of(block=self.disabled, none=self.no_plugins))
        # Models that load other models find the same plugins, until the command ends.
        use_catalog(catalog)
        ctx = click.get_current_context(silent=True)
        if ctx is not None:
            ctx.find_root().call_on_close(functools.partial(use_catalog, None))
        for warning in caught:
            if warning.category is UserWarning:
                self.warn(str(warning.message))
        if self.strict_plugins:
            for record in catalog.plugins:
                if record.state in ("broken", "clash", "incompatible"):
                    raise PluginBroken(f"plugin '{record.name}' is {record.state}", why=record.error, fix=record.fix)
        return catalog

    def plugin_commands(self) -> dict[str, tuple[str, CommandSpec]]:
        """Find the commands of plugins by name, each with its plugin; none when plugins cannot be looked for."""
        try:
            records = self.catalog.plugins
        except DuomoError as error:
            self.warn(f"no plugins: {error.what} ({error.why})")
            return {}
        found: list[tuple[str, Any]] = [
            (record.name, spec) for record in records for spec in record.specs.get("register_commands", ())
        ]
        return {spec.name: (owner, spec) for owner, spec in sorted(found, key=lambda pair: pair[1].name)}

    def plugin_command(self, name: str) -> click.Command | None:
        """Import a plugin's command. Raises `PluginBroken` when that fails."""
        found = self.plugin_commands().get(name)
        if found is None:
            return None
        from duomo.resolving import resolve

        owner, spec = found
        command: click.Command = resolve(spec.target, owner=f"command '{name}' of plugin '{owner}'")
        return command

    def say(self, text: str) -> None:
        """Write a remark to standard error, unless quiet."""
        if not self.quiet:
            click.echo(text, err=True, color=self.color)

    def warn(self, text: str) -> None:
        """Write a warning to standard error, unless quiet."""
        self.say(click.style("warning: ", fg="yellow") + text)

    def report(self, error: DuomoError, cause: BaseException) -> None:
        """Report an error that ended the command: as text on standard error, and as a record where JSON is expected."""
        click.echo(describe(error), err=True, color=self.color)
        if self.debug:
            import traceback

            click.echo("".join(traceback.format_exception(cause)), err=True, nl=False)
        if self.output in ("json", "jsonl"):
            from duomo.cli.formats import echo_json

            fields = {"code": error.code, "what": error.what, "why": error.why, "fix": error.fix}
            record = {"schema": "duomo.error/1", "error": fields, "exit_code": error.exit_code}
            echo_json([record] if self.output == "json" else record)


def app_of(ctx: click.Context) -> App:
    """Give the one that this call of ``duomo`` carries."""
    app = ctx.find_object(App)
    assert app is not None
    return app


def describe(error: DuomoError | ItemError, item: str = "") -> str:
    """Describe what happened, why, and what to type to fix it, for anything with those three and a code.

    Args:
        error: what has them.
        item: which item it happened to, where the error does not say.
    """
    which = f"{item}: " if item else ""
    lines = [f"{click.style('error:', fg='red', bold=True)} {which}{error.what}  [{error.code}]"]
    if error.why:
        lines.append("  why: " + error.why.replace("\n", "\n       "))
    if error.fix:
        # Models name the policy as the library does, long=window; here it is an option of its own.
        fix = re.sub(r"(?<!-p )\blong=(?=[a-z])", "--long ", error.fix)
        lines.append("  fix: " + fix.replace("\n", "\n       "))
    return "\n".join(lines)


def wants_color(choice: str) -> bool | None:
    """Decide about colours: True or False where the user chose, None to follow the terminal."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return False if os.environ.get("TERM") == "dumb" else None


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
