"""Python's garbage collector, which finds nothing while libraries are imported and a network is built."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

MANY = 50_000
"""So many new objects are worth setting aside: to ask whether a program has frozen some takes a look at all of them."""


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage within: torch and transformers make a million objects, which are to stay.

    What was made within counts as old afterwards. A collector that was off stays off.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > MANY and not gc.get_freeze_count():  # what a program has frozen stays so
            gc.freeze()
            gc.unfreeze()  # into the oldest generation, without a look at each
        gc.enable()
