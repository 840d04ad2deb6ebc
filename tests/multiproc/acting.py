"""Models for worker processes, which cannot import a test."""

import os
import signal
import time

from duomo.testing.fakes import EchoModel


class Actor(EchoModel):
    """Some words end its process, some take their time."""

    def forward(self, batch):
        for text in batch:
            if "segfault" in text:
                os.kill(os.getpid(), signal.SIGKILL)
            if "slow" in text:
                time.sleep(0.1)
        return super().forward(batch)

    def stream(self, item, options):
        yield from str(item).split()


class Broken(Actor):
    @classmethod
    def load(cls, weights, *, device, dtype):
        raise OSError("these weights are bad")
