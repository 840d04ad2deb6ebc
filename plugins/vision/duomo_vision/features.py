"""Images as vectors by the encoders of transformers: ViT, DINO, the image half of CLIP, convolutional networks.

The vector is what the network itself pools (``pooler_output``), as in the library's pipeline with ``pool=True``.
"""

from __future__ import annotations

from torch import Tensor
from transformers import AutoModel

from duomo import WeightsRef
from duomo.errors import WrongTask
from duomo.tasks.results import Embedding
from duomo.tasks.vision import ImageFeatureExtractionOptions
from duomo_vision.families import UNPOOLED
from duomo_vision.image_model import CheckpointModel


class ImageEncoder(CheckpointModel[Embedding]):
    """A network that ends in one vector an image."""

    auto = AutoModel

    def configure(self, weights: WeightsRef) -> None:
        config = self.network.config
        is_bare = getattr(self.network, "pooler", True) is None
        has_no_head = not all(getattr(config, name, True) for name in ("use_head", "vision_use_head"))
        if is_bare or has_no_head or type(self.network).__name__ in UNPOOLED:
            raise WrongTask(
                f"'{weights.folder}' does not do image-feature-extraction",
                why=f"{type(self.network).__name__}, as it was saved, does not pool an image into one vector",
                fix="use a checkpoint with a pooler",
            )

    def forward(self, batch: Tensor) -> Tensor:
        """(B, 3, H, W) → vectors (B, dim)."""
        vectors: Tensor = self.network(pixel_values=batch.to(self.dtype)).pooler_output
        return vectors.float().flatten(1)

    def postprocess(
        self, output: Tensor, features: list[dict[str, Tensor]], options: ImageFeatureExtractionOptions
    ) -> list[Embedding]:
        if options.normalize:
            output = output / output.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return [Embedding.model_construct(vector=vector) for vector in output.cpu().numpy()]
