"""Models for workers, which cannot import a test."""

import os
import time
from pathlib import Path

from duomo.tasks.results import Classification
from duomo.testing.fakes import EchoModel


class Broken(EchoModel):
    """Its weights are no good."""

    @classmethod
    def load(cls, weights, *, device, dtype):
        raise OSError("these weights are bad")


class Dying(EchoModel):
    """Its loading ends the process, in workers only."""

    @classmethod
    def load(cls, weights, *, device, dtype):
        os._exit(3)


class Stalling(EchoModel):
    """Its loading never comes back, in workers only; a file in a folder tells that it has begun."""

    @classmethod
    def load(cls, weights, *, device, dtype):
        Path(os.environ["DUOMO_TEST_FOLDER"], str(os.getpid())).touch()
        time.sleep(3600)  # until it is ended


class Quitting(EchoModel):
    """Leaves the process while it prepares the text ``quits``, as a command's ``main`` does."""

    def preprocess(self, items, options):
        if "quits" in items:
            raise SystemExit(4)
        return super().preprocess(items, options)


class Telling(EchoModel):
    """Gives back what the environment says of a name."""

    def forward(self, batch):
        return [os.environ.get(name, "nothing") for name in batch]


class Secretive(EchoModel):
    """Its result cannot leave the process, or not be built anew outside of it."""

    def postprocess(self, output, features, options):
        kinds = {"sealed": Sealed, "shy": Shy}
        return [kinds.get(text, Classification).ranked([text, "other"], [1.0, 0.0]) for text in output]


class Sealed(Classification):
    def __reduce__(self):
        raise TypeError("it is sealed")


class Shy(Sealed):
    def __reduce__(self):
        return _build, (os.getpid(),)


def _build(pid):
    if pid != os.getpid():
        raise ImportError("it is at home elsewhere")
