"""What a shell offers after TAB: names out of the catalog, nothing heavier."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from duomo.cli.app import App

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from duomo.catalog import Catalog

Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _completer(names: Callable[[Catalog], dict[str, str]]) -> Completer:
    """Make a completer of the names, each with a word about it, that `names` finds in the catalog."""

    def complete(ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        # For completion the global options are not read, so the app may have to be made.
        found = names((ctx.find_object(App) or App()).catalog)
        return [CompletionItem(name, help=text) for name, text in sorted(found.items()) if name.startswith(begun)]

    return complete


def _models(catalog: Catalog) -> dict[str, str]:
    """Find the names of models; only those of the task where one is on the line already."""
    # Behind an option without its value click has not parsed the arguments; the shell's words are all there is.
    words = os.environ.get("COMP_WORDS", "").split()
    task = next((found.name for word in words if (found := catalog.find_task(word)) is not None), None)
    fitting = [spec for spec in catalog.models if spec.task == task and not spec.is_family] or catalog.models
    return {spec.name: spec.summary for spec in fitting}


def _packs(catalog: Catalog) -> dict[str, str]:
    models = [spec for spec in catalog.models if spec.packages or spec.packs]
    packs = {pack: "all models of this pack" for spec in models for pack in spec.packs}
    return {**packs, **{spec.name: spec.summary for spec in models}}


complete_tasks = _completer(lambda catalog: {spec.name: spec.summary for spec in catalog.tasks.values()})
complete_models = _completer(_models)
complete_packs = _completer(_packs)
complete_plugins = _completer(lambda catalog: {each.name: f"{each.origin}, {each.state}" for each in catalog.plugins})
complete_adapters = _completer(lambda catalog: {spec.name: spec.summary for spec in catalog.adapters.values()})
complete_executors = _completer(lambda catalog: {spec.name: spec.summary for spec in catalog.executors.values()})


def complete_run(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer tasks first, then files."""
    from click.shell_completion import CompletionItem

    tasks = [] if ctx.params.get("args") else complete_tasks(ctx, param, begun)
    return tasks or [CompletionItem(begun, type="file")]
