"""The same coat for sentence-transformers: a module of its own, since importing the library takes seconds."""

from typing import Any

from faulty import misbehave
from sentence_transformers import SentenceTransformer


class FaultyEncoder(SentenceTransformer):
    """Looks at the texts before it encodes them; a pool of processes pickles it by this name."""

    def encode(self, sentences: Any, **options: Any) -> Any:  # type: ignore[override]
        """As the base class, after `misbehave`; a call for a pool only passes the texts on."""
        if options.get("pool") is None:
            misbehave([sentences] if isinstance(sentences, str) else sentences)
        return super().encode(sentences, **options)
