"""What training a model needs on each device, and in which ways it fits: arithmetic, in float32 with AdamW.

weights      4 bytes a number, frozen ones too
gradients    4 bytes a number that is trained; as many again where copies add them up in one tensor
optimiser    8 bytes a number that is trained: two moments
activations  what autograd keeps for the backward pass, for each token and trained layer; where layers are computed
             again, what goes into each of them, and what one of them keeps
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

from duomo.counting import counted
from duomo.errors import UsageProblem
from duomo.execution.planning.costs import room_on
from duomo.execution.planning.hardware import Device
from duomo.execution.planning.profile import ModelProfile
from duomo.parallel import ParallelDims

KEPT = 24.0
"""Numbers that autograd keeps of BERT for each token, layer and unit of width, with dropout; 16.1 without: measured."""
WHOLE = 10 / 34
"""The share of them that is not divided by tp: around norms and dropout (Korthikanti et al. 2022,
https://arxiv.org/abs/2205.05198, table 2)."""


@dataclasses.dataclass(frozen=True, slots=True)
class TrainingNeeds:
    """One way to train: bytes on each device."""

    dims: ParallelDims
    weights: float
    gradients: float
    optimizer: float
    activations: float
    """For each token of a micro-batch; 0 where they are not known or nothing is kept."""
    room: float
    joined: float = 0.0
    """The layers as a whole beside their pieces, while the trained folder is written."""

    @property
    def fixed(self) -> float:
        """Bytes that do not grow with the micro-batch."""
        return self.weights + self.gradients + self.optimizer

    @property
    def units(self) -> int | None:
        """Tokens of the largest micro-batch; None where activations are not known or nothing is kept."""
        return max(0, int((self.room - self.fixed) // self.activations)) if self.activations else None

    def fits(self, length: float) -> bool:
        """Whether one row of `length` tokens can be trained."""
        return self.fixed + self.joined <= self.room and (self.units is None or self.units >= length)


def training_needs(
    profile: ModelProfile,
    devices: Sequence[Device],
    train: str | int,
    axes: Collection[str],
    *,
    recompute: bool = False,
) -> list[TrainingNeeds]:
    """Every way to use the devices for training, the fewest processes that share a layer first.

    Args:
        profile: sizes of the model.
        devices: all alike; a CPU is shared by processes, one to as many as it has cores.
        train: ``all``, ``head``, or a number of upper layers.
        axes: in which the model can be cut.
        recompute: as in `duomo.Recipe`.

    Raises `UsageProblem` for a `train` that the model has not.
    """
    trained_stack, trained_rest, layers = _trained(profile, train)
    stack = profile.params - profile.embedding_params
    first = devices[0]
    counts = [each for each in (1, 2, 4, 8, 16) if each <= first.cores] if first.is_cpu else sorted({1, len(devices)})
    found = []
    for count in counts:
        room = min(map(room_on, devices)) / (count if first.is_cpu else 1)
        for tp in range(1, count + 1):
            if count % tp or (tp > 1 and not _divides(profile, tp, axes)):
                continue
            dims = ParallelDims(dp=count // tp, tp=tp)
            trained = trained_stack / tp + trained_rest
            whole = KEPT * (WHOLE + (1 - WHOLE) / tp)  # of one layer
            kept = 4.0 * profile.width * (layers + whole if recompute and layers else layers * whole)
            found.append(
                TrainingNeeds(
                    dims,
                    4.0 * (stack / tp + profile.embedding_params),
                    4.0 * trained * (2 if dims.dp > 1 else 1),
                    8.0 * trained,
                    kept,
                    room,
                    4.0 * stack if tp > 1 else 0.0,
                )
            )
    return found


def _divides(profile: ModelProfile, tp: int, axes: Collection[str]) -> bool:
    return "tp" in axes and profile.heads > 0 and profile.heads % tp == 0 and (profile.kv_heads or tp) % tp == 0


def _trained(profile: ModelProfile, train: str | int) -> tuple[float, float, int]:
    """Trained numbers in the stack of layers and beside it, and trained layers."""
    stack = profile.params - profile.embedding_params
    if train == "all":
        return float(stack), float(profile.embedding_params), profile.layers
    head = float(profile.width * (profile.width + 1))  # about: a pooler
    if train == "head":
        return 0.0, head, 0
    if not profile.layers or not isinstance(train, int) or not 0 < train <= profile.layers:
        raise UsageProblem(
            f"train={train} cannot be planned for '{profile.name}'",
            why=f"{counted(profile.layers, 'layer of it is', 'layers of it are')} known",
            fix='train="all" or "head"' + (f", or 1 to {profile.layers}" if profile.layers else "") + "  (--train all)",
        )
    return stack * train / profile.layers, head, train
