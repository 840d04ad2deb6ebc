"""A network for groups of workers; some texts are bad for one rank only."""

import os
import time

import torch
from torch import nn

import duomo
from duomo.parallel import TensorPlan
from duomo.tasks.results import Classification


class Block(nn.Sequential):
    def __init__(self):
        torch.manual_seed(0)
        super().__init__(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))


class Cut(duomo.Model):
    """Labels a text by its length, after a block that is cut in two."""

    batch_size = 4

    @classmethod
    def load(cls, weights, *, device, dtype):
        model = cls()
        model.network = Block()  # type: ignore[attr-defined]
        return model

    @classmethod
    def tensor_plan(cls, config):
        return TensorPlan({"0": "colwise", "2": "rowwise"}, {"inner units": 16})

    @staticmethod
    def estimate(item):
        return len(item)

    def preprocess(self, items, options):
        return [{"x": torch.full((8,), float(len(item))), "text": str(item)} for item in items]

    def forward(self, batch):
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        for text in batch["text"] if rank == 1 else []:
            if text == "raises":
                raise ValueError("rank 1 does not like it")
            if text == "dies":
                os._exit(7)
            if text == "hangs":
                time.sleep(3600)  # until it is ended
        if rank == 1 and sum(text.startswith("heavy") for text in batch["text"]) > 1:
            raise MemoryError("rank 1 has no room")
        return self.network(batch["x"])  # type: ignore[attr-defined]

    def postprocess(self, output, features, options):
        return [Classification.ranked(list("abcdefgh"), row) for row in output.softmax(-1).tolist()]
