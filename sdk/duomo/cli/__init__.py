"""The command line: the root group and its global options.

One file a command; a command's file is imported only when that command is used, so that
``duomo --help`` costs little more than importing click. Each file has one name, ``command``.
"""

from __future__ import annotations

import copy
import gc
import importlib
import itertools
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from duomo.cli.app import App, app_of
from duomo.cli.failures import Context, described, is_from_stdout, mute_stdout
from duomo.cli.groups import COMMANDS as COMMANDS, GROUPS, PLUGIN_COMMANDS
from duomo.cli.stopping import code_of
from duomo.errors import UnknownPlugin, UsageProblem

HELP = """Vision, text, speech and all of them together, from one command line.

\b
duomo run image-classification cat.jpg
duomo run text-classification -t "I love it"
duomo run automatic-speech-recognition calls/ -o jsonl > calls.jsonl
duomo tasks list"""

EXIT_CODES = """\b
Exit codes:
  0    everything worked
  1    the work failed
  2    the command line is wrong
  3    some inputs failed, the others worked
  4    a model, task, plugin, device or weights: unknown or not usable here
  5    a plugin that was needed is broken
  130  interrupted (143 by SIGTERM, 129 when its terminal was closed)"""


class Root(click.Group):
    """The root group: built-in commands by name, those of plugins behind them."""

    context_class = Context

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the built-in commands in the order of a user's need, then those of plugins."""
        return [*COMMANDS, *app_of(ctx).plugin_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name. No plugin can take a built-in name."""
        if cmd_name in COMMANDS:
            command: click.Command | None = importlib.import_module(f"duomo.cli.{cmd_name}").command
        else:
            command = app_of(ctx).plugin_command(cmd_name)
        return _with_globals(command) if command is not None else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown name is answered with the nearest one."""
        _demand_config(ctx, args[0])
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            catalog = app_of(ctx).catalog
            if catalog.find_task(args[0]) is not None:
                raise click.UsageError(f"'{args[0]}' is a task, not a command: duomo run {args[0]} …", ctx)
            owner = PLUGIN_COMMANDS.get(args[0], "")
            if owner and owner not in {record.distribution for record in catalog.plugins}:
                from duomo.plugins.ours import install_line

                raise UnknownPlugin(
                    f"no command '{args[0]}' here",
                    why=f"{owner} brings it, and is not installed",
                    fix=install_line(owner),
                )
            raise click.NoSuchCommand(args[0], ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one line for each command, from the table above: nothing is imported for it."""
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(max(map(len, COMMANDS))), each) for name, each in group.items()])
        added = app_of(ctx).plugin_commands()
        if added:
            with formatter.section("Plugin commands"):
                formatter.write_dl([(name, f"{spec.summary} [{owner}]") for name, (owner, spec) in added.items()])

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; a reader that has seen enough ends it quietly."""
        app_of(ctx).configure(ctx, **ctx.params)  # before the command is looked for, which may be a plugin's
        try:
            super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            mute_stdout()
            ctx.exit(0)

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run, report what went wrong, and exit with the code that stands for it."""
        app = extra["obj"] = extra.get("obj") or App()
        extra["standalone_mode"] = False
        try:
            _demand_no_files(sys.argv[1:] if args is None else args)
            sys.exit(super().main(args, prog_name or "duomo", **extra))
        except click.Abort as error:
            app.say("interrupted")
            sys.exit(code_of(error.__cause__))
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(error.exit_code)
        except Exception as error:
            problem = described(error)
            if isinstance(error, OSError) and is_from_stdout(error):
                # What cannot be written to cannot take an error record either.
                app.output = ""
                mute_stdout()
            app.report(problem, error)
            sys.exit(problem.exit_code)


def _demand_no_files(args: Sequence[str]) -> None:
    """Raise `UsageProblem` for a file such as ``-dash.jpg``, which ``*.jpg`` names and is read as ``-d ash.jpg``."""
    for each in itertools.takewhile(lambda each: each != "--", args):
        if len(each) > 2 and each[0] == "-" != each[1] and os.path.isfile(each):
            raise UsageProblem(f"'{each}' is a file, and is read as options", why="it begins with a hyphen",
                               fix=f"./{each}; or -- before all inputs")  # fmt: skip


def _demand_config(root: click.Context, command: str) -> None:
    """Raise `UsageProblem` where ``--config`` names no file, but for the commands that write one."""
    file = root.params.get("config")
    if file and command not in ("config", "plugins") and not os.path.exists(file) and not root.resilient_parsing:
        fix = f"check the path; duomo --config {file} config set KEY VALUE makes it"
        raise UsageProblem(f"no configuration at '{file}'", why="--config says that it is there", fix=fix)


def _with_globals(command: click.Command) -> click.Command:
    """Let a command, and those in its group, take the global options too, where it has no such option itself."""
    if command.context_class is click.Context:  # a plugin may have one of its own
        command.context_class = Context
    taken = {name for each in command.params for name in (*each.opts, *each.secondary_opts, each.name)}
    for option in cli.params:
        free = [name for name in option.opts if name not in taken]
        if option.expose_value and free and option.name not in taken:
            behind = copy.copy(option)
            behind.opts, behind.expose_value, behind.is_eager, behind.envvar = free, False, True, None
            behind.hidden, behind.callback = True, _set_global  # type: ignore[attr-defined]
            command.params.append(behind)
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        _with_globals(inner)
    return command


def _set_global(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    name = str(option.name)
    if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE and not ctx.resilient_parsing:
        root = ctx.find_root()
        root.params[name] = (*root.params[name], *value) if option.multiple else value
        _demand_config(root, ctx.command_path.split()[1])
        app_of(ctx).configure(root, **root.params)
        ctx.color = root.color


def _print_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from duomo.version import __version__

        click.echo(f"duomo {__version__}")
        ctx.exit()


@click.group(
    "duomo",
    cls=Root,
    help=HELP,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@click.option(
    "-v",
    "--verbose",
    count=True,
    show_default=False,
    help="Say what is loaded, retried and restarted; -vv each batch, too.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing on standard error but errors.")
@click.option("--debug", is_flag=True, envvar="DUOMO_DEBUG", help="Show tracebacks.")
@click.option("--offline", is_flag=True, help="Never use the network.")
@click.option("--config", metavar="FILE", type=click.Path(dir_okay=False), help="Read settings from FILE.")
@click.option("--no-plugins", is_flag=True, help="Load no plugin.")
@click.option(
    "--disable-plugin", metavar="NAME", multiple=True, help="Leave this plugin out; may be given several times."
)
@click.option("--strict-plugins", is_flag=True, help="Stop when an installed plugin is not usable.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Progress on standard error.",
)
def cli(**_options: object) -> None:
    """Do nothing: `Root.invoke` takes the options."""


def main() -> NoReturn:
    """Run the ``duomo`` command."""
    for stream in (sys.stdout, sys.stderr):
        # An ASCII terminal shows an escape rather than ending the run; in JSON it is even valid.
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    results_as_utf8(sys.stdout)
    try:
        cli.main()
    finally:
        gc.freeze()  # an interpreter that ends looks for garbage; among the objects of torch that takes a second


def results_as_utf8(stream: Any) -> None:
    """Write UTF-8 to a pipe or a file on Windows, whose code pages would turn most letters to escapes."""
    chosen = os.environ.get("PYTHONIOENCODING") or os.environ.get("PYTHONUTF8")
    if sys.platform == "win32" and stream is not None and not stream.isatty() and not chosen:
        stream.reconfigure(encoding="utf-8")
