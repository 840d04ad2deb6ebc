"""Checkpoints: weights, what the optimiser remembers, and the step, as safetensors and JSON.

    checkpoints/step-00000120/weights.safetensors    trained parameters and buffers, by name
                              optimizer.safetensors  the optimiser's state, by parameter
                              state.json             step, scores so far, rows left out

There is no generator and no state of a loader in it: both are functions of the step. A checkpoint is written to a
folder beside and renamed, so that a kill or a full disk leaves the one before whole. Last and best are kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from duomo.errors import CannotWrite, StoreProblem

_WRITING = ".writing-"


class Checkpoint(NamedTuple):
    """What was kept after a step."""

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: dict[str, Any]


class Ledger:
    """The checkpoints of one training.

    Args:
        folder: made when needed.
        writes: whether this process is the one that writes.
    """

    def __init__(self, folder: Path, *, writes: bool = True) -> None:
        self.folder = folder
        for left in folder.glob(f"{_WRITING}*") if writes else ():  # by a run that was killed while writing
            shutil.rmtree(left, ignore_errors=True)

    def save(
        self, step: int, weights: Mapping[str, Tensor], optimizer: Mapping[str, Tensor], state: Mapping[str, Any]
    ) -> Path:
        """Keep a checkpoint after `step` updates; those that are neither last nor ``state["best_step"]`` are removed.

        Raises `CannotWrite` when the disk is full; the checkpoints before it are whole then.
        """
        name = f"step-{step:08}"
        writing = self.folder / f"{_WRITING}{name}"
        try:
            writing.mkdir(parents=True, exist_ok=True)
            save_file(_plain(weights), writing / "weights.safetensors")
            save_file(_plain(optimizer), writing / "optimizer.safetensors")
            (writing / "state.json").write_text(json.dumps({**state, "step": step}), "utf-8")
            for file in writing.iterdir():
                _to_disk(file)
            shutil.rmtree(self.folder / name, ignore_errors=True)  # the same step, done again
            os.rename(writing, self.folder / name)
            _to_disk(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(writing, ignore_errors=True)
            raise CannotWrite(
                f"the checkpoint after step {step} cannot be written",
                why=str(error),
                fix="make room; resume=True  (--resume) goes on from the checkpoint before",
            ) from error
        kept = {name, f"step-{state.get('best_step') or 0:08}"}
        for old in self.folder.glob("step-*"):
            if old.name not in kept:
                shutil.rmtree(old, ignore_errors=True)
        return self.folder / name

    def last(self) -> int | None:
        """The step of the last checkpoint."""
        steps = [int(path.name.removeprefix("step-")) for path in self.folder.glob("step-*")]
        return max(steps, default=None)

    def load(self, step: int) -> Checkpoint:
        """The checkpoint after `step` updates. Raises `StoreProblem` when it is damaged."""
        folder = self.folder / f"step-{step:08}"
        try:
            return Checkpoint(
                load_file(folder / "weights.safetensors"),
                load_file(folder / "optimizer.safetensors"),
                json.loads((folder / "state.json").read_text("utf-8")),
            )
        except (OSError, ValueError, SafetensorError) as error:
            raise StoreProblem(
                f"the checkpoint '{folder}' is damaged",
                why=str(error),
                fix=f"remove it, or start again: rm -r {folder}",
            ) from error

    def remove(self) -> None:
        """Remove all checkpoints: the training is done."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: each.detach().cpu().clone().contiguous() for name, each in tensors.items()}


def _to_disk(path: Path) -> None:
    with contextlib.suppress(PermissionError):  # a folder cannot be opened everywhere
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
