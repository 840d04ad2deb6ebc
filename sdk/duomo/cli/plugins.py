"""``duomo plugins``: what is installed, what became of it, and tools for those who write plugins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_plugins
from duomo.cli.groups import Group
from duomo.cli.output import emit, output_option
from duomo.cli.tables import table
from duomo.counting import counted
from duomo.errors import DuomoError, UnknownPlugin, UsageProblem, did_you_mean
from duomo.plugins.discovery import PluginRecord, discover, unmet
from duomo.plugins.distributions import canonical
from duomo.plugins.ours import install_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from duomo.catalog import Catalog
    from duomo.specs import ExecutorSpec
    from duomo.testing.suite import Finding

KINDS = ("model", "task", "executor", "adapter", "command", "renderer")
"""Those of `duomo.scaffold`, which help does not import."""
_MARKS = {"ok": "ok", "fail": "FAIL", "skip": "–"}


@click.group("plugins", cls=Group)
def command() -> None:
    """What is installed: list, show, check, switch and write plugins."""


@command.command("list")
@output_option
@click.pass_obj
def list_plugins(app: App, /, output: str) -> None:
    """List the installed plugins, usable or not."""
    records = catalog_regardless(app).plugins
    columns = {
        "PLUGIN": "name",
        "VERSION": "version",
        "STATE": _state,
        "PROVIDES": lambda record: provides(record["provides"]),
        "LOAD": lambda record: f"{record['import_ms']:.0f} ms" if record["import_ms"] else "–",
        "FROM": _from,
    }
    rows = [describe(record) for record in records]
    nothing = f"no plugin is installed: {install_line('duomo-nlp')}"
    emit(rows, columns, output, schema="duomo.plugin/1", empty=nothing, whole=True)
    unusable = sum(record.state in ("broken", "clash", "incompatible") for record in records)
    if unusable and output == "table":
        number = counted(unusable, "plugin is", "plugins are")
        app.say(f"{number} not usable; `duomo doctor` explains how to fix it.")


@command.command("show")
@click.argument("name", shell_complete=complete_plugins)
@click.option("--traceback", is_flag=True, help="Where a broken plugin failed.")
@click.option("-o", "--output", type=click.Choice(["auto", "text", "json"]), default="auto", help="json for programs.")
@click.pass_obj
def show_plugin(app: App, /, name: str, traceback: bool, output: str) -> None:
    """Show one plugin: state, why and how to fix it, and all it brings."""
    found = _named(catalog_regardless(app).plugins, name)
    if output == "json":
        rows = [{**describe(record), "traceback": record.traceback, "specs": _specs(record)} for record in found]
        emit(rows, {}, "json", schema="duomo.plugin/1")
        return
    for record in found:
        click.echo(f"{click.style(record.name, bold=True)}  {record.origin}  {_state(describe(record))}")
        for label, value in (("why", record.error), ("fix", record.fix), ("object", record.value)):
            if value:
                click.echo(f"  {label}: {value}")
        for lacking in unmet(record):
            click.echo(f"  not installed: {lacking}   (pip install '{lacking}')")
        of_hooks = record.specs.items()
        specs = [[hook.removeprefix("register_"), each.name, each.summary] for hook, many in of_hooks for each in many]
        if specs:
            click.echo(table(["", "NAME", "SUMMARY"], specs))
        if traceback and record.traceback:
            click.echo(record.traceback)
        elif record.traceback:
            click.echo(f"  where: duomo plugins show {record.name} --traceback")


@command.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), default="model", help="What the plugin adds.")
@click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path), default=".", help="Where to put it.")
@click.pass_obj
def new_plugin(app: App, /, name: str, kind: str, folder: Path) -> None:
    """Write a plugin package that installs, runs and passes its tests; needs no network."""
    from duomo.scaffold import create

    try:
        paths = create(name, kind, folder)
    except OSError as error:
        raise UsageProblem(f"cannot write into '{folder}'", why=str(error), fix="--dir FOLDER") from None
    for path in paths:
        click.echo(path)
    app.say(f"now: pip install -e '{folder / f'duomo-{name}'}[test]' && duomo plugins check {name}")


@command.command("check")
@click.argument("name", shell_complete=complete_plugins)
@click.option("--no-import", is_flag=True, help="Metadata only: the plugin's code is not run.")
@output_option
@click.pass_obj
@click.pass_context
def check_plugin(ctx: click.Context, app: App, /, name: str, no_import: bool, output: str) -> None:
    """Run the conformance suite on a plugin, on its models whose weights are here, and on its adapters."""
    known = {record.name for record in discover()}
    if name not in known:
        raise _unknown(name, known)
    findings = check(name, no_import=no_import, progress=app.say if app.verbose else None)
    columns = {"": lambda record: _MARKS[record["status"]], "SUBJECT": "subject", "CHECK": "check", "DETAIL": "detail"}
    emit([finding._asdict() for finding in findings], columns, output, schema="duomo.finding/1", whole=True)
    failed = [finding for finding in findings if finding.status == "fail"]
    # A narrow table leaves the details out.
    for text in dict.fromkeys(each.traceback if app.debug else f"{each.subject}: {each.detail}" for each in failed):
        app.say(text)
    app.say(f"{len(findings) - len(failed)} of {len(findings)} checks passed" + (", see above" if failed else ""))
    ctx.exit(1 if failed else 0)


@command.command("disable")
@click.argument("name", shell_complete=complete_plugins)
@click.pass_obj
def disable_plugin(app: App, /, name: str) -> None:
    """Switch a plugin off for good: by its name, or by its distribution's. Its code is not run."""
    known = {each for record in discover() for each in record.names}
    if canonical(name) not in known:
        raise _unknown(name, known)
    _change(app, name, disable=True)


@command.command("enable")
@click.argument("name", shell_complete=complete_plugins)
@click.pass_obj
def enable_plugin(app: App, /, name: str) -> None:
    """Take back a `disable`, and put the plugin on the allow-list if there is one."""
    from duomo.plugins.selection import configured

    known = {each for record in discover() for each in record.names}
    if canonical(name) not in {*known, *map(canonical, configured("disable") or ())}:
        raise _unknown(name, known)
    _change(app, name, disable=False)


def check(name: str, *, no_import: bool = False, progress: Callable[[str], None] | None = None) -> list[Finding]:
    """Run the conformance suite on one plugin, and unless `no_import` on its models and adapters."""
    from duomo.testing.plugins import MetadataConformance, PluginConformance
    from duomo.testing.suite import run

    base = MetadataConformance if no_import else PluginConformance
    findings = run(type(base.__name__, (base,), {"plugin": name})())
    if no_import:
        return findings
    from duomo.catalog import default_catalog
    from duomo.testing.models import ModelConformance

    catalog = default_catalog()
    for spec in catalog.models:
        if spec.plugin == name and catalog.is_ready(spec) and not spec.is_family:
            if progress is not None:
                progress(f"{spec.name} ({spec.task})")
            findings += run(type("Suite", (ModelConformance,), {"model": spec.name, "task": spec.task})())
    for executor in _executors_of(name, catalog):
        from duomo.testing.executors import ExecutorConformance

        if progress is not None:
            progress(f"executor {executor.name}")
        findings += run(type("Suite", (ExecutorConformance,), {"executor": executor.name})())
    for adapter in catalog.adapters.values():
        if adapter.name.partition("/")[0] == name:
            from duomo.testing.adapters import AdapterConformance

            if progress is not None:
                progress(adapter.name)
            # A model's numbers may move a little with its batch-mates.
            fields = {"adapter": adapter.name, "tolerance": 1e-3 if adapter.tasks else 1e-6}
            findings += run(type("Suite", (AdapterConformance,), fields)())
    return findings


def _executors_of(name: str, catalog: Catalog) -> list[ExecutorSpec]:
    """List the executors of a plugin whose libraries are here."""
    from duomo.plugins.requirements import missing_requirements
    from duomo.specs import ExecutorSpec

    specs = [
        spec for record in catalog.plugins if record.name == name for spec in record.specs.get("register_executors", ())
    ]
    return [spec for spec in specs if isinstance(spec, ExecutorSpec) and not missing_requirements(spec.requires)]


def catalog_regardless(app: App) -> Catalog:
    """Give the catalog, also where the configuration cannot be read or ``--strict-plugins`` would stop."""
    from duomo.catalog import Catalog
    from duomo.plugins.selection import Selection

    try:
        return app.catalog
    except DuomoError as error:
        app.warn(f"{error.what} ({error.why})")
        allow = frozenset[str]() if app.no_plugins else None
        return Catalog(Selection(allow, frozenset(app.disabled), "--no-plugins", "--disable-plugin"))


def describe(record: PluginRecord) -> dict[str, Any]:
    """Describe a plugin as a JSON-safe record."""
    return {
        "name": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "state": record.state,
        "error": record.error,
        "fix": record.fix,
        "provides": {hook.removeprefix("register_"): len(specs) for hook, specs in record.specs.items() if specs},
        "models": len({spec.name for spec in record.specs.get("register_models", ())}),
        "import_ms": round(record.import_ms, 1),
        "heavy": list(record.heavy),
        "missing": unmet(record),
    }


def provides(counts: dict[str, int]) -> str:
    """Format counts by kind as ``2 models, 1 command``."""
    return ", ".join(counted(count, kind.removesuffix("s")) for kind, count in counts.items()) or "–"


def _state(record: dict[str, Any]) -> str:
    return str(record["state"]) + (" (slow)" if record["heavy"] else "")


def _from(record: dict[str, Any]) -> str:
    remarks = [record["error"]] if record["error"] else []
    if record["heavy"]:
        remarks.append(f"imports {', '.join(record['heavy'])} at registration")
    if record["missing"] and record["state"] == "ok":
        remarks.append(f"needs {', '.join(record['missing'])}")
    return " – ".join([record["distribution"], *remarks])


def _specs(record: PluginRecord) -> dict[str, list[dict[str, Any]]]:
    return {hook.removeprefix("register_"): [s._asdict() for s in specs] for hook, specs in record.specs.items()}


def _named(records: list[PluginRecord], name: str) -> list[PluginRecord]:
    found = [record for record in records if canonical(name) in record.names]
    if not found:
        raise _unknown(name, {record.name for record in records})
    return found


def _unknown(name: str, known: set[str]) -> DuomoError:
    return UnknownPlugin(f"no plugin named '{name}' is installed", why=did_you_mean(name, known), fix=_where(name))


def _change(app: App, name: str, *, disable: bool) -> None:
    """Edit ``[plugins] disable`` (and ``allow``) of the configuration."""
    from duomo.config import load_config, save_config
    from duomo.plugins.selection import configured

    disabled, allowed = configured("disable") or [], configured("allow")
    same = {canonical(name)}
    if not disable:
        # A user who switches birds on means it, also where it was switched off as duomo-birds.
        same |= {each for record in discover() if canonical(name) in record.names for each in record.names}
    kept = [each for each in disabled if canonical(each) not in same]
    section = {**load_config().get("plugins", {}), "disable": [*kept, name] if disable else kept}
    if allowed is not None and not disable and not same & set(map(canonical, allowed)):
        section["allow"] = [*allowed, name]
    path = save_config({**load_config(), "plugins": section})
    app.say(f"{'disable' if disable else 'enable'}d '{name}' in {path}")


def _where(name: str) -> str:
    """Say how to install a plugin whose folder lies here, as `new` writes it; else, where those installed are told."""
    folder = Path(f"duomo-{name}")
    return f"pip install -e {folder}" if (folder / "pyproject.toml").is_file() else "duomo plugins list"
