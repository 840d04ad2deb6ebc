"""The arguments of ``duomo run``: which of them is the task, and what ``-p`` means."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic
from pydantic.fields import FieldInfo

from duomo.catalog import Catalog
from duomo.cli.app import App
from duomo.cli.jobs.options import RunOptions
from duomo.data.rows import text_lines
from duomo.errors import DuomoError, UnknownTask, UsageProblem, nearest
from duomo.inputs.source import check_file
from duomo.resolving import resolve
from duomo.tasks.base import Options


def split_task(app: App, args: tuple[str, ...], model: str | None) -> tuple[str, list[str]]:
    """Split arguments into task and inputs. The first is the task; with ``-m``, only if it names one."""
    if args and (model is None or app.catalog.find_task(args[0]) is not None):
        later = [each for each in args[1:] if app.catalog.find_task(each) is not None]
        if later and app.catalog.find_task(args[0]) is None and os.path.exists(args[0]):
            line = shlex.join([later[0], *(each for each in args if each != later[0])])
            raise UsageProblem(
                f"'{args[0]}' is a file, not a task", why="the task stands first", fix=f"duomo run {line}"
            )
        return app.catalog.task(args[0]).name, list(args[1:])
    if model is None:
        raise UsageProblem("name a task", why="duomo run does one task at a time", fix="duomo tasks list")
    if args and not os.path.exists(args[0]) and nearest(args[0], app.catalog.tasks, 1):
        raise UnknownTask(
            f"no task or file named '{args[0]}'",
            why=f"the closest task is '{nearest(args[0], app.catalog.tasks, 1)[0]}'",
            fix="duomo tasks list",
        )
    return _implied_task(app, model), list(args)


def _implied_task(app: App, model: str) -> str:
    from duomo.references import find_weights

    spec = find_weights(None, model, app.catalog)[0].spec
    tasks = [each.task for each in app.catalog.models if each.name == spec.name and not each.is_family]
    if len(tasks) > 1:
        raise UsageProblem(
            f"'{spec.name}' does several tasks", why=", ".join(tasks), fix=f"duomo run {tasks[0]} … -m {spec.name}"
        )
    return spec.task


def is_option_of_a_task(catalog: Catalog, name: str) -> bool:
    """Say whether any task has an option of this name; a task that cannot be imported has none."""
    for task in catalog.tasks:
        with contextlib.suppress(DuomoError):
            if name in resolve(catalog.task(task).target).Options.model_fields:
                return True
    return False


def parse_params(given: RunOptions, known: type[Options]) -> dict[str, Any]:
    """Parse the task's options. A value is JSON where it reads as such, else text; a repeated key makes a list."""
    found: dict[str, list[Any]] = {}
    for param in given.params:
        key, text = _split(as_text(param), "-p top_k=3")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        found.setdefault(key, []).append(value)
    options = {key: values[0] if len(values) == 1 else values for key, values in found.items()}
    for key in options:
        if len(found[key]) == 1 and isinstance(options[key], str) and _is_list(known.model_fields.get(key)):
            options[key] = found[key]
    for param in given.param_files:
        key, name = _split(param, "--param-file corpus=texts.txt")
        options[key] = list(text_lines(check_file(Path(name), "text")))
    short = {"top_k": given.top_k, "seed": given.seed, "long": given.long}
    short = {name: value for name, value in short.items() if value is not None}
    _check_said_once(found, short, [_split(each, "--param-file corpus=texts.txt")[0] for each in given.param_files])
    return {**options, **short}


def _check_said_once(params: Mapping[str, object], short: Mapping[str, object], files: Sequence[str]) -> None:
    """Refuse an option that is given in two ways: one of both would be dropped."""
    for name in {*params, *short, *files}:
        ways = [f"-p {name}=…"] * (name in params) + [f"--{name.replace('_', '-')}"] * (name in short)
        ways += [f"--param-file {name}=…"] * files.count(name)
        if len(ways) > 1:
            raise UsageProblem(f"{name} is given twice", why=" and ".join(ways), fix=f"leave out {ways[-1]}")


def as_text(argument: str) -> str:
    """An argument as the text that was typed: where the locale says ASCII, Python keeps the bytes of other letters."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        with contextlib.suppress(UnicodeError):  # what is no UTF-8 either is said of the item
            return os.fsencode(argument).decode()
    return argument


def _split(param: str, example: str) -> tuple[str, str]:
    key, equals, text = param.partition("=")
    if not equals or not key:
        raise UsageProblem(f"'{param}' is not KEY=VALUE", why="name and value are one word", fix=example)
    return key.replace("-", "_"), text


def _is_list(field: FieldInfo | None) -> bool:
    """Check that an option holds several values, and does not split a text itself."""
    if field is None or typing.get_origin(field.annotation) not in (tuple, list):
        return False
    return not any(isinstance(each, pydantic.BeforeValidator) for each in field.metadata)
