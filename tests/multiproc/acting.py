"""A model for workers, which cannot import a test."""

from duomo.testing.fakes import EchoModel


class Broken(EchoModel):
    """Its weights are no good."""

    @classmethod
    def load(cls, weights, *, device, dtype):
        raise OSError("these weights are bad")
