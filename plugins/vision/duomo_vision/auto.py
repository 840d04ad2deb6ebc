"""Any image classifier in transformers format, from the hub or a folder.

The checkpoint brings its network, its labels and its preprocessing; ``config.json`` says which they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForImageClassification

from duomo import Image, Model, WeightsRef
from duomo.errors import WrongTask
from duomo.parallel import PipelinePlan, TensorPlan
from duomo.pretrained import load_network, load_processor
from duomo.tasks.results import Classification
from duomo.tasks.vision import ImageClassificationOptions
from duomo_vision import parallel
from duomo_vision.decoding import decode
from duomo_vision.fusing import fuse_for_inference
from duomo_vision.ranking import best_labels
from duomo_vision.resizing import Resize

SIDE = 224
"""What most networks take; those that take more are prepared for this size and lose a few parts in a hundred."""


class ImageClassifier(Model[Image, Classification]):
    """A ``…ForImageClassification``. Scores sum to 1, unless the checkpoint is multi-label or has one label."""

    batch_size: ClassVar[int] = 4

    def __init__(self, network: Any, processor: Any, device: torch.device, dtype: torch.dtype) -> None:
        self.network = network.eval().to(device)
        fuse_for_inference(self.network, SIDE)
        self.processor = processor
        self.resize = Resize.of(processor)
        self.dtype = dtype
        self.labels = [network.config.id2label[index] for index in range(network.config.num_labels)]
        self.is_multi_label = network.config.problem_type == "multi_label_classification" or len(self.labels) == 1

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load the folder with nothing left random.

        Raises:
            WeightsMismatch: a tensor is missing, surplus or of the wrong shape.
            WeightsMissing: the folder does not say how pictures are prepared.
            UnsafeWeights: the network needs code that comes with the checkpoint.
            WrongTask: it was trained for regression.
        """
        network = load_network(AutoModelForImageClassification, weights, dtype=dtype, may_be_surplus=False)
        if network.config.problem_type == "regression":
            raise WrongTask(
                f"'{weights.folder}' does not do image-classification",
                why="it was trained for regression: it gives a number, not labels",
                fix="use a checkpoint that was trained on labels",
            )
        processor = load_processor(AutoImageProcessor, weights, "image processor")
        return cls(network, processor, device, dtype)

    @classmethod
    def tensor_plan(cls, config: Any) -> TensorPlan | None:
        return parallel.tensor_plan(config)

    @classmethod
    def pipeline_split(cls, config: Any) -> PipelinePlan | None:
        return parallel.pipeline_split(config)

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
