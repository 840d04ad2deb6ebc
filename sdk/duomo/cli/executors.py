"""``duomo executors``: where models run, and what this machine has."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_executors
from duomo.cli.formats import echo_json
from duomo.cli.groups import Group
from duomo.cli.output import emit, output_option
from duomo.cli.tables import size_text


@click.group("executors", cls=Group)
def command() -> None:
    """Where it runs: executors, and what this machine has."""


@command.command("list")
@output_option
@click.pass_obj
def list_executors(app: App, /, output: str) -> None:
    """List the executors and whether their libraries are here."""
    from duomo.plugins.requirements import missing_requirements

    records = []
    for spec in app.catalog.executors.values():
        missing = missing_requirements(spec.requires)
        records.append({**spec._asdict(), "state": f"needs {', '.join(missing)}" if missing else "ready"})
    emit(
        records,
        {"EXECUTOR": "name", "STATE": "state", "SUMMARY": "summary"},
        output,
        schema="duomo.executor/1",
        whole=True,
    )


@command.command("show")
@click.argument("name", required=False, shell_complete=complete_executors)
@click.option("-o", "--output", type=click.Choice(["auto", "text", "json"]), default="auto", help="json for programs.")
@click.pass_obj
def show_executor(app: App, /, name: str | None, output: str) -> None:
    """Show an executor, and the processors and devices it can use here."""
    spec = app.catalog.executor(name) if name else None
    found = _machine()
    if output == "json":
        echo_json({"schema": "duomo.machine/1", **found, "executor": spec._asdict() if spec else None}, indent=2)
        return
    if spec is not None:
        click.echo(f"{click.style(spec.name, bold=True)}: {spec.summary}\n")
    click.echo(f"processors  {found['cpus']} for this process, {found['threads'] or 'unknown'} threads in torch")
    click.echo(f"memory      {size_text(found['memory'])}")
    click.echo(f"torch       {found['torch'] or 'not installed'}")
    for device in found["devices"]:
        line = (
            f"{device['name']:<11} {device['model']}, {size_text(device['memory'])}, {size_text(device['free'])} free"
        )
        click.echo(line)
    if not found["devices"]:
        click.echo("devices     none but the CPU")


def _machine() -> dict[str, Any]:
    """Find the processors, memory and accelerators that this process sees."""
    # A container's share, not the host's, decides what a process may use.
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if sys.platform != "win32" else 0
    found: dict[str, Any] = {"cpus": cpus, "memory": memory, "torch": None, "threads": None, "devices": []}
    if importlib.util.find_spec("torch") is None:
        return found
    import torch

    found.update(torch=torch.__version__, threads=torch.get_num_threads(), cuda=torch.version.cuda)
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        model = torch.cuda.get_device_name(index)
        found["devices"].append({"name": f"cuda:{index}", "model": model, "memory": total, "free": free})
    if torch.backends.mps.is_available():
        limit = torch.mps.recommended_max_memory()
        found["devices"].append({"name": "mps", "model": "Apple GPU", "memory": limit, "free": limit})
    return found
