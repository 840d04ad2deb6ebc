"""Objects with boxes by labels given on the spot, each read once: OmDet-Turbo.

Zhao et al. 2024, https://arxiv.org/abs/2403.06892. The labels, and a sentence that lists them, are read apart from the
image; boxes and scores are those of the processor's own post-processing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from duomo import Image
from duomo.model import Features
from duomo.tasks.options import check_label_length
from duomo.tasks.vision import ZeroShotObjectDetectionOptions
from duomo.tasks.vision.detection import Detections
from duomo_vision.dense import Dense, Group, Output
from duomo_vision.detecting import SentenceDetector, detections


class OmDetector(SentenceDetector):
    """One label a box; boxes of one label that overlap by half are one."""

    def preprocess(self, items: Sequence[Image], options: ZeroShotObjectDetectionOptions) -> list[Features]:
        text = self._tokens(options)
        return [{**each, "text": text} for each in Dense.preprocess(self, items, options)]

    def inputs(self, group: Group) -> dict[str, Any]:
        """What the network takes, with the number of labels that each image is looked at for."""
        count = len(group.places)
        labels = torch.full((count,), len(group.inputs["classes_input_ids"]) // count, device=self.network.device)
        return super().inputs(group) | {"classes_structure": labels}

    def results(
        self, output: Output, sizes: list[tuple[int, int]], options: ZeroShotObjectDetectionOptions
    ) -> list[Detections]:
        read = self.whole.post_process_grounded_object_detection(
            output, threshold=options.threshold, target_sizes=sizes
        )
        results = []
        for each, size in zip(read, sizes, strict=True):
            found = zip(each["labels"].tolist(), each["scores"].tolist(), each["boxes"].tolist(), strict=True)
            results.append(detections([(options.labels[at], score, box) for at, score, box in found], size))
        return results

    def _tokens(self, options: ZeroShotObjectDetectionOptions) -> dict[str, torch.Tensor]:
        labels = [options.template.replace("{}", label) for label in options.labels]
        tokens: dict[str, torch.Tensor] = {}
        for name, texts in (("classes", labels), ("tasks", [f"Detect {', '.join(labels)}."])):
            read = self.tokenizer(texts, padding="max_length", max_length=self.max_tokens, return_tensors="pt")
            check_label_length(read["input_ids"].shape[1], self.max_tokens)
            tokens |= {f"{name}_{part}": read[part] for part in ("input_ids", "attention_mask")}
        return tokens
