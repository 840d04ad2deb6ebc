"""``duomo adapters``: which industry adapters there are, what each is for, fitted on data, and how good it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_adapters, complete_executors, complete_models
from duomo.cli.formats import echo_json, has_words, kind_of
from duomo.cli.groups import Group
from duomo.cli.output import emit, output_option
from duomo.counting import counted
from duomo.errors import UsageProblem
from duomo.plugins.ours import no_plugin
from duomo.plugins.requirements import missing_requirements

if TYPE_CHECKING:
    from duomo.adapters.evaluation import Report
    from duomo.adapters.splits import SplitPolicy
    from duomo.specs import AdapterSpec

SPLITS = ("auto", "group", "time", "group-time", "external", "random")


@click.group("adapters", cls=Group)
def command() -> None:
    """What it is for: list, show, fit and evaluate industry adapters."""


@command.command("list")
@click.option("-q", "--query", metavar="WORDS", default="", help="Only adapters with all these words.")
@click.option("--industry", metavar="NAME", help="Only finance, medical, retail, manufacturing …")
@output_option
@click.pass_obj
def list_adapters(app: App, /, query: str, industry: str | None, output: str) -> None:
    """List the adapters of the installed plugins."""
    records = [
        {**spec._asdict(), "missing": missing_requirements(spec.requires)}
        for spec in sorted(app.catalog.adapters.values())
        if industry in (None, spec.industry) and has_words(query, spec.name, spec.industry, spec.summary)
    ]
    columns = {
        "ADAPTER": "name",
        "INDUSTRY": "industry",
        "RISK": "risk",
        "REVIEW": "human_review",
        "NEEDS": "missing",
        "SUMMARY": "summary",
    }
    empty = "no adapter is like that; all of them: duomo adapters list"
    if not app.catalog.adapters:
        empty = no_plugin("adapter", "duomo-finance")
    emit(records, columns, output, schema="duomo.adapter/1", empty=empty)


@command.command("show")
@click.argument("adapter", shell_complete=complete_adapters)
@click.option(
    "-o", "--output", type=click.Choice(["auto", "text", "json"]), default="auto", help="json has the schemas."
)
@click.pass_obj
def show_adapter(app: App, /, adapter: str, output: str) -> None:
    """Show what an adapter is for, what it is not for, and what goes in and comes out."""
    from duomo.adapters.adapting import find_adapter, origin_of
    from duomo.errors import RequirementMissing

    spec = find_adapter(adapter, app.catalog)
    try:
        schemas, problem = _schemas(spec), ""
    except RequirementMissing as error:
        # What it is for can be read before anything is installed for it.
        schemas, problem = {}, f"{error.what}: {error.fix}"
    record = {**spec._asdict(), "plugin": origin_of(spec, app.catalog), **schemas}
    if output == "json":
        echo_json({"schema": "duomo.adapter/1", **record}, indent=2)
        return
    click.echo(f"{click.style(spec.name, bold=True)} {spec.version}: {spec.summary}\n")
    lines = {
        "for": spec.intended_use,
        "not for": "; ".join(spec.not_for),
        "industry": spec.industry,
        "reads": ", ".join(spec.inputs),
        "columns": ", ".join(f"{column} ({meaning})" for meaning, column in schemas.get("columns", {}).items()),
        "tasks": ", ".join(spec.tasks) or "none of the core's: it does its own maths",
        "risk": f"{spec.risk}; human review {spec.human_review}",
        "supports": ", ".join(spec.regimes),
        "data": ", ".join(spec.data_classes),
        "needs": ", ".join(spec.requires),
        "plugin": record["plugin"],
    }
    for name, text in lines.items():
        if text:
            click.echo(f"{name:<10}{text}")
    for part in ("input", "output"):
        _show_fields(part, schemas.get(part, {}).get("properties", {}))
    if spec.disclaimer:
        click.echo(f"\n{spec.disclaimer}")
    if problem:
        click.echo(f"\nnot usable yet: {problem}")
    click.echo(f"\nThe JSON schemas: duomo adapters show {spec.name} -o json")


def _show_fields(part: str, fields: dict[str, dict[str, object]]) -> None:
    if fields:
        click.echo(f"\n{part}")
    for name, field in fields.items():
        click.echo(f"  {name}: {kind_of(field)}  {field.get('description', '')}".rstrip())


@command.command("fit")
@click.argument("adapter", shell_complete=complete_adapters)
@click.option("--data", "sources", metavar="SRC", required=True, multiple=True, help="Labelled records.")
@click.option("-a", "--artifacts", metavar="DIR", help="Settings that Adapter.save wrote, for adapters that need some.")
@click.option("-O", "--out", metavar="DIR", required=True, help="Where to write what was fitted.")
@click.pass_obj
def fit(app: App, /, adapter: str, sources: tuple[str, ...], artifacts: str | None, out: str) -> None:
    """Fit an adapter on labelled records, and write what it learned as JSON for `duomo adapt -a DIR`."""
    from duomo.adapters.adapting import adapt

    with adapt(adapter, artifacts=artifacts, catalog=app.catalog) as ready:
        records = ready.records(item for source in sources for item in ready.read(source))
        fitted = ready.fit(records)
        if fitted is ready:
            name = ready.spec.name
            raise UsageProblem(f"'{name}' has nothing to fit", fix=f"use it as it is: duomo adapt {name} SRC")
        folder = fitted.save(out)
    app.say(f"fitted on {counted(len(records), 'record')}: {', '.join(sorted(fitted.artifacts))}")
    app.say(f"use it: duomo adapt {ready.spec.name} SRC -a {folder}")


@command.command("eval")
@click.argument("adapter", shell_complete=complete_adapters)
@click.option("--data", "sources", metavar="SRC", required=True, multiple=True, help="Labelled records.")
@click.option("--split", type=click.Choice(SPLITS), default="auto", help="auto is the adapter's own.")
@click.option("--because", metavar="REASON", default="", show_default=False, help="Why a random split may be used.")
@click.option("-a", "--artifacts", metavar="DIR", help="Judge what Adapter.save wrote, and fit nothing.")
@click.option("-m", "--model", metavar="NAME", shell_complete=complete_models, help="Of the adapter's task.")
@click.option("-x", "--executor", default="inline", metavar="NAME", shell_complete=complete_executors, help="Where.")
@output_option
@click.pass_obj
def evaluate(app: App, /, adapter: str, sources: tuple[str, ...], split: str, output: str, **given: Any) -> None:
    """Fit on one side of a split that does not leak, judge on the other, and print the split with the numbers."""
    from duomo.adapters.adapting import adapt

    chosen = _split(split, given["because"], is_fitted=given["artifacts"] is not None)
    with adapt(
        adapter,
        model=given["model"],
        executor=given["executor"],
        artifacts=given["artifacts"],
        catalog=app.catalog,
    ) as ready:
        report = ready.evaluate((item for source in sources for item in ready.read(source)), chosen)
    if output in ("json", "jsonl"):
        echo_json(
            {"schema": "duomo.report/1", **report.model_dump(mode="json")}, indent=2 if output == "json" else None
        )
    else:
        _show(app, report, output)


def _show(app: App, report: Report, output: str) -> None:
    """Show the report to people: the split first, because the numbers mean nothing without it."""
    app.say(f"{report.adapter} {report.version}, {counted(report.n, 'record')} judged, split by {report.split}")
    if report.unreadable:
        app.say(f"{counted(report.unreadable, 'record')} could not be used")
    rows = [{"metric": name, "value": f"{value:.4g}"} for name, value in report.metrics.items()]
    rows += [{"metric": f"decided {name}", "value": str(count)} for name, count in report.decisions.items()]
    rows += [{"metric": f"found {code}", "value": str(count)} for code, count in report.findings.items()]
    emit(rows, {"METRIC": "metric", "VALUE": "value"}, output, schema="duomo.metric/1", empty="no metrics")
    for finding in report.dataset_findings:
        app.warn(f"{finding.code}: {finding.text}" + (f"; {finding.fix}" if finding.fix else ""))
    if report.disclaimer:
        app.say(report.disclaimer)


def _split(name: str, because: str, *, is_fitted: bool) -> SplitPolicy | None:
    from duomo.adapters import splits

    if because and name != "random":
        raise UsageProblem("--because is for a random split", why=f"the split is '{name}'", fix="leave it out")
    if is_fitted and name != "auto":
        raise UsageProblem(
            f"--artifacts and --split {name} do not go together",
            why="what was fitted beforehand is judged as it is, by all records",
            fix="leave one of them out",
        )
    if is_fitted:
        return splits.AsFitted()
    if name == "random":
        return splits.Random(because=because)
    kinds = {"group": splits.Group, "time": splits.Time, "group-time": splits.GroupTime, "external": splits.External}
    return kinds[name]() if name in kinds else None


def _schemas(spec: AdapterSpec) -> dict[str, Any]:
    from duomo.adapters.adapting import adapter_class
    from duomo.adapters.results import DomainResult

    cls = adapter_class(spec)
    takes = getattr(cls.Input, "model_json_schema", None)
    named = {"key": cls.key_field, "group": cls.group_field, "time": cls.time_field, "answer": cls.label_field}
    return {
        "columns": {meaning: column for meaning, column in named.items() if column},
        "input": takes() if takes is not None else {},
        "output": cls.Output.model_json_schema(),
        "result": DomainResult[cls.Output].model_json_schema(),  # type: ignore[name-defined]
    }
