"""The cells of a table that answer a question, by any TAPAS checkpoint.

Source: Herzig et al. 2020, https://arxiv.org/abs/2004.02349. Question and cells are one row of tokens that know their
column, row and rank; cells are marked, and an operator says what becomes of them. Its tokenizer reads pandas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import pandas
import torch
from torch import Tensor
from transformers import AutoModelForTableQuestionAnswering, TapasTokenizer

from duomo import Model, WeightsRef
from duomo.errors import InputTooLong
from duomo.inputs import TableQuestion
from duomo.model import Features
from duomo.pretrained import load_network, load_processor
from duomo.tasks.nlp.tables import TableAnswer, TableQuestionAnsweringOptions

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

Inputs = dict[str, Tensor]


class Marked(NamedTuple):
    """What the network says of one item."""

    cells: Tensor
    """Logits of each token, (L,)."""
    operators: Tensor | None
    """Logits of the operators, where the checkpoint knows some."""


class Tapas(Model[TableQuestion, TableAnswer]):
    """Items of one length share a pass: nothing is padded."""

    batch_size = 32
    batch_budget = 8192
    packed = True

    def __init__(self, network: Network, tokenizer: Processor) -> None:
        self.network = network
        self.tokenizer = tokenizer
        config = network.config
        self.limit: int = min(tokenizer.model_max_length, config.max_position_embeddings)
        self.max_columns, self.max_rows = config.type_vocab_sizes[1:3]
        names = config.aggregation_labels or {}
        self.operators = [names[at] for at in sorted(names)] if config.num_aggregation_labels > 0 else []

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and tokenizer, whole, or raise `WeightsProblem`."""
        network = load_network(AutoModelForTableQuestionAnswering, weights, dtype=dtype).to(device)
        return cls(network, load_processor(TapasTokenizer, weights, "tokenizer"))

    @staticmethod
    def estimate(item: TableQuestion) -> int:
        return 1 + (len(item.question) + item.table.nbytes) // 4

    def preprocess(self, items: Sequence[TableQuestion], options: TableQuestionAnsweringOptions) -> list[Features]:
        return [self._features(item, options.long) for item in items]

    def collate(self, features: list[Features]) -> list[Inputs]:
        return [each["inputs"] for each in features]

    def forward(self, batch: list[Inputs]) -> list[Marked]:
        groups: dict[int, list[int]] = {}
        for at, inputs in enumerate(batch):
            groups.setdefault(inputs["input_ids"].shape[1], []).append(at)
        found: dict[int, Marked] = {}
        for places in groups.values():
            output = self.network(**{name: torch.cat([batch[at][name] for at in places]) for name in batch[places[0]]})
            operators = output.logits_aggregation if self.operators else [None] * len(places)
            found.update(
                (at, Marked(cells, operator))
                for at, cells, operator in zip(places, output.logits, operators, strict=True)
            )
        return [found[at] for at in range(len(batch))]

    def postprocess(
        self, output: list[Marked], features: list[Features], options: TableQuestionAnsweringOptions
    ) -> list[TableAnswer]:
        return [self._answer(marked, each) for marked, each in zip(output, features, strict=True)]

    def _features(self, item: TableQuestion, long: str) -> Features:
        table = item.table
        if len(table.columns) >= self.max_columns:
            raise InputTooLong(
                f"this table has {len(table.columns)} columns",
                why=f"the model knows {self.max_columns - 1}",
                fix="leave out those that the question does not need",
            )
        num_rows = self._rows_that_fit(item)
        if num_rows < len(table.rows) and (long == "error" or num_rows == 0):
            raise InputTooLong(
                f"this table has {len(table.rows):,} rows, of which {num_rows:,} fit",
                why=f"the model reads {self.limit:,} tokens and {self.max_rows - 1:,} rows, the question with them",
                fix="long=truncate drops the last rows; or leave out what the question does not need"
                if num_rows
                else "a shorter question, or fewer columns",
            )
        return {
            "inputs": self._encode(item, num_rows),
            "table": table,
            "truncated": num_rows < len(table.rows),
        }

    def _encode(self, item: TableQuestion, num_rows: int) -> Inputs:
        frame = pandas.DataFrame(item.table.rows[:num_rows], columns=list(item.table.columns), dtype=str)
        tokens = self.tokenizer(
            frame, str(item.question), return_tensors="pt", padding=False, truncation=False, verbose=False
        )
        return dict(tokens)

    def _rows_that_fit(self, item: TableQuestion) -> int:
        """How many rows from the top fit with the question."""
        most: int = min(len(item.table.rows), self.max_rows - 1)
        if self._length(item, most) <= self.limit:
            return most
        low, high = 0, most  # `low` rows fit and `high` do not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._length(item, middle) <= self.limit else (low, middle)
        return low

    def _length(self, item: TableQuestion, num_rows: int) -> int:
        cells = [*item.table.columns, *(cell for row in item.table.rows[:num_rows] for cell in row)]
        lengths = [len(self.tokenizer.tokenize(cell)) for cell in cells]
        # [CLS] and [SEP] stand around the question, and an empty cell has a token of its own.
        return 2 + len(self.tokenizer.tokenize(str(item.question))) + sum(max(1, each) for each in lengths)

    def _answer(self, marked: Marked, each: Features) -> TableAnswer:
        inputs: Inputs = each["inputs"]
        cells = marked.cells[None].float().cpu()
        if marked.operators is None:
            [places] = self.tokenizer.convert_logits_to_predictions(inputs, cells)
            name = None
        else:
            operators = marked.operators[None].float().cpu()
            places, chosen = self.tokenizer.convert_logits_to_predictions(inputs, cells, operators)
            name = self.operators[chosen[0]]
        coordinates = [(int(row), int(column)) for row, column in places[0]]
        found = [each["table"].rows[row][column] for row, column in coordinates]
        plain = self.network.config.no_aggregation_label_index
        prefix = f"{name} > " if name is not None and name != self.operators[plain or 0] else ""
        return TableAnswer.model_construct(
            answer=prefix + ", ".join(found), cells=found, coordinates=coordinates, aggregator=name
        )
