"""Two small environments to act in, each with an expert to learn from and to compare with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duomo_multimodal.gato.tokens import Environment, Values

Observation = dict[str, list[float]]


class Reach:
    """A point in the plane is to be brought to a target; an action pushes it. Continuous."""

    about = Environment(observations={"offset": Values(count=2)}, action=Values(count=2))
    steps = 8

    def __init__(self, draw: np.random.Generator) -> None:
        self.position, self.target = draw.uniform(-1, 1, 2), draw.uniform(-1, 1, 2)

    def observe(self) -> Observation:
        """Where the target is, seen from the point."""
        return {"offset": (self.target - self.position).round(4).tolist()}

    def act(self, action: Sequence[float]) -> float:
        """Push, each side by at most a quarter, and give the distance that is left."""
        self.position = np.clip(self.position + 0.25 * np.clip(action, -1, 1), -1, 1)
        return float(np.linalg.norm(self.target - self.position))

    def expert(self) -> list[float]:
        """The push that leaves the least distance."""
        push: list[float] = np.clip((self.target - self.position) / 0.25, -1, 1).tolist()
        return push


class Grid:
    """A walker on five by five fields is to step onto the goal: up, down, left or right. Discrete."""

    about = Environment(
        observations={"goal": Values(kind="discrete", count=2, choices=5),
                      "walker": Values(kind="discrete", count=2, choices=5)},
        action=Values(kind="discrete", count=1, choices=4),
    )  # fmt: skip
    steps = 8
    moves = ((-1, 0), (1, 0), (0, -1), (0, 1))

    def __init__(self, draw: np.random.Generator) -> None:
        places = draw.choice(25, 2, replace=False)
        self.walker, self.goal = ([int(each) // 5, int(each) % 5] for each in places)

    def observe(self) -> Observation:
        """What is seen now."""
        return {"goal": [*map(float, self.goal)], "walker": [*map(float, self.walker)]}

    def act(self, action: Sequence[float]) -> float:
        """Walk one field, and give the fields that are left."""
        move = self.moves[int(action[0])]
        self.walker = [max(0, min(4, at + by)) for at, by in zip(self.walker, move, strict=True)]
        return float(sum(abs(at - to) for at, to in zip(self.walker, self.goal, strict=True)))

    def expert(self) -> list[float]:
        """The row first, then the column; up where there is nothing to do."""
        down, right = (to - at for at, to in zip(self.walker, self.goal, strict=True))
        return [float((1 if down > 0 else 0) if down else (3 if right > 0 else 2) if right else 0)]


WORLDS: dict[str, type[Reach] | type[Grid]] = {"reach": Reach, "grid": Grid}
