"""The arguments of ``duomo run``: which of them is the task, and what ``-p`` means."""

from __future__ import annotations

import json
import os
from typing import Any

from duomo.cli.app import App
from duomo.cli.jobs.options import RunOptions
from duomo.errors import UnknownTask, UsageProblem, nearest


def split_task(app: App, args: tuple[str, ...], model: str | None) -> tuple[str, list[str]]:
    """Split arguments into task and inputs. The first is the task; with ``-m``, only if it names one."""
    if args and (model is None or app.catalog.find_task(args[0]) is not None):
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


def parse_params(given: RunOptions) -> dict[str, Any]:
    """Parse the task's options. A value is JSON where it reads as such, else text; a repeated key makes a list."""
    found: dict[str, list[Any]] = {}
    for param in given.params:
        key, equals, text = param.partition("=")
        if not equals or not key:
            raise UsageProblem(f"'{param}' is not KEY=VALUE", fix="-p top_k=3")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        found.setdefault(key.replace("-", "_"), []).append(value)
    options = {key: values[0] if len(values) == 1 else values for key, values in found.items()}
    short = {"top_k": given.top_k, "seed": given.seed, "long": given.long}
    return {**options, **{name: value for name, value in short.items() if value is not None}}
