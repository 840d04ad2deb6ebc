"""An ONNX graph of an installed package, checked and ready to run on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import onnxruntime
import torch

from duomo import Audio, WeightsRef
from duomo.model import R
from duomo.weights import verify
from duomo_speech.clips import Clips

if TYPE_CHECKING:
    import numpy as np


class GraphOfSound(Clips[Audio, R]):
    """A model that is one such graph."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self.session = session

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        del device, dtype  # those of the graph
        return cls(open_graph(weights))


def open_graph(weights: WeightsRef) -> onnxruntime.InferenceSession:
    """Open the graph after comparing its digest, with as many threads as torch has. Raises `WeightsMismatch`."""
    assert weights.path is not None
    verify(weights.spec)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(weights.path), options, providers=["CPUExecutionProvider"])


def run(session: onnxruntime.InferenceSession, names: list[str], **inputs: np.ndarray) -> list[np.ndarray]:
    """The outputs of these names."""
    found: list[np.ndarray] = session.run(names, inputs)
    return found
