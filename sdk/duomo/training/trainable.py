"""What a model author writes so that a network can be trained.

    open         weights and labels → the network as it is trained: nothing folded, packed or frozen
    preprocess   inputs → features, as for `duomo.Model`
    targets      labels → what the output is compared with
    logits       batch → output, with gradients
    losses       output and targets → a loss and a count for each row, never a mean
    save         the folder that ``dir:FOLDER`` loads

A class that is a `duomo.Model` already takes `preprocess` and `collate` from it. For labels that are names, `targets`,
`losses` and `predictions` are given, and three methods are left to write: `open`, `logits` and `save`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple, Self, TypeVar

from duomo.brief import Named
from duomo.data.checks import name_of
from duomo.errors import BadInput, did_you_mean
from duomo.model import Features, stack_or_pad
from duomo.training.losses import Losses

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from duomo.weights import WeightsRef

In = TypeVar("In")

Kind = Literal["classes", "names", "number", "spans", "answer", "text", "none"]
"""What a label is: a name of several, all names that apply, a number, marked stretches of a text, the place of an
answer, a text, or none."""


class Parts(NamedTuple):
    """The modules of a network by their dotted names."""

    head: tuple[str, ...]
    """What stands on the stack of layers and is trained first: pooler, dropout, classifier."""
    stack: str = ""
    """The ``ModuleList`` of layers, the lowest first; empty where there is none."""
    above: tuple[str, ...] = ()
    """What lies between stack and head, such as a norm; trained with the upper layers."""


class Trainable(Named, ABC, Generic[In]):
    """A network as it is trained, with all that surrounds it. Frozen parts are in evaluation mode."""

    kind: ClassVar[Kind] = "classes"
    several: ClassVar[type[Trainable[Any]] | None] = None
    """Who trains the same network where labels are lists of names: of kind ``names``."""
    scratch: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    """Architectures that `build` makes of random numbers, each with its sizes, the smallest first."""
    varieties: ClassVar[tuple[str, ...]] = ()
    """The augmentations that `vary` knows; a recipe names those it wants: ``Recipe.augment``."""
    batch_budget: ClassVar[int] = 0
    """The cost of one micro-batch in the units of `cost`: rows times the costliest one; 0 for no bound."""
    packed: ClassVar[bool] = False
    """Whether a batch costs the sum of its rows, since nothing is padded."""

    network: nn.Module
    labels: Sequence[str] = ()
    has_new_head: bool = False
    """Whether `open` made a head, since the checkpoint has none for these labels."""
    notes: Sequence[str] = ()
    """What `fit_statistics` found that a person should know; it is reported with the findings."""
    augmentations: Sequence[str] = ()
    """Those of `varieties` that the recipe asks for."""
    marks_answers: ClassVar[bool] = False
    """Whether it can learn of a chat the answers alone: `only_answers`."""
    only_answers: bool = False
    """Whether the recipe asks for that."""
    smoothing: float = 0.0
    """Share of each label that is spread over all of them while it is learned."""

    @classmethod
    @abstractmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        """Build the network from `weights` on `device`.

        A head is kept where its labels are among those asked for, and is a new one elsewhere, drawing from torch's
        default generator, which is seeded by then.

        Args:
            weights: where training starts.
            labels: the names to tell apart, in order; empty for kinds without names.
            device: where it is trained.
            dtype: of its weights.
        """

    @classmethod
    def build(
        cls, architecture: str, size: object, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype
    ) -> Self:
        """Build the network from random numbers, drawn from torch's default generator.

        Args:
            architecture: a key of `scratch`.
            size: what `scratch` has for the size that is asked for.
            labels: as for `open`.
            device: where it is trained.
            dtype: of its weights.
        """
        raise NotImplementedError(f"{cls.__name__} starts from weights")

    def fit_statistics(self, items: Sequence[In], labels: Sequence[Any]) -> None:
        """Take from the rows to train on what `preprocess` and `targets` need: means, categories, a vocabulary.

        Optional; called once before any row is prepared, where the network `has_new_head`. What belongs to layers that
        have learned before must stay.
        """

    def preprocess(self, items: Sequence[In], options: Any) -> list[Features]:
        """Turn inputs into features on the CPU, one dict a row.

        Rows with a true ``truncated``, and ``unknown`` (a tokenizer knows less than half of them), are counted in the
        report.
        """
        raise NotImplementedError(f"{type(self).__name__} has no preprocess")

    def check_row(self, features: Features) -> None:
        """Raise `BadInput` for a row that the network cannot take: it is left out. Optional."""

    def collate(self, features: list[Features]) -> Any:
        """Join features into one batch."""
        return stack_or_pad(features)

    @abstractmethod
    def logits(self, batch: Any) -> Any:
        """Run the network on one batch that lies on the device; no softmax."""

    def targets(self, labels: Sequence[Any], features: Sequence[Features]) -> list[Any]:
        """Turn labels into what `losses` compares with, one a row. Raises `BadInput` for its row.

        Args:
            labels: as they stand in the data.
            features: of the same rows, for labels that are places in a text.
        """
        place = {name: at for at, name in enumerate(self.labels)}
        return [_place(label, place) for label in labels]

    def is_cut_off(self, label: object, features: Features) -> bool:
        """Whether the label of a row that is ``truncated``, or a part of it, lies in what was cut off."""
        del label, features
        return False

    def losses(self, output: Any, targets: Sequence[Any]) -> Losses:
        """The loss of each row: by default cross-entropy of logits (B, labels) in nats, with `smoothing`."""
        from duomo.training.objectives import cross_entropy

        return cross_entropy(output, targets, self.smoothing)

    def predictions(self, output: Any, targets: Sequence[Any]) -> list[Any]:
        """What the network says of each row, in the shape of a label: by default the likeliest name."""
        return [self.labels[at] for at in output.argmax(-1).tolist()]

    def wanted(self, targets: Sequence[Any], labels: Sequence[Any]) -> list[Any]:
        """What `predictions` would say, were all right: by default the labels as names."""
        return [name_of(label) for label in labels] if self.kind == "classes" else list(labels)

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the folder that ``dir:FOLDER`` loads, in transformers or duomo layout, weights as safetensors."""

    def cost(self, features: Features) -> int:
        """The cost of a row, in the units of `batch_budget`."""
        del features
        return 1

    def parts(self) -> Parts | None:
        """Where head and layers are, so that the rest can be frozen; None where the whole is trained."""
        return None

    def augment(self, item: In, draw: torch.Generator) -> In:
        """Vary an input. It draws from `draw` alone, which is seeded by row and epoch."""
        del draw
        return item

    def vary(self, features: Features, draw: torch.Generator) -> Features:
        """Vary the features of a row, as `augment` varies its input; called for rows that are trained on."""
        del draw
        return features

    def regroup(self, features: Sequence[Features]) -> list[tuple[int, Features]]:
        """Join the features of rows into other rows, such as texts into blocks of one length.

        Optional; each comes with the place of the row that it begins in.
        """
        return list(enumerate(features))

    def features(self, batch: Any, upper: int) -> Sequence[Tensor] | Tensor:
        """What the layers below the `upper` highest ones give, one tensor a row: computed once when those are frozen.

        Optional; `logits_from` goes on from there.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what lies below its head")

    def logits_from(self, features: Sequence[Tensor] | Tensor, upper: int) -> Any:
        """As `logits`, from what `features` gave for these rows."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its head goes on")

    @property
    def augments(self) -> bool:
        """Whether `augment` does anything: where it is written, and of `varieties` one is asked for."""
        return type(self).augment is not Trainable.augment and bool(self.augmentations or not self.varieties)

    @property
    def varies(self) -> bool:
        """Whether `vary` does anything: where it is written, and of `varieties` one is asked for."""
        return type(self).vary is not Trainable.vary and bool(self.augmentations or not self.varieties)

    @property
    def smooths(self) -> bool:
        """Whether its losses take `smoothing`: those of names that are not overridden."""
        return self.kind == "classes" and type(self).losses is Trainable.losses

    @property
    def fits_statistics(self) -> bool:
        """Whether `fit_statistics` is to be called."""
        return type(self).fit_statistics is not Trainable.fit_statistics

    @property
    def regroups(self) -> bool:
        """Whether `regroup` does anything."""
        return type(self).regroup is not Trainable.regroup

    def has_trunk(self, upper: int) -> bool:
        """Whether `features` can be computed once, below the `upper` highest layers."""
        del upper
        return type(self).features is not Trainable.features


def _place(label: object, place: dict[str, int]) -> int:
    name = name_of(label)
    if name not in place:
        raise BadInput(
            f"label {name!r:.60} is unknown",
            why=f"the labels are {', '.join(list(place)[:8])}{', …' if len(place) > 8 else ''}",
            fix=did_you_mean(name, place) or "correct the row, or train with it in the training part",
        )
    return place[name]
