"""A model for workers, which cannot import a test: it takes memory on the GPU for each text."""

import torch

from duomo.testing import EchoModel

EACH = 2**28
"""Bytes for a text; the process may have four times as much, and needs a little itself."""


class Hungry(EchoModel):
    """Runs out of memory with four texts or more."""

    batch_size = 16

    def __init__(self, device):
        self.device = torch.device(device)

    @classmethod
    def load(cls, weights, *, device, dtype):
        torch.cuda.set_per_process_memory_fraction(4 * EACH / torch.cuda.mem_get_info(device)[1], device)
        return cls(device)

    def forward(self, batch):
        torch.zeros(len(batch), EACH + 1, dtype=torch.uint8, device=self.device).sum().item()
        return super().forward(batch)
