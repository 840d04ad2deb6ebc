"""What a model author writes.

Five methods, called in this order for each batch, on one device:

    load         read the weights                      once
    preprocess   list of inputs → list of features     CPU, vectorised
    collate      list of features → one batch          pads or stacks; a default is given
    forward      batch → output                        tensors in, tensors out
    postprocess  output → list of results              as many as inputs, in the same order

Optional: `check_options` for options that only the model can judge, `estimate`, `split` and `merge` for long inputs,
`stream` for generation, `tensor_plan` and `pipeline_split` for networks that are to be cut over several devices,
`portable` for models that can be exported.
Evaluation mode,
``inference_mode``, batching, devices, order and faults are the worker's business, not the model's.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from duomo.brief import Named
from duomo.errors import UsageProblem

if TYPE_CHECKING:
    import torch

    from duomo.parallel import PipelinePlan, TensorPlan
    from duomo.tasks.base import Result
    from duomo.weights import WeightsRef

In = TypeVar("In")
R = TypeVar("R", bound="Result")

Features = dict[str, Any]
"""What `preprocess` makes of one input. Keys ``truncated`` (bool), ``windows`` and ``num_tokens`` (int) are reported
in ``Meta``."""


class PortableNetwork(NamedTuple):
    """A network that is written as a graph."""

    module: torch.nn.Module
    """Takes the tensors of `example` in this order, and gives one tensor or a tuple."""
    example: Mapping[str, torch.Tensor]
    """Inputs by name, two or more in a batch: a size of 1 would be fixed in the graph."""
    outputs: tuple[str, ...]
    varying: Mapping[str, tuple[int, ...]]
    """The dimensions of each input whose size may vary; of those left out, none."""


class Portable(NamedTuple):
    """A model in parts that run without torch: networks as graphs, and as data what stands before and after them."""

    reader: str
    """The model of the catalog that reads it, such as ``edge/image-classifier``."""
    networks: Mapping[str, PortableNetwork]
    """Networks by name; the file of each is named after it."""
    settings: Mapping[str, object]
    """What the reader must know: preparation, labels, limits; as JSON."""
    files: Mapping[str, str] = {}
    """Further files by name, as text: a tokenizer."""


class Model(Named, ABC, Generic[In, R]):
    """One model, loaded on one device. Keep networks as plain attributes; the worker calls ``.eval()`` on them."""

    batch_size: ClassVar[int] = 1
    """How many items share a forward pass at most, unless the caller says otherwise."""
    batch_budget: ClassVar[int] = 0
    """The cost of one batch in the units of `estimate`: items times the costliest one; 0 for no bound."""
    packed: ClassVar[bool] = False
    """Nothing is padded: a batch costs the sum of its items."""

    @classmethod
    @abstractmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Build the model from `weights` on `device`.

        Raises `duomo.errors.WeightsMismatch` rather than leave one tensor random.
        """

    def check_options(self, options: Any) -> None:
        """Refuse options that this model cannot take, such as a language it does not know, before any input is read.

        Called once a run, not once an item, and by a thread beside the forward pass: it must not change the model.

        Raises:
            BadOption: with the option's name, why, and what can be given.
        """

    @abstractmethod
    def preprocess(self, items: Sequence[In], options: Any) -> list[Features]:
        """Turn inputs into features on the CPU; an exception is narrowed to its item by the worker.

        Runs in a thread beside the forward pass of the batch before: it must not change the model.
        """

    def collate(self, features: list[Features]) -> Any:
        """Join features into one batch: tensors of one shape are stacked, ragged ones padded with zeros."""
        return stack_or_pad(features)

    @abstractmethod
    def forward(self, batch: Any) -> Any:
        """Run the network on one batch; its tensors already lie on the right device."""

    @abstractmethod
    def postprocess(self, output: Any, features: list[Features], options: Any) -> list[R]:
        """Turn the output into one result an item, in order, with no reference to device memory."""

    @staticmethod
    def estimate(item: Any) -> int:
        """Relative cost of an item, found cheaply in the driver (characters, pixels, samples)."""
        del item
        return 1

    def split(self, item: In, options: Any) -> list[In]:
        """Cut a long input into windows; ``[item]`` when it fits or the policy is not ``window``."""
        return [item]

    def merge(self, item: In, results: list[R], options: Any) -> R:
        """Join the results of the windows that `split` made."""
        raise TypeError(f"{type(self).__name__}.split() cut an input but merge() is not written")

    def stream(self, item: In, options: Any) -> Iterator[Any]:
        """Yield parts of one result as they come; only for models that generate."""
        raise UsageProblem(
            f"{type(self).__name__} does not stream",
            why="only models that generate do",
            fix="call the runner: runner(item)",
        )

    @classmethod
    def tensor_plan(cls, config: Any) -> TensorPlan | None:
        """How each layer of a network with this `config` is cut (``tp``); None where it cannot be.

        Args:
            config: the network's own, as transformers has it; None for a network without one.
        """
        del config
        return None

    @classmethod
    def pipeline_split(cls, config: Any) -> PipelinePlan | None:
        """Where the layers of a network with this `config` are, to be spread over stages (``pp``); None if nowhere."""
        del config
        return None

    def portable(self) -> Portable | None:
        """Give what ``duomo export`` writes, for models tagged ``export`` in their spec; None where there is no way.

        Raises `duomo.errors.ExportRefused` for a checkpoint that has something no graph can hold.
        """
        return None


def stack_or_pad(features: list[Features]) -> dict[str, Any]:
    """Collate dicts: tensors are stacked (zero-padded at the end where they differ), the rest listed.

    A key whose tensors were padded gains ``<key>_mask``: 1 where real, 0 where padding, shape (B, L)
    for the first padded dimension.
    """
    batch: dict[str, Any] = {key: [each[key] for each in features] for key in features[0]}
    if "torch" not in sys.modules:
        return batch  # without torch there are no tensors, and this is not the place to wake it
    import torch

    for key, values in list(batch.items()):
        if not isinstance(values[0], torch.Tensor):
            continue
        if len({value.shape for value in values}) == 1:
            batch[key] = torch.stack(values)
        else:
            lengths = torch.tensor([len(value) for value in values])
            batch[key] = torch.nn.utils.rnn.pad_sequence(values, batch_first=True)
            batch[f"{key}_mask"] = (torch.arange(int(lengths.max())) < lengths[:, None]).long()
    return batch
