"""THE WALK of a training: rows and a model reference → steps → a folder that every executor loads."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from duomo.catalog import Catalog, default_catalog
from duomo.data.sources import named
from duomo.errors import StoreMismatch
from duomo.parallel import ParallelDims
from duomo.training.fit import FILE, Fit
from duomo.training.observers import Observers
from duomo.training.placing import placement, refuse_uncuttable
from duomo.training.recipe import Recipe
from duomo.training.request import Request
from duomo.training.starts import Start, start_of

Tell = Callable[[str, int, dict[str, Any]], None]


class Progress(NamedTuple):
    """Where a training is."""

    step: int
    total: int
    epoch: int
    epochs: int
    loss: float
    scores: dict[str, float]
    """Scores of the last epoch, by name."""
    rows: int
    """Rows read so far in this process."""


def finetune(
    task: str,
    data: object,
    *,
    out: str | os.PathLike[str],
    label: str = "label",
    input: str | None = None,
    model: str | None = None,
    train: str | int = "head",
    validation: object = 0.2,
    recipe: Recipe | None = None,
    device: str = "auto",
    devices: str | None = None,
    parallel: str | ParallelDims | None = None,
    shard: bool = False,
    executor: str = "local",
    resume: bool = False,
    catalog: Catalog | None = None,
    on_step: Callable[[Progress], object] | None = None,
) -> Fit:
    """Train a model on labelled rows.

    Args:
        task: what it is to do, such as ``text-classification``.
        data: a ``.csv``, ``.jsonl`` or ``.parquet`` file, a folder with a class for each folder in it or a
            ``metadata.csv``, a data frame, or any iterable of rows: mappings, or pairs of input and label.
        out: the folder to write; ``dir:OUT`` is the trained model.
        label: the column of the label.
        input: the column of the input, where it has not a usual name such as ``text`` or ``image``.
        model: what to start from: ``plugin/thing``, ``hf:org/name`` or ``dir:path``; the task's default when left out.
        train: ``head``, ``all``, the number of upper layers to train with the head, or ``lora``.
        validation: the share of rows to hold out, or data of its own.
        recipe: epochs, batch, learning rate and the like.
        device: ``auto``, ``cpu``, ``cuda:0`` …
        devices: names of several, ``"cuda:0,cuda:1"``; with `parallel` alone a GPU for each, or ``cpu`` where there
            are fewer.
        parallel: ``"dp=2"``, copies of the model that share each batch; ``"tp=2"``, devices that share each layer, and
            ``"pp=2"``, devices with some of the layers each, where the model's plugin has a plan for it; and pairs,
            ``"dp=2,tp=2"``.
        shard: whether copies share out parameters, gradients and the optimiser's state among them.
        executor: ``local``, processes of this machine, or ``ray``, actors of a cluster.
        resume: go on with a training of the same rows, base and recipe that was stopped.
        catalog: the plugins to use; all installed ones when left out.
        on_step: called after each step.

    Raises:
        BadInput: the data cannot be learned from.
        SystemicError: more rows than ``max_failed`` cannot be used, or gradients are not finite.
        StoreMismatch: `out` holds another training.
        DuomoError: with what, why and how to fix it.
    """
    request = Request(
        task=task, data=data, out=folder_of(out), label=label, input=input, model=model, train=train,
        validation=validation, recipe=recipe or Recipe(), device=device, resume=resume, shard=shard, executor=executor,
    )  # fmt: skip
    return fit(request, devices, parallel, catalog, on_step)


def folder_of(out: str | os.PathLike[str]) -> Path:
    """The folder that is named, whole."""
    return Path(out).expanduser().absolute()


def fit(
    request: Request,
    devices: str | None,
    parallel: str | ParallelDims | None,
    catalog: Catalog | None,
    on_step: Callable[[Progress], object] | None,
) -> Fit:
    """Do what a request asks for, in this process or in one for each device."""
    refuse_other(request.out, request.resume)
    catalog = catalog or default_catalog()
    places, dims = placement(devices, parallel, request.device)
    request, start = start_of(request, catalog)
    start.trainer()  # imports torch, or says what is missing
    watched = Observers(catalog.host, request, start.reference)
    with watched.watching() as found:
        if len(places) > 1 or request.executor != "local":
            found.append(run_on(places, dims, request, start, catalog, watched.tell, on_step))
        else:
            found.append(run(dataclasses.replace(request, device=places[0]), start, catalog, watched.tell, on_step))
    return found[0]


def run_on(
    places: list[str],
    dims: ParallelDims,
    request: Request,
    start: Start,
    catalog: Catalog,
    tell: Tell,
    on_step: Callable[[Progress], object] | None,
) -> Fit:
    """Do what a request asks for, in a process for each place."""
    from duomo.training.distributed.launch import train_on

    refuse_uncuttable(dims, request, start)
    request = dataclasses.replace(request, data=_kept(request.data), validation=_kept(request.validation))
    said = None if on_step is None else lambda at: on_step(Progress(*at))
    return train_on(places, request, start, catalog.task(request.task), said, dims=dims, tell=tell)


def _kept(data: object) -> object:
    """Rows as a list, since each process reads all of them; paths, frames and what holds no rows as they are."""
    if not isinstance(data, Iterable) or isinstance(data, str | os.PathLike | Mapping) or hasattr(data, "columns"):
        return data
    return list(named(data))


def run(
    request: Request, start: Start, catalog: Catalog, tell: Tell, on_step: Callable[[Progress], object] | None = None
) -> Fit:
    """Do what a request asks for, in this process."""
    import torch

    from duomo.training.finishing import follow
    from duomo.training.training import Training

    if request.shard:
        refuse_uncuttable(ParallelDims(), request, start)
    with torch.random.fork_rng():  # dropout is seeded at each step: the caller's numbers stay their own
        training = Training(request, start, catalog.task(request.task))
        training.tell = tell
        return follow(training, None if on_step is None else lambda *at: on_step(Progress(*at)))


def refuse_other(out: Path, resume: bool) -> None:
    """Raise `StoreMismatch` for a folder that holds another training, or files that are not of one."""
    if out.exists() and not out.is_dir():
        raise StoreMismatch(
            f"'{out}' is a file", why="a training writes a folder", fix="name a folder that is not there yet"
        )
    if resume or not out.exists():
        return
    if {each.name for each in out.iterdir()} <= {"log.jsonl", "checkpoints"} and not any(
        out.glob("checkpoints/step-*")
    ):
        return  # one that ended before its first checkpoint is begun again
    if (out / "checkpoints").is_dir() or (out / FILE).is_file():
        raise StoreMismatch(
            f"'{out}' holds a training already",
            why="its checkpoints are there" if (out / "checkpoints").is_dir() else f"{FILE} is there",
            fix="resume=True (--resume) goes on with it; or choose another folder",
        )
    if any(out.iterdir()):
        raise StoreMismatch(
            f"'{out}' is not empty", why="a training writes a model folder of its own", fix="choose another folder"
        )
