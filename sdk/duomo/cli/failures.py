"""What ended a command, as an error with what, why and how to fix it."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

import click

from duomo.cli.app import app_of
from duomo.errors import CannotWrite, DuomoError, RequirementMissing, did_you_mean

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


class Context(click.Context):
    """Says in which command a wrong use was: click does not where an option lacks its value."""

    @contextlib.contextmanager
    def scope(self, cleanup: bool = True) -> Iterator[click.Context]:
        """As click's; an error of usage that leaves it knows the innermost context."""
        with super().scope(cleanup) as ctx:
            try:
                yield ctx
            except click.UsageError as error:
                error.ctx = error.ctx or ctx
                raise


def described(error: Exception) -> DuomoError:
    """Describe what ended the command, with what, why and fix."""
    if isinstance(error, DuomoError):
        return error
    if isinstance(error, click.ClickException):
        return _usage_problem(error)
    if isinstance(error, OSError):
        return _of_the_system(error)
    library = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if library and not library.startswith("duomo"):
        return RequirementMissing(
            f"this needs the library {library}",
            why="it is not installed",
            fix=f"pip install {library}, or pip install 'duomo[all]' for all plugins and what they need",
        )
    return DuomoError(
        f"unexpected {type(error).__name__}: {error}",
        why="this is a mistake in duomo or in a plugin, not in what you did",
        fix="duomo --debug … shows where; report it with the output of: duomo env",
    )


def _of_the_system(error: OSError) -> DuomoError:
    """Say which file it was; what names none was standard output, or is told in the words of the system."""
    said = error.strerror or str(error) or type(error).__name__
    place = error.filename or ("standard output" if is_from_stdout(error) else "")
    if error.errno in _FULL:
        return CannotWrite(
            f"{place or 'a file'} could not be written",
            why=said,
            fix="make room there, or write elsewhere: -O FILE for results, > FILE for what is printed",
        )
    if place:
        fix = "check that it exists, its permissions, and the space on the disk"
        return DuomoError(f"cannot read or write {place}", why=said, fix=fix)
    why = "the operating system or a library refused it, and named no file"
    return DuomoError(said, why=why, fix=_REMEDIES.get(error.errno or 0, "duomo --debug … shows where"))


_REMEDIES = {
    errno.EMFILE: "let a process open more files, ulimit -n 4096, or use fewer devices",
    errno.ENOMEM: "free memory, or use fewer devices, a smaller batch (-b) or a smaller model",
    errno.EAGAIN: "let the user start more processes, ulimit -u, or use fewer devices",
}


def is_from_stdout(error: BaseException) -> bool:
    """Whether an error was raised by printing."""
    import traceback

    return any(frame.f_code is click.echo.__code__ for frame, _ in traceback.walk_tb(error.__traceback__))


def mute_stdout() -> None:
    """Send standard output to nowhere: the interpreter flushes it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_OTHER_WORDS = {
    "duomo run TASK INPUT": ("classify", "infer", "pipeline", "predict"),
    "duomo models add NAME": ("download", "fetch", "get", "install", "pull"),
    "duomo tasks list\nduomo models list": ("list", "ls", "search"),
    "duomo --version": ("version",),
    "duomo config show": ("config list", "config ls"),
}
"""What to type for the commands of other programs."""


def _usage_problem(error: click.ClickException) -> DuomoError:
    ctx = getattr(error, "ctx", None)
    as_param = _as_param(ctx, error) if ctx is not None else ""
    # An option of the task is none of those that the command has.
    problem = DuomoError(error.message.rstrip(".") if as_param else _said(error, ctx))
    problem.code, problem.exit_code = "E-USAGE", error.exit_code
    if ctx is not None:
        problem.why = ctx.command.get_usage(ctx).replace("Usage:", "usage:")
        missing = isinstance(error, click.MissingParameter)
        first = _example(ctx.command) if missing else as_param
        if not missing and isinstance(error, click.BadParameter) and isinstance(error.param, click.Option):
            first = _what_is_taken(error.message, error.param)
        elif type(error) is click.BadOptionUsage:  # an option without its value, or a flag with one
            known = [each for each in ctx.command.params if isinstance(each, click.Option)]
            first = "\n".join(_what_is_taken("", each) for each in known if error.option_name in each.opts)
        if isinstance(error, click.NoSuchCommand):
            first = _in_our_words(error, ctx)
        problem.fix = f"{first}\n{ctx.command_path} --help".strip()
    return problem


def _said(error: click.ClickException, ctx: click.Context | None) -> str:
    """Say what is wrong; of an unknown option or command also which are near, best first: click has them by letter."""
    if ctx is not None and isinstance(error, click.NoSuchOption):
        names = [name for option in ctx.command.params for name in (*option.opts, *option.secondary_opts)]
        near = did_you_mean(error.option_name, [name for name in names if name.startswith("--")])
    elif ctx is not None and isinstance(error, click.NoSuchCommand) and isinstance(ctx.command, click.Group):
        near = did_you_mean(error.command_name, [] if _in_our_words(error, ctx) else ctx.command.list_commands(ctx))
    else:
        return error.format_message().rstrip(".")
    return f"{error.message} {near}" if near else error.message.rstrip(".")


def _in_our_words(error: click.NoSuchCommand, ctx: click.Context) -> str:
    asked = f"{ctx.command_path} {error.command_name}".partition(" ")[2].removeprefix("models ")
    return next((ours for ours, words in _OTHER_WORDS.items() if asked in words), "")


def _what_is_taken(message: str, option: click.Option) -> str:
    """Say which of an option's choices is the nearest to the one that is none, and what the option is for."""
    given = message.partition("'")[2].partition("'")[0]
    near = did_you_mean(given, option.type.choices) if isinstance(option.type, click.Choice) else ""
    return "\n".join(filter(None, (near, option.help and f"{option.opts[-1]}: {option.help}")))


def _as_param(ctx: click.Context, error: click.ClickException) -> str:
    """Say how a task's option is given, where that is what an unknown option is; empty otherwise."""
    if not (isinstance(error, click.NoSuchOption) and any("--param" in each.opts for each in ctx.command.params)):
        return ""
    from duomo.cli.jobs.arguments import is_option_of_a_task

    name = error.option_name.lstrip("-").replace("-", "_")
    return f"{ctx.command_path} … -p {name}=VALUE" if is_option_of_a_task(app_of(ctx).catalog, name) else ""


def _example(command: click.Command) -> str:
    """Find the first line of the examples in a command's help."""
    lines = (command.help or "").partition("\b\n")[2].splitlines()
    return lines[0].strip() if lines else ""
