"""What every model of images shares: the network made quick, loading, plans for several devices, and pixels in a batch.

A family adds what is its own: `configure` (labels …), `forward` and `postprocess`; a checkpoint that is not of
transformers also `load` and `preprocess`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor, nn

from duomo import Image, Model, WeightsRef
from duomo.imaging import Resize, decode
from duomo.model import R
from duomo.pretrained import load_network, load_processor
from duomo.tasks.base import Options
from duomo_vision import parallel
from duomo_vision.fusing import fuse_for_inference

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.image_processing_utils import BaseImageProcessor

SIDE = 224
"""What most networks take; those that take more are prepared for this size and lose a few parts in a hundred."""


class ImageModel(Model[Image, R]):
    """A network on pixels, folded for inference; its features hold ``pixels``, alike in shape."""

    # On a CPU small batches win: the activations of more images fall out of the cache.
    batch_size: ClassVar[int] = 4

    network: Any

    def __init__(self, network: nn.Module, side: int, device: torch.device, dtype: torch.dtype) -> None:
        self.network = network.eval().to(device)
        fuse_for_inference(self.network, side)
        self.dtype = dtype

    def collate(self, features: list[dict[str, Tensor]]) -> Tensor:
        """Stack pixels: (B, …)."""
        return torch.stack([each["pixels"] for each in features])


class CheckpointModel(ImageModel[R]):
    """A transformers checkpoint with its image processor; it brings its network and its preprocessing."""

    auto: ClassVar[Any]
    """The Auto class that builds the network."""
    may_be_surplus: ClassVar[bool] = False
    """Whether tensors without a place in the network are fine."""

    def __init__(
        self,
        network: PreTrainedModel,
        processor: BaseImageProcessor,
        device: torch.device,
        dtype: torch.dtype,
        weights: WeightsRef,
    ) -> None:
        super().__init__(network, SIDE, device, dtype)
        self.processor = processor
        self.resize = Resize.of(processor)
        self.configure(weights)

    def configure(self, weights: WeightsRef) -> None:
        """Take from the network's config what else this family needs; raise where it is not there."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load the folder with nothing left random.

        Raises:
            WeightsMismatch: a tensor is missing, surplus or of the wrong shape, or a label has no name.
            WeightsMissing: the folder does not say how images are prepared.
            UnsafeWeights: the network needs code that comes with the checkpoint.
            WrongTask: it was trained for something else.
        """
        network = load_network(cls.auto, weights, dtype=dtype, may_be_surplus=cls.may_be_surplus)
        processor = load_processor(_image_processor(), weights, "image processor")
        return cls(network, processor, device, dtype, weights)

    tensor_plan = staticmethod(parallel.tensor_plan)
    pipeline_split = staticmethod(parallel.pipeline_split)

    def preprocess(self, items: Sequence[Image], options: Options) -> list[dict[str, Tensor]]:
        """Pixels (3, H, W), of one size for most checkpoints."""
        if self.resize is None:
            prepared = self.processor([item.pil() for item in items], return_tensors="pt")
        else:
            at_least = 2 * self.resize.longest if getattr(options, "decode", "exact") == "scaled" else None
            resized = [self.resize(decode(item, at_least)) for item in items]
            prepared = self.processor(resized, do_resize=False, return_tensors="pt")
        return [{"pixels": each} for each in prepared["pixel_values"]]


def _image_processor() -> type[Any]:
    from transformers import AutoImageProcessor  # not every model of this file needs it

    return AutoImageProcessor
