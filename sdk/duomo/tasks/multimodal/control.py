"""What an agent does next."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duomo.inputs.episode import Episode
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.options import LARGEST_SEED


class Action(Result):
    """What to do now."""

    values: list[float]
    """One number for each actuator; for an action that is one of several, its number, counted from 0."""
    environment: str
    """The name of the environment that the model took the observations for."""


class ReinforcementLearningOptions(Options):
    """Options of acting."""

    temperature: float = Field(0.0, ge=0, description="0: the likeliest action; above: drawn")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="makes drawn actions repeatable")
    long: Literal["error", "truncate"] = Field(
        "error", description="for more steps than the model reads; truncate leaves out the oldest"
    )


class ReinforcementLearning(Task[Episode, ReinforcementLearningOptions, Action]):
    """The next action, given what was seen and done."""

    name = "reinforcement-learning"
