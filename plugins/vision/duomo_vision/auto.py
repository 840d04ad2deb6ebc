"""Any image classifier in transformers format, from the hub or a folder.

The checkpoint brings its network, its labels and its preprocessing; ``config.json`` says which they are.
"""

from __future__ import annotations

from torch import Tensor
from transformers import AutoModelForImageClassification

from duomo import WeightsRef
from duomo.model import Portable
from duomo.pretrained import is_multi_label, labels_of
from duomo.tasks.multimodal.documents import DocumentClassificationOptions
from duomo.tasks.results import Classification
from duomo.tasks.vision import ImageClassificationOptions
from duomo_vision.image_model import CheckpointModel
from duomo_vision.portable import check_resizing, image_settings, portable
from duomo_vision.ranking import best_labels


class ImageClassifier(CheckpointModel[Classification]):
    """A ``…ForImageClassification``. Scores sum to 1, unless the checkpoint is multi-label or has one label."""

    auto = AutoModelForImageClassification

    def configure(self, weights: WeightsRef) -> None:
        config = self.network.config
        self.labels = labels_of(config)
        self.is_multi_label = is_multi_label(weights, config, "image-classification")

    def forward(self, batch: Tensor) -> Tensor:
        """(B, 3, H, W) → scores (B, labels)."""
        logits: Tensor = self.network(pixel_values=batch.to(self.dtype)).logits.float()
        return logits.sigmoid() if self.is_multi_label else logits.softmax(-1)

    def postprocess(
        self,
        output: Tensor,
        features: list[dict[str, Tensor]],
        options: ImageClassificationOptions | DocumentClassificationOptions,
    ) -> list[Classification]:
        return best_labels(output, self.labels, options.top_k)

    def portable(self) -> Portable:
        name = str(self.network.config.name_or_path)
        check_resizing(self.resize, name)
        return portable(
            "edge/image-classifier",
            self.network,
            lambda network, pixels: network(pixel_values=pixels).logits,
            image_settings(self.processor, name, "ViT, ResNet and ConvNeXT"),
            activation="sigmoid" if self.is_multi_label else "softmax",
            labels=self.labels,
        )


class DocumentClassifier(ImageClassifier):
    """DiT: a BEiT that was trained on pages (Li et al. 2022, https://arxiv.org/abs/2203.02378). It reads nothing."""
