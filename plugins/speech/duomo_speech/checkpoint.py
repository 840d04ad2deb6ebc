"""The processors of a transformers checkpoint: there, or refused."""

from __future__ import annotations

from typing import Any

from transformers import AutoFeatureExtractor, AutoTokenizer

from duomo import WeightsRef
from duomo.errors import WeightsMissing
from duomo.pretrained import load_processor

PARTS: dict[Any, tuple[str, tuple[str, ...]]] = {
    AutoTokenizer: ("tokenizer", ("tokenizer.json", "vocab.json", "*.model")),
    AutoFeatureExtractor: ("feature extractor", ("preprocessor_config.json", "processor_config.json")),
}


def load_part(cls: object, weights: WeightsRef) -> Any:
    """The tokenizer or feature extractor of a checkpoint.

    Raises `WeightsMissing` when there is none: left alone, transformers makes an empty tokenizer up.
    """
    what, files = PARTS[cls]
    if not any(path for pattern in files for path in weights.folder.glob(pattern)):
        raise WeightsMissing(
            f"'{weights.folder}' has no {what}",
            why=f"there is no {' and no '.join(files)}",
            fix="save it there: processor.save_pretrained(folder)",
        )
    return load_processor(cls, weights, what)
