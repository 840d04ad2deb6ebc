"""Training from random numbers: rows and an architecture → a folder that every executor loads."""

from __future__ import annotations

import os
from collections.abc import Callable

from duomo.catalog import Catalog
from duomo.parallel import ParallelDims
from duomo.training.fit import Fit
from duomo.training.fitting import Progress, fit, folder_of
from duomo.training.recipe import Recipe
from duomo.training.request import Request


def pretrain(
    task: str,
    data: object,
    *,
    out: str | os.PathLike[str],
    architecture: str = "",
    size: str = "",
    label: str = "label",
    input: str | None = None,
    validation: object = 0.1,
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
    """Train a model from random numbers.

    Language models learn from texts without labels, which are joined and cut into blocks of one length; their
    tokenizer is learned from the training part.

    Args:
        task: what it is to do: ``text-generation``, ``fill-mask``, ``image-classification`` …
        data: as for `duomo.finetune`; texts may also be a folder of ``.txt`` files.
        out: the folder to write; ``dir:OUT`` is the trained model.
        architecture: such as ``llama``, ``bert`` or ``cnn``; the task's first when left out.
        size: one of the architecture's sizes; the smallest when left out.
        label: the column of the label, for tasks that have one.
        input: the column of the input, where it has not a usual name.
        validation: the share of rows to hold out, or data of its own.
        recipe: epochs, batch, learning rate and the like.
        device: ``auto``, ``cpu``, ``cuda:0`` …
        devices: names of several.
        parallel: as for `duomo.finetune`.
        shard: whether copies share out parameters, gradients and the optimiser's state among them.
        executor: ``local``, processes of this machine, or ``ray``, actors of a cluster.
        resume: go on with a training of the same rows, architecture and recipe that was stopped.
        catalog: the plugins to use; all installed ones when left out.
        on_step: called after each step.

    Raises:
        UnknownModel: there is no such architecture or size; those that there are are named.
        BadInput: the data cannot be learned from.
        SystemicError: more rows than ``max_failed`` cannot be used, or gradients are not finite.
        StoreMismatch: `out` holds another training.
    """
    request = Request(
        task=task, data=data, out=folder_of(out), label=label, input=input, scratch=(architecture, size), train="all",
        validation=validation, recipe=recipe or Recipe(), device=device, resume=resume, shard=shard, executor=executor,
    )  # fmt: skip
    return fit(request, devices, parallel, catalog, on_step)
