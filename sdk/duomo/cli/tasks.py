"""``duomo tasks``: what can be done, and how each task is asked and answers."""

from __future__ import annotations

from typing import Any

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_tasks
from duomo.cli.formats import echo_json, has_words, kind_of, to_json
from duomo.cli.groups import Group
from duomo.cli.output import emit, output_option
from duomo.errors import UsageProblem, did_you_mean
from duomo.tasks.aliases import aliases_of


@click.group("tasks", cls=Group)
def command() -> None:
    """What can be done: tasks, their options and results."""


@command.command("list")
@click.option("-q", "--query", metavar="WORDS", default="", help="Only tasks with all these words in name or summary.")
@click.option("--modality", metavar="NAME", help="Only vision, nlp, speech, multimodal …")
@output_option
@click.pass_obj
def list_tasks(app: App, /, query: str, modality: str | None, output: str) -> None:
    """List the tasks and how many models do each."""
    known = {spec.modality for spec in app.catalog.tasks.values()}
    if modality is not None and modality not in known:
        why = did_you_mean(modality, known) or f"there are: {', '.join(sorted(known))}"
        raise UsageProblem(f"no task has the modality '{modality}'", why=why, fix="duomo tasks list")
    counts: dict[str, set[str]] = {}
    for model in app.catalog.models:
        counts.setdefault(model.task, set()).add(model.name)
    records = [
        {**spec._asdict(), "models": len(counts.get(spec.name, ()))}
        for spec in app.catalog.tasks.values()
        if modality in (None, spec.modality) and has_words(query, spec.name, spec.summary, *aliases_of(spec.name))
    ]
    columns = {"TASK": "name", "MODALITY": "modality", "MODELS": "models", "SUMMARY": "summary"}
    emit(records, columns, output, schema="duomo.task/1", empty="no task is like that; all of them: duomo tasks list")


@command.command("show")
@click.argument("task", shell_complete=complete_tasks)
@click.option(
    "-o", "--output", type=click.Choice(["auto", "text", "json"]), default="auto", help="json has the schemas."
)
@click.pass_obj
def show_task(app: App, /, task: str, output: str) -> None:
    """Show a task's options, its result, its models and an example."""
    from duomo.resolving import resolve

    spec = app.catalog.task(task)
    cls = resolve(spec.target, owner=f"task '{task}'")
    task, others = spec.name, aliases_of(spec.name)
    models = sorted({model.name for model in app.catalog.models if model.task == task})
    schemas = {"options": cls.Options.model_json_schema(), "result": cls.Result.model_json_schema()}
    if output == "json":
        echo_json(
            {"schema": "duomo.task/1", **spec._asdict(), "aliases": others, "models": models, **schemas}, indent=2
        )
        return
    click.echo(f"{click.style(spec.name, bold=True)}: {spec.summary}\n\n  {spec.example}\n")
    click.echo(f"input   {cls.Input.__name__}" + (f": {' '.join(spec.suffixes)}" if spec.suffixes else ""))
    click.echo(f"models  {', '.join(models) or 'none'}")
    if others:
        click.echo(f"aliases {', '.join(others)}")
    click.echo("\noptions\n" + ("\n".join(_fields(schemas["options"], mark_required=True)) or "  none"))
    click.echo("\nresult\n" + "\n".join(_fields(schemas["result"])))
    click.echo(f"\nThe JSON schemas: duomo tasks show {task} -o json")


def _fields(schema: dict[str, Any], *, mark_required: bool = False) -> list[str]:
    """Format a line for each field of an object: name, type, default and description; parts of a list below it."""
    parts = schema.get("$defs", {})
    lines = []
    for name, field in schema.get("properties", {}).items():
        default = "" if field.get("default") is None else f" = {to_json(field['default'])}"
        need = " (required)" if mark_required and name in schema.get("required", ()) else ""
        text = field.get("description", "").split("\n")[0]
        lines.append(f"  {name}: {kind_of(field)}{default}{need}" + (f"  {text}" if text else ""))
        item = field.get("items", {}).get("$ref", "").rpartition("/")[2]
        lines += [f"    {inner}: {kind_of(each)}" for inner, each in parts.get(item, {}).get("properties", {}).items()]
    return lines
