"""``duomo models``: what does the tasks; its weights found, added, checked and converted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_models, complete_packs, complete_plugins, complete_tasks
from duomo.cli.formats import echo_json, has_words
from duomo.cli.groups import Group
from duomo.cli.output import emit, output_option
from duomo.cli.tables import size_text
from duomo.plugins.ours import no_plugin

if TYPE_CHECKING:
    from duomo.specs import ModelSpec


@click.group("models", cls=Group)
def command() -> None:
    """What does it: list, add, verify and convert models."""


@command.command("list")
@click.option(
    "-q", "--query", metavar="WORDS", default="", help="Only models with all these words in what is said of them."
)
@click.option("--task", metavar="TASK", shell_complete=complete_tasks, help="Only models for this task.")
@click.option("--plugin", metavar="NAME", shell_complete=complete_plugins, help="Only models of this plugin.")
@click.option("--license", metavar="ID", help="Only models under this licence, such as MIT.")
@click.option("--installed", is_flag=True, help="Only models that are ready to run.")
@click.option("--family", is_flag=True, help="Only families, which load checkpoints that you name.")
@output_option
@click.pass_obj
def list_models(
    app: App,
    /,
    query: str,
    task: str | None,
    plugin: str | None,
    license: str | None,
    installed: bool,
    family: bool,
    output: str,
) -> None:
    """List the models, one line for each task a model does."""
    catalog = app.catalog
    if task is not None:
        task = catalog.task(task).name
    if plugin is not None:
        _check_plugin(app, plugin)
    if license is not None:
        license = _find_license(app, license)
    records = (
        _record(app, spec)
        for spec in catalog.models
        if task in (None, spec.task)
        and plugin in (None, spec.plugin)
        and license in (None, spec.license)
        and (spec.is_family or not family)
        and has_words(query, spec.name, spec.task, spec.summary, *spec.tags, *spec.languages, *spec.packs)
    )
    columns = {
        "MODEL": "name",
        "TASK": "task",
        "STATE": "state",
        "SIZE": lambda record: size_text(record["size"]),
        "LICENSE": "license",
        "SUMMARY": "summary",
    }
    shown = (record for record in records if not installed or record["state"] == "ready")
    empty = "no model is like that; all of them: duomo models list" if catalog.models else no_plugin("model")
    emit(shown, columns, output, schema="duomo.model/1", empty=empty)


@command.command("show")
@click.argument("name", shell_complete=complete_models)
@click.option("-o", "--output", type=click.Choice(["auto", "text", "json"]), default="auto", help="json for programs.")
@click.pass_obj
def show_model(app: App, /, name: str, output: str) -> None:
    """Show all that is known about a model, its limits included; of dir:PATH, what it is and what is missing."""
    if name.startswith("dir:"):
        _show_folder(app, name, output)
        return
    spec = app.catalog.model(name)
    tasks = [each.task for each in app.catalog.models if each.name == spec.name]
    record = {**_record(app, spec), "task": tasks, "plugin": app.catalog.plugin_of(spec)}
    if output == "json":
        echo_json({"schema": "duomo.model/1", **record}, indent=2)
        return
    click.echo(f"{click.style(spec.name, bold=True)}: {spec.summary}\n")
    shown = {
        "tasks": ", ".join(tasks),
        "state": record["state"],
        "license": spec.license,
        "size": size_text(spec.size),
        "parameters": f"{spec.params:,}" if spec.params else "",
        "languages": ", ".join(spec.languages),
        "weights": spec.weights,
        "sha256": spec.sha256,
        "packages": ", ".join(line.split()[0] for line in spec.packages),
        "requires": ", ".join(spec.requires),
        "uses": ", ".join(spec.uses),
        "loads": ", ".join(spec.architectures),
        "limits": spec.limits,
        "plugin": record["plugin"],
        "code": spec.loader,
    }
    for title, text in shown.items():
        if text:
            click.echo(f"{title:<11} {text}")
    example = "-m hf:org/name" if spec.is_family else f"-m {spec.name}"
    click.echo(f"\n  {app.catalog.task(spec.task).example} {example}")
    if record["state"] not in ("ready", "family"):
        click.echo(f"  duomo models add {spec.name}")


def _show_folder(app: App, name: str, output: str) -> None:
    from duomo.cli.checkpoints import look

    found = look(name.removeprefix("dir:"), app.catalog)
    if output == "json":
        echo_json({"schema": "duomo.folder/1", **found._asdict()}, indent=2)
        return
    click.echo(f"{click.style(found.path, bold=True)}\n")
    shown = {
        "layout": found.layout,
        "made for": ", ".join(found.architectures),
        "made from": found.base,
        "quantised": found.quantised,
        "parameters": f"{found.parameters:,} ({', '.join(found.dtypes)})" if found.parameters else "",
        "size": size_text(found.size),
        "prepares": ", ".join(found.prepares),
        "tasks": ", ".join(found.tasks),
        "loaded by": ", ".join(dict.fromkeys(found.tasks.values())),
    }
    for title, text in shown.items():
        if text:
            click.echo(f"{title:<11} {text}")
    for each in found.missing:
        click.echo(f"{click.style('missing', fg='yellow'):<11} {each}")
    if found.tasks and not found.missing:
        click.echo(f"\n  {app.catalog.task(next(iter(found.tasks))).example.partition(' -m ')[0]} -m {name}")


@command.command("path")
@click.argument("name", shell_complete=complete_models)
@click.pass_obj
def model_path(app: App, /, name: str) -> None:
    """Print where a model's weights lie."""
    from duomo.errors import UsageProblem
    from duomo.weights import locate

    spec = app.catalog.model(name)
    path = locate(spec).path
    if path is None:
        built_on = f"it is built on {', '.join(use.partition('=')[2] for use in spec.uses)}" if spec.uses else ""
        raise UsageProblem(
            f"'{spec.name}' has no weights of its own", why=built_on, fix=f"duomo models show {spec.name}"
        )
    click.echo(path)


@command.command("add")
@click.argument("names", nargs=-1, required=True, metavar="PACK|MODEL...", shell_complete=complete_packs)
@click.option("--dry-run", is_flag=True, help="Only show what would be installed; with -o text as pip reads it.")
@click.option("--force", is_flag=True, help="Install again what is here already.")
@output_option
@click.pass_obj
def add_models(app: App, /, names: tuple[str, ...], dry_run: bool, force: bool, output: str) -> None:
    """Install the weights of models, pinned and hashed, and the libraries they need.

    "starter" is the pack that everything in the documentation runs with.
    """
    from duomo import packs

    specs = packs.members(app.catalog, names)
    wanted = [each for each in packs.packages(specs) if force or not each.is_installed]
    requires = packs.libraries(specs)
    if dry_run:
        records = [
            {
                **each._asdict(),
                "line": each.requirement if output == "text" else each.line,
                "models": list(each.models),
                "is_installed": each.is_installed,
            }
            for each in packs.packages(specs)
        ] + [
            {"name": each, "version": "", "line": each, "models": [], "size": 0, "is_installed": False}
            for each in requires
        ]
        columns: Any = {
            "PACKAGE": "line" if output == "text" else "name",
            "VERSION": "version",
            "SIZE": lambda record: size_text(record["size"]),
            "INSTALLED": "is_installed",
            "MODELS": "models",
        }
        emit(records, columns, output, schema="duomo.package/1", empty=f"nothing to install for {', '.join(names)}")
        return
    if not wanted and not requires:
        app.say(f"{', '.join(names)}: already installed")
        return
    for each in wanted:
        app.say(f"{each.name} {each.version}  {size_text(each.size)}  for {', '.join(each.models)}")
    if requires:
        app.say(f"libraries: {', '.join(requires)}")
    packs.install(wanted, requires, force=force)
    app.say(f"installed; check it: duomo models verify {names[0] if '/' in names[0] else ''}".rstrip())


@command.command("verify")
@click.argument("name", required=False, shell_complete=complete_models)
@output_option
@click.pass_context
def verify_models(ctx: click.Context, /, name: str | None, output: str) -> None:
    """Compare installed weights with their SHA-256; exit 1 when one differs."""
    from duomo.weights import locate

    app = ctx.find_object(App)
    assert app is not None
    named = app.catalog.model(name) if name else None
    if named is not None:
        locate(named)
    files = {spec.weights: spec for spec in app.catalog.models if named is None or spec.name == named.name}
    records = [_verified(spec) for spec in files.values() if spec.weights.startswith("package:")]
    columns = {"MODEL": "name", "STATE": "state", "SIZE": lambda record: size_text(record["size"]), "FILE": "path"}
    emit(records, columns, output, schema="duomo.verification/1", empty="there are no packaged weights to verify")
    if any(record["state"] == "mismatch" for record in records):
        app.say("weights that differ are not the ones duomo was tested with: duomo models add NAME --force")
        ctx.exit(1)


@command.command("convert")
@click.argument("checkpoint", type=click.Path())
@click.option("-O", "--out", metavar="FILE", help="Where to write; beside the checkpoint when left out.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@click.pass_obj
def convert_model(app: App, /, checkpoint: str, out: str | None, force: bool) -> None:
    """Turn a .bin, .pt or .pth file of tensors into safetensors; code in it is never run.

    Of a checkpoint in several parts, name its index: pytorch_model.bin.index.json.
    """
    from duomo.cli.convert import convert

    path = convert(checkpoint, out, force=force)
    app.say(f"wrote {path} ({size_text(path.stat().st_size)})")


def _record(app: App, spec: ModelSpec) -> dict[str, Any]:
    return {**spec._asdict(), "state": _state(app, spec)}


def _state(app: App, spec: ModelSpec) -> str:
    """Describe the state of a model: ``ready``, ``family``, or what it lacks."""
    from duomo.weights import is_installed

    if spec.is_family:
        return "family"
    if not is_installed(spec):
        return "not installed"
    return app.catalog.lacking(spec).removeprefix("it ").partition(":")[0] or "ready"


def _check_plugin(app: App, name: str) -> None:
    from duomo.errors import UnknownPlugin, did_you_mean

    known = {record.name for record in app.catalog.plugins}
    if name not in known:
        raise UnknownPlugin(f"no plugin named '{name}'", why=did_you_mean(name, known), fix="duomo plugins list")


def _find_license(app: App, name: str) -> str:
    """Find a licence, in capitals or not. Raises `UsageProblem` where no model has it."""
    from duomo.errors import UsageProblem, did_you_mean

    known = {spec.license.casefold(): spec.license for spec in app.catalog.models if spec.license}
    if name.casefold() not in known:
        raise UsageProblem(
            f"no model is under the licence '{name}'",
            why=did_you_mean(name, known.values()) or f"the licences here are {', '.join(sorted(known.values()))}",
            fix="duomo models list shows the licence of each",
        )
    return known[name.casefold()]


def _verified(spec: ModelSpec) -> dict[str, Any]:
    from duomo.weights import file_digest, find_parts

    paths = find_parts(spec)
    if not paths:
        state = "not installed"
    elif not spec.sha256 or paths[0].is_dir():
        state = "no digest"
    else:
        state = "ok" if file_digest(*paths) == spec.sha256 else "mismatch"
    return {
        "name": spec.name,
        "state": state,
        "size": spec.size,
        "path": str(paths[0]) if paths else None,
        "sha256": spec.sha256,
    }
