"""What a shell offers after TAB: names out of the catalog, nothing heavier."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from duomo.cli.app import App

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def complete_tasks(ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the names of tasks."""
    return _offer({spec.name: spec.summary for spec in _app(ctx).catalog.tasks.values()}, begun)


def complete_run(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer tasks first, then files."""
    from click.shell_completion import CompletionItem

    if ctx.params.get("args"):
        return [CompletionItem(begun, type="file")]
    return complete_tasks(ctx, param, begun) or [CompletionItem(begun, type="file")]


def complete_models(ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the names of models; only those of the task where one is on the line already."""
    catalog = _app(ctx).catalog
    # Behind an option without its value click has not parsed the arguments; the shell's words are all there is.
    words = os.environ.get("COMP_WORDS", "").split()
    task = next((found.name for word in words if (found := catalog.find_task(word)) is not None), None)
    models = catalog.models
    fitting = [spec for spec in models if spec.task == task and not spec.is_family] or models
    return _offer({spec.name: spec.summary for spec in fitting}, begun)


def complete_packs(ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the names of model packs, and of models that have a package."""
    models = [spec for spec in _app(ctx).catalog.models if spec.packages or spec.packs]
    packs = {pack: "all models of this pack" for spec in models for pack in spec.packs}
    return _offer({**packs, **{spec.name: spec.summary for spec in models}}, begun)


def complete_plugins(ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the names of plugins, usable or not."""
    return _offer({record.name: f"{record.origin}, {record.state}" for record in _app(ctx).catalog.plugins}, begun)


def complete_adapters(ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the names of industry adapters."""
    return _offer({spec.name: spec.summary for spec in _app(ctx).catalog.adapters.values()}, begun)


def complete_executors(ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the names of executors."""
    return _offer({spec.name: spec.summary for spec in _app(ctx).catalog.executors.values()}, begun)


def _app(ctx: click.Context) -> App:
    """Find the app; for completion the global options are not read, so it may have to be made."""
    return ctx.find_object(App) or App()


def _offer(names: dict[str, str], begun: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name, help=text) for name, text in sorted(names.items()) if name.startswith(begun)]
