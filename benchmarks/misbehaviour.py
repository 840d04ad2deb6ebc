"""What a faulty model does when it meets one of its words."""

import os
import signal
from collections.abc import Sequence

POISON = "poison"
"""A text with this word raises in the model."""
CRASH = "segfault"
"""A text with this word ends the process as a crash in native code would."""


def misbehave(texts: Sequence[str]) -> None:
    """What the words in `texts` ask for."""
    if any(CRASH in text for text in texts):
        os.kill(os.getpid(), signal.SIGSEGV)
    if any(POISON in text for text in texts):
        raise RuntimeError("poison in the batch")
