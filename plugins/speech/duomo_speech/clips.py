"""What models of audio clips share: the clips of a batch stay apart, and it costs the sum of their lengths."""

from __future__ import annotations

from duomo import Audio, Model
from duomo.model import In, R


class Clips(Model[In, R]):
    """Nothing is padded: each clip is many frames wide already."""

    batch_size = 8
    batch_budget = 2**26  # half an hour of 16-bit sound
    packed = True

    @staticmethod
    def estimate(item: Audio) -> int:
        return item.size_hint
