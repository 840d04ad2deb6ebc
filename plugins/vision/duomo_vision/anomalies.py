"""What is unusual in an image: patches of EfficientNet-lite0 that are far from all patches of good images.

After PatchCore, Roth et al. 2022, https://arxiv.org/abs/2106.08265: features of two middle stages, averaged over their
neighbours; the distance of each patch to the nearest of a bank; the farthest patch counts. Distances are given as
multiples of the largest that a good image has to the others, so that 1 means something for any kind of image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from duomo import Image
from duomo.errors import BadInput, BadOption
from duomo.imaging import decode
from duomo.tasks.vision.anomaly import ImageAnomaly, ImageAnomalyDetectionOptions
from duomo_vision.efficientnet import SIZE, EfficientNetLite

FINE, COARSE = 3, 5
"""Stages whose features are taken: 40 channels on 28 x 28 places, 112 channels on 14 x 14."""
BANK = 8192
"""Patches of good images that are kept, drawn evenly; more are slower and hardly better."""
KEPT = 4
"""Banks that are kept for calls to come."""


class Bank(NamedTuple):
    """Patches of good images."""

    good: tuple[Image, ...]
    patches: Tensor
    """(patches, channels)."""
    limit: float
    """The largest distance that a good image has to the others."""


class AnomalyDetector(EfficientNetLite[ImageAnomaly]):
    """No training: good images are looked at once for each set of them."""

    banks: tuple[Bank, ...] = ()

    def check_options(self, options: ImageAnomalyDetectionOptions) -> None:
        """Refuse good images that cannot be read."""
        self.bank(options.good)

    def preprocess(self, items: Sequence[Image], options: ImageAnomalyDetectionOptions) -> list[dict[str, object]]:  # type: ignore[override]
        features: list[dict[str, object]] = []
        for item in items:
            picture = decode(item)
            features.append({"pixels": whole(picture), "size": tuple(picture.shape[1:]), "options": options})
        return features

    def collate(self, features: list[dict[str, object]]) -> tuple[Tensor, ImageAnomalyDetectionOptions]:  # type: ignore[override]
        options = features[0]["options"]
        assert isinstance(options, ImageAnomalyDetectionOptions)
        return torch.stack([each["pixels"] for each in features if isinstance(each["pixels"], Tensor)]), options

    def forward(self, batch: tuple[Tensor, ImageAnomalyDetectionOptions]) -> Tensor:  # type: ignore[override]
        """How unusual each place of each image is, (B, 28, 28), as multiples of what good images have."""
        pixels, options = batch
        bank = self.bank(options.good)
        patches = self.patches(pixels)
        side = int(patches.shape[1] ** 0.5)
        far = torch.stack([torch.cdist(each, bank.patches).amin(1) for each in patches])
        return (far / bank.limit).reshape(len(patches), side, side).cpu()

    def postprocess(
        self, output: Tensor, features: list[dict[str, object]], options: ImageAnomalyDetectionOptions
    ) -> list[ImageAnomaly]:
        results = []
        for places, each in zip(output, features, strict=True):
            size = each["size"]
            large = F.interpolate(places[None, None], size, mode="bilinear", align_corners=False)[0, 0]  # type: ignore[arg-type]
            pixels = (large * 128).round().clamp(0, 255).to(torch.uint8).numpy()
            score = float(places.max())
            results.append(ImageAnomaly.of(pixels, score=score, is_anomalous=score > options.threshold))
        return results

    def patches(self, pixels: Tensor) -> Tensor:
        """Bytes (B, 224, 224, 3) → (B, 784, 152)."""
        found = self.network.middle(self.normalize(pixels), (FINE, COARSE))
        fine, coarse = (F.avg_pool2d(each.float(), 3, 1, 1) for each in found)
        coarse = F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=False)
        return torch.cat((fine, coarse), 1).flatten(2).transpose(1, 2)

    def bank(self, good: tuple[Image, ...]) -> Bank:
        """The bank of these images, made once; raises `BadOption` that names one that cannot be read."""
        for known in self.banks:
            if known.good is good:
                return known
        pixels = []
        for number, image in enumerate(good):
            try:
                pixels.append(whole(decode(image)))
            except BadInput as error:
                raise BadOption(
                    f"good image {number}{f', {image.name!r},' if image.name else ''} cannot be used",
                    why=f"{error.what}: {error.why}",
                    fix="leave it out of option 'good', or replace it",
                ) from None
        found = [self.patches(each[None])[0] for each in pixels]
        share = max(1, BANK // len(found))
        generator = torch.Generator().manual_seed(0)
        kept = [each[torch.randperm(len(each), generator=generator)[:share].to(each.device)] for each in found]
        limit = 0.0
        for at, each in enumerate(found):
            others = torch.cat([*kept[:at], *kept[at + 1 :]])
            limit = max(limit, float(torch.cdist(each, others).amin(1).max()))
        made = Bank(good, torch.cat(kept), max(limit, 1e-6))
        self.banks = (made, *self.banks[: KEPT - 1])
        return made


def whole(picture: Tensor) -> Tensor:
    """An image (3, H, W) of any shape, all of it, as uint8 of shape (224, 224, 3): places stay where they are."""
    return F.interpolate(picture[None], (SIZE, SIZE), mode="bicubic", antialias=True)[0].permute(1, 2, 0)
