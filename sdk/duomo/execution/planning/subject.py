"""What a plan is made for: the profile of a model by its name, its folder or its config; no weights are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from duomo.catalog import Catalog
from duomo.errors import UsageProblem, WeightsMissing
from duomo.execution.planning.planner import AXES, axes_of
from duomo.execution.planning.profile import (
    ModelProfile,
    profile_folder,
    profile_params,
    profile_weights,
    transformers_folder,
)
from duomo.specs import ModelSpec
from duomo.weights import find_parts, parse_ref


def profile_of(
    model: str, catalog: Catalog, measure: Callable[[ModelSpec], ModelProfile]
) -> tuple[ModelProfile, frozenset[str]]:
    """Find the profile of a model, and the ways in which it can be split.

    Args:
        model: a name of the catalog, a reference, a folder or a ``config.json``.
        catalog: the plugins to use.
        measure: profiles a packaged model that has no config, by running it.

    Raises:
        UsageProblem: nothing is known of its size.
        WeightsMissing: a hub checkpoint is not on this disk.
    """
    if model.endswith(".json") or Path(model.removeprefix("dir:")).expanduser().is_file():
        return profile_folder(model.removeprefix("dir:")), AXES
    owned = (f"{record.name}/" for record in catalog.plugins)
    ref = parse_ref(model, (*(spec.name for spec in catalog.models), *owned))
    if ref.kind != "catalog":
        checkpoint = Path(ref.name).expanduser() if ref.kind == "dir" else _on_disk(ref.name, ref.revision)
        profile = profile_folder(checkpoint)
        return profile, _axes(catalog, checkpoint)
    spec = catalog.model(ref.name)
    if spec.is_family:
        raise UsageProblem(
            f"'{spec.name}' loads checkpoints that you name",
            why="it has no size of its own",
            fix="duomo plan dir:PATH, duomo plan hf:org/name, or duomo plan PATH/config.json",
        )
    paths = find_parts(spec)
    if not paths and not spec.params and not spec.size:
        raise UsageProblem(
            f"nothing is known of the size of '{spec.name}'",
            why="it has no weights of its own" + (f"; it is built on {', '.join(spec.uses)}" if spec.uses else ""),
            fix="plan for " + (spec.uses[0].partition("=")[2] if spec.uses else "another model: duomo models list"),
        )
    path = paths[0] if paths else None
    if transformers_folder(path) is not None:
        return profile_weights(spec.name, spec, path), axes_of(spec.loader, path)
    if path is not None and catalog.is_ready(spec) and spec.params:
        return measure(spec), frozenset()
    return profile_params(spec.name, spec.params, spec.size), frozenset()


def _axes(catalog: Catalog, folder: Path) -> frozenset[str]:
    """Find the ways in which the family of a checkpoint can be split; none when no family loads it."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    families = catalog.families(None, config.get("architectures") or ())
    return axes_of(families[0].loader, folder) if families else frozenset()


def _on_disk(name: str, revision: str) -> Path:
    """Find the folder of a hub checkpoint that was downloaded before. Raises `WeightsMissing`."""
    import huggingface_hub

    found = huggingface_hub.try_to_load_from_cache(name, "config.json", revision=revision or None)
    if not isinstance(found, str):
        raise WeightsMissing(
            f"'hf:{name}' is not on this disk",
            why="a plan needs its config.json, and downloads nothing",
            fix=f"hf download {name} config.json\nor name a config.json: duomo plan PATH/config.json",
        )
    return Path(found).parent
