"""What a training is asked to do: names, paths and settings, so that it can be sent to other processes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from duomo.errors import UsageProblem
from duomo.training.recipe import Recipe

PEAKS = {"head": 1e-3, "lora": 2e-4, "scratch": 1e-3}
PEAK = 5e-5
"""Highest learning rates where the recipe has none: of a head alone, of LoRA, of random numbers, and of a network that
was trained."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """One call of `duomo.finetune`."""

    task: str
    data: Any
    out: Path
    label: str = "label"
    input: str | None = None
    model: str | None = None
    scratch: tuple[str, str] | None = None
    """Architecture and size to start from random numbers, each empty for the first there is; None for a model."""
    train: str | int = "head"
    validation: Any = 0.2
    recipe: Recipe = dataclasses.field(default_factory=Recipe)
    device: str = "auto"
    resume: bool = False
    shard: bool = False
    """Whether copies share out parameters, gradients and the optimiser's state among them."""
    executor: str = "local"
    """Where the processes are, if there are several: ``local`` or ``ray``."""
    micro: int | None = None
    """Rows of a micro-batch at most, where memory did not suffice for more."""

    def __post_init__(self) -> None:
        known = ("head", "all", "lora")
        if self.train not in known and not (type(self.train) is int and self.train > 0):
            raise UsageProblem(
                f"train cannot be {self.train!r}",
                why="it says what learns",
                fix="'head', 'all', 'lora', or a number of upper layers",
            )

    @property
    def peak(self) -> float:
        """The highest learning rate."""
        return (
            self.recipe.lr
            if self.recipe.lr is not None
            else PEAKS.get(str(self.train) if self.scratch is None else "scratch", PEAK)
        )
