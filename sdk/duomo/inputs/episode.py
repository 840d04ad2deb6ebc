"""What an agent has seen and done."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from duomo.brief import Short
from duomo.errors import BadInput
from duomo.inputs.series import Series

Values = tuple[float, ...]
_EXAMPLE = '{"observations": [{"position": [0.1, 0.5]}]}, or two observations and "actions": [[0.3, -1.0]]'


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Episode(Short):
    """Observations of an environment, the last one of now, and the action that followed each of those before it."""

    WIRE: ClassVar[Mapping[str, Any]] = {
        "observations": list[dict[str, list[float]]], "actions": list[list[float]], "rewards": list[float],
    }  # fmt: skip
    """Keys of the mapping that stands for it."""
    OPTIONAL: ClassVar[tuple[str, ...]] = ("actions", "rewards")
    """Those that may be left out."""
    observations: tuple[Mapping[str, Values], ...]
    """Names to numbers, the oldest first."""
    actions: tuple[Values, ...] = ()
    """One fewer than observations."""
    rewards: Values = ()
    """What each action earned, where it is known; it is learned from, and no model that acts looks at it."""
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> Episode:
        """Take a mapping with ``observations``, ``actions`` and ``rewards``.

        An observation maps names to lists, arrays or single numbers; an action is a list or a number.

        Raises:
            BadInput: it is something else, has no observation, a number that is missing or infinite, or not one action
                between two observations, or not one reward for each action.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping) or not _is_list(value.get("observations")):
            raise BadInput(f"not an episode: {value!r:.60}", why="it has no list of observations", fix=_EXAMPLE)
        unknown = value.keys() - cls.WIRE.keys()
        if unknown:
            raise BadInput(
                f"an episode has no '{min(map(str, unknown))}'", why=f"it has {', '.join(cls.WIRE)}", fix=_EXAMPLE
            )
        observations = tuple(_observation(each) for each in value["observations"])
        found: Any = value.get("actions")
        found = () if found is None else found
        if not _is_list(found):
            raise BadInput(
                f"actions are a list of lists of numbers, not {found!r:.60}",
                why="an action may have several numbers",
                fix=_EXAMPLE,
            )
        actions = tuple(_values(each) for each in found)
        if not observations or len(actions) != len(observations) - 1:
            raise BadInput(
                f"{len(observations)} observations and {len(actions)} actions are not an episode",
                why="an action follows each observation but the last, which is that of now",
                fix=_EXAMPLE,
            )
        given: Any = value.get("rewards")
        rewards = () if given is None or (_is_list(given) and not len(given)) else _values(given)
        if rewards and len(rewards) != len(actions):
            raise BadInput(
                f"{len(rewards)} rewards and {len(actions)} actions are not an episode",
                why="each action earns one",
                fix="a reward for each action, or none at all",
            )
        return cls(observations, actions, rewards)

    @property
    def nbytes(self) -> int:
        """What it holds in memory."""
        seen = sum(len(values) for each in self.observations for values in each.values())
        return 8 * (seen + sum(map(len, self.actions)) + len(self.rewards))


def _is_list(value: object) -> bool:
    return hasattr(value, "__array__") or (isinstance(value, Sequence) and not isinstance(value, str | bytes))


def _observation(value: object) -> Mapping[str, Values]:
    if not isinstance(value, Mapping) or not value:
        raise BadInput(
            f"not an observation: {value!r:.60}", why="it gives numbers to names", fix='{"position": [0.1, 0.5]}'
        )
    return {str(name): _values(numbers) for name, numbers in value.items()}


def _values(value: object) -> Values:
    return Series.accept([value] if isinstance(value, int | float) else value).values
