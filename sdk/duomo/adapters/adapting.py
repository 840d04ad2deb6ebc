"""From an adapter's name to one that is ready: its class, its task's model on an executor, its artefacts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from duomo.adapters.adapter import Adapter
from duomo.adapters.artifacts import load_folder
from duomo.catalog import Catalog, default_catalog
from duomo.counting import counted
from duomo.errors import PluginBroken, UnknownAdapter, UsageProblem, nearest
from duomo.plugins.ours import distribution_of, install_line
from duomo.resolving import resolve
from duomo.runner import load
from duomo.specs import AdapterSpec

if TYPE_CHECKING:
    from duomo.execution.base import Executor


def adapt(
    name: str,
    *,
    model: str | None = None,
    executor: str | Executor = "inline",
    device: str = "auto",
    artifacts: str | os.PathLike[str] | None = None,
    secret: bytes | str | None = None,
    catalog: Catalog | None = None,
) -> Adapter[Any, Any]:
    """An industry adapter by name, ready to be called.

    Args:
        name: ``plugin/thing``, such as ``finance/credit-score``; a bare ``thing`` while one plugin has it.
        model: the model of its task, as `duomo.load` takes it; the task's default when left out.
        executor: where that model runs: a name, or an executor that is not yet started.
        device: ``auto``, ``cpu``, ``cuda:0`` …
        artifacts: a folder that `Adapter.save` wrote.
        secret: of pseudonyms; ``DUOMO_PSEUDONYM_KEY`` or this process's own when left out.
        catalog: the plugins to use; all installed ones when left out.

    Raises:
        UnknownAdapter: with the nearest names.
        RequirementMissing: with the line for pip.
        ArtifactProblem: the folder holds no artefacts of this adapter, or one was changed.
        DuomoError: what kept the task's model from loading.
    """
    catalog = catalog or default_catalog()
    spec = find_adapter(name, catalog)
    cls = adapter_class(spec)
    fitted = load_folder(artifacts, spec.name) if artifacts is not None else None
    if model is not None and not cls.task:
        raise UsageProblem(
            f"'{spec.name}' takes no model", why="it does its own maths and calls no task", fix="leave model out (-m)"
        )
    runner = load(cls.task, model, device=device, executor=executor, catalog=catalog) if cls.task else None
    adapter = cls(runner=runner, artifacts=fitted, secret=secret)
    adapter.origin = origin_of(spec, catalog)
    return adapter


def find_adapter(name: str, catalog: Catalog) -> AdapterSpec:
    """Find an adapter's spec by name. Raises `UnknownAdapter` with the nearest names, or `PluginBroken`."""
    if name in catalog.adapters:
        return catalog.adapters[name]
    bare = [spec for spec in catalog.adapters.values() if spec.name.partition("/")[2] == name]
    if len(bare) == 1:
        return bare[0]
    owner = name.partition("/")[0]
    for record in catalog.plugins:
        if record.name == owner and record.state != "ok":
            raise PluginBroken(
                f"adapter '{name}' cannot be used: plugin '{owner}' is {record.state}", why=record.error, fix=record.fix
            )
    ours = distribution_of(owner)
    if ours and ours not in {record.distribution for record in catalog.plugins}:
        raise UnknownAdapter(f"no adapter named '{name}'", why=f"{ours} is not installed", fix=install_line(ours))
    near = nearest(name, catalog.adapters)
    raise UnknownAdapter(
        f"no adapter named '{name}'",
        why=f"{counted(len(catalog.adapters), 'adapter is', 'adapters are')} installed"
        + (f"; the closest is '{near[0]}'" if near else ""),
        fix=f"duomo adapters show {near[0]}\nduomo adapters list" if near else "duomo adapters list",
    )


def adapter_class(spec: AdapterSpec) -> type[Adapter[Any, Any]]:
    """The class of a spec. Raises `RequirementMissing` with the line for pip, or `PluginBroken`."""
    cls = resolve(spec.target, spec.requires, f"adapter '{spec.name}'")
    if not (isinstance(cls, type) and issubclass(cls, Adapter)):
        raise PluginBroken(
            f"adapter '{spec.name}' cannot be used",
            why=f"'{spec.target}' is not a subclass of duomo.adapters.Adapter",
            fix="report it to the plugin's author (duomo plugins list)",
        )
    return cls


def origin_of(spec: AdapterSpec, catalog: Catalog) -> str:
    """Distribution and version of the plugin that brought an adapter."""
    owner = spec.name.partition("/")[0]
    return next((record.origin for record in catalog.plugins if record.name == owner and record.state == "ok"), "")
