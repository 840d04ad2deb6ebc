"""A model reference → weights: through the catalog, the hooks of plugins, a folder or the hub."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from duomo.catalog import Catalog
from duomo.counting import a_type
from duomo.errors import UsageProblem, WrongTask
from duomo.hooks import WeightsContext
from duomo.resolving import resolve
from duomo.specs import ModelSpec
from duomo.tasks.starting import START
from duomo.unfit import CONVERTED, explain_config
from duomo.weights import ModelRef, WeightsRef, fetch_from_hub, locate, open_folder, parse_ref

if TYPE_CHECKING:
    from duomo.execution.base import Executor


def find_weights(task: str | None, model: str | None, catalog: Catalog) -> tuple[WeightsRef, str]:
    """Find the weights and the full reference for what the caller named, or for the task's default."""
    if model is None:
        if task is None:
            raise UsageProblem("name a task or a model", fix='duomo.load("image-classification")')
        spec = catalog.default_model(task)
        return _locate(spec, catalog), spec.name
    if not isinstance(model, str | os.PathLike):
        raise UsageProblem(
            f"a model is named, and {a_type(model)} was given",
            why="it is loaded by the family that its files call for",
            fix='model="plugin/thing", "hf:org/name" or "dir:PATH"',
        )
    # A plugin that did not load still owns its names: the answer then is why it did not.
    owned = (f"{record.name}/" for record in catalog.plugins)
    names = (name for spec in catalog.models for name in (spec.name, *spec.formerly))
    ref = parse_ref(model, (*names, *owned))
    if ref.kind == "catalog":
        spec = catalog.model(ref.name, task)
        if spec.is_family:
            raise UsageProblem(
                f"'{spec.name}' loads checkpoints that you name",
                why="it has no weights of its own",
                fix='model="hf:org/name" or "dir:PATH"  (-m hf:org/name or -m dir:PATH)',
            )
        return _locate(spec, catalog), spec.name
    return _open(ref, task, catalog), str(ref)


def _locate(spec: ModelSpec, catalog: Catalog) -> WeightsRef:
    path = _from_hooks(spec.weights, catalog) if ":" in spec.weights else None
    weights = WeightsRef(spec, path, "hook") if path is not None else locate(spec)
    uses = [use.partition("=") for use in spec.uses]
    # A model built on others is another model when one of those changes.
    revisions = [weights.revision, *(_locate(catalog.model(name, task), catalog).revision for task, _, name in uses)]
    return weights._replace(revision="+".join(filter(None, revisions)))


def find_checkpoint(model: str, catalog: Catalog) -> WeightsRef:
    """The folder that ``dir:`` or ``hf:`` names, whether or not a family loads it."""
    return _fetch(parse_ref(model, ()), None, catalog)


def _fetch(ref: ModelRef, task: str | None, catalog: Catalog) -> WeightsRef:
    """Fetch a checkpoint that the caller named; what is not a folder in transformers layout becomes one."""
    from duomo.converting import plain_folder

    unknown = ModelSpec(str(ref), task or "", "", "", "", weights="given")
    path = _from_hooks(str(ref), catalog)
    if path is not None:
        return open_folder(unknown, str(path))
    if ref.kind == "dir":
        plain = plain_folder(Path(ref.name).expanduser(), _base)
        return open_folder(unknown, str(plain))
    fetched = fetch_from_hub(unknown, ref.name, ref.revision)
    return fetched._replace(path=plain_folder(fetched.folder, _base))


def _base(name: str) -> Path:
    """The folder of the base that an adapter names."""
    return fetch_from_hub(ModelSpec(name, "", "", "", "", weights="given"), name, "").folder


def _open(ref: ModelRef, task: str | None, catalog: Catalog) -> WeightsRef:
    """Fetch a checkpoint that the caller named, and give it to the family that its config calls for."""
    weights = _fetch(ref, task, catalog)
    named = weights.family()
    if named:
        return weights._replace(spec=catalog.model(named, task))
    architectures = weights.architectures()
    fitting = catalog.families(task, architectures)
    if fitting:
        return weights._replace(spec=fitting[0])
    problem = None if architectures or weights.path is None else explain_config(weights.network_folder)
    if problem is not None:
        raise problem
    others = sorted({spec.task for spec in catalog.families(None, architectures)})
    made_for = ", ".join(architectures) or "nothing it names (config.json has no architectures)"
    needs_pooling = task is not None and catalog.families(task, ["SentenceTransformer"])
    listing = f"duomo models list --task {task} shows what does it" if task else "duomo models list --family"
    brings_code = not others and "auto_map" in weights.config()
    if brings_code:
        listing = f"{CONVERTED}\n{listing}"
    if task in START:
        listing += f', and a good start is model="hf:{START[task]}"  (-m hf:{START[task]})'
    raise WrongTask(
        f"'{ref}' cannot do {task}" if task else f"no plugin knows what to do with '{ref}'",
        why=f"it is made for {made_for}"
        + ("" if others else ", which no family here loads")
        + (": its code comes with it (auto_map), and duomo never runs code from a checkpoint" if brings_code else "")
        + (", and no modules.json says how the vectors of its tokens are pooled" if needs_pooling else ""),
        fix=f"duomo.load('{others[0]}', '{ref}')  (duomo run {others[0]} -m {ref} …)" if others else listing,
    )


def _from_hooks(ref: str, catalog: Catalog) -> Path | None:
    from duomo.config import is_offline

    for record, hook in catalog.host.implementing("resolve_weights"):
        try:
            path: Path | None = hook(WeightsContext(ref, is_offline()))
        # The next plugin, or the ordinary way, may still find them.
        except Exception as error:
            said = f"resolve_weights raised {type(error).__name__}: {error}"
            warnings.warn(f"plugin '{record.name}': {said}", stacklevel=2)
            continue
        if path is not None:
            return path
    return None


def find_executor(executor: object, catalog: Catalog) -> Executor:
    """Make the executor of a name, or take one that is given. Raises `UsageProblem` for what is neither."""
    from duomo.execution.base import Executor

    if isinstance(executor, str):
        known = catalog.executor(executor)
        executor = resolve(known.target, known.requires, f"executor '{known.name}'")()
    if not isinstance(executor, Executor):
        raise UsageProblem(f"not an executor: {executor!r:.80}", fix="pass its name, or an instance of duomo.Executor")
    return executor
