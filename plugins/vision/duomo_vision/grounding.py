"""Objects with boxes by labels given on the spot, all in one sentence: Grounding DINO and MM Grounding DINO.

Liu et al. 2023, https://arxiv.org/abs/2303.05499. The network scores each word for each box. A box has the label with
its surest word; its score and its place are those of the processor's own post-processing.
"""

from __future__ import annotations

import torch

from duomo.errors import BadOption
from duomo.tasks.options import check_label_length
from duomo.tasks.vision import ZeroShotObjectDetectionOptions
from duomo.tasks.vision.detection import Detections
from duomo_vision.dense import Output
from duomo_vision.detecting import SentenceDetector, detections

ENDS = (".", "?")
"""What ends a label in the sentence."""


class GroundedDetector(SentenceDetector):
    """One label a box; an image is read together with the labels."""

    def _tokens(self, options: ZeroShotObjectDetectionOptions) -> dict[str, torch.Tensor]:
        labels = self._labels(options)
        tokens = dict(self.tokenizer(". ".join(labels) + ".", return_tensors="pt", return_offsets_mapping=True))
        check_label_length(tokens["input_ids"].shape[1], int(self.network.config.max_text_len))
        return tokens

    def _labels(self, options: ZeroShotObjectDetectionOptions) -> list[str]:
        """The labels as the processor writes them: without capitals."""
        labels = [options.template.replace("{}", label).strip().lower() for label in options.labels]
        for label in labels:
            if any(end in label for end in ENDS):
                raise BadOption(
                    f"option 'labels' cannot hold {label!r}",
                    why="a full stop and a question mark end a label in the sentence that this model reads",
                    fix="leave them out",
                )
        return labels

    def results(
        self, output: Output, sizes: list[tuple[int, int]], options: ZeroShotObjectDetectionOptions
    ) -> list[Detections]:
        scores = output["logits"].sigmoid()  # boxes by words, as many as the longest sentence has
        read = self.whole.post_process_grounded_object_detection(
            output, threshold=options.threshold, target_sizes=torch.tensor(sizes)
        )
        words = self._words(options)
        by_label = torch.stack([scores[..., own].amax(dim=-1) for own in words], dim=-1)
        results = []
        for each, all_scores, own, size in zip(read, scores, by_label, sizes, strict=True):
            labels = own[all_scores.amax(dim=-1) > options.threshold].argmax(dim=-1)
            found = zip(labels.tolist(), each["scores"].tolist(), each["boxes"].tolist(), strict=True)
            results.append(detections([(options.labels[at], score, box) for at, score, box in found], size))
        return results

    def _words(self, options: ZeroShotObjectDetectionOptions) -> list[list[int]]:
        """The places of each label's tokens in the sentence."""
        offsets = self._tokens(options)["offset_mapping"][0].tolist()
        words, start = [], 0
        for label in self._labels(options):
            end = start + len(label)
            words.append([at for at, (first, last) in enumerate(offsets) if start <= first < last <= end])
            start = end + len(". ")
        return words
