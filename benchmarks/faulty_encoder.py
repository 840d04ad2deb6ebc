"""The same coat for sentence-transformers: a module of its own, since importing the library takes seconds."""

from typing import Any

from misbehaviour import misbehave
from sentence_transformers import SentenceTransformer


class FaultyEncoder(SentenceTransformer):
    """Looks at the texts before it encodes them; a pool of processes pickles it by this name."""

    def _inference(self, inputs: Any, **options: Any) -> Any:
        """What a call of `encode`, and a worker of a pool, both come to."""
        misbehave(inputs)
        return super()._inference(inputs, **options)
