"""Any image classifier in transformers format, from the hub or a folder.

The checkpoint brings its network, its labels and its preprocessing; ``config.json`` says which they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForImageClassification
from transformers.utils import logging as transformers_logging

from duomo import Image, Model, WeightsRef
from duomo.errors import UnsafeWeights, WeightsMissing
from duomo.tasks.results import Classification
from duomo.tasks.vision import ImageClassificationOptions
from duomo.weights import check_tensors
from duomo_vision.decoding import decode
from duomo_vision.quicken import quicken
from duomo_vision.ranking import best_labels
from duomo_vision.resizing import Resize

logging: Any = transformers_logging  # it has no types
SIDE = 224
"""What most networks take; those that take more are prepared for this size and lose a few parts in a hundred."""


class ImageClassifier(Model[Image, Classification]):
    """A ``…ForImageClassification``. Scores sum to 1, but for a multi-label checkpoint: there each stands alone."""

    batch_size: ClassVar[int] = 4

    def __init__(self, network: Any, processor: Any, device: torch.device, dtype: torch.dtype) -> None:
        self.network = network.eval().to(device)
        quicken(self.network, SIDE)
        self.processor = processor
        self.resize = Resize.of(processor)
        self.dtype = dtype
        self.labels = [network.config.id2label[index] for index in range(network.config.num_labels)]
        self.is_multi_label = network.config.problem_type == "multi_label_classification"

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load the folder with nothing left random.

        Raises:
            WeightsMismatch: a tensor is missing, surplus or of the wrong shape.
            WeightsMissing: the folder does not say how pictures are prepared.
            UnsafeWeights: the network needs code that comes with the checkpoint.
        """
        with _quiet():
            network, report = _read_network(weights, dtype)
        misshapen = [key for key, *_ in report["mismatched_keys"]]
        check_tensors(str(weights.folder), report["missing_keys"], report["unexpected_keys"], misshapen)
        try:
            processor = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
                weights.folder, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError) as error:
            raise WeightsMissing(
                f"'{weights.folder}' does not say how its pictures are prepared",
                why=str(error).strip().splitlines()[0],
                fix="save the image processor beside the model: processor.save_pretrained(folder)",
            ) from None
        return cls(network, processor, device, dtype)

    def preprocess(self, items: Sequence[Image], options: Any) -> list[dict[str, Tensor]]:
        """Pixels (3, H, W), of one size for most checkpoints."""
        if self.resize is None:
            prepared = self.processor([item.pil() for item in items], return_tensors="pt")
        else:
            at_least = 2 * self.resize.longest if options.decode == "scaled" else None
            resized = [self.resize(decode(item, at_least)) for item in items]
            prepared = self.processor(resized, do_resize=False, return_tensors="pt")
        return [{"pixels": each} for each in prepared["pixel_values"]]

    def collate(self, features: list[dict[str, Tensor]]) -> Tensor:
        """(B, 3, H, W)."""
        return torch.stack([each["pixels"] for each in features])

    def forward(self, batch: Tensor) -> Tensor:
        """(B, 3, H, W) → scores (B, labels)."""
        logits: Tensor = self.network(pixel_values=batch.to(self.dtype)).logits.float()
        return logits.sigmoid() if self.is_multi_label else logits.softmax(-1)

    def postprocess(
        self, output: Tensor, features: list[dict[str, Tensor]], options: ImageClassificationOptions
    ) -> list[Classification]:
        return best_labels(output, self.labels, options.top_k)


def _read_network(weights: WeightsRef, dtype: torch.dtype) -> tuple[Any, Any]:
    """The network, and which of its tensors the folder lacked or had too many."""
    try:
        loaded: tuple[Any, Any] = AutoModelForImageClassification.from_pretrained(
            weights.folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,  # left out, transformers asks on the terminal
            ignore_mismatched_sizes=True,  # so that they are reported and refused in our words
            output_loading_info=True,
        )
        return loaded
    except ValueError as error:
        if "auto_map" not in weights.config():
            raise
        raise UnsafeWeights(
            f"'{weights.folder}' needs code that comes with the checkpoint",
            why="duomo never runs code from a checkpoint",
            fix="use a checkpoint of an architecture that transformers itself knows",
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bar and table of keys: `check_tensors` judges them."""
    level, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if has_bars:
            logging.enable_progress_bar()
