"""A label or a number for a row of a table: numbers and embedded names through a small network.

Trained from random numbers (Gorishniy et al. 2021, https://arxiv.org/abs/2106.11959, who find such a network close to
better ones, and boosted trees ahead on many tables). The folder holds how cells become numbers.

    duomo.json         model, labels, hidden sizes, columns, mean and spread of what is learned
    model.safetensors  the network's tensors
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import pydantic
import torch
from torch import Tensor, nn

from duomo import Model, WeightsRef, folders
from duomo.errors import WeightsMismatch
from duomo.inputs import TableRow
from duomo.model import Features, R
from duomo.tasks.results import Classification, Number
from duomo.tasks.tabular.prediction import TabularClassificationOptions, TabularRegressionOptions
from duomo.training import Losses, SmallTrainable, mean_and_spread, squared_error
from duomo_tabular.columns import Columns, far_cells, likely_keys, marked_cells, nearly_numbers

WIDEST = 16
"""Numbers that stand for a name at most."""
DROPOUT = 0.1
SIZES: Mapping[str, Mapping[str, object]] = {"mlp": {"tiny": (64, 64), "small": (256, 256, 256)}}


class Batch(NamedTuple):
    """Rows."""

    numbers: Tensor
    """(B, 2 × columns of numbers)."""
    names: Tensor
    """(B, columns of names)."""


class Description(pydantic.BaseModel):
    """What ``duomo.json`` holds."""

    model: Literal["tabular/mlp"] = "tabular/mlp"
    labels: list[str]
    """Empty where a number is learned."""
    hidden: tuple[pydantic.PositiveInt, ...] = pydantic.Field(max_length=64)
    numbers: dict[str, tuple[float, float]]
    """As in `Columns`."""
    names: dict[str, list[str]]
    ignored: list[str] = []
    target: tuple[float, float]
    """Mean and spread of the numbers that were learned."""


class Network(nn.Module):
    """Rows → (B, outputs)."""

    def __init__(self, columns: Columns, hidden: Sequence[int], outputs: int) -> None:
        super().__init__()
        widths = [min(WIDEST, 1 + len(known) // 2) for known in columns.names.values()]
        self.names = nn.ModuleList(
            [_embedding(len(known), width) for known, width in zip(columns.names.values(), widths, strict=True)]
        )
        width = 2 * len(columns.numbers) + sum(widths)
        self.body = nn.Sequential()
        for size in hidden:
            self.body.extend((nn.Linear(width, size), nn.ReLU(), nn.Dropout(DROPOUT)))
            width = size
        self.head = nn.Linear(width, outputs)

    def forward(self, batch: Batch) -> Tensor:
        parts = [batch.numbers, *(embed(batch.names[:, at]) for at, embed in enumerate(self.names))]
        logits: Tensor = self.head(self.body(torch.cat(parts, 1)))
        return logits


def _embedding(count: int, width: int) -> nn.Embedding:
    """Vectors for names, and one for others and missing cells: the mean of all, until rows teach what it means."""
    found = nn.Embedding(count + 1, width)
    nn.init.zeros_(found.weight[0])
    return found


class TableModel(Model[TableRow, R]):
    """What both tasks share."""

    batch_size = 1024
    network: Any
    labels: Sequence[str]

    def __init__(self, columns: Columns, hidden: Sequence[int], labels: Sequence[str], target: Sequence[float]) -> None:
        self.columns, self.hidden, self.labels = columns, tuple(hidden), list(labels)
        self.mean, self.spread = target
        self.network = Network(columns, hidden, len(labels) or 1)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the folder. Raises `WeightsMismatch` for one that is of another task or not whole."""
        about = folders.describe(Description, weights)
        if bool(about.labels) != cls.has_labels:
            raise WeightsMismatch(
                f"'{weights.folder}' was trained for another task",
                why="it gives labels" if about.labels else "it gives a number",
                fix="tabular-classification gives labels, tabular-regression a number",
            )
        model = cls(Columns(about.numbers, about.names, about.ignored), about.hidden, about.labels, about.target)
        folders.fill(model.network, weights)
        model.network.to(device, dtype).eval()
        return model

    has_labels: ClassVar[bool]

    def preprocess(self, items: Sequence[TableRow], options: object) -> list[Features]:
        return [dict(zip(("numbers", "names"), self.columns.read(item), strict=True)) for item in items]

    def collate(self, features: list[Features]) -> Batch:
        numbers, names = (torch.stack([each[part] for each in features]) for part in ("numbers", "names"))
        return Batch(numbers, names)

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Scores, or numbers."""

    def logits(self, batch: Batch) -> Tensor:
        """What the network gives, (B, outputs)."""
        found: Tensor = self.network(batch._replace(numbers=batch.numbers.to(self.network.head.weight.dtype)))
        return found


class TabularClassifier(TableModel[Classification]):
    """Softmax over the labels."""

    has_labels = True

    def forward(self, batch: Batch) -> Tensor:
        return self.logits(batch).float().softmax(-1)

    def postprocess(
        self, output: Tensor, features: list[Features], options: TabularClassificationOptions
    ) -> list[Classification]:
        return [Classification.ranked(self.labels, scores, options.top_k) for scores in output.tolist()]


class TabularRegressor(TableModel[Number]):
    """A number in the unit of the training part."""

    has_labels = False

    def forward(self, batch: Batch) -> Tensor:
        return self.logits(batch)[:, 0].double() * self.spread + self.mean

    def postprocess(self, output: Tensor, features: list[Features], options: TabularRegressionOptions) -> list[Number]:
        return [Number.model_construct(value=value) for value in output.tolist()]


class TableTrainer(SmallTrainable[TableRow]):
    """What both tasks share in training; the network is made when the columns are known."""

    scratch = SIZES
    columns: Columns
    hidden: tuple[int, ...]
    mean: float
    spread: float

    @classmethod
    def build(
        cls, architecture: str, size: object, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype
    ) -> Self:
        del architecture
        model: Any = cls(Columns({"": (0.0, 1.0)}, {}), size, labels, (0.0, 1.0))  # type: ignore[call-arg]
        model.network.to(device, dtype)
        model.has_new_head = model.is_blank = True
        return model  # type: ignore[no-any-return]

    def fit_statistics(self, items: Sequence[TableRow], labels: Sequence[Any]) -> None:
        """Learn the columns, and mean and spread of numbers that are to be learned."""
        if not self.is_blank:
            return  # a trained table with new labels keeps its columns
        self.columns, self.is_blank = Columns.fit(items), False
        ignored = self.columns.ignored
        self.notes = [f"columns that are not used: {', '.join(ignored)}"] if ignored else []
        self.notes += [
            f"column '{name}' looks like a key, a whole number of its own in each row, and is learned from: "
            "if it is one, name it 'id', or take it out of the table"
            for name in likely_keys(items, self.columns.numbers)
        ]
        self.notes += marked_cells(items, self.columns.numbers) + nearly_numbers(items, self.columns)
        self.notes += far_cells(items, self.columns.numbers)
        before = next(self.network.parameters())
        self.network = Network(self.columns, self.hidden, len(self.labels) or 1).to(before.device, before.dtype)
        if self.kind == "number":
            self.mean, self.spread = mean_and_spread(labels)

    def save(self, folder: Path) -> None:
        target = (self.mean, self.spread)
        about = Description(labels=list(self.labels), hidden=self.hidden, target=target, **self.columns._asdict())
        folders.write(self.network, about, folder)


class ClassificationTrainer(TabularClassifier, TableTrainer):
    """Cross-entropy over the labels."""


class RegressionTrainer(TabularRegressor, TableTrainer):
    """Squared error, of numbers with mean 0 and spread 1."""

    kind = "number"

    def targets(self, labels: Sequence[float], features: Sequence[Features]) -> list[float]:
        return [(label - self.mean) / self.spread for label in labels]

    def losses(self, output: Tensor, targets: Sequence[float]) -> Losses:
        return squared_error(output, targets)

    def predictions(self, output: Tensor, targets: Sequence[float]) -> list[float]:
        return [number * self.spread + self.mean for number in output.double()[:, 0].tolist()]
