"""Where a training starts: a model reference → weights, and the class that trains them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from duomo.catalog import Catalog
from duomo.errors import UnknownModel, UsageProblem, WrongTask, did_you_mean
from duomo.layout import read_object
from duomo.model import Model
from duomo.plugins.ours import install_line
from duomo.references import find_checkpoint, find_weights
from duomo.resolving import resolve
from duomo.specs import ModelSpec
from duomo.training.fit import FILE
from duomo.training.request import Request
from duomo.training.trainable import Trainable
from duomo.weights import WeightsRef, file_digest, parse_ref

if TYPE_CHECKING:
    from duomo.tasks.base import Result


class Start(NamedTuple):
    """Weights, and who trains them."""

    spec: ModelSpec
    """The model that the trained folder will be loaded as."""
    weights: WeightsRef
    reference: str
    license: str
    """Licence of the weights, where it is known."""
    architecture: str = ""
    """What is built from random numbers, where training starts from those; ``size`` is then one of its sizes."""
    size: str = ""
    has_lists: bool = False
    """Whether a row may have several labels."""

    def trainer(self) -> type[Trainable[Any]]:
        """The class, imported now."""
        found = _trainer(self.spec, self.reference)
        return found.several or found if self.has_lists else found

    def loader(self) -> type[Model[object, Result]]:
        """The class that the trained folder is loaded as; it says how its network is cut."""
        found: type[Model[object, Result]] = resolve(self.spec.loader, self.spec.requires, f"model '{self.spec.name}'")
        return found

    def digest(self) -> str:
        """SHA-256 of weights, settings and tokenizer, so that a resumed training starts from the same."""
        path = self.weights.path
        if path is None:
            return ""
        return file_digest(*([path] if path.is_file() else sorted(each for each in path.iterdir() if _decides(each))))


def _trainer(spec: ModelSpec, reference: str = "") -> type[Trainable[Any]]:
    found: type[Trainable[Any]] = resolve(spec.trainer, spec.requires, f"training '{reference or spec.name}'")
    return found


def _decides(file: Path) -> bool:
    """Whether a network and what it reads depend on a file of its folder, as they do not on what a training reports."""
    return file.suffix in (".safetensors", ".json", ".model", ".txt") and file.name not in (FILE, "confusion.json")


def find_start(task: str, model: str | None, catalog: Catalog) -> Start:
    """The weights that `model` names, or that the task's training starts from by default.

    Raises:
        WrongTask: nothing installed can train it for the task; the nearest that can be are named.
        UnknownModel: no model is named, and none is at hand.
    """
    catalog.task(task)
    able = [spec for spec in catalog.models if spec.task == task and spec.trainer]
    if model is None:
        model = _default(task, able, catalog)
    scratch = next((spec for spec in able if spec.name == model and "from-scratch" in spec.tags), None)
    if scratch is not None:
        return Start(scratch, WeightsRef(scratch, None, "random"), scratch.name, scratch.license)
    for family in (spec for spec in able if spec.name == model and spec.is_family):
        raise UsageProblem(
            f"'{model}' has no weights to start from",
            why="it is a kind of network: training starts from a checkpoint of it, or from random numbers",
            fix=_instead(next(iter(_trainer(family).scratch), "")),
        )
    try:
        weights, reference = find_weights(None, model, catalog)
    except WrongTask:  # no family loads it, but it may be what one starts from
        weights, reference = find_checkpoint(model, catalog), model
        fitting = [spec for spec in able if _takes(spec, weights.architectures())]
        if not fitting:
            raise
        return Start(fitting[0], weights, reference, "")
    found = weights.spec
    own = [spec for spec in able if spec.name == found.name]
    names = [*(weights.config().get("architectures") or ()), found.name] if weights.path is not None else [found.name]
    fitting = own or [spec for spec in able if _takes(spec, names)]
    if not fitting:
        raise WrongTask(
            f"'{reference}' cannot be trained for {task}",
            why=_why(found, task, able),
            fix="\n".join(filter(None, (_origin(weights), _nearest(able, catalog))))
            or "duomo models list --task " + task,
        )
    return Start(fitting[0], weights, reference, "" if found.is_family else found.license)


def _instead(known: str) -> str:
    """Say what starts where the architecture that was asked for does not."""
    start = "start from a checkpoint: duomo.finetune(…, model='dir:PATH')  (-m dir:PATH without --architecture)"
    return f"duomo.pretrain(…, architecture='{known}')  (--architecture {known}), or {start}" if known else start


def find_scratch(task: str, architecture: str, size: str, catalog: Catalog) -> Start:
    """Who builds `architecture` from random numbers for a task; the first that there is, and its first size, if empty.

    Raises `UnknownModel` with the architectures and sizes that there are.
    """
    catalog.task(task)
    known: dict[str, tuple[ModelSpec, list[str]]] = {}
    for spec in catalog.models:
        if spec.task == task and spec.trainer and catalog.is_ready(spec):
            for each, offered in _trainer(spec).scratch.items():
                known.setdefault(each, (spec, list(offered)))
    name = architecture or next(iter(known), "")
    if name not in known:
        raise UnknownModel(
            f"no architecture '{name}' to start from random numbers for {task}" if name
            else f"nothing starts from random numbers for {task}",
            why=f"those that can are: {', '.join(known)}" if known else "no installed plugin builds one",
            fix=did_you_mean(name, known) or _instead(next(iter(known), "")),
        )  # fmt: skip
    spec, sizes = known[name]
    if size and size not in sizes:
        raise UnknownModel(
            f"'{name}' has no size '{size}'", why=f"it has {', '.join(sizes)}",
            fix=did_you_mean(size, sizes) or f"size={sizes[0]}",
        )  # fmt: skip
    size = size or sizes[0]
    return Start(spec, WeightsRef(spec, None, "random"), f"{name} ({size}), from random numbers", "", name, size)


def check_trainable(model: str, catalog: Catalog) -> None:
    """Raise `WrongTask` for a model of the catalog that training starts from for no task; folders are not looked at."""
    ref = parse_ref(model, [spec.name for spec in catalog.models])
    if ref.kind != "catalog":
        return
    spec = catalog.model(ref.name)
    if not any(each.trainer and (each.name == spec.name or _takes(each, [spec.name])) for each in catalog.models):
        able = [each for each in catalog.models if each.task == spec.task and each.trainer]
        raise WrongTask(
            f"'{spec.name}' cannot be trained", why=_why(spec, spec.task, able),
            fix=_nearest(able, catalog) or "docs/training.md lists what can be",
        )  # fmt: skip


def start_of(request: Request, catalog: Catalog) -> tuple[Request, Start]:
    """Where a request starts; with the request as it then reads, for what starts from random numbers is trained whole.

    A task whose networks all start from random numbers, as those of tables do, needs no word of it.
    """
    scratch = request.scratch
    if scratch is None and request.model is None and _has_nothing_to_tune(request.task, catalog):
        scratch = ("", "")
    if scratch is None:
        return request, find_start(request.task, request.model, catalog)
    if request.train not in ("head", "all"):
        raise UsageProblem(
            f"train={request.train!r} needs weights that have learned", why="random numbers are trained whole",
            fix="train='all'",
        )  # fmt: skip
    start = find_scratch(request.task, *scratch, catalog)
    return dataclasses.replace(request, scratch=(start.architecture, start.size), train="all"), start


def _has_nothing_to_tune(task: str, catalog: Catalog) -> bool:
    able = [spec for spec in catalog.models if spec.task == task and spec.trainer]
    return bool(able) and all(spec.is_family and not spec.bases and not spec.architectures for spec in able)


def _takes(spec: ModelSpec, names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in (*spec.architectures, *spec.bases))


def _default(task: str, able: list[ModelSpec], catalog: Catalog) -> str:
    candidates = [spec.name for spec in able if not spec.is_family]
    candidates += [base for spec in able for base in spec.bases if "/" in base]
    for name in candidates:
        if any(spec.name == name and catalog.is_ready(spec) for spec in catalog.models):
            return name
    missing = catalog.plugin_to_install(task)
    blank = any(catalog.is_ready(spec) and _trainer(spec).scratch for spec in able)
    if missing:
        raise UnknownModel(
            f"no model to start from is at hand for {task}",
            why=f"{missing} is not installed",
            fix=install_line(missing),
        )
    raise UnknownModel(
        f"no model to start from is at hand for {task}",
        why="none that can be trained for it is installed" if able else "no installed plugin trains for this task",
        fix='name a checkpoint: model="hf:org/name" or "dir:PATH"  (-m hf:org/name or -m dir:PATH)'
        + ("; or start from random numbers: duomo.pretrain (--pretrain)" if blank else "")
        if able
        else "duomo tasks list",
    )


def _origin(weights: WeightsRef) -> str:
    """The checkpoint that a graph was exported from, as its folder names it; empty for any other model."""
    source = {} if weights.path is None else read_object(weights.folder / "duomo.json").get("source")
    name = source.get("model") if isinstance(source, dict) else None
    return f"-m {name}, which it was exported from" if isinstance(name, str) else ""


def _why(found: ModelSpec, task: str, able: list[ModelSpec]) -> str:
    if not able:
        return f"no installed plugin trains for {task}"
    if found.weights == "none" or (found.task == task and not found.trainer):
        return "it has no network that could learn, or its plugin does not say how"
    return (
        f"it does {found.task}, and is none of {', '.join(dict.fromkeys(p for s in able for p in s.bases)) or 'them'}"
    )


def _nearest(able: list[ModelSpec], catalog: Catalog) -> str:
    ready = {spec.name for spec in catalog.models if not spec.is_family and catalog.is_ready(spec)}
    names = [name for spec in able for name in (spec.name, *spec.bases) if name in ready]
    families = [
        "-m dir:PATH (" + ", ".join(each for each in spec.architectures if not each.startswith("!")) + ")"
        for spec in able
        if spec.architectures
    ]
    return "\n".join([f"-m {name}" for name in dict.fromkeys(names)] + families)
