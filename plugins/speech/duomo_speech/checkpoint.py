"""A transformers checkpoint on disk to its network and tokenizer: whole, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from transformers import AutoFeatureExtractor, AutoTokenizer
from transformers.utils import logging as transformers_logging

from duomo import WeightsRef
from duomo.errors import UnsafeWeights, WeightsMissing
from duomo.weights import check_tensors

logging: Any = transformers_logging  # it has no types
PARTS: dict[Any, tuple[str, tuple[str, ...]]] = {
    AutoTokenizer: ("tokenizer", ("tokenizer.json", "vocab.json", "*.model")),
    AutoFeatureExtractor: ("feature extractor", ("preprocessor_config.json", "processor_config.json")),
}


def load_network(cls: Any, weights: WeightsRef) -> Any:
    """Build a network with a model class or Auto class of transformers, in float32 on the CPU.

    Raises:
        WeightsMismatch: a tensor is missing or has the wrong shape.
        UnsafeWeights: it needs code of its own.
    """
    try:
        with _quiet():
            network, info = cls.from_pretrained(
                weights.folder,
                local_files_only=True,
                use_safetensors=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except ValueError as error:
        if "auto_map" not in weights.config():
            raise
        raise UnsafeWeights(
            f"'{weights.folder}' needs code that comes with the checkpoint",
            why="duomo never runs code from a checkpoint",
            fix="use a checkpoint of an architecture that transformers itself knows",
        ) from error
    check_tensors(str(weights.folder), info["missing_keys"], misshapen=[key for key, *_ in info["mismatched_keys"]])
    return network


def load_part(cls: Any, weights: WeightsRef) -> Any:
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
    return cls.from_pretrained(weights.folder, local_files_only=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bar and the table of keys: `check_tensors` judges them."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
