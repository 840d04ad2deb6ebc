"""Find images by asking aloud: what a recogniser hears becomes the query of an image search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch

import duomo
from duomo import Audio, Model, Runner, WeightsRef
from duomo.errors import InputUnreadable
from duomo.tasks.multimodal import ImageSearchOptions, ImageSearchResult


class SpokenImageSearch(Model[Audio, ImageSearchResult]):
    """Two models in a row; ``query`` of the result is what was heard."""

    def __init__(self, recogniser: Runner[Any], searcher: Runner[Any]) -> None:
        self.recogniser = recogniser
        self.searcher = searcher

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        uses = dict(use.split("=") for use in weights.spec.uses)
        recogniser, searcher = (
            duomo.load(task, uses[task], device=str(device), dtype=str(dtype).removeprefix("torch."))
            for task in ("automatic-speech-recognition", "image-search")
        )
        return cls(recogniser, searcher)

    def preprocess(self, items: Sequence[Audio], options: ImageSearchOptions) -> list[dict[str, Any]]:
        return [{"audio": item} for item in items]

    def forward(self, batch: dict[str, list[Audio]]) -> list[str]:
        heard = [outcome.unwrap().text.strip() for outcome in self.recogniser.map(batch["audio"])]
        for text, audio in zip(heard, batch["audio"], strict=True):
            if not text:
                raise InputUnreadable(
                    f"no question was heard in {audio.name or 'this audio clip'}",
                    why="the recogniser found no speech in it",
                    fix="see where it hears a voice: duomo run voice-activity-detection FILE",
                )
        return heard

    def postprocess(
        self, output: list[str], features: list[dict[str, Any]], options: ImageSearchOptions
    ) -> list[ImageSearchResult]:
        found = self.searcher.map([{"text": text} for text in output], images=options.images, top_k=options.top_k)
        return [outcome.unwrap() for outcome in found]
