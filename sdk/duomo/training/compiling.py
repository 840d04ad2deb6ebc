"""Passes of a training through ``torch.compile``: the same arithmetic in fewer kernels, added up in another order."""

from __future__ import annotations

from typing import Any

import torch

from duomo.errors import BadOption
from duomo.execution.speed.optimize import need_compiler
from duomo.training.trainable import Trainable

INSTEAD = "leave compile out of the recipe"


def compile_passes(model: Trainable[Any], reference: str) -> None:
    """Have the passes that learn, and those that score, compiled when they are first run.

    Modules do not change, so the names of weights do not. Losses are not compiled: their targets are Python numbers,
    and torch would compile again for each number. A size that varies becomes dynamic at its second value.

    Raises:
        BadOption: torch would compile each pass again.
        RequirementMissing: there is no compiler.
    """
    if model.packed:
        raise BadOption(
            f"compile cannot be for '{reference}'",
            why="its rows are packed without padding, so that each micro-batch has a structure of its own to compile",
            fix=INSTEAD,
        )
    need_compiler("compile", INSTEAD)
    for name in ("logits", "logits_from"):
        # Dropout draws what it draws without: a training is the same to rounding.
        setattr(model, name, torch.compile(getattr(model, name), options={"fallback_random": True}))
